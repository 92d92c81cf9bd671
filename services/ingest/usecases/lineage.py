"""Where a record came from, and what became of it inside this service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from chassis.errors import NotFound

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TIME_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way of a record; `detail` says by `exact` whether it is surely of this very record."""

    stage: str
    id: str
    at: datetime
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a record: the one that the book shows, or one that gave way (or came too late)."""

    kind: str
    record: Mapping[str, Any]
    superseded_at: datetime | None = None

    def text(self, name: str) -> str:
        return str(self.record.get(name) or "")

    def time(self, name: str) -> datetime:
        return moment(self.text(name))


class Trail(Protocol):
    """What the service remembers of a record's way."""

    async def version(self, record_id: str, arrived: datetime) -> Version | None:
        """The version of that id, current or superseded; `arrived` is about when it came to the door."""
        ...

    async def versions(self, kind: str, key: str) -> Sequence[Version]: ...

    async def item(self, id: str) -> Mapping[str, Any] | None:
        """The item of the quarantine with that id, or that became the record with that id."""
        ...

    async def changes(self, item_id: str) -> Sequence[Step]: ...

    async def receipts(self, batches: Sequence[str]) -> Sequence[Step]: ...

    async def messages(self, batch: str) -> Sequence[str]: ...

    async def connections(self, source: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Lineage:
    """The way of one record, in order of time."""

    kind: str
    key: str
    steps: tuple[Step, ...]


async def get_lineage(trail: Trail, record_id: str) -> Lineage:
    """The way of a record, or of an item of the quarantine; raises NotFound when neither has this id."""
    asked = record_id.replace("\0", "")
    item = await trail.item(asked)
    wanted = str(item["replayed_as"] or "") if item else asked
    arrived = item["changed_at"] if item and wanted else _arrival(wanted)
    found = await trail.version(wanted, arrived) if wanted and arrived else None
    if found is None and item is None:
        raise NotFound("no record has this id; it may have been erased", code="unknown_record")
    steps = [*(await _before(trail, item)), *(await _kept(trail, found))]
    steps.sort(key=lambda step: step.at)
    kind = found.kind if found else str(item["kind"]) if item else ""
    return Lineage(kind, found.text("record_key") if found else "", tuple(steps))


async def _before(trail: Trail, item: Mapping[str, Any] | None) -> list[Step]:
    """The way of a record that was set aside, until it was sent again."""
    if item is None:
        return []
    rules = sorted({reason["rule"] for reason in item["reasons"]})
    aside = {"rules": rules, "line": item["line"], "batch_id": item["batch_id"], "state": item["state"], "exact": True}
    return [
        await _source(trail, item["source"], item["quarantined_at"], ""),
        *(await trail.receipts([item["batch_id"]])),
        Step("quarantine", item["id"], item["quarantined_at"], aside),
        *(await trail.changes(item["id"])),
    ]


async def _kept(trail: Trail, found: Version | None) -> list[Step]:
    if found is None:
        return []
    batch, arrived = found.text("batch_id"), found.time("ingested_at")
    steps = [await _source(trail, found.text("source"), found.time("occurred_at"), found.text("source_id"))]
    steps += await trail.receipts([batch])
    messages = await trail.messages(batch)
    # Bodies that come together share messages; then only the record's body is known for sure.
    steps += [Step("message", id, arrived, {"exact": len(messages) == 1}) for id in messages]
    if found.superseded_at is None:
        steps.append(Step("book", found.text("record_key"), arrived, _booked(found)))
    month = found.text("biz_date")[:7]
    id = found.text("record_id")
    # By reference: the history is in files, and is not searched for every question.
    history = {
        "table": found.kind,
        "partition": {"biz_month": month},
        "row": {"record_id": id},
        "exact": False,
        "why": "every accepted record follows there",
    }
    steps.append(Step("history", f"{found.kind}/biz_month={month}#{id}", arrived, history))
    return [*steps, *(await _versions(trail, found))]


async def _source(trail: Trail, source: str, at: datetime, source_id: str) -> Step:
    connections = list(await trail.connections(source))
    detail = {"source_id": source_id, "connections": connections, "exact": True}
    return Step("source", source, at, detail)


def _booked(found: Version) -> dict[str, Any]:
    names = ("record_id", "line", "quality_status", "quality_rules", "originals", "trace_id")
    about = {name: found.record.get(name) for name in ("retailer_code", "sku_code", "adcode", "org_code")}
    return {
        **{name: found.record.get(name) for name in names},
        **{name: value for name, value in about.items() if value},
        "exact": True,
    }


async def _versions(trail: Trail, found: Version) -> list[Step]:
    """The versions of the same key that gave way, each with the one that came after it."""
    versions = sorted(
        await trail.versions(found.kind, found.text("record_key")),
        key=lambda version: (version.time("occurred_at"), version.time("ingested_at")),
    )
    steps = []
    for place, version in enumerate(versions):
        if version.superseded_at is None:
            continue
        after = versions[place + 1].text("record_id") if place + 1 < len(versions) else ""
        is_asked = version.text("record_id") == found.text("record_id")
        detail = {
            **(_booked(version) if is_asked else {"source": version.text("source")}),
            "replaced_by": after,
            "is_this_record": is_asked,
            "exact": True,
        }
        steps.append(Step("superseded", version.text("record_id"), version.superseded_at, detail))
    return steps


def moment(text: str) -> datetime:
    """A time as the database or the columns wrote it."""
    found = datetime.fromisoformat(text.replace(" ", "T", 1).replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _arrival(record_id: str) -> datetime | None:
    """The time that a ULID begins with."""
    milliseconds = 0
    for letter in record_id[:TIME_CHARACTERS]:
        place = CROCKFORD.find(letter)
        if place < 0:
            return None
        milliseconds = milliseconds * 32 + place
    if len(record_id) < TIME_CHARACTERS or milliseconds > 10**14:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
