"""What may change in the schema of a kind: fields may be added, everything else that a sender relies on stays.

A change that breaks this promise is a new kind beside the old one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.ingest.domain.schemas.fields import DataClass, Field, Kind

Outline = dict[str, Any]
"""A kind without its words: version, key, what says when, and each field with what a sender relies on."""

_CLASSES = list(DataClass)
_FIXED = ("type", "items", "stored", "given")
_KIND_FIXED = ("key", "occurred", "day", "is_master", "in_book")


def outline(kind: Kind) -> Outline:
    """The part of a kind that the baseline keeps, as plain values."""
    return {
        "version": kind.schema_version,
        "key": list(kind.keys),
        "occurred": kind.occurred,
        "day": kind.day,
        "is_master": kind.is_master,
        "in_book": kind.in_book,
        "one_of": list(kind.one_of),
        "fields": {field.name: _field(field) for field in kind.fields},
    }


def _field(field: Field) -> dict[str, Any]:
    traits: dict[str, Any] = {
        "type": field.type.value,
        "class": field.data_class.value,
        "required": field.required,
        "unless": field.unless,
        "values": list(field.values),
        "default": field.default,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "items": field.items.value if field.items else "",
        "given": field.given,
        "stored": field.stored,
        "unit": field.unit_of_value,
    }
    usual = {"required": False, "given": True, "stored": True}
    return {name: value for name, value in traits.items() if value != usual.get(name) and value not in ("", [], None)}


def faults(before: dict[str, Outline], now: dict[str, Outline]) -> list[str]:
    """Why the kinds may not become what they are now; empty when nobody who sends or reads them is hurt."""
    found = [f"{name}: the kind is gone" for name in before if name not in now]
    for name in before.keys() & now.keys():
        found += [f"{name}: {fault}" for fault in _kind_faults(before[name], now[name])]
    return sorted(found)


def _kind_faults(before: Outline, now: Outline) -> Iterator[str]:
    if before == now:
        return
    if now["version"] <= before["version"]:
        yield f"the schema changed, so schema_version must be above {before['version']}"
    yield from (f"{trait} changed" for trait in _KIND_FIXED if before[trait] != now[trait])
    if not set(before["one_of"]) <= set(now["one_of"]):
        yield "one_of lost a field"
    yield from _fields_faults(before["fields"], now["fields"])
    if _kept(now)[: len(_kept(before))] != _kept(before):
        yield "new fields come last: the digest of a record goes by the order of its fields"


def _fields_faults(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for name, field in now.items():
        if name not in before and field.get("required"):
            yield f"{name} is new and required; senders do not know it yet"
    for name, field in before.items():
        if name not in now:
            yield f"{name} is gone"
            continue
        yield from (f"{name} {fault}" for fault in _field_faults(field, now[name]))


def _field_faults(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    yield from (f"has another {trait}" for trait in _FIXED if before.get(trait) != now.get(trait))
    if now.get("required") and not before.get("required"):
        yield "became required"
    if before.get("unless", "") != now.get("unless", "") and before.get("unless"):
        yield "is excused by another field"
    if gone := sorted(set(before.get("values", ())) - set(now.get("values", ()))):
        yield f"lost the values {', '.join(gone)}"
    if before.get("unit", "") != now.get("unit", ""):
        yield "has another unit"
    if _CLASSES.index(now["class"]) < _CLASSES.index(before["class"]):
        yield "has a weaker data class"
    if _is_narrower(before, now):
        yield "takes fewer values"


def _is_narrower(before: dict[str, Any], now: dict[str, Any]) -> bool:
    infinite = float("inf")
    return (
        now.get("minimum", -infinite) > before.get("minimum", -infinite)
        or now.get("maximum", infinite) < before.get("maximum", infinite)
        or bool(now.get("values") and not before.get("values"))
    )


def _kept(kind: Outline) -> list[str]:
    return [name for name, field in kind["fields"].items() if field.get("stored", True)]
