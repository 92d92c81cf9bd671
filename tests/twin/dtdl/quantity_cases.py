"""Semantic types and their units: the QuantitativeTypes extension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.twin.domain.dtdl import Rule

from .cases import (
    QUANTITATIVE,
    V2,
    V3,
    Case,
    Doc,
    accept,
    array,
    enum,
    interface,
    map_of,
    obj,
    prop,
    reject,
    samples,
    telemetry,
)

BASE = "dtmi:dtdl:extension:quantitativeTypes:v1"

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


def _prefixes() -> Iterator[Case]:
    for kind in ("BinaryPrefix", "DecimalPrefix"):
        for name in (kind, f"{BASE}:enum:{kind}"):
            for schema in (name, array(name)):
                yield accept(f"{name} in {str(schema)[:9]}", interface(prop(schema), context=[V3, QUANTITATIVE]))
            of_values = enum("a") | {"valueSchema": name}
            at = "/contents/0/schema/valueSchema"
            yield reject(
                Rule.VALUE_CHOICE, at, f"Enum of {name}", interface(prop(of_values), context=[V3, QUANTITATIVE])
            )
        without = interface(prop(kind))
        yield reject(Rule.REFERENCE_SYNTAX, "/contents/0/schema", f"{kind} without context", without)


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
    for other in ("Distance", "Temperature", f"{BASE}:class:Distance"):
        both = telemetry(type_=["Telemetry", "Length", other], unit="metre")
        at = "/contents/0/@type"
        yield reject(Rule.COTYPE_SEVERAL, at, f"Length and {other}", interface(both, context=[V3, QUANTITATIVE]))
    for same in ("Length", f"{BASE}:class:Length"):
        both = telemetry(type_=["Telemetry", "Length", same], unit="metre")
        yield accept(f"Length and {same}", interface(both, context=[V3, QUANTITATIVE]))
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


# Semantic type of DTDL v2 and its units there, from the table of its specification, shortened to the ends of rows.
OLD = """
Acceleration gForce | Angle turn | AngularAcceleration radianPerSecondSquared | AngularVelocity revolutionPerSecond |
Area acre | Capacitance picofarad | Current milliampere | DataRate bitPerSecond | DataSize byte |
Density kilogramPerCubicMetre | Distance mile | ElectricCharge coulomb | Energy kilowattHour | Force newton |
Frequency megahertz | Humidity gramPerCubicMetre | Illuminance lux | Inductance henry | Latitude degreeOfArc |
Length metre | Longitude degreeOfArc | Luminance candelaPerSquareMetre | Luminosity watt | LuminousFlux lumen |
LuminousIntensity candela | MagneticFlux weber | MagneticInduction tesla | Mass tonne | MassFlowRate gramPerHour |
Power watt | Pressure bar | RelativeHumidity percent | Resistance ohm | SoundPressure decibel | Temperature kelvin |
Thrust newton | TimeSpan year | Torque newtonMetre | Velocity knot | Voltage volt | Volume litre |
VolumeFlowRate litrePerHour
"""


def _of_version_2() -> Iterator[Case]:
    for kind, unit in (row.split() for row in OLD.replace("\n", " ").split("|")):
        for sample in samples(2):
            changed = sample.with_(__type=[sample.class_name, kind], unit=unit)
            if sample.class_name in ("Property", "Telemetry"):
                yield accept(f"v2 {kind} on {sample.class_name}", changed)
            else:
                at = f"{sample.pointer}/@type"
                yield reject(Rule.COTYPE_CLASS, at, f"v2 {kind} on {sample.class_name}", changed)
        by_dtmi = telemetry(type_=["Telemetry", f"dtmi:standard:class:{kind};2"]) | {
            "dtmi:dtdl:property:unit;2": f"dtmi:standard:unit:{unit};2"
        }
        yield accept(f"v2 {kind} by DTMI", interface(by_dtmi, context=V2))
    both = telemetry(type_=["Telemetry", "Length", "Distance"], unit="metre")
    yield reject(Rule.COTYPE_SEVERAL, "/contents/0/@type", "v2 Length and Distance", interface(both, context=V2))
    newer = telemetry(type_=["Telemetry", "Current"], unit="kiloampere")
    yield reject(Rule.UNIT_TYPE, "/contents/0/unit", "v2 Current in kiloampere", interface(newer, context=V2))
    text = telemetry("string", type_=["Telemetry", "Length"], unit="metre")
    yield reject(Rule.COTYPE_SCHEMA, "/contents/0", "v2 Length is a string", interface(text, context=V2))


def all_cases() -> Iterator[Case]:
    yield from _semantic_types()
    yield from _prefixes()
    yield from _units()
    yield from _quantities()
    yield from _of_version_2()
