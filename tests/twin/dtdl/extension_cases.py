"""The feature extensions: co-types, their properties, and what they demand of siblings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import (
    QUANTITATIVE,
    V3,
    Case,
    Doc,
    accept,
    array,
    command,
    component,
    enum,
    field,
    interface,
    map_of,
    obj,
    prop,
    reject,
    relationship,
    samples,
    telemetry,
)

# Semantic type, unit type, and one of its units and how many there are, from the table of the extension.
SEMANTIC = """
Acceleration AccelerationUnit gForce 3 |
Angle AngleUnit turn 5 |
AngularAcceleration AngularAccelerationUnit radianPerSecondSquared 1 |
AngularVelocity AngularVelocityUnit degreePerSecond 4 |
ApparentEnergy ApparentEnergyUnit voltAmpereHour 4 |
ApparentPower ApparentPowerUnit voltAmpere 5 |
Area AreaUnit acre 8 |
Capacitance CapacitanceUnit farad 5 |
Concentration Unitless partsPerBillion 6 |
Current CurrentUnit kiloampere 4 |
DataRate DataRateUnit zebibytePerSecond 16 |
DataSize DataSizeUnit byte 16 |
Density DensityUnit milligramPerCubicMetre 4 |
Distance LengthUnit nauticalMile 11 |
ElectricCharge ChargeUnit ampereHour 3 |
Energy EnergyUnit wattHour 14 |
EnergyRate PowerUnit tonOfRefrigeration 17 |
Force ForceUnit ton 4 |
Frequency FrequencyUnit millihertz 5 |
Humidity DensityUnit gramPerCubicMetre 4 |
Illuminance IlluminanceUnit lux 2 |
Inductance InductanceUnit henry 3 |
IonizingRadiationDose IonizingRadiationDoseUnit gray 6 |
Irradiance IrradianceUnit wattPerSquareMetre 1 |
Latitude AngleUnit degreeOfArc 5 |
Length LengthUnit metre 11 |
Longitude AngleUnit radian 5 |
Luminance LuminanceUnit candelaPerSquareMetre 1 |
Luminosity PowerUnit watt 17 |
LuminousFlux LuminousFluxUnit lumen 1 |
LuminousIntensity LuminousIntensityUnit candela 1 |
MagneticFlux MagneticFluxUnit weber 2 |
MagneticInduction MagneticInductionUnit gauss 2 |
Mass MassUnit massPound 7 |
MassFlowRate MassFlowRateUnit massPoundPerHour 5 |
Power PowerUnit horsepower 17 |
Pressure PressureUnit hectopascal 10 |
Radioactivity RadioactivityUnit becquerel 4 |
ReactiveEnergy ReactiveEnergyUnit voltAmpereReactiveHour 4 |
ReactivePower ReactivePowerUnit millivoltAmpereReactive 5 |
RelativeDensity Unitless unity 6 |
RelativeHumidity Unitless percent 6 |
Resistance ResistanceUnit ohm 4 |
SoundPressure SoundPressureUnit bel 2 |
Temperature TemperatureUnit kelvin 3 |
Thrust ForceUnit pound 4 |
TimeSpan TimeUnit year 8 |
Torque TorqueUnit newtonMetre 1 |
Velocity VelocityUnit knot 8 |
Voltage VoltageUnit volt 5 |
Volume VolumeUnit litre 8 |
VolumeFlowRate VolumeFlowRateUnit gallonPerHour 12
"""
ROWS = [row.split() for row in SEMANTIC.replace("\n", " ").split("|")]
BASE = "dtmi:dtdl:extension:quantitativeTypes:v1"


def _context(*names: str) -> list[str]:
    return [V3, *(f"dtmi:dtdl:extension:{name}" for name in names)]


def all_cases() -> Iterator[Case]:
    yield from _semantic_types()
    yield from _units()
    yield from _quantities()
    yield from _plain()
    yield from _annotation()
    yield from _overriding()
    yield from _mqtt()


def _measured(kind: str, unit: Any, schema: Any = "double", **members: Any) -> Doc:
    return interface(telemetry(schema, type_=["Telemetry", kind], unit=unit, **members), context=[V3, QUANTITATIVE])


def _semantic_types() -> Iterator[Case]:
    for kind, enum_name, unit, _ in ROWS:
        yield accept(f"{kind} in {unit}", _measured(kind, unit))
        by_dtmi = telemetry(type_=["Telemetry", f"{BASE}:class:{kind}"]) | {
            f"{BASE}:property:unit": f"{BASE}:unit:{unit}"
        }
        yield accept(f"{kind} by DTMI", interface(by_dtmi, context=[V3, QUANTITATIVE]))
        wrong = "metre" if enum_name != "LengthUnit" else "kelvin"
        yield reject(Rule.UNIT_TYPE, "/contents/0/unit", f"{kind} in {wrong}", _measured(kind, wrong))
        lonely = interface(telemetry(type_=["Telemetry", kind]), context=[V3, QUANTITATIVE])
        yield reject(Rule.MEMBER_REQUIRED, "/contents/0", f"{kind} without unit", lonely)
        yield reject(
            Rule.TYPE_UNDEFINED,
            "/contents/0/@type",
            f"{kind} without context",
            interface(telemetry(type_=["Telemetry", kind], unit=unit)),
        )
        for name in (enum_name, f"{BASE}:enum:{enum_name}"):
            yield accept(f"{kind}: {name} as schema", interface(prop(name), context=[V3, QUANTITATIVE]))


def _units() -> Iterator[Case]:
    for wrong in ("", "Kelvin", "celsius", "dtmi:standard:unit:kelvin;2", f"{BASE}:unit:metre", 1, None, {}, ["metre"]):
        yield reject(Rule.UNIT_TYPE, None, f"unit {wrong}", _measured("Temperature", wrong))
    yield accept("unit in an array", _measured("Temperature", ["kelvin"]))
    yield reject(Rule.VALUE_COUNT, "/contents/0/unit", "no unit in an array", _measured("Temperature", []))
    yield reject(Rule.VALUE_COUNT, "/contents/0/unit", "two units", _measured("Temperature", ["kelvin", "kelvin"]))
    twice = _measured("Temperature", "kelvin", **{f"{BASE}:property:unit": "kelvin"})
    yield reject(Rule.MEMBER_TWICE, None, "unit by term and DTMI", twice)
    yield reject(
        Rule.MEMBER_UNDEFINED,
        "/contents/0/unit",
        "unit without semantic type",
        interface(telemetry(unit="kelvin"), context=[V3, QUANTITATIVE]),
    )
    own = enum(
        {
            "@type": ["EnumValue", "SymbolicUnit", "DecimalUnit"],
            "name": "a",
            "enumValue": 1,
            "symbol": "a",
            "baseUnit": "metre",
            "prefix": "kilo",
        },
        {"@type": ["EnumValue", "RatioUnit"], "name": "b", "enumValue": 2, "topUnit": "metre", "bottomUnit": "second"},
        {"@type": ["EnumValue", "UnitPrefix"], "name": "c", "enumValue": 3, "symbol": "k", "exponent": 3},
    )
    yield accept("units of one's own", interface(telemetry(own), context=[V3, QUANTITATIVE]))
    for kind in ("SymbolicUnit", "DecimalUnit", "RatioUnit", "UnitPrefix"):
        value = {"@type": ["EnumValue", kind], "name": "a", "enumValue": 1}
        yield reject(
            Rule.MEMBER_REQUIRED,
            None,
            f"{kind} without its members",
            interface(telemetry(enum(value)), context=[V3, QUANTITATIVE]),
        )
        on = telemetry(
            type_=["Telemetry", kind], symbol="a", baseUnit="metre", topUnit="metre", bottomUnit="second", exponent=1
        )
        yield reject(Rule.COTYPE_CLASS, None, f"{kind} on a Telemetry", interface(on, context=[V3, QUANTITATIVE]))
    wrong_base = {"@type": ["EnumValue", "DecimalUnit"], "name": "a", "enumValue": 1, "baseUnit": "kilo"}
    yield reject(
        Rule.VALUE_CHOICE,
        None,
        "base unit is a prefix",
        interface(telemetry(enum(wrong_base)), context=[V3, QUANTITATIVE]),
    )


def _quantities() -> Iterator[Case]:
    for schema in ("double", "float", "integer", "long", "dtmi:dtdl:instance:Schema:long;3"):
        yield accept(f"Temperature is {schema}", _measured("Temperature", "kelvin", schema))
    for schema in (
        "string",
        "boolean",
        "date",
        "dateTime",
        "duration",
        "time",
        "point",
        "TemperatureUnit",
        array(),
        obj(),
        enum(1),
        map_of(),
    ):
        yield reject(
            Rule.COTYPE_SCHEMA,
            "/contents/0",
            f"Temperature is {str(schema)[:40]}",
            _measured("Temperature", "kelvin", schema),
        )
    yield accept(
        "Length and Distance",
        interface(telemetry(type_=["Telemetry", "Length", "Distance"], unit="metre"), context=[V3, QUANTITATIVE]),
    )
    both = telemetry(type_=["Telemetry", "Length", "Temperature"], unit="metre")
    yield reject(
        Rule.UNIT_TYPE, "/contents/0/unit", "Length and Temperature", interface(both, context=[V3, QUANTITATIVE])
    )
    abstract = telemetry(type_=["Telemetry", "QuantitativeType"])
    yield reject(
        Rule.COTYPE_ABSTRACT, "/contents/0/@type", "QuantitativeType", interface(abstract, context=[V3, QUANTITATIVE])
    )
    allowed = {"CommandRequest", "CommandResponse", "Field", "MapValue", "Property", "Telemetry"}
    for sample in samples():
        changed = sample.with_(__type=[sample.class_name, "Length"], unit="metre")
        changed["@context"] = [V3, QUANTITATIVE]
        if sample.class_name in allowed:
            yield accept(f"Length on {sample.class_name}", changed)
        else:
            at = f"{sample.pointer}/@type"
            yield reject(Rule.COTYPE_CLASS, at, f"Length on {sample.class_name}", changed)
        if sample.is_implied:
            alone = sample.with_(__type="Length", unit="metre")
            alone["@context"] = [V3, QUANTITATIVE]
            yield reject(Rule.TYPE_MATERIAL, None, f"Length alone on {sample.class_name}", alone)


PLAIN = {
    "historization;1": ("Historized", {"Property", "Telemetry"}),
    "historization;2": ("Historized", {"Property", "Telemetry"}),
    "streaming;1": ("Streaming", {"Property"}),
    "requirement;1": ("Required", {"Field"}),
}


def _plain() -> Iterator[Case]:
    for name, (kind, allowed) in PLAIN.items():
        for sample in samples():
            title = f"{kind} ({name}) on {sample.class_name}"
            changed = sample.with_(__type=[sample.class_name, kind])
            changed["@context"] = _context(name)
            extension, _, version = name.partition(";")
            by_dtmi = sample.with_(__type=[sample.class_name, f"dtmi:dtdl:extension:{extension}:v{version}:{kind}"])
            by_dtmi["@context"] = _context(name)
            if sample.class_name in allowed:
                yield accept(title, changed)
                yield accept(f"{title} by DTMI", by_dtmi)
            else:
                yield reject(Rule.COTYPE_CLASS, f"{sample.pointer}/@type", title, changed)
    streaming = ["Property", "Streaming"]
    yield accept(
        "Streaming and not writable", interface(prop(type_=streaming, writable=False), context=_context("streaming;1"))
    )
    writable = prop(type_=streaming, writable=True)
    yield reject(
        Rule.COTYPE_VALUE,
        "/contents/0/writable",
        "Streaming and writable",
        interface(writable, context=_context("streaming;1")),
    )
    yield reject(
        Rule.TYPE_UNDEFINED,
        None,
        "Historized of v2 in v1",
        interface(
            telemetry(type_=["Telemetry", "dtmi:dtdl:extension:historization:v2:Historized"]),
            context=_context("historization;1"),
        ),
    )


def _annotated(*contents: Doc, version: int = 1, **members: Any) -> Doc:
    return interface(telemetry(name="base"), *contents, context=_context(f"annotation;{version}"), **members)


def _note(annotates: Any = "base", kind: str = "Property", name: str = "note", **members: Any) -> Doc:
    return {"@type": [kind, "ValueAnnotation"], "name": name, "schema": "double", "annotates": annotates} | members


def _annotation() -> Iterator[Case]:
    for version in (1, 2):
        for kind in ("Property", "Telemetry"):
            yield accept(f"{kind} annotates, version {version}", _annotated(_note(kind=kind), version=version))
    yield accept("annotation of a Property", _annotated(prop(name="p"), _note("p")))
    yield accept("annotates @value", _annotated(_note({"@value": "base"})))
    yield accept("two annotations", _annotated(_note(), _note(name="other")))
    base = _annotated(id="dtmi:ex:b;1")
    heir = interface(_note(), context=_context("annotation;1"), extends="dtmi:ex:b;1")
    yield accept("annotation of what is inherited", heir, base)
    sibling = interface(_note(), context=_context("annotation;1"))
    yield reject(Rule.ANNOTATES_SIBLING, "/contents/0/annotates", "annotation of another Interface", sibling, base)
    for wrong in ("", "nothing", "Base", "note"):
        yield reject(Rule.ANNOTATES_SIBLING, "/contents/1/annotates", f"annotates {wrong!r}", _annotated(_note(wrong)))
    yield reject(
        Rule.ANNOTATES_SIBLING,
        "/contents/2/annotates",
        "annotation of an annotation",
        _annotated(_note(), _note("note", name="n")),
    )
    for other in (command(), relationship("act"), component({"@type": "Interface", "@id": "dtmi:ex:p;1"}, "act")):
        yield reject(Rule.ANNOTATES_SIBLING, None, f"annotation of a {other['@type']}", _annotated(other, _note("act")))
    yield reject(Rule.VALUE_STRING, "/contents/1/annotates", "annotates 1", _annotated(_note(1)))
    yield reject(Rule.VALUE_COUNT, "/contents/1/annotates", "annotates two", _annotated(_note(["base", "base"])))
    lonely = prop(name="note", type_=["Property", "ValueAnnotation"])
    yield reject(Rule.MEMBER_REQUIRED, "/contents/1", "annotation of nothing", _annotated(lonely))
    yield reject(
        Rule.COTYPE_CLASS,
        "/contents/1/@type",
        "Command annotates",
        _annotated(command(type_=["Command", "ValueAnnotation"], annotates="base")),
    )
    yield reject(Rule.MEMBER_UNDEFINED, None, "annotates without co-type", _annotated(prop(annotates="base")))
    inside = relationship(properties=[prop(name="a"), _note("a")])
    yield accept("annotation among properties of a relationship", interface(inside, context=_context("annotation;1")))
    outside = relationship(properties=[prop(name="a"), _note("base")])
    yield reject(Rule.ANNOTATES_SIBLING, None, "annotation beyond the relationship", _annotated(outside))


def _overriding() -> Iterator[Case]:
    context = _context("quantitativeTypes;1", "annotation;1", "overriding;1")
    hot = telemetry(name="base", type_=["Telemetry", "Temperature"], unit="kelvin")
    types = ["Property", "ValueAnnotation", "Override"]

    def of(*contents: Doc, base: Doc = hot) -> Doc:
        return interface(base, *contents, context=context)

    def over(overrides: Any = "unit", schema: Any = "TemperatureUnit", name: str = "note", **members: Any) -> Doc:
        return _note(name=name, overrides=overrides) | {"@type": types, "schema": schema} | members

    yield accept("override", of(over()))
    yield accept("override by DTMI", of(over(f"{BASE}:property:unit", f"{BASE}:enum:TemperatureUnit")))
    newer = _context("quantitativeTypes;1", "annotation;2", "overriding;2")
    yield accept("override, version 2", of(over()) | {"@context": newer})
    for wrong in ("", "schema", "name", "nothing", "dtmi:ex:a;1"):
        yield reject(Rule.OVERRIDES_PROPERTY, "/contents/1/overrides", f"overrides {wrong!r}", of(over(wrong)))
    yield reject(Rule.OVERRIDES_PROPERTY, None, "override of what has no unit", of(over(), base=telemetry(name="base")))
    for schema in ("string", "LengthUnit", "double", enum("kelvin", kind="string")):
        yield reject(
            Rule.OVERRIDES_SCHEMA, "/contents/1/schema", f"override with {str(schema)[:20]}", of(over(schema=schema))
        )
    yield reject(Rule.OVERRIDES_DUPLICATE, "/contents/2/overrides", "two overrides", of(over(), over(name="other")))
    alone = prop("TemperatureUnit", type_=["Property", "Override"], overrides="unit")
    yield reject(Rule.COTYPE_NEEDS, "/contents/1/@type", "override without annotation", of(alone))
    sent = over() | {"@type": ["Telemetry", "ValueAnnotation", "Override"]}
    yield reject(Rule.COTYPE_CLASS, "/contents/1/@type", "Telemetry overrides", of(sent))
    yield reject(Rule.VALUE_STRING, "/contents/1/overrides", "overrides 1", of(over(1)))
    missing = {name: value for name, value in over().items() if name != "overrides"}
    yield reject(Rule.MEMBER_REQUIRED, "/contents/1", "override of nothing", of(missing))


def _mqtt() -> Iterator[Case]:
    def of(*contents: Doc, version: int = 1, **members: Any) -> Doc:
        return interface(*contents, context=_context(f"mqtt;{version}"), **members)

    sent = {"@type": ["Interface", "Mqtt"], "payloadFormat": "json"}
    for form in ("avro", "cbor", "json", "proto2", "proto3", "raw", "dtmi:dtdl:extension:mqtt:v1:payloadFormat:raw"):
        yield accept(f"payload {form}", of() | sent | {"payloadFormat": form})
    for wrong in ("xml", "", 1, "JSON"):
        yield reject(Rule.VALUE_CHOICE, "/payloadFormat", f"payload {wrong!r}", of() | sent | {"payloadFormat": wrong})
    yield reject(Rule.MEMBER_REQUIRED, "", "Mqtt without payload", of() | {"@type": ["Interface", "Mqtt"]})
    yield accept("topics", of() | sent | {"telemetryTopic": "a/{b}/c", "commandTopic": "d"})
    yield accept("any payload in version 2", of(version=2) | sent | {"payloadFormat": "Avro/1.11.0"})
    for topic in ("a", "a/b", "{id}/b", "vehicles/{ex:id}/t", "a.b/c-d", "a/$b", "{a}"):
        yield accept(f"topic {topic}", of(version=2) | sent | {"telemetryTopic": topic})
    for topic in (
        "",
        "/a",
        "a/",
        "a//b",
        "$a",
        "a b",
        "a/+",
        "a/#",
        "a/{}",
        "a/{b",
        "a/{b}c",
        "ä",
        "{a1}",
        '"a"',
        "{a:}",
    ):
        yield reject(
            Rule.VALUE_PATTERN, "/telemetryTopic", f"topic {topic!r}", of(version=2) | sent | {"telemetryTopic": topic}
        )
    for group in ("", "a/b", "a b", "a+", "{a}"):
        yield reject(
            Rule.VALUE_PATTERN,
            "/cmdServiceGroupId",
            f"group {group!r}",
            of(version=2) | sent | {"cmdServiceGroupId": group},
        )
    yield from _mqtt_commands()
    yield from _indexes()
    yield from _results()


def _of_mqtt(*contents: Doc, version: int = 1) -> Doc:
    return interface(*contents, context=_context(f"mqtt;{version}"))


def _mqtt_commands() -> Iterator[Case]:
    of = _of_mqtt
    cacheable = ["Command", "Idempotent", "Cacheable"]
    for ttl in ("PT15S", "P1D", "P1Y2M3DT4H5M6.7S", "-PT1S", {"@value": "PT1S", "@type": "xsd:duration"}):
        yield accept(f"ttl {ttl}", of(command(type_=cacheable, ttl=ttl)))
    for ttl in ("", "15", "P", "PT", "P1H", "PT1D", "1D", "p1d", "P1.5D", 15, None, "P1D "):
        yield reject(Rule.VALUE_DURATION, "/contents/0/ttl", f"ttl {ttl!r}", of(command(type_=cacheable, ttl=ttl)))
    yield accept("Idempotent", of(command(type_=["Command", "Idempotent"])))
    yield reject(Rule.COTYPE_NEEDS, None, "Cacheable alone", of(command(type_=["Command", "Cacheable"], ttl="PT1S")))
    yield reject(Rule.COTYPE_CLASS, None, "Idempotent Telemetry", of(telemetry(type_=["Telemetry", "Idempotent"])))

    transparent = ["CommandRequest", "Transparent"]
    for version in (2, 3):
        right = command(request=field(obj(field()), type_=transparent))
        yield accept(f"Transparent, version {version}", of(right, version=version))
    wrong = command(request=field("string", type_=transparent))
    yield reject(Rule.COTYPE_SCHEMA, None, "Transparent text", of(wrong, version=2))
    old = command(request=field(obj(), type_=transparent))
    yield reject(Rule.TYPE_UNDEFINED, None, "Transparent in version 1", of(old))


def _indexes() -> Iterator[Case]:
    of = _of_mqtt

    def indexed(index: Any, name: str = "a") -> Doc:
        return telemetry(name=name, type_=["Telemetry", "Indexed"], index=index)

    yield accept("indexes", of(indexed(1), indexed(2, "b")))
    yield reject(Rule.INDEX_DUPLICATE, "/contents/1/index", "same index", of(indexed(1), indexed(1, "b")))
    for wrong in (0, -1):
        yield reject(Rule.VALUE_RANGE, "/contents/0/index", f"index {wrong}", of(indexed(wrong)))
    for wrong in ("1", 1.0, None):
        yield reject(Rule.VALUE_INTEGER, "/contents/0/index", f"index {wrong!r}", of(indexed(wrong)))
    pair = [field(name="a", type_=["Field", "Indexed"], index=1), field(name="b", type_=["Field", "Indexed"], index=1)]
    yield reject(Rule.INDEX_DUPLICATE, None, "same index of fields", of(telemetry(obj(*pair))))


def _results() -> Iterator[Case]:
    def part(name: str, *kinds: str, schema: Any = "string") -> Doc:
        return field(schema, name, type_=["Field", *kinds])

    def result(*fields: Doc, kind: str = "Result") -> Doc:
        return obj(*fields, type_=["Object", kind])

    def of(schema: Doc, version: int = 3) -> Doc:
        return _of_mqtt(command(response=field(schema)), version=version)

    good, bad = part("good", "NormalResult"), part("bad", "ErrorResult")
    at = "/contents/0/response/schema/fields"
    for fields in ((good, bad), (good,), (bad,), ()):
        yield accept(f"Result of {len(fields)}: {[each['name'] for each in fields]}", of(result(*fields)))
    yield reject(Rule.COTYPE_NEEDS, f"{at}/1", "Result with another field", of(result(good, field())))
    yield reject(Rule.COTYPE_NEEDS, f"{at}/0/@type", "NormalResult without Result", of(obj(good)))
    yield reject(Rule.COTYPE_SEVERAL, f"{at}/1/@type", "two ErrorResults", of(result(bad, part("b", "ErrorResult"))))
    yield reject(Rule.COTYPE_CLASS, None, "Result on a Map", of(map_of(type_=["Map", "Result"])))
    yield reject(Rule.TYPE_UNDEFINED, None, "Result in version 2", of(result(), version=2))
    message = part("message", "ErrorMessage")
    yield accept("Error", of(result(message, field(), kind="Error")))
    yield accept(
        "Error as a result", of(result(good, part("bad", "ErrorResult", schema=result(message, kind="Error"))))
    )
    yield reject(Rule.COTYPE_NEEDS, f"{at}/0/@type", "ErrorMessage without Error", of(obj(message)))
    number = part("message", "ErrorMessage", schema="integer")
    yield reject(Rule.COTYPE_SCHEMA, f"{at}/0", "ErrorMessage is a number", of(result(number, kind="Error")))
    pair = result(message, part("b", "ErrorMessage"), kind="Error")
    yield reject(Rule.COTYPE_SEVERAL, f"{at}/1/@type", "two ErrorMessages", of(pair))
