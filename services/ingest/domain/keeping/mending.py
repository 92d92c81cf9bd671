"""A record set aside as a person sees and mends it: canonical fields as text, `units` beside them.

as_given   a record that the book had, as its source would have given it
mended     the record after an RFC 7396 merge patch, personal data turned into tokens before anybody keeps it
"""

from __future__ import annotations

import json
from collections.abc import Mapping as Dict
from typing import Any

import polars as pl

from chassis.errors import Invalid, Problem
from services.ingest.domain.cleaning.batch import Batch, Door, Unit
from services.ingest.domain.cleaning.refused import TOKENS, UNITS, kept_contents, without_personal
from services.ingest.domain.frames.native import of_places
from services.ingest.domain.rules import RULES
from services.ingest.domain.schemas.fields import FieldType, Kind
from services.ingest.domain.schemas.schema import EXTRA
from services.ingest.domain.values import text
from services.ingest.domain.values.units import unit_code

Record = dict[str, Any]
MAX_VALUE_BYTES = 8_000
MAX_UNIT_BYTES = 64
PRIVACY_ORDER = 10
TOKEN_RULE = "DQ-33"  # noqa: S105  # the id of a rule
_BOOKED = "record_key"


def as_given(kind: Kind, record: Dict[str, Any]) -> Record:
    """A record set aside in the form in which it may come again.

    What the door set aside has that form. What the book had before it was contradicted is shown without what the door
    added to it, its quantity in the unit in which it was received.
    """
    if _BOOKED not in record:
        return dict(record)
    names = [field.name for field in kind.given if field.stored] + [name for name in (*TOKENS, EXTRA) if name in record]
    given = {name: _plain(record[name]) for name in names if record.get(name) is not None}
    if record.get("demand_is_order"):
        given.pop("qty_demand_base", None)
    received = next((each.name for each in kind.given if each.type is FieldType.QUANTITY and each.required), "")
    if received and record.get("qty_raw") is not None and record.get("unit_raw"):
        given[received] = str(record["qty_raw"])
        given[UNITS] = {received: str(record["unit_raw"])}
    return given


def mended(kind: Kind, record: Dict[str, Any], patch_json: str, door: Door) -> Record:
    """The record after a merge patch; raises Invalid with a pointer to each place that cannot be."""
    patch = _read(patch_json)
    faults = [fault for name, value in patch.items() for fault in _faults(kind, record, name, value)]
    if faults:
        raise Invalid("the record cannot be changed like this", errors=faults)
    merged = {**record, **{name: _plain(value) for name, value in patch.items() if name != UNITS}}
    units = {**(record.get(UNITS) or {}), **(patch.get(UNITS) or {})} if patch.get(UNITS, {}) is not None else {}
    merged[UNITS] = {name: unit_code(word.strip()) for name, word in units.items() if word is not None}
    return _private(kind, {name: value for name, value in merged.items() if value is not None}, patch, door)


def changed_fields(before: Dict[str, Any], after: Dict[str, Any]) -> list[str]:
    """The names of the fields that differ."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _read(patch_json: str) -> Record:
    try:
        patch = json.loads(patch_json, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise Invalid("the patch is not JSON", errors=[Problem("", "malformed_json", "must be JSON")]) from None
    if not isinstance(patch, dict):
        raise Invalid("the patch is no object", errors=[Problem("", "wrong_type", "must be a JSON object")])
    return patch


def _faults(kind: Kind, record: Dict[str, Any], name: str, value: Any) -> list[Problem]:
    pointer = "/" + text.mask_text(name)[:64].replace("~", "~0").replace("/", "~1")
    if name == UNITS:
        return _unit_faults(kind, value)
    if isinstance(value, dict | list) and not _is_list(kind, name, value):
        return [Problem(pointer, "wrong_type", "a field holds text, a number, true, false or null")]
    if value is None or _plain(value) == record.get(name):
        return []
    if name in TOKENS or name == EXTRA:
        return [Problem(pointer, "not_given", "the door makes this itself; only null may be written here")]
    if name not in {field.name for field in kind.given}:
        return [Problem(pointer, "unknown_field", f"{kind.name} has no such field; GET /kinds/{kind.name} lists them")]
    if len(_plain(value).encode()) > MAX_VALUE_BYTES:
        return [Problem(pointer, "too_long", f"at most {MAX_VALUE_BYTES} bytes")]
    return []


def _unit_faults(kind: Kind, units: Any) -> list[Problem]:
    if units is None:
        return []
    if not isinstance(units, dict):
        return [Problem(f"/{UNITS}", "wrong_type", "give an object: field to unit")]
    faults = []
    for name, word in units.items():
        field = kind.field(name)
        pointer = f"/{UNITS}/" + text.mask_text(name)[:64].replace("~", "~0").replace("/", "~1")
        if field is None or not field.given or field.type is not FieldType.QUANTITY:
            faults.append(Problem(pointer, "unknown_field", f"{kind.name} has no quantity of this name"))
        elif word is not None and not (isinstance(word, str) and 0 < len(word.encode()) <= MAX_UNIT_BYTES):
            faults.append(Problem(pointer, "wrong_type", "a unit is a word such as carton"))
    return faults


def _is_list(kind: Kind, name: str, value: Any) -> bool:
    field = kind.field(name)
    items_are_plain = isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)
    return field is not None and field.type is FieldType.LIST and items_are_plain


def _plain(value: Any) -> Any:
    """A value as canonical text."""
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, str) else str(value)


def _private(kind: Kind, record: Record, patch: Record, door: Door) -> Record:
    """The record as it may be kept, by the rules that every record passes at the door."""
    columns = {name: pl.Series(name, [value], dtype=pl.String) for name, value in record.items() if name != UNITS}
    units = {name: Unit(None, pl.Series("unit", [word])) for name, word in record[UNITS].items()}
    batch = Batch(kind, columns, pl.Series("line", [0], dtype=pl.UInt32), door, units)
    given = without_personal(batch)
    for rule in RULES:
        if rule.order < PRIVACY_ORDER or rule.id == TOKEN_RULE:
            rule.check(batch)
    personal = {field.name for field in kind.of_type(FieldType.PHONE, FieldType.CONSUMER)} & patch.keys()
    lost = [finding for finding in batch.findings if finding.rule in ("DQ-30", "DQ-32") and personal]
    if lost:
        faults = [Problem(f"/{finding.field}", finding.rule, finding.message) for finding in lost]
        raise Invalid("a personal field cannot be kept", errors=faults)
    [kept] = kept_contents(batch, given, of_places([0]))
    found: Record = json.loads(kept)
    return {name: value for name, value in found.items() if value is not None}
