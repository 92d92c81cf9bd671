"""The language extensions: which co-types and properties each defines, and on what they may be used.

Sources: the documents of the feature extensions QuantitativeTypes v1, Historization v1 and v2, Streaming v1,
Annotation v1 and v2, Overriding v1 and v2, Mqtt v1 to v3, and Requirement v1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from .language import words
from .quantitative import ENUMERATIONS, OLD_SEMANTIC_TYPES, OLD_UNITS, PREFIXES, SEMANTIC_TYPES, UNITS


class Value(Enum):
    """What the value of an extension's property may be."""

    STRING = auto()
    INTEGER = auto()
    DURATION = auto()
    CHOICE = auto()
    TERM = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionProperty:
    """A property that a co-type brings; `choices` maps what may be written to what is meant."""

    term: str
    dtmi: str
    value: Value
    is_required: bool = True
    choices: Mapping[str, str] | None = None
    pattern: str | None = None
    enum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cotype:
    """A type that stands beside the class of an element of one of `classes`.

    needs: another co-type of the same element, by term or DTMI; excludes: one that it must not have; within: one of the
    Object around it; is_single: at most one field of an Object has it; fields: what each field of the Object must have
    one of; schemas: what its schema must be, a class or a primitive; schema_cotype: what co-type its schema must have.
    """

    term: str
    dtmi: str
    classes: frozenset[str]
    versions: tuple[int, ...] = (3,)
    properties: tuple[ExtensionProperty, ...] = ()
    needs: str | None = None
    excludes: str | None = None
    is_abstract: bool = False
    schemas: frozenset[str] = frozenset()
    schema_cotype: str | None = None
    fixed: tuple[str, bool] | None = None
    within: str | None = None
    is_single: bool = False
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What one context specifier defines: co-types by name, and schemas (names of enumerations) by name."""

    specifier: str
    versions: tuple[int, ...]
    cotypes: Mapping[str, Cotype]
    schemas: Mapping[str, str] = field(default_factory=dict)


def _extension(
    specifier: str, versions: tuple[int, ...], cotypes: Iterable[Cotype], schemas: Mapping[str, str] | None = None
) -> Extension:
    named = {name: cotype for cotype in cotypes for name in (cotype.term, cotype.dtmi)}
    return Extension(specifier=specifier, versions=versions, cotypes=named, schemas=schemas or {})


def _both(names: Iterable[str], prefix: str, suffix: str = "") -> dict[str, str]:
    """Terms and identifiers to terms."""
    return {written: name for name in names for written in (name, f"{prefix}{name}{suffix}")}


_NUMERIC = frozenset({"double", "float", "integer", "long"})
_QUANTITATIVE = "dtmi:dtdl:extension:quantitativeTypes:v1:"
_PREFIXES = tuple(prefix for prefixes in PREFIXES.values() for prefix in prefixes)


def _unit(enum: str) -> ExtensionProperty:
    choices = _both(UNITS[enum], f"{_QUANTITATIVE}unit:")
    dtmi = f"{_QUANTITATIVE}property:unit"
    return ExtensionProperty(term="unit", dtmi=dtmi, value=Value.CHOICE, choices=choices, enum=enum)


def _unit_types() -> list[Cotype]:
    """Co-types that describe a unit; they stand on the values of an enumeration."""
    units = _both((unit for units in UNITS.values() for unit in units), f"{_QUANTITATIVE}unit:")
    prefixes = _both(_PREFIXES, f"{_QUANTITATIVE}unitprefix:")

    def choice(term: str, choices: Mapping[str, str], *, is_required: bool = True) -> ExtensionProperty:
        dtmi = f"{_QUANTITATIVE}property:{term}"
        return ExtensionProperty(term=term, dtmi=dtmi, value=Value.CHOICE, choices=choices, is_required=is_required)

    def literal(term: str, value: Value) -> ExtensionProperty:
        return ExtensionProperty(term=term, dtmi=f"dtmi:dtdl:property:{term};3", value=value)

    symbol = literal("symbol", Value.STRING)
    decimal = (choice("baseUnit", units), choice("prefix", prefixes, is_required=False))
    properties: dict[str, tuple[ExtensionProperty, ...]] = {
        "RatioUnit": (choice("topUnit", units), choice("bottomUnit", units)),
        "UnitPrefix": (symbol, literal("exponent", Value.INTEGER)),
        "DecimalUnit": decimal,
        "BinaryUnit": decimal,
        "SymbolicUnit": (symbol,),
    }
    on = frozenset({"EnumValue"})
    return [
        Cotype(term=name, dtmi=f"{_QUANTITATIVE}class:{name}", classes=on, properties=each)
        for name, each in properties.items()
    ]


def _quantitative() -> Extension:
    on = frozenset({"CommandRequest", "CommandResponse", "Field", "MapValue", "Property", "Telemetry"})
    semantic = [
        Cotype(
            term=name,
            dtmi=f"{_QUANTITATIVE}class:{name}",
            classes=on,
            properties=(_unit(enum),),
            schemas=_NUMERIC,
        )
        for name, enum in SEMANTIC_TYPES.items()
    ]
    top = Cotype(term="QuantitativeType", dtmi=f"{_QUANTITATIVE}class:QuantitativeType", classes=on, is_abstract=True)
    schemas = _both(ENUMERATIONS, f"{_QUANTITATIVE}enum:") | {"EnergyRateUnit": "PowerUnit"}
    return _extension("dtmi:dtdl:extension:quantitativeTypes;1", (3,), [*semantic, top, *_unit_types()], schemas)


def _old_semantic_types() -> Extension:
    """The semantic types that are part of DTDL v2 itself."""
    on = frozenset({"Property", "Telemetry"})
    cotypes = []
    for name, enum in OLD_SEMANTIC_TYPES.items():
        choices = _both(OLD_UNITS[enum], "dtmi:standard:unit:", ";2")
        unit = ExtensionProperty(
            term="unit", dtmi="dtmi:dtdl:property:unit;2", value=Value.CHOICE, choices=choices, enum=enum
        )
        cotypes.append(
            Cotype(
                term=name,
                dtmi=f"dtmi:standard:class:{name};2",
                classes=on,
                versions=(2,),
                properties=(unit,),
                schemas=_NUMERIC,
            )
        )
    return _extension("dtmi:dtdl:context;2", (2,), cotypes)


def _plain(name: str, version: int, term: str, classes: str, fixed: tuple[str, bool] | None = None) -> Extension:
    dtmi = f"dtmi:dtdl:extension:{name}:v{version}:{term}"
    cotype = Cotype(term=term, dtmi=dtmi, classes=frozenset(words(classes)), fixed=fixed)
    return _extension(f"dtmi:dtdl:extension:{name};{version}", (3,), [cotype])


def _annotation(version: int) -> Extension:
    dtmi = f"dtmi:dtdl:extension:annotation:v{version}:ValueAnnotation"
    annotates = ExtensionProperty(term="annotates", dtmi=f"{dtmi}:annotates", value=Value.STRING)
    on = frozenset({"Property", "Telemetry"})
    cotype = Cotype(term="ValueAnnotation", dtmi=dtmi, classes=on, properties=(annotates,))
    return _extension(f"dtmi:dtdl:extension:annotation;{version}", (3,), [cotype])


def _overriding(version: int) -> Extension:
    dtmi = f"dtmi:dtdl:extension:overriding:v{version}:Override"
    overrides = ExtensionProperty(term="overrides", dtmi=f"{dtmi}:overrides", value=Value.TERM)
    on = frozenset({"Property"})
    needs = f"dtmi:dtdl:extension:annotation:v{version}:ValueAnnotation"
    cotype = Cotype(term="Override", dtmi=dtmi, classes=on, properties=(overrides,), needs=needs)
    return _extension(f"dtmi:dtdl:extension:overriding;{version}", (3,), [cotype])


_PLAIN_LABEL = r"[!$-*,-.0-z|~]+"
_TOKEN = r"\{[A-Za-z]+(?::[A-Za-z]+)?\}"  # noqa: S105  # a token of a topic, no secret
_TOPIC = rf"(?!\$)(?:{_PLAIN_LABEL}|{_TOKEN})(?:/(?:{_PLAIN_LABEL}|{_TOKEN}))*"


def _mqtt(version: int) -> Extension:
    base = f"dtmi:dtdl:extension:mqtt:v{version}:"

    def prop(owner: str, term: str, value: Value = Value.STRING, pattern: str | None = None) -> ExtensionProperty:
        return ExtensionProperty(
            term=term, dtmi=f"{base}{owner}:{term}", value=value, is_required=pattern is None, pattern=pattern
        )

    topics = [prop("Mqtt", term, pattern=_TOPIC) for term in ("telemetryTopic", "commandTopic")]
    groups = [prop("Mqtt", term, pattern=_PLAIN_LABEL) for term in ("telemServiceGroupId", "cmdServiceGroupId")]
    form = prop("Mqtt", "payloadFormat")

    def cotype(term: str, classes: str, *properties: ExtensionProperty, needs: str | None = None) -> Cotype:
        on = frozenset(words(classes))
        return Cotype(term=term, dtmi=f"{base}{term}", classes=on, properties=properties, needs=needs)

    cotypes = [
        cotype("Mqtt", "Interface", *topics, form, *(groups if version > 1 else [])),
        cotype("Idempotent", "Command"),
        cotype("Cacheable", "Command", prop("Cacheable", "ttl", Value.DURATION), needs="Idempotent"),
        cotype("Indexed", "Telemetry Field EnumValue", prop("Indexed", "index", Value.INTEGER)),
    ]
    if version > 1:
        on = frozenset({"CommandRequest", "CommandResponse"})
        transparent = Cotype(term="Transparent", dtmi=f"{base}Transparent", classes=on, schemas=frozenset({"Object"}))
        cotypes.append(transparent)
    if version > 2:
        cotypes += _results(base)
    return _extension(f"dtmi:dtdl:extension:mqtt;{version}", (3,), cotypes)


def _results(base: str) -> list[Cotype]:
    """Co-types for answers that may be errors, since version 3."""
    obj = frozenset({"Object"})
    both = frozenset({"NormalResult", "ErrorResult"})

    def inside(term: str, within: str) -> Cotype:
        on = frozenset({"Field"})
        return Cotype(term=term, dtmi=f"{base}{term}", classes=on, within=within, is_single=True)

    return [
        Cotype(term="Result", dtmi=f"{base}Result", classes=obj, fields=both),
        Cotype(term="Error", dtmi=f"{base}Error", classes=obj),
        replace(inside("NormalResult", "Result"), excludes="Required"),
        replace(inside("ErrorResult", "Result"), excludes="Required", schemas=obj, schema_cotype="Error"),
        replace(inside("ErrorMessage", "Error"), schemas=frozenset({"string"})),
    ]


SEMANTIC_TYPES_OF_2 = _old_semantic_types()

EXTENSIONS: Mapping[str, Extension] = {
    extension.specifier: extension
    for extension in (
        _quantitative(),
        _plain("historization", 1, "Historized", "Property Telemetry"),
        _plain("historization", 2, "Historized", "Property Telemetry"),
        _plain("streaming", 1, "Streaming", "Property", fixed=("writable", False)),
        _plain("requirement", 1, "Required", "Field"),
        _annotation(1),
        _annotation(2),
        _overriding(1),
        _overriding(2),
        _mqtt(1),
        _mqtt(2),
        _mqtt(3),
    )
}

# Every term of v2's semantic types and units: v2 keeps them from being co-types of a user's own.
RESERVED_UNIT_TERMS = frozenset(
    [
        *OLD_SEMANTIC_TYPES,
        *OLD_UNITS,
        *(unit for units in OLD_UNITS.values() for unit in units),
        *(prefix for prefix in _PREFIXES if prefix != "deca"),
        *words("deka BinaryPrefix BinaryUnit DecimalPrefix DecimalUnit QuantitativeType RatioUnit"),
    ]
)
