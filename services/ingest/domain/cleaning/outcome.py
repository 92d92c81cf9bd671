"""What each body of a pass is told: its own counts, reasons and refused records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Severity
from services.ingest.domain.cleaning.receipt import Reason, Receipt, Refused, most_frequent_first
from services.ingest.domain.cleaning.refused import refused_records
from services.ingest.domain.decode import Share
from services.ingest.domain.frames.columns import Mask

UNUSED = "the field is not known and was dropped; name it in the mapping of the source to use or keep it"


@dataclass(frozen=True, slots=True)
class Unused:
    """A field of the sender that is neither known nor kept: its name as it may be said, and where it had a value."""

    name: str
    mask: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """Where each record goes; `repaired` marks some of the others."""

    accepted: Mask
    repaired: Mask
    quarantined: Mask
    rejected: Mask


class Outcome(NamedTuple):
    """What became of one body."""

    receipt: Receipt
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """Something to tell the sender of each record in the mask."""

    field: str
    rule: str
    severity: str
    message: str
    mask: Mask


def told(
    batch: Batch,
    shares: Sequence[Share],
    *,
    unused: Sequence[Unused],
    batches: Sequence[str],
    given: dict[str, pl.Series],
    fates: Fates,
) -> tuple[Outcome, ...]:
    """An outcome for each body, exactly as if it had come alone."""
    bodies = batch.bodies
    masks = (fates.accepted, fates.repaired & fates.accepted, fates.quarantined, fates.rejected, batch.repeated)
    counts = map(bodies.sums, masks)
    reasons, refused = _reasons(batch, shares, unused), _refused(batch, given, fates)
    outcomes = []
    for share, batch_id, accepted, repaired, quarantined, rejected, repeated, why, out in zip(
        shares, batches, *counts, reasons, refused, strict=True
    ):
        unread = len(share.malformed)
        receipt = Receipt(batch_id, accepted, repaired, quarantined, rejected + unread, repeated, why)
        outcomes.append(Outcome(receipt, (*share.malformed, *out) if unread or out else ()))
    return tuple(outcomes)


def _refused(batch: Batch, given: dict[str, pl.Series], fates: Fates) -> list[list[Refused]]:
    places = np.flatnonzero(fates.rejected | fates.quarantined)
    if not places.size:
        return [[]] * len(batch.bodies)
    records = refused_records(batch, given, fates.rejected, fates.quarantined)
    bounds = np.searchsorted(places, batch.bodies.starts).tolist()
    return [records[start:end] for start, end in pairwise(bounds)]


def _reasons(batch: Batch, shares: Sequence[Share], unused: Sequence[Unused]) -> list[tuple[Reason, ...]]:
    facts = [
        _Told(found.field, found.rule, found.severity.value, found.message, found.mask) for found in batch.findings
    ]
    facts += [_Told(field.name, "DQ-02", Severity.WARN.value, UNUSED, field.mask) for field in unused]
    telling = [place for place, share in enumerate(shares) if share.malformed or share.charset_repaired]
    if not facts and not telling:
        return [()] * len(shares)
    reasons: list[list[Reason]] = [[] for _ in shares]
    for place in telling:
        reasons[place].extend(_of_the_body(shares[place]))
    for fact in facts:
        for place, count in enumerate(batch.bodies.sums(fact.mask)):
            if count:
                reasons[place].append(_reason(batch, fact, place, count, shares[place]))
    return [most_frequent_first(some) if some else () for some in reasons]


def _reason(batch: Batch, fact: _Told, place: int, count: int, share: Share) -> Reason:
    start, end = batch.bodies.starts[place : place + 2]
    line = batch.lines[start + int(np.argmax(fact.mask[start:end]))]
    pointer = f"/{fact.field}" if share.is_single else f"/{line}/{fact.field}"
    return Reason(pointer, fact.rule, count, fact.message, fact.severity)


def _of_the_body(share: Share) -> Iterator[Reason]:
    by_message: dict[tuple[str, str], Reason] = {}
    for refused in share.malformed:
        for why in refused.reasons:
            known = by_message.get((why.rule, why.message))
            count = 1 if known is None else known.count + 1
            pointer = why.pointer if known is None else known.pointer
            by_message[why.rule, why.message] = Reason(pointer, why.rule, count, why.message, why.severity)
    yield from by_message.values()
    if share.charset_repaired:
        message = f"the body was read as {share.charset_repaired}"
        yield Reason("", "DQ-03", share.size, message, Severity.REPAIR.value)
