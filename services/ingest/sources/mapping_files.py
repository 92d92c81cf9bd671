"""Mapping files: one YAML file per source and kind, read at start; a wrong one is refused with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from chassis.documents import Document, FileFault, yaml_files
from services.ingest.domain.cleaning.batch import EARLIEST, LATE_DAYS
from services.ingest.domain.cleaning.mapping import FieldMap, Mapping
from services.ingest.domain.kinds import KINDS
from services.ingest.domain.schemas.fields import Field, FieldType, Kind
from services.ingest.domain.schemas.schema import OP_FIELD
from services.ingest.domain.values.coordinates import SYSTEMS

SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEYS = {
    "source",
    "kind",
    "schema_version",
    "clock",
    "timezone",
    "earliest",
    "late_days",
    "coordinates",
    "fields",
    "constants",
    "keep",
}
_FIELD_KEYS = {"from", "format", "unit", "unit_from", "time", "codes"}


class MappingFault(FileFault):
    """A mapping file that cannot be used."""


def load_mappings(folder: Path | None) -> dict[tuple[str, str], Mapping]:
    """Mappings by (source, kind) of all `*.yaml` files below a folder."""
    found: dict[tuple[str, str], Mapping] = {}
    for path in yaml_files(folder):
        mapping = read_mapping(path.read_text(encoding="utf-8"), path.name)
        if (mapping.source, mapping.kind) in found:
            raise MappingFault(f"{path.name}:1: {mapping.source} has another mapping for {mapping.kind}")
        found[mapping.source, mapping.kind] = mapping
    return found


def read_mapping(body: str, name: str) -> Mapping:
    """One mapping; raises MappingFault with the name and the line of the fault."""
    return _Reader(name, MappingFault).mapping(body)


class _Reader(Document):
    def mapping(self, body: str) -> Mapping:
        root = self.root(body)
        parts = self.parts(root, _KEYS)
        for required in ("source", "kind", "fields"):
            if required not in parts:
                raise self.fault(root, f"{required} is missing")
        kind = self._kind(parts)
        fields = tuple(self._field(kind, name, node) for name, node in self.pairs(parts["fields"]))
        constants = dict(self._constants(kind, parts))
        self._check_coverage(kind, parts["fields"], {mapped.name for mapped in fields} | set(constants))
        return Mapping(
            source=self._source(parts["source"]),
            kind=kind.name,
            schema_version=kind.schema_version,
            fields=fields,
            constants=constants,
            keep=tuple(self.text(node) for node in self.items(parts.get("keep"))),
            on_data_clock=self._clock(parts),
            zone=self._zone(parts),
            earliest=self._earliest(parts),
            late_days=self._late_days(parts),
            coordinates=self._coordinates(parts),
        )

    def _kind(self, parts: dict[str, yaml.Node]) -> Kind:
        kind = KINDS.get(self.text(parts["kind"]))
        if kind is None:
            raise self.fault(parts["kind"], f"kind must be one of {', '.join(KINDS)}")
        version = parts.get("schema_version")
        # Versions only add: a file written for an older one means the same today.
        versions = [str(number) for number in range(1, kind.schema_version + 1)]
        if version is not None and self.text(version) not in versions:
            raise self.fault(version, f"{kind.name} has schema version {' or '.join(versions)}")
        return kind

    def _source(self, node: yaml.Node) -> str:
        source = self.text(node)
        if not SOURCE_NAME.fullmatch(source):
            raise self.fault(node, "source begins with a letter and has small letters, digits and _")
        return source

    def _field(self, kind: Kind, name: str, node: yaml.Node) -> FieldMap:
        field = self._known_field(kind, name, node)
        parts = self.parts(node, _FIELD_KEYS)
        if "from" not in parts:
            raise self.fault(node, f"{name} needs `from`, the column it comes from")
        form = self.text(parts["format"]) if "format" in parts else ""
        if form and form.count("{}") != 1:
            raise self.fault(parts["format"], "format holds {} once")
        self._check_place(field, parts)
        codes = self.pairs(parts["codes"]) if "codes" in parts else ()
        return FieldMap(
            name=name,
            column=self.text(parts["from"]),
            format=form,
            unit=self.text(parts["unit"]) if "unit" in parts else "",
            unit_column=self.text(parts["unit_from"]) if "unit_from" in parts else "",
            time=self.text(parts["time"]) if "time" in parts else "",
            codes={word: self.text(value) for word, value in codes},
        )

    def _check_place(self, field: Field, parts: dict[str, yaml.Node]) -> None:
        for key in ("unit", "unit_from"):
            if key in parts and field.type is not FieldType.QUANTITY:
                raise self.fault(parts[key], f"{field.name} is no quantity in base units and has no {key}")
        if "time" in parts and field.type not in (FieldType.TIME, FieldType.DATE):
            raise self.fault(parts["time"], f"{field.name} is no time")
        if "codes" in parts and field.values:
            for _, node in self.pairs(parts["codes"]):
                if self.text(node) not in field.values:
                    raise self.fault(node, f"{field.name} must be one of {', '.join(field.values)}")

    def _constants(self, kind: Kind, parts: dict[str, yaml.Node]) -> Iterator[tuple[str, str]]:
        for name, node in self.pairs(parts["constants"]) if "constants" in parts else ():
            field = self._known_field(kind, name, node)
            value = self.text(node)
            if field.values and value not in field.values:
                raise self.fault(node, f"{name} must be one of {', '.join(field.values)}")
            yield name, value

    def _known_field(self, kind: Kind, name: str, node: yaml.Node) -> Field:
        field = OP_FIELD if name == OP_FIELD.name else kind.field(name)
        if field is None or not field.given:
            raise self.fault(node, f"{kind.name} has no field {name}")
        return field

    def _check_coverage(self, kind: Kind, node: yaml.Node, names: set[str]) -> None:
        for field in kind.given:
            if field.required and field.name not in names and field.unless not in names:
                raise self.fault(node, f"{kind.name} needs {field.name}")

    def _clock(self, parts: dict[str, yaml.Node]) -> bool:
        node = parts.get("clock")
        clock = self.text(node) if node else "wall"
        if clock not in ("wall", "data"):
            raise self.fault(parts["clock"], "clock is wall or data")
        return clock == "data"

    def _coordinates(self, parts: dict[str, yaml.Node]) -> str:
        node = parts.get("coordinates")
        system = self.text(node) if node else SYSTEMS[0]
        if system not in SYSTEMS:
            raise self.fault(parts["coordinates"], f"coordinates is one of {', '.join(SYSTEMS)}")
        return system

    def _zone(self, parts: dict[str, yaml.Node]) -> ZoneInfo | None:
        node = parts.get("timezone")
        if node is None:
            return None
        try:
            return ZoneInfo(self.text(node))
        except (KeyError, ValueError, OSError):
            raise self.fault(node, "timezone is no zone of the IANA list, such as Asia/Shanghai") from None

    def _earliest(self, parts: dict[str, yaml.Node]) -> date:
        node = parts.get("earliest")
        if node is None:
            return EARLIEST
        try:
            return date.fromisoformat(self.text(node))
        except ValueError:
            raise self.fault(node, "earliest is a date such as 1970-01-01") from None

    def _late_days(self, parts: dict[str, yaml.Node]) -> int:
        node = parts.get("late_days")
        if node is None:
            return LATE_DAYS
        if not self.text(node).isdecimal():
            raise self.fault(node, "late_days is a whole number")
        return int(self.text(node))
