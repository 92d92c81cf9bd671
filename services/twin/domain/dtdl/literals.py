"""Literals as JSON-LD writes them: bare, or as an object with @value and @type; and strings in several languages."""

from __future__ import annotations

import re

from .faults import Rule, Spot
from .formats import is_duration
from .jsontext import Json

_LANGUAGE = re.compile(r"[a-z]{2,4}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_DEFAULT_LANGUAGE = "en"
_XSD = ("xsd:", "http://www.w3.org/2001/XMLSchema#")
_MISSING = object()
INTEGERS = range(-(2**31), 2**31)


def _bare(value: Json, spot: Spot, datatypes: tuple[str, ...], version: int) -> Json | object:
    """The value inside a value object, or the value itself; `_MISSING` after a fault."""
    if not isinstance(value, dict):
        return value
    allowed = {f"{prefix}{datatype}" for prefix in _XSD for datatype in datatypes}
    if "@value" not in value:
        spot.fault(Rule.VALUE_OBJECT, "an object that stands for a literal needs '@value'")
        return _MISSING
    others = [name for name in value if name not in ("@value", "@type")]
    if version == 2:
        others = [name for name in others if not name.startswith("@") or name in ("@id", "@context", "@graph")]
    if others:
        spot.at(others[0]).fault(Rule.VALUE_OBJECT, "an object that stands for a literal has only '@value' and '@type'")
        return _MISSING
    if "@type" in value and (not isinstance(value["@type"], str) or value["@type"] not in allowed):
        spot.at("@type").fault(Rule.VALUE_OBJECT, f"must be one of {sorted(allowed)}")
        return _MISSING
    return value["@value"]


def read_string(value: Json, spot: Spot, version: int) -> str | None:
    found = _bare(value, spot, ("string",), version)
    if isinstance(found, str):
        return found
    if found is not _MISSING:
        spot.fault(Rule.VALUE_STRING, "must be a string")
    return None


def read_integer(value: Json, spot: Spot, version: int) -> int | None:
    """An integral number of four bytes, however it is written: `1.0` and `1e0` are numbers like `1`."""
    found = _bare(value, spot, ("integer",), version)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, int) and not isinstance(found, bool) and found in INTEGERS:
        return found
    if found is not _MISSING:
        spot.fault(Rule.VALUE_INTEGER, "must be an integer of at most four bytes")
    return None


def read_boolean(value: Json, spot: Spot, version: int) -> bool | None:
    found = _bare(value, spot, ("boolean",), version)
    if isinstance(found, bool):
        return found
    if found is not _MISSING:
        spot.fault(Rule.VALUE_BOOLEAN, "must be true or false")
    return None


def read_duration(value: Json, spot: Spot, version: int) -> str | None:
    found = _bare(value, spot, ("duration",), version)
    if isinstance(found, str) and is_duration(found):
        return found
    if found is not _MISSING:
        spot.fault(Rule.VALUE_DURATION, "must be an ISO 8601 duration, like 'PT15S'")
    return None


def read_enum_value(value: Json, spot: Spot, version: int) -> str | int | None:
    """A string or an integer; which of both, the Enum around it says."""
    found = _bare(value, spot, ("string", "integer"), version)
    datatype = value.get("@type") if isinstance(value, dict) else None
    if isinstance(found, str) and (datatype is None or str(datatype).endswith("string")):
        return found
    if isinstance(found, str) or found is _MISSING:
        if found is not _MISSING:
            spot.fault(Rule.VALUE_OBJECT, "'@type' does not fit '@value'")
        return None
    if isinstance(datatype, str) and datatype.endswith("string"):
        spot.fault(Rule.VALUE_OBJECT, "'@type' does not fit '@value'")
        return None
    return read_integer(value, spot, version)


def read_localized(value: Json, spot: Spot, version: int) -> dict[str, str] | None:
    """Text by language code: a string (English), a map of languages, or an array of strings and tagged strings."""
    if isinstance(value, str):
        return {_DEFAULT_LANGUAGE: value}
    if isinstance(value, dict):
        return _read_language_map(value, spot)
    if isinstance(value, list):
        return _read_language_array(value, spot, version)
    spot.fault(Rule.LOCALIZABLE_SHAPE, "must be a string, an array or an object of language codes")
    return None


def _read_language_map(value: dict[str, Json], spot: Spot) -> dict[str, str]:
    texts = {}
    for code, text in value.items():
        if spot.log.is_full:
            break
        if not _LANGUAGE.fullmatch(code):
            spot.at(code).fault(Rule.LANGUAGE_CODE, f"{code[:50]!r} is not a language code like 'en' or 'zh-Hans-CN'")
        elif not isinstance(text, str):
            spot.at(code).fault(Rule.VALUE_STRING, "must be a string")
        else:
            texts[code] = text
    return texts


def _read_language_array(value: list[Json], spot: Spot, version: int) -> dict[str, str]:
    texts: dict[str, str] = {}
    defaults = 0
    for index, item in enumerate(value):
        if spot.log.is_full:
            break
        place = spot.at(index)
        tagged = _read_tagged(item, place, version)
        if tagged is None:
            continue
        code, text = tagged
        defaults += code in (None, _DEFAULT_LANGUAGE)
        if code is not None and code in texts and code != _DEFAULT_LANGUAGE:
            place.fault(Rule.LANGUAGE_DUPLICATE, f"language {code!r} occurs more than once")
        texts[code or _DEFAULT_LANGUAGE] = text
    if defaults > 1:
        spot.fault(Rule.LANGUAGE_DEFAULT, "more than one text is for the default language, English")
    return texts


def _read_tagged(item: Json, spot: Spot, version: int) -> tuple[str | None, str] | None:
    if isinstance(item, str):
        return None, item
    if not isinstance(item, dict):
        spot.fault(Rule.LOCALIZABLE_SHAPE, "must be a string or an object with '@value' and '@language'")
        return None
    others = [name for name in item if name not in ("@value", "@language")]
    if version == 2:
        others = [name for name in others if not name.startswith("@") or name in ("@id", "@context", "@graph")]
    text, code = item.get("@value"), item.get("@language")
    if others or not isinstance(text, str):
        rule = Rule.VALUE_OBJECT if others or "@value" not in item else Rule.VALUE_STRING
        spot.fault(rule, "an object of a localizable string has '@value', a string, and '@language'")
        return None
    if "@language" not in item:
        return None, text
    if not isinstance(code, str) or not _LANGUAGE.fullmatch(code):
        spot.at("@language").fault(Rule.LANGUAGE_CODE, "must be a language code like 'en' or 'zh-Hans-CN'")
        return None
    return code, text
