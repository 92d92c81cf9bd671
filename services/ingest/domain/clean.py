"""From raw columns to records that may enter the log, and to those that may not, with every reason counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from services.ingest.domain import identity
from services.ingest.domain.batch import Batch, Door, Finding, Severity, Unit
from services.ingest.domain.columns import Mask, choose, empty
from services.ingest.domain.derive import derive
from services.ingest.domain.fields import UTC_TIME, Kind
from services.ingest.domain.receipt import Reason, Receipt, Refused, most_frequent_first
from services.ingest.domain.refused import masked, refused_records, without_personal
from services.ingest.domain.rules import RULES
from services.ingest.domain.schema import polars_schema

IDENTITY_ORDER = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A body decoded and mapped: text columns by canonical name, and what was lost on the way."""

    columns: dict[str, pl.Series]
    lines: pl.Series
    units: dict[str, Unit]
    malformed: tuple[Refused, ...] = ()
    notes: tuple[Reason, ...] = ()
    """Faults of the body that refuse no record: fields dropped."""
    charset_repaired: str = ""
    """What DQ-03 mended: the charset that the body had, a byte order mark, mixed line ends."""
    is_single: bool = False

    @property
    def sent(self) -> int:
        return len(self.lines) + len(self.malformed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the envelope says about the whole batch."""

    batch_id: str
    source: str
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The outcome: `accepted` has the columns of `polars_schema(kind)`."""

    accepted: pl.DataFrame
    refused: tuple[Refused, ...]
    receipt: Receipt
    counts: dict[tuple[str, str], int]
    """Records by (rule, severity), for the counters."""


def clean(raw: Raw, kind: Kind, door: Door, stamp: Stamp) -> Cleaned:
    """Runs every rule over the columns; a record goes where its strongest finding sends it."""
    batch = Batch(kind, dict(raw.columns), raw.lines, door, raw.units)
    given = without_personal(batch)
    for rule in RULES:
        if rule.order < IDENTITY_ORDER:
            rule.check(batch)
    derive(batch)
    for rule in RULES:
        if rule.order >= IDENTITY_ORDER:
            rule.check(batch)
    rejected = batch.worst(Severity.REJECT)
    quarantined = batch.worst(Severity.QUARANTINE) & ~rejected
    accepted_mask = ~rejected & ~quarantined & ~batch.repeated
    accepted, repaired = _accepted(batch, raw, stamp, accepted_mask)
    refused = (*raw.malformed, *refused_records(batch, given, rejected, quarantined))
    receipt = Receipt(
        stamp.batch_id,
        accepted.height,
        repaired,
        int(quarantined.sum()),
        int(rejected.sum()) + len(raw.malformed),
        int(batch.repeated.sum()),
        _reasons(batch, raw),
    )
    return Cleaned(accepted, refused, receipt, _counts(batch, raw))


def _accepted(batch: Batch, raw: Raw, stamp: Stamp, mask: Mask) -> tuple[pl.DataFrame, int]:
    mended = batch.worst(Severity.REPAIR) | bool(raw.charset_repaired)
    columns = {**batch.columns, **_envelope(batch, stamp)}
    columns["quality_status"] = _status(mended)
    columns["quality_rules"] = _rules(batch, raw)
    columns["originals"] = _originals(batch)
    frame = _framed(columns, polars_schema(batch.kind), batch.size)
    repaired = int((mended & mask).sum())
    return (frame if mask.all() else frame.filter(pl.Series(mask))), repaired


def _framed(columns: dict[str, pl.Series], schema: dict[str, pl.DataType], size: int) -> pl.DataFrame:
    """The columns of a schema, in its order and types; those that are absent are null."""
    nothing: dict[pl.DataType, pl.Series] = {}
    framed = []
    for name, dtype in schema.items():
        values = columns.get(name)
        if values is None:
            values = nothing.get(dtype)
            if values is None:
                values = nothing[dtype] = empty(dtype, size)
        elif values.dtype != dtype:
            values = values.cast(dtype)
        framed.append(values.alias(name))
    return pl.DataFrame(framed)


def _status(mended: Mask) -> pl.Series:
    ok, repaired = (pl.Series([word]).new_from_index(0, len(mended)) for word in ("ok", "repaired"))
    return choose(mended, repaired, ok) if mended.any() else ok


def _envelope(batch: Batch, stamp: Stamp) -> dict[str, pl.Series]:
    def constant(value: object, dtype: pl.DataType) -> pl.Series:
        return pl.Series("", [value], dtype=dtype).new_from_index(0, batch.size)

    text = pl.String()
    source_ids = batch.get("source_id")
    keys = batch.columns["record_key"]
    if source_ids is None:
        source_ids = keys
    elif source_ids.null_count():
        source_ids = source_ids.zip_with(source_ids.is_not_null(), keys)
    return {
        "record_id": identity.record_ids(stamp.batch_id, batch.door.now, batch.lines),
        "source": constant(stamp.source, text),
        "source_id": source_ids,
        "ingested_at": constant(batch.door.now, UTC_TIME),
        "batch_id": constant(stamp.batch_id, text),
        "line": batch.lines,
        "op": constant("upsert", text),
        "trace_id": constant(stamp.trace_id or None, text),
    }


def _rules(batch: Batch, raw: Raw) -> pl.Series:
    """The ids of the rules that fired on each record."""
    always = ["DQ-03"] if raw.charset_repaired else []
    size = batch.size
    by_rule: dict[str, Mask] = {}
    for finding in batch.findings:
        by_rule[finding.rule] = by_rule.get(finding.rule, False) | finding.mask
    if not by_rule:
        return pl.Series("", [always], dtype=pl.List(pl.String)).new_from_index(0, size)
    names = sorted(by_rule)
    flags = pl.DataFrame({name: by_rule[name] for name in names})
    ids = [pl.when(pl.col(name)).then(pl.lit(name)) for name in names]
    fired = pl.concat_list([*(pl.lit(rule) for rule in always), *ids]).list.drop_nulls()
    return flags.select(fired.alias("quality_rules")).to_series()


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


def _reasons(batch: Batch, raw: Raw) -> tuple[Reason, ...]:
    reasons = [_reason(batch, finding, raw) for finding in batch.findings]
    by_message: dict[tuple[str, str], Reason] = {}
    for refused in raw.malformed:
        for why in refused.reasons:
            known = by_message.get((why.rule, why.message))
            count = 1 if known is None else known.count + 1
            pointer = why.pointer if known is None else known.pointer
            by_message[why.rule, why.message] = Reason(pointer, why.rule, count, why.message, why.severity)
    if raw.charset_repaired:
        message = f"the body was read as {raw.charset_repaired}"
        reasons.append(Reason("", "DQ-03", batch.size, message, Severity.REPAIR.value))
    return most_frequent_first([*reasons, *by_message.values(), *raw.notes])


def _reason(batch: Batch, finding: Finding, raw: Raw) -> Reason:
    line = batch.lines[int(np.argmax(finding.mask))]
    pointer = f"/{finding.field}" if raw.is_single else f"/{line}/{finding.field}"
    return Reason(pointer, finding.rule, int(finding.mask.sum()), finding.message, finding.severity.value)


def _counts(batch: Batch, raw: Raw) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for finding in batch.findings:
        key = (finding.rule, finding.severity.value)
        counts[key] = counts.get(key, 0) + int(finding.mask.sum())
    if raw.malformed:
        counts["DQ-02", Severity.REJECT.value] = counts.get(("DQ-02", Severity.REJECT.value), 0) + len(raw.malformed)
    if raw.charset_repaired:
        counts["DQ-03", Severity.REPAIR.value] = batch.size
    if repeated := int(batch.repeated.sum()):
        counts["DQ-04", Severity.WARN.value] = repeated
    return counts
