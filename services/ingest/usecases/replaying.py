"""Sending records set aside through the door again.

claim ─▶ clean, in columns ─▶ publish, 1,000 a message ─▶ the book takes record and item in one transaction
            └▶ still refused: new reasons, released

An item enters the book at most once: its mark is made by the book, in the transaction that stores the record, so that
neither a crash nor two people at once can bring it twice. Claims only save the work of doing it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import polars as pl

from chassis.errors import Conflict, NotFound, Problem
from services.ingest.domain.cleaning.batch import Door
from services.ingest.domain.cleaning.identity import batch_id
from services.ingest.domain.cleaning.receipt import Reason, Receipt, most_frequent_first
from services.ingest.domain.keeping.replaying import Item, Replayed, given_text, grouped, replay, without_undecided
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import Kind
from services.ingest.usecases.ports import Accepted, Entered, Entry, FrontDoor, Taken
from services.ingest.usecases.quarantine import Change, Claimed, Shelf, Wanted, named_items, safe_name

MESSAGE_RECORDS = 1000
MAX_MATCHING = 20_000
WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Which records go again: the named ones, or all waiting ones that match."""

    ids: Sequence[str] = ()
    kind: str = ""
    source: str = ""
    rule: str = ""
    by: str = ""
    trace_id: str = ""


@dataclass(slots=True)
class Outcome:
    """sent = accepted + quarantined + rejected + duplicates."""

    accepted: int = 0
    quarantined: int = 0
    rejected: int = 0
    duplicates: int = 0
    reasons: dict[tuple[str, str, str], Reason] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        return self.accepted + self.quarantined + self.rejected + self.duplicates

    def why(self) -> tuple[Reason, ...]:
        return most_frequent_first(self.reasons.values())

    def note(self, severity: str, reasons: Sequence[Reason]) -> None:
        if severity == "reject":
            self.rejected += 1
        else:
            self.quarantined += 1
        for reason in reasons:
            pointer = "/" + reason.pointer.removeprefix("/").partition("/")[2]
            key = (reason.rule, pointer, reason.message)
            known = self.reasons.get(key, Reason(pointer, reason.rule, 0, reason.message, reason.severity))
            self.reasons[key] = replace(known, count=known.count + 1)


@dataclass(frozen=True, slots=True)
class _Sending:
    """One call on its way."""

    door: FrontDoor
    shelf: Shelf
    wanted: Replay
    at: datetime
    outcome: Outcome
    published: list[Item] = field(default_factory=list)


async def replay_quarantine(door: FrontDoor, shelf: Shelf, wanted: Replay) -> Outcome:
    """Sends records set aside through the door again, as canonical records with the habits of their source.

    At most 20,000 a call where none are named. Raises NotFound and Conflict, before anything is sent, when named items
    are not there or were dropped; Unavailable when the log is away: what was not published stays as it was.
    """
    now = door.now()
    claimed = await _claim(shelf, wanted, now)
    sending = _Sending(door, shelf, wanted, now, Outcome(duplicates=claimed.busy))
    items = [_given(item) for item in claimed.items]
    try:
        for kind, of_kind in _by_kind(items):
            await _send(sending, kind, of_kind)
    finally:
        gone = {item.id for item in sending.published}
        await asyncio.shield(shelf.release([item for item in items if item.id not in gone]))
    await shelf.settled(sending.published, within_s=WAIT_S)
    return sending.outcome


async def _claim(shelf: Shelf, wanted: Replay, now: datetime) -> Claimed:
    if not wanted.ids:
        matching = Wanted(kind=wanted.kind, source=wanted.source, rule=wanted.rule)
        return await shelf.claim_matching(matching, MAX_MATCHING, safe_name(wanted.by), now)
    ids = named_items(wanted.ids)
    states = await shelf.states(ids)
    missing = [place for place, id in enumerate(ids) if id not in states]
    if missing:
        faults = [Problem(f"/ids/{place}", "unknown_item", "there is no such item") for place in missing[:100]]
        raise NotFound("some items are not in the quarantine", code="unknown_item", errors=faults)
    dropped = [place for place, id in enumerate(ids) if states[id] == "dropped"]
    if dropped:
        faults = [Problem(f"/ids/{place}", "dropped", "reopen it first") for place in dropped[:100]]
        raise Conflict("some items were dropped", code="not_waiting", errors=faults)
    return await shelf.claim(ids, safe_name(wanted.by), now)


def _given(item: Item) -> Item:
    kind = KINDS.get(item.kind)
    if kind is None:
        return item
    original = given_text(kind, item.original_json) if item.original_json else ""
    return replace(item, record_json=given_text(kind, item.record_json), original_json=original)


def _by_kind(items: Sequence[Item]) -> Iterator[tuple[Kind, list[Item]]]:
    """Master data first, so that an order finds the shop that was set aside with it."""
    named = {item.kind for item in items} & KINDS.keys()
    for name in sorted(named, key=lambda name: (not KINDS[name].is_master, name)):
        yield KINDS[name], [item for item in items if item.kind == name]


async def _send(sending: _Sending, kind: Kind, items: list[Item]) -> None:
    groups = grouped(items, is_named=bool(sending.wanted.ids), rule=sending.wanted.rule)
    cleaned = []
    for is_approved, members in groups:
        world = _world(sending, kind, members[0].source, is_approved=is_approved)
        work = partial(replay, kind, members, world, sending.wanted.trace_id)
        cleaned.append(await sending.door.off_loop(work))
    by = safe_name(sending.wanted.by)
    for group in without_undecided(cleaned):
        await _publish(sending, kind, group)
        for _, severity, reasons in group.refused:
            sending.outcome.note(severity, reasons)
        if group.refused:
            await sending.shelf.refuse_again(group.refused, Change(by, sending.at, {}))


def _world(sending: _Sending, kind: Kind, source: str, *, is_approved: bool) -> Door:
    door = sending.door
    known = Door(
        now=sending.at,
        directory=door.directory,
        regions=door.regions,
        tokens=door.tokens,
        source=source,
        is_age_approved=is_approved,
        withdrawn=door.forgotten.withdrawn if door.forgotten.has_withdrawals else None,
    )
    mapping = door.mappings.get((source, kind.name))
    return known if mapping is None else mapping.habits(known, door.newest.of(source, kind.name))


async def _publish(sending: _Sending, kind: Kind, group: Replayed) -> None:
    door, by = sending.door, safe_name(sending.wanted.by)
    for records in group.accepted.iter_slices(MESSAGE_RECORDS):
        if records.is_empty():
            return
        items = [group.items[line] for line in records.get_column("line").to_list()]
        part = _part(sending, kind, items, records)
        # Counted as published from here on: whether a message that was not acknowledged is in the log, nobody knows.
        sending.published.extend(items)
        was_there = await door.log.accept(part) is Entered.BEFORE
        sending.outcome.duplicates += len(items) if was_there else 0
        sending.outcome.accepted += 0 if was_there else len(items)
        door.directory.put(kind.name, part.records)
        door.newest.note(part.source, kind.name, part.records)
        receipt = Receipt(part.part_id, len(items), part.repaired, 0, 0, 0)
        door.memory.note([Taken(part.source, kind.name, part.part_id, receipt, sending.at, by)], _entries(part))


def _part(sending: _Sending, kind: Kind, items: Sequence[Item], records: pl.DataFrame) -> Accepted:
    source = items[0].source
    id = batch_id(source, kind.name, "replay\x1f" + "\x1f".join(item.name for item in items))
    return Accepted(
        part_id=id,
        kind=kind.name,
        schema_version=kind.schema_version,
        source=source,
        records=records.with_columns(pl.lit(id).alias("batch_id")),
        at=sending.at,
        duplicates=0,
        repaired=int((records.get_column("quality_status") == "repaired").sum()),
        refused=0,
        replayed=tuple(item.name for item in items),
    )


def _entries(part: Accepted) -> list[Entry]:
    count = part.records.height
    line = Entry(
        id=part.part_id,
        batch_id=part.part_id,
        source=part.source,
        kind=part.kind,
        at=part.at,
        received=count,
        pending=count,
        repaired=part.repaired,
    )
    return [line]
