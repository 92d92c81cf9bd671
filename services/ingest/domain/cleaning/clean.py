"""From raw columns to records that may enter the log, and to those that may not, with every reason counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl

from services.ingest.domain.cleaning import identity
from services.ingest.domain.cleaning.batch import Batch, Bodies, Door, Severity, Unit
from services.ingest.domain.cleaning.deletions import mark_deletions, ops
from services.ingest.domain.cleaning.derive import derive
from services.ingest.domain.cleaning.outcome import Fates, Outcome, Unused, told
from services.ingest.domain.cleaning.receipt import Receipt, Refused
from services.ingest.domain.cleaning.refused import masked, without_personal
from services.ingest.domain.decode import Share
from services.ingest.domain.frames.columns import Mask, choose, constant, empty, filled, word
from services.ingest.domain.frames.native import framed, places_of, rows_of, typed
from services.ingest.domain.keeping.versions import UPSERT
from services.ingest.domain.rules import rules_of
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.schemas.schema import polars_schema, single_nulls

IDENTITY_ORDER = 90
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_RULES = pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A body decoded and mapped: text columns by canonical name, and what was lost on the way.

    Bodies that were decoded together have a share each; without shares all is one body.
    """

    columns: dict[str, pl.Series]
    lines: pl.Series
    units: dict[str, Unit]
    malformed: tuple[Refused, ...] = ()
    unused: tuple[Unused, ...] = ()
    """Faults that refuse no record: fields dropped."""
    charset_repaired: str = ""
    """What DQ-03 mended: the charset that the body had, a byte order mark, mixed line ends."""
    is_single: bool = False
    together: tuple[Share, ...] = ()

    @property
    def shares(self) -> tuple[Share, ...]:
        return self.together or (
            Share(
                size=len(self.lines),
                malformed=self.malformed,
                charset_repaired=self.charset_repaired,
                is_single=self.is_single,
            ),
        )


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What the envelope says about a whole body; without a time of its own it came when the pass began."""

    batch_id: str
    source: str
    trace_id: str = ""
    at: datetime | None = None
    op: str = UPSERT


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The outcome of one body: `accepted` has the columns of `polars_schema(kind)`."""

    accepted: pl.DataFrame
    refused: tuple[Refused, ...]
    receipt: Receipt
    counts: dict[tuple[str, str], int]
    """Records by (rule, severity), for the counters."""


@dataclass(frozen=True, slots=True)
class CleanedTogether:
    """The outcome of one pass over several bodies: the accepted records of all, and what each body is told."""

    accepted: pl.DataFrame
    outcomes: tuple[Outcome, ...]
    counts: dict[tuple[str, str], int]
    """Records by (rule, severity), for the counters."""


def clean(raw: Raw, kind: Kind, door: Door, stamp: Stamp) -> Cleaned:
    """Runs every rule over the columns of one body; a record goes where its strongest finding sends it."""
    found = clean_together(raw, kind, door, [stamp])
    (outcome,) = found.outcomes
    return Cleaned(found.accepted, outcome.refused, outcome.receipt, found.counts)


def clean_together(raw: Raw, kind: Kind, door: Door, stamps: Sequence[Stamp]) -> CleanedTogether:
    """Runs every rule once over the columns of several bodies of one source; a stamp for each body."""
    shares = raw.shares
    batch = Batch(kind, dict(raw.columns), raw.lines, door, raw.units, bodies=Bodies([share.size for share in shares]))
    given = without_personal(batch)
    mark_deletions(batch, [stamp.op for stamp in stamps])
    _judge(batch)
    read_anew = _charset_repaired(batch, shares)
    rejected = batch.worst(Severity.REJECT)
    quarantined = batch.worst(Severity.QUARANTINE) & ~rejected
    fates = Fates(
        accepted=~(rejected | quarantined | batch.repeated),
        repaired=batch.worst(Severity.REPAIR) | read_anew,
        quarantined=quarantined,
        rejected=rejected,
    )
    accepted = _accepted(batch, stamps, fates, read_anew)
    batches = [stamp.batch_id for stamp in stamps]
    outcomes = told(batch, shares, unused=raw.unused, batches=batches, given=given, fates=fates)
    return CleanedTogether(accepted, outcomes, _counts(batch, shares))


def _judge(batch: Batch) -> None:
    """Runs the rules in their order, those about repetitions when the records have their keys.

    An empty number is NaN: what is compared with it is false, and what is divided by nothing no number.
    """
    rules = rules_of(batch.kind)
    with np.errstate(invalid="ignore", divide="ignore"):
        for rule in rules:
            if rule.order < IDENTITY_ORDER:
                rule.check(batch)
        derive(batch)
        for rule in rules:
            if rule.order >= IDENTITY_ORDER:
                rule.check(batch)


def _charset_repaired(batch: Batch, shares: Sequence[Share]) -> Mask:
    """The records of the bodies that were read in another charset than they said (DQ-03)."""
    mended = [bool(share.charset_repaired) for share in shares]
    return np.repeat(np.array(mended, dtype=np.bool_), batch.bodies.sizes) if any(mended) else batch.nowhere()


def _accepted(batch: Batch, stamps: Sequence[Stamp], fates: Fates, read_anew: Mask) -> pl.DataFrame:
    columns = {**batch.columns, **_envelope(batch, stamps)}
    columns["quality_status"] = _status(fates.repaired)
    columns["quality_rules"] = _rules(batch, read_anew)
    columns["originals"] = _originals(batch)
    kind = batch.kind
    frame = typed(framed(columns, single_nulls(kind), batch.size), polars_schema(kind).values())
    return frame if np.count_nonzero(fates.accepted) == batch.size else rows_of(frame, places_of(fates.accepted))


def _status(mended: Mask) -> pl.Series:
    ok = word("ok", len(mended))
    return choose(mended, word("repaired", len(mended)), ok) if np.count_nonzero(mended) else ok


def _envelope(batch: Batch, stamps: Sequence[Stamp]) -> dict[str, pl.Series]:
    bodies = batch.bodies
    source_ids = batch.get("source_id")
    keys = batch.columns["record_key"]
    if source_ids is None:
        source_ids = keys
    elif source_ids.null_count():
        source_ids = choose(filled(source_ids), source_ids, keys)
    batches = [stamp.batch_id for stamp in stamps]
    times = [stamp.at or batch.door.now for stamp in stamps]
    moments = {time: (time - _EPOCH) // _MICROSECOND for time in set(times)}
    micros = np.array([moments[time] for time in times], dtype=np.int64)
    return {
        "record_id": identity.record_ids(batches, micros, batch.lines, bodies),
        "source": constant(stamps[0].source, batch.size),
        "source_id": source_ids,
        "ingested_at": bodies.spread_times(micros),
        "batch_id": bodies.spread(batches),
        "line": batch.lines,
        "op": ops(batch),
        "trace_id": bodies.spread([stamp.trace_id or None for stamp in stamps]),
    }


def _rules(batch: Batch, charset_repaired: Mask) -> pl.Series:
    """The ids of the rules that fired on each record."""
    by_rule: dict[str, Mask] = {"DQ-03": charset_repaired} if np.count_nonzero(charset_repaired) else {}
    for finding in batch.findings:
        by_rule[finding.rule] = by_rule.get(finding.rule, False) | finding.mask
    if not by_rule:
        # Making a column of lists takes as long as many rules; a piece of a long one takes nothing.
        return _no_rules(batch.size)
    flags = pl.DataFrame({name: by_rule[name] for name in sorted(by_rule)})
    fired = pl.concat_list([pl.when(pl.col(name)).then(pl.lit(name)) for name in flags.columns]).list.drop_nulls()
    return flags.select(fired.alias("quality_rules")).to_series()


def _no_rules(size: int) -> pl.Series:
    """A column of lists without anything; a piece of a long one costs less than another one."""
    return _NO_RULES.slice(0, size) if size <= len(_NO_RULES) else _NO_RULES.new_from_index(0, size)


def _originals(batch: Batch) -> pl.Series:
    """JSON text with the values from before each repair, by field; null where nothing was mended."""
    if not batch.repairs:
        return empty(pl.String(), batch.size)
    pieces = []
    seen: dict[str, Mask] = {}
    for place, repair in enumerate(batch.repairs):
        # The first repair saw the value as it came.
        first = repair.mask & ~seen.get(repair.field, batch.nowhere())
        seen[repair.field] = seen.get(repair.field, batch.nowhere()) | repair.mask
        before = masked(batch, repair.field, repair.before.cast(pl.String)).alias(repair.field)
        encoded = before.to_frame().select(pl.struct(pl.all()).struct.json_encode()).to_series()
        piece = pl.DataFrame({"text": encoded, "first": first}).select(
            pl.when(pl.col("first")).then(pl.col("text").str.slice(1).str.head(-1)).alias(f"p{place}")
        )
        pieces.append(piece.to_series())
    joined = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
    return pl.DataFrame(pieces).select(pl.when(joined != "").then("{" + joined + "}")).to_series()


def _counts(batch: Batch, shares: Sequence[Share]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}

    def add(rule: str, severity: Severity, count: int) -> None:
        if count:
            counts[rule, severity.value] = counts.get((rule, severity.value), 0) + count

    for finding in batch.findings:
        add(finding.rule, finding.severity, int(np.count_nonzero(finding.mask)))
    add("DQ-02", Severity.REJECT, sum([len(share.malformed) for share in shares]))
    add("DQ-03", Severity.REPAIR, sum([share.size for share in shares if share.charset_repaired]))
    add("DQ-04", Severity.WARN, int(np.count_nonzero(batch.repeated)))
    return counts
