"""What can be wrong with a model: rules by name, and faults that say which rule is broken where.

Rule ── a requirement of the language (or of JSON, or a bound of this parser)
Fault ── one broken rule at one place of one document
ModelErrors ── raised by `parse` with every fault found
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """Names of the rules; the value is what a fault carries."""

    # JSON
    JSON_SYNTAX = "json-syntax"
    JSON_DUPLICATE = "json-duplicate-member"
    JSON_NUMBER = "json-number"
    JSON_DEPTH = "json-depth"
    JSON_SIZE = "json-size"
    JSON_TYPE = "json-type"
    # documents and top-level elements
    ROOT_SHAPE = "root-shape"
    MODEL_SIZE = "model-size"
    # @context
    CONTEXT_MISSING = "context-missing"
    CONTEXT_SHAPE = "context-shape"
    CONTEXT_DTMI = "context-dtmi"
    CONTEXT_UNVERSIONED = "context-unversioned"
    CONTEXT_ORDER = "context-order"
    CONTEXT_LANGUAGE = "context-language"
    CONTEXT_LANGUAGE_VERSION = "context-language-version"
    CONTEXT_UNDEFINED = "context-undefined"
    # @id
    ID_MISSING = "id-missing"
    ID_SHAPE = "id-shape"
    ID_SYNTAX = "id-syntax"
    ID_RESERVED = "id-reserved"
    ID_LENGTH = "id-length"
    ID_DUPLICATE = "id-duplicate"
    # @type
    TYPE_MISSING = "type-missing"
    TYPE_SHAPE = "type-shape"
    TYPE_MATERIAL = "type-material"
    TYPE_SEVERAL = "type-several"
    TYPE_INVALID_DTMI = "type-invalid-dtmi"
    TYPE_NOT_TERM = "type-not-term"
    TYPE_UNDEFINED = "type-undefined"
    # members
    KEYWORD = "keyword"
    MEMBER_REQUIRED = "member-required"
    MEMBER_TWICE = "member-twice"
    MEMBER_INVALID_DTMI = "member-invalid-dtmi"
    MEMBER_NOT_TERM = "member-not-term"
    MEMBER_IRRELEVANT = "member-irrelevant"
    MEMBER_UNDEFINED = "member-undefined"
    # values of members
    VALUE_COUNT = "value-count"
    VALUE_STRING = "value-string"
    VALUE_INTEGER = "value-integer"
    VALUE_BOOLEAN = "value-boolean"
    VALUE_DURATION = "value-duration"
    VALUE_CHOICE = "value-choice"
    VALUE_RANGE = "value-range"
    VALUE_PATTERN = "value-pattern"
    VALUE_OBJECT = "value-object"
    TEXT_LENGTH = "text-length"
    NAME_PATTERN = "name-pattern"
    LOCALIZABLE_SHAPE = "localizable-shape"
    LANGUAGE_CODE = "language-code"
    LANGUAGE_DUPLICATE = "language-duplicate"
    LANGUAGE_DEFAULT = "language-default"
    TARGET_DTMI = "target-dtmi"
    ENUM_VALUE_TYPE = "enum-value-type"
    # elements and references
    ELEMENT_EXPECTED = "element-expected"
    ELEMENT_CLASS = "element-class"
    REFERENCE_SYNTAX = "reference-syntax"
    REFERENCE_RESERVED = "reference-reserved"
    REFERENCE_PARTITION = "reference-partition"
    REFERENCE_UNRESOLVED = "reference-unresolved"
    # uniqueness
    NAME_DUPLICATE = "name-duplicate"
    ENUM_VALUE_DUPLICATE = "enum-value-duplicate"
    INDEX_DUPLICATE = "index-duplicate"
    # limits and exclusions
    CYCLE = "cycle"
    SCHEMA_DEPTH = "schema-depth"
    COMPONENT_NESTED = "component-nested"
    EXTENDS_COUNT = "extends-count"
    EXTENDS_DEPTH = "extends-depth"
    CONTENTS_COUNT = "contents-count"
    INTERFACE_SIZE = "interface-size"
    PROPERTY_ARRAY = "property-array"
    # extensions
    COTYPE_ABSTRACT = "cotype-abstract"
    COTYPE_CLASS = "cotype-class"
    COTYPE_NEEDS = "cotype-needs"
    COTYPE_SEVERAL = "cotype-several"
    COTYPE_SCHEMA = "cotype-schema"
    COTYPE_VALUE = "cotype-value"
    UNIT_TYPE = "unit-type"
    ANNOTATES_SIBLING = "annotates-sibling"
    OVERRIDES_PROPERTY = "overrides-property"
    OVERRIDES_SCHEMA = "overrides-schema"
    OVERRIDES_DUPLICATE = "overrides-duplicate"
    # values of twins (`check_value`)
    INSTANCE_TYPE = "instance-type"
    INSTANCE_RANGE = "instance-range"
    INSTANCE_FORMAT = "instance-format"
    INSTANCE_ENUM = "instance-enum"
    INSTANCE_FIELD = "instance-field"
    INSTANCE_MISSING = "instance-missing"
    INSTANCE_GEOMETRY = "instance-geometry"


MOST_CHARACTERS = 16 * 1024 * 1024
INCOMPLETE = frozenset({Rule.CONTEXT_UNDEFINED, Rule.REFERENCE_UNRESOLVED})


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule; `element_id` is the nearest @id at or around `pointer`, `document` counts from 0."""

    rule: Rule
    pointer: str
    element_id: str | None
    message: str
    document: int = 0

    @property
    def is_incomplete(self) -> bool:
        """Something is missing from the model, and more documents could make it valid."""
        return self.rule in INCOMPLETE

    def __str__(self) -> str:
        place = f"document {self.document} " if self.document else ""
        return f"{self.rule} at {place}{self.pointer or '/'} ({self.element_id or 'no @id'}): {self.message}"


class ModelErrors(ValueError):
    """The model is invalid or incomplete; `faults` says why, in the order of the documents."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults[:20]))

    @property
    def is_only_incomplete(self) -> bool:
        """Nothing is wrong with what was given, but not all of it was given."""
        return all(fault.is_incomplete for fault in self.faults)


class FaultLog:
    """Faults as they are found, up to `most`; `is_full` tells that reading on is of no use."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._faults: dict[Fault, None] = {}
        self._characters = 0

    def add(self, fault: Fault) -> None:
        if not self.is_full and fault not in self._faults:
            self._faults[fault] = None
            self._characters += len(fault.pointer) + len(fault.message)

    @property
    def is_full(self) -> bool:
        return len(self._faults) >= self._most or self._characters >= MOST_CHARACTERS

    def faults(self) -> list[Fault]:
        """Sorted by document and place."""
        if not self._faults:
            return []
        return sorted(self._faults, key=lambda fault: (fault.document, fault.pointer, fault.rule))


class Spot:
    """A place in a document that faults can be found at.

    It knows the place around it and its own step; the pointer is only written where there is a fault, because under a
    name of a megabyte every pointer has a megabyte.
    """

    __slots__ = ("_around", "_step", "document", "element_id", "log")

    def __init__(self, log: FaultLog, document: int, pointer: str = "", element_id: str | None = None) -> None:
        self.log = log
        self.document = document
        self.element_id = element_id
        self._around: Spot | None = None
        self._step: str | int = pointer

    def at(self, key: str | int) -> Spot:
        """The place one step below."""
        spot = Spot(self.log, self.document, "", self.element_id)
        spot._around = self
        spot._step = key
        return spot

    def within(self, element_id: str | None) -> Spot:
        """The same place, as part of that element."""
        spot = Spot(self.log, self.document, "", element_id)
        spot._around = self._around
        spot._step = self._step
        return spot

    @property
    def pointer(self) -> str:
        """After RFC 6901."""
        steps: list[str] = []
        spot = self
        while spot._around is not None:
            steps.append("/" + str(spot._step).replace("~", "~0").replace("/", "~1"))
            spot = spot._around
        return str(spot._step) + "".join(reversed(steps))

    def fault(self, rule: Rule, message: str) -> None:
        if not self.log.is_full:
            self.log.add(Fault(rule, self.pointer, self.element_id, message, self.document))
