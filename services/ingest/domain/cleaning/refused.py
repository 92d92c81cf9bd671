"""Records that are set aside or refused, as they may be kept: as given, without anything personal."""

from __future__ import annotations

import numpy as np
import polars as pl

from services.ingest.domain.cleaning.batch import Batch, Finding, Severity, Unit
from services.ingest.domain.cleaning.receipt import Reason, Refused
from services.ingest.domain.decode.body import NESTED
from services.ingest.domain.frames.columns import Mask
from services.ingest.domain.frames.native import of_array, places_of, taken
from services.ingest.domain.schemas.fields import FieldType
from services.ingest.domain.values import text

UNITS = "units"
"""Beside the fields of a record set aside: the unit in which each quantity of it was given, by field."""
TOKENS = ("consumer_key", "phone_token", "contact_phone_token", "contact_phone_masked", "owner_name_masked")


def without_personal(batch: Batch) -> dict[str, pl.Series]:
    """The columns of a batch as they came, less those that must never be kept."""
    given = {name: values for name, values in batch.columns.items() if name not in batch.kind.personal}
    for field in batch.kind.of_type(FieldType.LIST):
        if field.name in given:
            given[field.name] = given[field.name].str.strip_prefix(NESTED)
    return given


def refused_records(batch: Batch, given: dict[str, pl.Series], rejected: Mask, quarantined: Mask) -> list[Refused]:
    """The refused records; only those set aside keep their content, as masked JSON."""
    places = np.flatnonzero(rejected | quarantined)
    if not places.size:
        return []
    contents = iter(kept_contents(batch, given, places_of(quarantined)))
    lines = taken(batch.lines, of_array(places.astype(np.uint32))).to_list()
    reasons = _reasons_by_place(batch, places, lines)
    return [
        Refused(line, "quarantine", next(contents), tuple(why)) if is_kept else Refused(line, "reject", "", tuple(why))
        for line, is_kept, why in zip(lines, quarantined[places].tolist(), reasons, strict=True)
    ]


def kept_contents(batch: Batch, given: dict[str, pl.Series], places: pl.Series) -> list[str]:
    """Records as JSON texts that may be kept: masked, tokens for what was dropped, and the unit of each quantity."""
    if not len(places):
        return []
    tokens = {name: batch.columns[name] for name in TOKENS if name in batch.columns}
    columns = {name: _safe(batch, name, taken(values, places), places) for name, values in given.items()}
    columns |= {name: taken(values, places) for name, values in tokens.items()}
    kept = [values.alias(name) for name, values in columns.items() if values.null_count() < len(values)]
    units = [_told(unit, places).alias(name) for name, unit in batch.units.items() if batch.kind.field(name)]
    if units:
        kept.append(pl.DataFrame(units).to_struct(UNITS))
    if not kept:
        return ["{}"] * len(places)
    return pl.DataFrame(kept).select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()


def _told(unit: Unit, places: pl.Series) -> pl.Series:
    """The unit of a quantity as its source told it; where record and mapping differ, both, for a person to choose."""
    if unit.column is None:
        return pl.Series("unit", [unit.fixed], dtype=pl.String).new_from_index(0, len(places))
    column = taken(unit.column, places)
    safe = text.scrub(column) if text.needs_scrub(column) else column
    told, fixed = pl.col(safe.name), pl.lit(unit.fixed, dtype=pl.String)
    both = pl.when(told != fixed).then(pl.concat_str(fixed, pl.lit(" or "), told)).otherwise(told)
    return safe.to_frame().select(told if unit.fixed is None else both).to_series()


def _safe(batch: Batch, name: str, values: pl.Series, places: pl.Series) -> pl.Series:
    """A column as it may be kept. A code may be a key: where DQ-33 made a token of it, the token is kept, as a mask
    would make strangers equal when they are sent through the door again."""
    field = batch.kind.field(name)
    now = batch.columns.get(name)
    if field is None or field.type is not FieldType.CODE or now is None or values.dtype != pl.String:
        return masked(batch, name, values)
    if not text.shape(values).has_long_number:
        return values
    hidden = values.str.contains(text.LONE).fill_null(value=False)
    if not hidden.any():
        return values
    return text.mask_codes(taken(now, places)).zip_with(hidden, values)


def masked(batch: Batch, name: str, values: pl.Series) -> pl.Series:
    """A column without phone and ID numbers: masked anywhere in free text, where they stand alone in codes."""
    if values.dtype != pl.String:
        return values
    field = batch.kind.field(name)
    if field is None or field.type is FieldType.TEXT:
        return text.scrub(values) if text.needs_scrub(values) else values
    is_shown = text.shape(values).has_long_number and values.str.contains(text.LONE).any()
    return text.mask_codes(values) if is_shown else values


def _reasons_by_place(
    batch: Batch, places: np.ndarray[tuple[int], np.dtype[np.int64]], lines: list[int]
) -> list[list[Reason]]:
    reasons: list[list[Reason]] = [[] for _ in lines]
    for finding in batch.findings:
        for position in np.flatnonzero(finding.mask[places]):
            reasons[position].append(_reason(finding, f"/{lines[position]}/{finding.field}"))
    return reasons


def _reason(finding: Finding, pointer: str) -> Reason:
    return Reason(pointer, finding.rule, 1, finding.message, finding.severity.value)


def is_refusing(severity: Severity) -> bool:
    return severity in (Severity.REJECT, Severity.QUARANTINE)
