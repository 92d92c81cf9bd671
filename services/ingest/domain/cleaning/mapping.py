"""From a sender's columns to canonical ones, by the mapping of the source (docs/architecture.md, "Source mappings")."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from zoneinfo import ZoneInfo

import polars as pl

from services.ingest.domain.cleaning.batch import EARLIEST, LATE_DAYS, TRADE_ZONE, Door, Unit
from services.ingest.domain.cleaning.clean import Raw
from services.ingest.domain.cleaning.outcome import Unused
from services.ingest.domain.decode import Decoded
from services.ingest.domain.schemas.fields import Kind
from services.ingest.domain.schemas.schema import EXTRA, OP
from services.ingest.domain.values import text
from services.ingest.domain.values.units import unit_code

_TOKENS_GIVEN = {"consumer_key": "consumer_id"}
"""A token that comes back takes the way of what it stands for; what is no token yet becomes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """Where a canonical field comes from."""

    name: str
    column: str
    format: str = ""
    unit: str = ""
    unit_column: str = ""
    time: str = ""
    codes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """How one source writes one kind."""

    source: str
    kind: str
    schema_version: int
    fields: tuple[FieldMap, ...]
    constants: dict[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    on_data_clock: bool = False
    zone: ZoneInfo | None = None
    earliest: date = EARLIEST
    late_days: int = LATE_DAYS
    coordinates: str = "wgs84"

    @property
    def time_formats(self) -> dict[str, str]:
        return {mapped.name: mapped.time for mapped in self.fields if mapped.time}

    def habits(self, door: Door, newest: date | None) -> Door:
        """What the rules know, with the habits of this source; `newest` is its newest business date so far."""
        return replace(
            door,
            zone=self.zone or TRADE_ZONE,
            zone_is_declared=self.zone is not None,
            earliest=self.earliest,
            late_days=self.late_days,
            coordinates=self.coordinates,
            newest=newest,
            on_data_clock=self.on_data_clock,
            time_formats=self.time_formats,
        )


def to_canonical(decoded: Decoded, kind: Kind, mapping: Mapping | None) -> Raw:
    """Columns under their canonical names; what is not known and not kept is dropped, and the receipt says so."""
    size = len(decoded.lines)
    columns = _renamed(decoded.columns, kind) if mapping is None else _mapped(decoded.columns, mapping, size)
    used = set(columns) | set(_TOKENS_GIVEN) if mapping is None else _used(mapping)
    extra = _kept(decoded.columns, mapping)
    if extra is not None:
        columns[EXTRA] = extra
    return Raw(
        columns=columns,
        lines=decoded.lines,
        units=_units(decoded.columns, mapping),
        malformed=decoded.malformed,
        unused=_dropped(decoded, used),
        charset_repaired=decoded.charset_repaired,
        is_single=decoded.is_single,
        together=decoded.together,
    )


def _renamed(given: dict[str, pl.Series], kind: Kind) -> dict[str, pl.Series]:
    names = {field.name for field in kind.given} | {OP}
    columns = {name: values for name, values in given.items() if name in names}
    for token, plain in _TOKENS_GIVEN.items():
        if token in given and plain in names:
            columns.setdefault(plain, given[token].alias(plain))
    return columns


def _mapped(given: dict[str, pl.Series], mapping: Mapping, size: int) -> dict[str, pl.Series]:
    columns = {name: pl.Series(name, [value]).new_from_index(0, size) for name, value in mapping.constants.items()}
    for mapped in mapping.fields:
        if mapped.column in given:
            columns[mapped.name] = _translated(given[mapped.column], mapped)
    return columns


def _translated(values: pl.Series, mapped: FieldMap) -> pl.Series:
    if mapped.codes:
        found = {word: mapped.codes.get((word or "").strip(), word) for word in set(values.to_list())}
        values = pl.Series(mapped.name, [found[word] for word in values.to_list()], dtype=pl.String)
    if mapped.format:
        before, after = mapped.format.split("{}")
        inner = pl.col("value").str.strip_chars()
        framed = pl.when(inner != "").then(pl.lit(before) + inner + pl.lit(after))
        values = values.alias("value").to_frame().select(framed).to_series()
    return values.alias(mapped.name)


def _units(given: dict[str, pl.Series], mapping: Mapping | None) -> dict[str, Unit]:
    if mapping is None:
        return {}
    units = {}
    for mapped in mapping.fields:
        if mapped.unit or mapped.unit_column:
            column = given.get(mapped.unit_column)
            codes = None if column is None else _unit_codes(column)
            units[mapped.name] = Unit(unit_code(mapped.unit) if mapped.unit else None, codes)
    return units


def _unit_codes(values: pl.Series) -> pl.Series:
    known = {word: None if word is None else unit_code(word.strip()) for word in set(values.to_list())}
    return pl.Series("unit", [known[word] for word in values.to_list()], dtype=pl.String)


def _used(mapping: Mapping) -> set[str]:
    columns = {mapped.column for mapped in mapping.fields} | {mapped.unit_column for mapped in mapping.fields}
    return columns | set(mapping.keep)


def _kept(given: dict[str, pl.Series], mapping: Mapping | None) -> pl.Series | None:
    kept = [given[name] for name in (mapping.keep if mapping else ()) if name in given]
    if not kept:
        return None
    clean = [text.scrub(values) if text.needs_scrub(values) else values for values in kept]
    return pl.DataFrame(clean).select(pl.struct(pl.all()).struct.json_encode().alias(EXTRA)).to_series()


def _dropped(decoded: Decoded, used: set[str]) -> tuple[Unused, ...]:
    dropped = []
    for name, values in decoded.columns.items():
        if name not in used and values.null_count() < len(values):
            safe = text.mask_text(name)[:64].replace("~", "~0").replace("/", "~1")
            dropped.append(Unused(safe, values.is_not_null().to_numpy()))
    return tuple(dropped)
