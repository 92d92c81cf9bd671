"""Mapping files: one YAML file per source and kind, read at start; a wrong one is refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from services.ingest.domain.batch import EARLIEST, LATE_DAYS
from services.ingest.domain.fields import Field, FieldType, Kind
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.mapping import FieldMap, Mapping

SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEYS = {
    "source",
    "kind",
    "schema_version",
    "clock",
    "timezone",
    "earliest",
    "late_days",
    "fields",
    "constants",
    "keep",
}
_FIELD_KEYS = {"from", "format", "unit", "unit_from", "time", "codes"}


class MappingFault(Exception):
    """A mapping file that cannot be used: `FILE:LINE: what to change`."""


def load_mappings(folder: Path | None) -> dict[tuple[str, str], Mapping]:
    """Mappings by (source, kind) of all `*.yaml` files below a folder."""
    found: dict[tuple[str, str], Mapping] = {}
    for path in sorted(folder.rglob("*.yaml")) if folder else ():
        mapping = read_mapping(path.read_text(encoding="utf-8"), path.name)
        if (mapping.source, mapping.kind) in found:
            raise MappingFault(f"{path.name}:1: {mapping.source} has another mapping for {mapping.kind}")
        found[mapping.source, mapping.kind] = mapping
    return found


def read_mapping(body: str, name: str) -> Mapping:
    """One mapping; raises MappingFault with the name and the line of the fault."""
    try:
        root = yaml.compose(body, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MappingFault(f"{name}:{line}: {error.problem or 'the file is not YAML'}") from None
    return _Reader(name).mapping(root)


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name

    def mapping(self, root: yaml.Node | None) -> Mapping:
        if root is None:
            raise MappingFault(f"{self._name}:1: the file is empty")
        parts = self._parts(root, _KEYS)
        for required in ("source", "kind", "fields"):
            if required not in parts:
                raise self._fault(root, f"{required} is missing")
        kind = self._kind(parts)
        fields = tuple(self._field(kind, name, node) for name, node in self._pairs(parts["fields"]))
        constants = dict(self._constants(kind, parts))
        self._check_coverage(kind, parts["fields"], {mapped.name for mapped in fields} | set(constants))
        return Mapping(
            source=self._source(parts["source"]),
            kind=kind.name,
            schema_version=kind.schema_version,
            fields=fields,
            constants=constants,
            keep=tuple(self._text(node) for node in self._items(parts.get("keep"))),
            on_data_clock=self._clock(parts),
            zone=self._zone(parts),
            earliest=self._earliest(parts),
            late_days=self._late_days(parts),
        )

    def _kind(self, parts: dict[str, yaml.Node]) -> Kind:
        kind = KINDS.get(self._text(parts["kind"]))
        if kind is None:
            raise self._fault(parts["kind"], f"kind must be one of {', '.join(KINDS)}")
        version = parts.get("schema_version")
        if version is not None and self._text(version) != str(kind.schema_version):
            raise self._fault(version, f"{kind.name} has schema version {kind.schema_version}")
        return kind

    def _source(self, node: yaml.Node) -> str:
        source = self._text(node)
        if not SOURCE_NAME.fullmatch(source):
            raise self._fault(node, "source begins with a letter and has small letters, digits and _")
        return source

    def _field(self, kind: Kind, name: str, node: yaml.Node) -> FieldMap:
        field = self._known_field(kind, name, node)
        parts = self._parts(node, _FIELD_KEYS)
        if "from" not in parts:
            raise self._fault(node, f"{name} needs `from`, the column it comes from")
        form = self._text(parts["format"]) if "format" in parts else ""
        if form and form.count("{}") != 1:
            raise self._fault(parts["format"], "format holds {} once")
        self._check_place(field, parts)
        codes = self._pairs(parts["codes"]) if "codes" in parts else ()
        return FieldMap(
            name=name,
            column=self._text(parts["from"]),
            format=form,
            unit=self._text(parts["unit"]) if "unit" in parts else "",
            unit_column=self._text(parts["unit_from"]) if "unit_from" in parts else "",
            time=self._text(parts["time"]) if "time" in parts else "",
            codes={word: self._text(value) for word, value in codes},
        )

    def _check_place(self, field: Field, parts: dict[str, yaml.Node]) -> None:
        for key in ("unit", "unit_from"):
            if key in parts and field.type is not FieldType.QUANTITY:
                raise self._fault(parts[key], f"{field.name} is no quantity in base units and has no {key}")
        if "time" in parts and field.type not in (FieldType.TIME, FieldType.DATE):
            raise self._fault(parts["time"], f"{field.name} is no time")
        if "codes" in parts and field.values:
            for _, node in self._pairs(parts["codes"]):
                if self._text(node) not in field.values:
                    raise self._fault(node, f"{field.name} must be one of {', '.join(field.values)}")

    def _constants(self, kind: Kind, parts: dict[str, yaml.Node]) -> Iterator[tuple[str, str]]:
        for name, node in self._pairs(parts["constants"]) if "constants" in parts else ():
            field = self._known_field(kind, name, node)
            value = self._text(node)
            if field.values and value not in field.values:
                raise self._fault(node, f"{name} must be one of {', '.join(field.values)}")
            yield name, value

    def _known_field(self, kind: Kind, name: str, node: yaml.Node) -> Field:
        field = kind.field(name)
        if field is None or not field.given:
            raise self._fault(node, f"{kind.name} has no field {name}")
        return field

    def _check_coverage(self, kind: Kind, node: yaml.Node, names: set[str]) -> None:
        for field in kind.given:
            replaced = field.name == "retailer_code" and "license_no" in names
            if field.required and field.name not in names and not replaced:
                raise self._fault(node, f"{kind.name} needs {field.name}")

    def _clock(self, parts: dict[str, yaml.Node]) -> bool:
        node = parts.get("clock")
        clock = self._text(node) if node else "wall"
        if clock not in ("wall", "data"):
            raise self._fault(parts["clock"], "clock is wall or data")
        return clock == "data"

    def _zone(self, parts: dict[str, yaml.Node]) -> ZoneInfo | None:
        node = parts.get("timezone")
        if node is None:
            return None
        try:
            return ZoneInfo(self._text(node))
        except (KeyError, ValueError, OSError):
            raise self._fault(node, "timezone is no zone of the IANA list, such as Asia/Shanghai") from None

    def _earliest(self, parts: dict[str, yaml.Node]) -> date:
        node = parts.get("earliest")
        if node is None:
            return EARLIEST
        try:
            return date.fromisoformat(self._text(node))
        except ValueError:
            raise self._fault(node, "earliest is a date such as 1970-01-01") from None

    def _late_days(self, parts: dict[str, yaml.Node]) -> int:
        node = parts.get("late_days")
        if node is None:
            return LATE_DAYS
        if not self._text(node).isdecimal():
            raise self._fault(node, "late_days is a whole number")
        return int(self._text(node))

    def _parts(self, node: yaml.Node, allowed: set[str]) -> dict[str, yaml.Node]:
        parts = dict(self._pairs(node))
        for name, value in parts.items():
            if name not in allowed:
                raise self._fault(value, f"{name} is not known here; use {', '.join(sorted(allowed))}")
        return parts

    def _pairs(self, node: yaml.Node) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._fault(node, "names with values were expected")
        pairs = [(self._text(key), value) for key, value in node.value]
        names = [name for name, _ in pairs]
        for place, (name, value) in enumerate(pairs):
            if name in names[:place]:
                raise self._fault(value, f"{name} is given twice")
        return pairs

    def _items(self, node: yaml.Node | None) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._fault(node, "a list was expected")
        return list(node.value)

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._fault(node, "one value was expected")
        return str(node.value)

    def _fault(self, node: yaml.Node, message: str) -> MappingFault:
        return MappingFault(f"{self._name}:{node.start_mark.line + 1}: {message}")
