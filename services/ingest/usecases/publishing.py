"""What a pass brought becomes durable: messages of up to 1,000 records, and a receipt for each body."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from msgspec.structs import replace

from services.ingest.domain.cleaning.identity import batch_id, part_id
from services.ingest.domain.cleaning.outcome import Outcome
from services.ingest.domain.cleaning.receipt import Receipt
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.values.text import mask_text
from services.ingest.usecases.arrival import Arrival
from services.ingest.usecases.passing import Passed
from services.ingest.usecases.ports import Accepted, Entered, Entry, FrontDoor, SetAside, Taken

MESSAGE_RECORDS = 1000
MAX_NAME = 200
SENDERS = 1000
"""Whose names are remembered as they may be kept."""


async def publish(door: FrontDoor, passed: Passed) -> list[Receipt]:
    """Makes refused and accepted records durable; a receipt for each body.

    Of a body that came alone, what the log had already counts as duplicate. Several bodies share messages, which the
    log knows only when exactly the same bodies meet again: their repetitions are told by what the door remembers, and
    behind it by the book.
    """
    kind, source = passed.arrivals[0].kind.name, passed.arrivals[0].source
    outcomes = passed.cleaned.outcomes
    parts = list(_parts(passed))
    refusals = [
        part
        for arrival, outcome in zip(passed.arrivals, outcomes, strict=True)
        if outcome.refused
        for part in _refusals(arrival, outcome)
    ]
    refused = await _all_of([door.log.refuse(part) for part in refusals])
    accepted = await _all_of([door.log.accept(part) for part in parts])
    refused_before, accepted_before = ([way is Entered.BEFORE for way in ways] for ways in (refused, accepted))
    entries = [_refusal_entry(part) for part, before in zip(refusals, refused_before, strict=True) if not before]
    entries += [_entry(part) for part, before in zip(parts, accepted_before, strict=True) if not before]
    receipts = [outcome.receipt for outcome in outcomes]
    if Entered.SPOOLED in (*refused, *accepted):
        receipts = [replace(receipt, spooled=True) for receipt in receipts]
    if len(receipts) == 1:
        seen = [part for part, before in zip(parts, accepted_before, strict=True) if before]
        is_known = bool(refusals or parts) and all(refused_before) and all(accepted_before)
        receipts[0] = _as_seen(receipts[0], seen, is_known=is_known)
        if count := receipts[0].sent if is_known else sum(part.records.height for part in seen):
            entries.append(_again(source, kind, receipts[0].batch_id, count, passed.arrivals[0].at))
    _remember(door, passed, receipts, entries)
    return receipts


async def _all_of(entering: Sequence[Coroutine[None, None, Entered]]) -> list[Entered]:
    """How each entered, in their order; a lone one needs no task."""
    return await asyncio.gather(*entering) if len(entering) > 1 else [await each for each in entering]


def _remember(door: FrontDoor, passed: Passed, receipts: Sequence[Receipt], entries: Sequence[Entry]) -> None:
    """What went through is known to the next body, before the book has it."""
    kind, source = passed.arrivals[0].kind.name, passed.arrivals[0].source
    door.directory.put(kind, passed.cleaned.accepted)
    door.directory.habits.note(kind, passed.cleaned.accepted)
    door.newest.note(source, kind, passed.cleaned.accepted)
    door.counted(kind, source, passed.cleaned.counts)
    answers = [
        Taken(source, kind, arrival.digest, receipt, arrival.at, _safe(arrival.body.sent_by))
        for arrival, receipt in zip(passed.arrivals, receipts, strict=True)
        if receipt.sent
    ]
    door.memory.note(answers, entries)


def repeated(door: FrontDoor, known: Taken, arrival: Arrival) -> Receipt:
    """The receipt of a body that was answered before."""
    receipt = known.receipt.as_repeated()
    door.memory.note([known], [_again(known.source, known.kind, receipt.batch_id, receipt.sent, arrival.at)])
    return receipt


def _as_seen(receipt: Receipt, seen: Sequence[Accepted], *, is_known: bool) -> Receipt:
    if is_known:
        return receipt.as_repeated()
    if not seen:
        return receipt
    return receipt.with_repeated(sum(part.records.height for part in seen), sum(part.repaired for part in seen))


@lru_cache(maxsize=SENDERS)
def _safe(name: str) -> str:
    """The sender's name as it may be kept: a user id may be a phone number."""
    return mask_text(name).replace("\0", "")[:MAX_NAME]


def _again(source: str, kind: str, batch: str, count: int, now: datetime) -> Entry:
    return Entry(
        id=f"{batch}:again:{now.isoformat()}",
        batch_id=batch,
        source=source,
        kind=kind,
        at=now,
        received=count,
        duplicate=count,
    )


def _refusals(arrival: Arrival, outcome: Outcome) -> Iterator[SetAside]:
    batch = arrival.stamp.batch_id
    for place, start in enumerate(range(0, len(outcome.refused), MESSAGE_RECORDS)):
        yield SetAside(
            message_id=f"{batch}:refused:{place}",
            batch_id=batch,
            kind=arrival.kind.name,
            source=arrival.source,
            records=outcome.refused[start : start + MESSAGE_RECORDS],
            at=arrival.at,
            trace_id=arrival.stamp.trace_id,
        )


def _parts(passed: Passed) -> Iterator[Accepted]:
    first, receipts = passed.arrivals[0], [outcome.receipt for outcome in passed.cleaned.outcomes]
    message, has_repaired = _message_id(passed.arrivals), any(receipt.repaired for receipt in receipts)
    for place, records in enumerate(passed.cleaned.accepted.iter_slices(MESSAGE_RECORDS)):
        if records.is_empty():
            return
        is_first = place == 0
        yield Accepted(
            part_id=part_id(message, place),
            kind=first.kind.name,
            schema_version=first.kind.schema_version,
            source=first.source,
            records=records,
            at=first.at,
            duplicates=sum(receipt.duplicates for receipt in receipts) if is_first else 0,
            repaired=int((records.get_column("quality_status") == "repaired").sum()) if has_repaired else 0,
            refused=sum(receipt.quarantined + receipt.rejected for receipt in receipts) if is_first else 0,
        )


def _message_id(arrivals: Sequence[Arrival]) -> str:
    """The id of the first message: that of the body, or one that the same bodies have whenever they meet."""
    batches = [arrival.stamp.batch_id for arrival in arrivals]
    if len(batches) == 1:
        return batches[0]
    return batch_id(arrivals[0].source, arrivals[0].kind.name, "\x1f".join(["together", *batches]))


def _entry(part: Accepted) -> Entry:
    newest = part.records.get_column("biz_date").max()
    # Master data have no time of business: they say nothing of how far behind their source is.
    newest_at = None if KINDS[part.kind].is_master else part.records.get_column("occurred_at").max()
    return Entry(
        id=part.part_id,
        batch_id=part.part_id,
        source=part.source,
        kind=part.kind,
        at=part.at,
        received=part.records.height + part.duplicates,
        pending=part.records.height,
        duplicate=part.duplicates,
        repaired=part.repaired,
        newest=newest,  # type: ignore[arg-type]  # the maximum of a column of dates is a date
        newest_at=newest_at,  # type: ignore[arg-type]  # the maximum of a column of times is a time
    )


def _refusal_entry(part: SetAside) -> Entry:
    rejected = sum(record.severity == "reject" for record in part.records)
    return Entry(
        id=part.message_id,
        batch_id=part.batch_id,
        source=part.source,
        kind=part.kind,
        at=part.at,
        received=len(part.records),
        quarantined=len(part.records) - rejected,
        rejected=rejected,
    )
