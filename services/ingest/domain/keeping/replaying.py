"""Records set aside on their way through the door again: canonical columns, read as their source writes.

item ─▶ group of one kind, source, approval and units ─▶ Raw ─▶ clean ─▶ accepted, or still set aside with new reasons
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Door, Unit
from services.ingest.domain.cleaning.clean import Cleaned, Raw, Stamp, clean
from services.ingest.domain.cleaning.identity import batch_id, record_id
from services.ingest.domain.cleaning.receipt import Reason
from services.ingest.domain.cleaning.refused import TOKENS, UNITS
from services.ingest.domain.decode import Limits, decode
from services.ingest.domain.frames.columns import filled
from services.ingest.domain.keeping.mending import as_given, changed_fields
from services.ingest.domain.schemas.fields import FieldType, Kind
from services.ingest.domain.schemas.schema import EXTRA
from services.ingest.domain.values.times import parse_days, parse_times
from services.ingest.domain.values.units import unit_code

AGE_RULES = ("DQ-06", "DQ-07")
CONFLICT = "DQ-05"
NDJSON = "application/x-ndjson"
CONFLICT_MESSAGE = "both sides of a contradiction were sent again at once; send the right one alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A record set aside that is to go through the door again."""

    id: str
    revision: int
    kind: str
    source: str
    line: int
    record_json: str
    original_json: str
    at_ms: int
    """When it was set aside, in milliseconds since 1970."""
    is_mended: bool
    was_contradicted: bool

    @property
    def name(self) -> str:
        """Item and revision: the same content, however often it is sent."""
        return f"{self.id}@{self.revision}"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A group after cleaning: records with the items they were, and the items that stay, with their reasons."""

    items: tuple[Item, ...]
    accepted: pl.DataFrame
    refused: tuple[tuple[Item, str, tuple[Reason, ...]], ...]
    """Item, quarantine or reject, and why."""


def grouped(items: Sequence[Item], *, is_named: bool, rule: str) -> list[tuple[bool, tuple[Item, ...]]]:
    """Items that can be cleaned together, and whether a person vouches for their age.

    A person does by naming the items, by mending them, or by naming the rule about age that set them aside.
    """
    groups: dict[tuple[str, str, bool, str], list[Item]] = {}
    for item in items:
        is_approved = is_named or item.is_mended or rule in AGE_RULES
        has_units = f'"{UNITS}"' in item.record_json
        units = ",".join(sorted(json.loads(item.record_json).get(UNITS) or {})) if has_units else ""
        groups.setdefault((item.kind, item.source, is_approved, units), []).append(item)
    return [(key[2], tuple(group)) for key, group in groups.items()]


def replay(kind: Kind, items: tuple[Item, ...], door: Door, trace_id: str) -> Replayed:
    """Cleans a group again. Every record gets an id made from its item and revision."""
    raw = _raw(kind, items, door)
    batch = batch_id(items[0].source, kind.name, "\x1f".join(sorted(item.name for item in items)))
    known = replace(door, is_replay=True, time_formats={})
    cleaned = clean(raw, kind, known, Stamp(batch_id=batch, source=items[0].source, trace_id=trace_id))
    refused = tuple(
        (items[each.line], each.severity, _at_home(each.reasons, items[each.line])) for each in cleaned.refused
    )
    return Replayed(items, _accepted(cleaned, items), refused)


def _raw(kind: Kind, items: tuple[Item, ...], door: Door) -> Raw:
    texts = [item.record_json for item in items]
    units = [json.loads(text).get(UNITS) or {} for text in texts] if f'"{UNITS}"' in texts[0] else []
    # What the door wrote itself is no larger than what it took.
    limits = Limits(bytes=2**40, rows=len(texts), expanded_bytes=2**40)
    decoded = decode("\n".join(texts).encode(), NDJSON, limits)
    names = {field.name for field in kind.given} | {*TOKENS, EXTRA}
    columns = {name: values for name, values in decoded.columns.items() if name in names}
    return Raw(
        columns={name: _standard(kind, name, values, door) for name, values in columns.items()},
        lines=decoded.lines,
        units=_units(units),
    )


def given_text(kind: Kind, record_json: str) -> str:
    """The JSON text of a record set aside in the form in which it may come again."""
    if '"record_key"' not in record_json:
        return record_json
    return json.dumps(as_given(kind, json.loads(record_json, parse_float=str, parse_int=str)), ensure_ascii=False)


def _units(told: list[dict[str, str | None]]) -> dict[str, Unit]:
    names = {name for units in told for name in units}
    codes = {name: [unit_code(word) if (word := units.get(name)) else None for units in told] for name in names}
    return {name: Unit(None, pl.Series("unit", words, dtype=pl.String)) for name, words in codes.items()}


def _standard(kind: Kind, name: str, values: pl.Series, door: Door) -> pl.Series:
    """Times in the format of the source as standard ones, so that a person may mend a time in either form."""
    field, format = kind.field(name), door.time_formats.get(name, "")  # the word of the mapping
    if field is None or not format or field.type not in (FieldType.TIME, FieldType.DATE):
        return values
    if field.type is FieldType.DATE:
        days = parse_days(values, format)
        return days.dt.strftime("%Y-%m-%d").zip_with(pl.Series(filled(days)), values).alias(name)
    times = parse_times(values, door.zone, format)
    # Without a zone in the format the text stays without one: whether that is a repair is for DQ-07 to say.
    local = times.utc.dt.convert_time_zone(str(door.zone)).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    zoned = times.utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    standard = local.zip_with(pl.Series(times.assumed), zoned)
    return standard.zip_with(pl.Series(filled(times.utc)), values).alias(name)


def _accepted(cleaned: Cleaned, items: tuple[Item, ...]) -> pl.DataFrame:
    frame = cleaned.accepted
    if frame.is_empty():
        return frame
    chosen = [items[line] for line in frame.get_column("line").to_list()]
    ids = [record_id(item.name, item.at_ms) for item in chosen]
    decided = np.array([item.was_contradicted for item in chosen], dtype=np.bool_)
    rules = pl.col("quality_rules")
    frame = frame.with_columns(
        pl.Series("record_id", ids),
        pl.when(pl.Series(decided))
        .then(pl.concat_list(pl.lit(CONFLICT), rules))
        .otherwise(rules)
        .alias("quality_rules"),
    )
    return _with_originals(frame, chosen)


def _with_originals(frame: pl.DataFrame, chosen: Sequence[Item]) -> pl.DataFrame:
    """What a person mended is a repair: the value from before it stays beside the record."""
    if not any(item.original_json for item in chosen):
        return frame
    originals = [
        _original(item, text) if item.original_json else text
        for item, text in zip(chosen, frame.get_column("originals").to_list(), strict=True)
    ]
    mended = pl.Series([bool(item.original_json) for item in chosen])
    status = pl.when(mended).then(pl.lit("repaired")).otherwise(pl.col("quality_status"))
    return frame.with_columns(pl.Series("originals", originals, dtype=pl.String), status.alias("quality_status"))


def _original(item: Item, repaired: str | None) -> str:
    before, after = json.loads(item.original_json), json.loads(item.record_json)
    own = {name: before.get(name) for name in changed_fields(before, after) if name not in TOKENS}
    return json.dumps({**json.loads(repaired or "{}"), **own}, ensure_ascii=False)


def _at_home(reasons: Sequence[Reason], item: Item) -> tuple[Reason, ...]:
    """Reasons that point at the place that the record had in its own body."""
    return tuple(
        replace(reason, pointer=f"/{item.line}/{reason.pointer.removeprefix('/').partition('/')[2]}")
        for reason in reasons
    )


def without_undecided(groups: Sequence[Replayed]) -> list[Replayed]:
    """Holds back records of different sources or approvals that say different things of one key and time."""
    columns = ["record_key", "occurred_at", "payload_hash"]
    frames = [group.accepted.select(*columns).with_columns(group=pl.lit(n)) for n, group in enumerate(groups)]
    whole = pl.concat(frames) if frames else pl.DataFrame()
    if whole.is_empty():
        return list(groups)
    differs = whole.select(pl.col("payload_hash").n_unique().over("record_key", "occurred_at") > 1).to_series()
    if not differs.any():
        return list(groups)
    parts = whole.select("group").with_columns(differs.alias("differs")).partition_by("group", as_dict=True)
    kept = []
    for n, group in enumerate(groups):
        part = parts.get((n,))
        kept.append(group if part is None else _held_back(group, part.get_column("differs")))
    return kept


def _held_back(group: Replayed, held: pl.Series) -> Replayed:
    lines = group.accepted.filter(held).get_column("line").to_list()
    reasons = (Reason("", CONFLICT, 1, CONFLICT_MESSAGE, "quarantine"),)
    more = tuple((group.items[line], "quarantine", reasons) for line in lines)
    return Replayed(group.items, group.accepted.filter(~held), (*group.refused, *more))
