"""Members of an element: which there may be, how often, and literals and links of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .dtmi import is_dtmi, is_reserved
from .extensions import ExtensionProperty, Value
from .faults import Rule, Spot
from .jsontext import Json
from .language import CLASSES, PROPERTIES, STANDARD_SCHEMAS, Kind, Member
from .literals import (
    read_boolean,
    read_duration,
    read_enum_value,
    read_integer,
    read_localized,
    read_string,
)
from .nodes import Link, Literal, Node, Standard

_KEYWORDS = frozenset({"@context", "@id", "@type"})
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?")

Pend = Callable[[dict[str, Json], Link, Node], None]


def read_members(node: Node, pend: Pend) -> None:
    """Reads every member into the node; elements inside are handed to `pend`, to be read later."""
    shapes = CLASSES[node.version][node.class_name]
    given: set[str] = set()
    for name, value in node.source.items():
        if node.spot.log.is_full:
            return
        if name.startswith("@"):
            _check_keyword(name, node)
            continue
        term = PROPERTIES[node.version].get(name, "")
        prop = _extension_property(node, name)
        if term not in shapes and prop is None:
            _read_unknown(node, name, value)
            continue
        known = term if term in shapes else prop.term if prop else ""
        if known in given:
            node.spot.at(name).fault(Rule.MEMBER_TWICE, f"{known!r} is given by its term and by its DTMI")
        given.add(known)
        if term in shapes:
            _read_member(node, Link(known, shapes[known], node.spot.at(name)), value, pend)
        elif prop is not None:
            _read_extension(node, prop, value, node.spot.at(name))
    _check_required(node, given)


def _check_keyword(name: str, node: Node) -> None:
    if name in _KEYWORDS or (node.version == 2 and name != "@graph"):
        return
    node.spot.at(name).fault(Rule.KEYWORD, "of the keywords only '@context', '@id' and '@type' may be used")


def _extension_property(node: Node, name: str) -> ExtensionProperty | None:
    for cotype in node.cotypes:
        for prop in cotype.properties:
            if name in (prop.term, prop.dtmi):
                return prop
    return None


def _read_unknown(node: Node, name: str, value: Json) -> None:
    spot = node.spot.at(name)
    is_informal = bool(node.undefined_types)
    if name.startswith("dtmi:") and not is_dtmi(name, node.version):
        rule, message = Rule.MEMBER_INVALID_DTMI, "is not a DTMI"
        is_informal = is_informal and node.version == 2
    elif ":" in name and not name.startswith("dtmi:"):
        rule, message = Rule.MEMBER_NOT_TERM, "is neither a term nor a DTMI"
        is_informal = is_informal and node.version == 2
    elif name in PROPERTIES[node.version] or name.startswith("dtmi:"):
        rule, message = Rule.MEMBER_IRRELEVANT, f"is not a member of {node.class_name}"
    else:
        rule, message = Rule.MEMBER_UNDEFINED, f"is not a member of {node.class_name} or of its co-types"
    if is_informal:
        node.extras[name] = value
    else:
        spot.fault(rule, f"{name[:200]!r} {message}")


def _check_required(node: Node, given: set[str]) -> None:
    for name, shape in CLASSES[node.version][node.class_name].items():
        if shape.fewest and name not in given:
            node.spot.fault(Rule.MEMBER_REQUIRED, f"{node.class_name} needs {name!r}")
    for cotype in node.cotypes:
        for prop in cotype.properties:
            if prop.is_required and prop.term not in given:
                node.spot.fault(Rule.MEMBER_REQUIRED, f"{cotype.term} needs {prop.term!r}")


def _values(value: Json, spot: Spot) -> Iterator[tuple[Json, Spot]]:
    if isinstance(value, list):
        yield from ((item, spot.at(index)) for index, item in enumerate(value))
    else:
        yield value, spot


def _is_counted(value: Json, fewest: int, most: int | None, spot: Spot) -> bool:
    count = 1
    if isinstance(value, list):
        count = len(value) if most == 1 else _elements_of(value)
    if count < fewest or (most is not None and count > most):
        bound = f"exactly {most}" if fewest == most else f"{fewest} to {most if most is not None else 'any number of'}"
        spot.fault(Rule.VALUE_COUNT, f"must have {bound} values, not {count}")
        return False
    return True


def _elements_of(values: list[Json]) -> int:
    """How many elements an array holds; one that is referred to twice, or defined and referred to, is one."""
    names = [each.get("@id") if isinstance(each, dict) else each for each in values]
    named = {name for name in names if isinstance(name, str)}
    return len(named) + sum(not isinstance(name, str) for name in names)


def _read_member(node: Node, given: Link, value: Json, pend: Pend) -> None:
    """Reads what stands where `given` is: one value, or an array of them."""
    shape = given.shape
    if shape.kind is Kind.LOCALIZED:
        _read_localized(node, given, value)
        return
    if not _is_counted(value, shape.fewest, shape.most, given.spot):
        return
    for item, place in _values(value, given.spot):
        if given.spot.log.is_full:
            return
        if shape.kind in (Kind.ELEMENT, Kind.SCHEMA):
            _read_link(node, Link(given.member, shape, place), item, pend)
            continue
        found = _LITERALS[shape.kind](item, shape, place, node.version)
        if found is not None:
            node.literals[given.member] = found


def _read_localized(node: Node, given: Link, value: Json) -> None:
    texts = read_localized(value, given.spot, node.version)
    for text in (texts or {}).values():
        _check_length(text, given.shape, given.spot)
    if texts is not None:
        node.texts[given.member] = texts


def _check_length(text: str, shape: Member, spot: Spot) -> None:
    if len(text) > shape.longest:
        spot.fault(Rule.TEXT_LENGTH, f"has {len(text)} characters, more than {shape.longest}")


def _read_text(value: Json, shape: Member, spot: Spot, version: int) -> str | None:
    text = read_string(value, spot, version)
    if text is not None:
        _check_length(text, shape, spot)
    return text


def _read_name(value: Json, shape: Member, spot: Spot, version: int) -> str | None:
    text = _read_text(value, shape, spot, version)
    if text is not None and not _NAME.fullmatch(text):
        spot.fault(Rule.NAME_PATTERN, "must have letters, digits and underscores, begin with a letter, not end with _")
    return text


def _read_number(value: Json, shape: Member, spot: Spot, version: int) -> int | None:
    number = read_integer(value, spot, version)
    if number is None:
        return None
    if shape.lowest is not None and number < shape.lowest:
        spot.fault(Rule.VALUE_RANGE, f"must not be less than {shape.lowest}")
    if shape.highest is not None and number > shape.highest:
        spot.fault(Rule.VALUE_RANGE, f"must not be more than {shape.highest}")
    return number


def _read_flag(value: Json, _shape: Member, spot: Spot, version: int) -> bool | None:
    return read_boolean(value, spot, version)


def _read_choice(value: Json, shape: Member, spot: Spot, _version: int) -> str | None:
    choices = shape.choices or {}
    if isinstance(value, str) and value in choices:
        return choices[value]
    spot.fault(Rule.VALUE_CHOICE, f"must be one of {', '.join(sorted(set(choices.values())))}")
    return None


def _read_target(value: Json, _shape: Member, spot: Spot, version: int) -> str | None:
    if isinstance(value, str) and is_dtmi(value, version):
        return value
    spot.fault(Rule.TARGET_DTMI, "must be a DTMI")
    return None


def _read_enum_value(value: Json, _shape: Member, spot: Spot, version: int) -> str | int | None:
    return read_enum_value(value, spot, version)


_LITERALS: dict[Kind, Callable[[Json, Member, Spot, int], Literal | None]] = {
    Kind.STRING: _read_text,
    Kind.NAME: _read_name,
    Kind.INTEGER: _read_number,
    Kind.BOOLEAN: _read_flag,
    Kind.CHOICE: _read_choice,
    Kind.TARGET: _read_target,
    Kind.ENUM_VALUE: _read_enum_value,
}


def _read_link(node: Node, link: Link, value: Json, pend: Pend) -> None:
    if isinstance(value, dict):
        node.links.setdefault(link.member, []).append(link)
        pend(value, link, node)
        return
    if not isinstance(value, str):
        link.spot.fault(Rule.ELEMENT_EXPECTED, "must be an element or a reference to one")
        return
    if link.shape.kind is Kind.SCHEMA:
        link.target = _standard_schema(node, value)
    if link.target is None and not _is_reference(value, node, link.spot):
        return
    link.reference = None if link.target else value
    node.links.setdefault(link.member, []).append(link)


def _standard_schema(node: Node, value: str) -> Standard | None:
    standard = STANDARD_SCHEMAS[node.version].get(value)
    if standard is not None:
        return Standard(standard)
    if value in node.context.schemas:
        return Standard(node.context.schemas[value], is_unit=True)
    if node.context.undefined and ":" not in value:
        return Standard(value, is_undefined=True)
    return None


def _is_reference(value: str, node: Node, spot: Spot) -> bool:
    if not is_dtmi(value, node.version):
        spot.fault(Rule.REFERENCE_SYNTAX, f"{value[:200]!r} is neither a DTMI nor a term that may stand here")
        return False
    if is_reserved(value):
        spot.fault(Rule.REFERENCE_RESERVED, f"the language defines no {value!r} that may stand here")
        return False
    return True


def _read_extension(node: Node, prop: ExtensionProperty, value: Json, spot: Spot) -> None:
    if not _is_counted(value, int(prop.is_required), 1, spot):
        return
    for item, place in _values(value, spot):
        found = _EXTENSION_VALUES[prop.value](item, prop, place, node)
        if found is not None:
            node.literals[prop.term] = found


def _extension_string(value: Json, prop: ExtensionProperty, spot: Spot, node: Node) -> str | None:
    text = read_string(value, spot, node.version)
    if text is not None and prop.pattern and not re.fullmatch(prop.pattern, text):
        spot.fault(Rule.VALUE_PATTERN, f"is not a text that {prop.term!r} may have")
    return text


def _extension_integer(value: Json, prop: ExtensionProperty, spot: Spot, node: Node) -> int | None:
    number = read_integer(value, spot, node.version)
    if number is not None and prop.term == "index" and number < 1:
        spot.fault(Rule.VALUE_RANGE, "must not be less than 1")
    return number


def _extension_duration(value: Json, _prop: ExtensionProperty, spot: Spot, node: Node) -> str | None:
    return read_duration(value, spot, node.version)


def _extension_choice(value: Json, prop: ExtensionProperty, spot: Spot, _node: Node) -> str | None:
    choices = prop.choices or {}
    if isinstance(value, str) and value in choices:
        return choices[value]
    rule = Rule.UNIT_TYPE if prop.enum else Rule.VALUE_CHOICE
    spot.fault(rule, f"must be one of {', '.join(sorted(set(choices.values()))[:30])}")
    return None


def _extension_term(value: Json, _prop: ExtensionProperty, spot: Spot, _node: Node) -> str | None:
    if isinstance(value, str):
        return value
    spot.fault(Rule.VALUE_STRING, "must be a term or a DTMI")
    return None


_EXTENSION_VALUES: dict[Value, Callable[[Json, ExtensionProperty, Spot, Node], Literal | None]] = {
    Value.STRING: _extension_string,
    Value.INTEGER: _extension_integer,
    Value.DURATION: _extension_duration,
    Value.CHOICE: _extension_choice,
    Value.TERM: _extension_term,
}
