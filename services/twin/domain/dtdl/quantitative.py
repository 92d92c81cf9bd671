"""Semantic types and units: the QuantitativeTypes extension of DTDL v3, and the older set inside DTDL v2.

Sources: QuantitativeTypes extension, version 1, "Semantic types and units"; DTDL v2 specification, "Semantic types".
"""

from __future__ import annotations

from collections.abc import Mapping

from .language import words

_DATA = "bit byte exbibit exbibyte gibibit gibibyte kibibit kibibyte mebibit mebibyte tebibit tebibyte yobibit yobibyte"
_DATA_UNITS = f"{_DATA} zebibit zebibyte"
_OLD_POWER = "gigawatt horsepower kilowatt kilowattHourPerYear megawatt microwatt milliwatt watt"
_UNITLESS = "partsPerBillion partsPerMillion partsPerQuadrillion partsPerTrillion percent unity"

_UNITS = {
    "AccelerationUnit": "centimetrePerSecondSquared gForce metrePerSecondSquared",
    "AngleUnit": "degreeOfArc minuteOfArc radian secondOfArc turn",
    "AngularAccelerationUnit": "radianPerSecondSquared",
    "AngularVelocityUnit": "degreePerSecond radianPerSecond revolutionPerMinute revolutionPerSecond",
    "ApparentEnergyUnit": "gigavoltAmpereHour kilovoltAmpereHour megavoltAmpereHour voltAmpereHour",
    "ApparentPowerUnit": "gigavoltAmpere kilovoltAmpere megavoltAmpere millivoltAmpere voltAmpere",
    "AreaUnit": "acre hectare squareCentimetre squareFoot squareInch squareKilometre squareMetre squareMillimetre",
    "CapacitanceUnit": "farad microfarad millifarad nanofarad picofarad",
    "ChargeUnit": "ampereHour coulomb milliampereHour",
    "CurrentUnit": "ampere kiloampere microampere milliampere",
    "DataRateUnit": " ".join(f"{unit}PerSecond" for unit in words(_DATA_UNITS)),
    "DataSizeUnit": _DATA_UNITS,
    "DensityUnit": "gramPerCubicMetre kilogramPerCubicMetre microgramPerCubicMetre milligramPerCubicMetre",
    "EnergyUnit": "britishThermalUnit electronvolt gigajoule gigawattHour joule kiloBritishThermalUnit kilojoule "
    "kilowattHour megaelectronvolt megajoule megawattHour milliwattHour terawattHour wattHour",
    "ForceUnit": "newton ounce pound ton",
    "FrequencyUnit": "gigahertz hertz kilohertz megahertz millihertz",
    "IlluminanceUnit": "footcandle lux",
    "InductanceUnit": "henry microhenry millihenry",
    "IonizingRadiationDoseUnit": "gray microgray microsievert milligray millisievert sievert",
    "IrradianceUnit": "wattPerSquareMetre",
    "LengthUnit": "astronomicalUnit centimetre foot inch kilometre metre micrometre mile millimetre nanometre "
    "nauticalMile",
    "LuminanceUnit": "candelaPerSquareMetre",
    "LuminousFluxUnit": "lumen",
    "LuminousIntensityUnit": "candela",
    "MagneticFluxUnit": "maxwell weber",
    "MagneticInductionUnit": "gauss tesla",
    "MassUnit": "gram kilogram massPound microgram milligram slug tonne",
    "MassFlowRateUnit": "gramPerHour gramPerSecond kilogramPerHour kilogramPerSecond massPoundPerHour",
    "PowerUnit": "britishThermalUnitPerHour gigajoulePerHour gigawatt horsepower joulePerHour joulePerSecond "
    "kiloBritishThermalUnitPerHour kilojoulePerHour kilojoulePerSecond kilowatt kilowattHourPerYear megajoulePerHour "
    "megawatt microwatt milliwatt tonOfRefrigeration watt",
    "PressureUnit": "bar decapascal hectopascal inchesOfMercury inchesOfWater kilopascal millibar millimetresOfMercury "
    "pascal poundPerSquareInch",
    "RadioactivityUnit": "becquerel gigabecquerel kilobecquerel megabecquerel",
    "ReactiveEnergyUnit": "gigavoltAmpereReactiveHour kilovoltAmpereReactiveHour megavoltAmpereReactiveHour "
    "voltAmpereReactiveHour",
    "ReactivePowerUnit": "gigavoltAmpereReactive kilovoltAmpereReactive megavoltAmpereReactive "
    "millivoltAmpereReactive voltAmpereReactive",
    "ResistanceUnit": "kiloohm megaohm milliohm ohm",
    "SoundPressureUnit": "bel decibel",
    "TemperatureUnit": "degreeCelsius degreeFahrenheit kelvin",
    "TimeUnit": "day hour microsecond millisecond minute nanosecond second year",
    "TorqueUnit": "newtonMetre",
    "Unitless": _UNITLESS,
    "VelocityUnit": "centimetrePerSecond kilometrePerHour kilometrePerSecond knot metrePerHour metrePerSecond "
    "milePerHour milePerSecond",
    "VoltageUnit": "kilovolt megavolt microvolt millivolt volt",
    "VolumeUnit": "cubicCentimetre cubicFoot cubicInch cubicMetre fluidOunce gallon litre millilitre",
    "VolumeFlowRateUnit": "cubicFootPerMinute cubicMetrePerHour cubicMetrePerMinute cubicMetrePerSecond gallonPerHour "
    "gallonPerMinute litrePerHour litrePerMinute litrePerSecond millilitrePerHour millilitrePerMinute "
    "millilitrePerSecond",
}

# Types whose unit type is not called after them.
_SHARED = {
    "Concentration": "Unitless",
    "Distance": "LengthUnit",
    "ElectricCharge": "ChargeUnit",
    "EnergyRate": "PowerUnit",
    "Humidity": "DensityUnit",
    "Latitude": "AngleUnit",
    "Longitude": "AngleUnit",
    "Luminosity": "PowerUnit",
    "RelativeDensity": "Unitless",
    "RelativeHumidity": "Unitless",
    "Thrust": "ForceUnit",
    "TimeSpan": "TimeUnit",
}

UNITS: Mapping[str, tuple[str, ...]] = {name: words(units) for name, units in _UNITS.items()}

# What stands before a unit: enumerations of the extension as those of units are, and so schemas like them.
PREFIXES: Mapping[str, tuple[str, ...]] = {
    "BinaryPrefix": words("kibi mebi gibi tebi pebi exbi zebi yobi"),
    "DecimalPrefix": words(
        "deci centi milli micro nano pico femto atto zepto yocto deca hecto kilo mega giga tera peta exa zetta yotta"
    ),
}

# Every enumeration of the extension: what a model can name as a schema.
ENUMERATIONS: Mapping[str, tuple[str, ...]] = {**UNITS, **PREFIXES}

SEMANTIC_TYPES: Mapping[str, str] = {
    name.removesuffix("Unit"): name for name in UNITS if name not in ("ChargeUnit", "Unitless", "TimeUnit")
} | _SHARED

_OLD_UNITS = {
    "ChargeUnit": "coulomb",
    "CurrentUnit": "ampere microampere milliampere",
    "DensityUnit": "gramPerCubicMetre kilogramPerCubicMetre",
    "EnergyUnit": "electronvolt gigajoule joule kilojoule kilowattHour megaelectronvolt megajoule",
    "FrequencyUnit": "gigahertz hertz kilohertz megahertz",
    "MagneticInductionUnit": "tesla",
    "MassUnit": "gram kilogram microgram milligram slug tonne",
    "MassFlowRateUnit": "gramPerHour gramPerSecond kilogramPerHour kilogramPerSecond",
    "PowerUnit": _OLD_POWER,
    "PressureUnit": "bar inchesOfMercury inchesOfWater kilopascal millibar millimetresOfMercury pascal "
    "poundPerSquareInch",
    "Unitless": "percent unity",
    "VolumeFlowRateUnit": "litrePerHour litrePerSecond millilitrePerHour millilitrePerSecond",
}

_NOT_IN_2 = words(
    "ApparentEnergy ApparentPower Concentration EnergyRate IonizingRadiationDose Irradiance Radioactivity "
    "ReactiveEnergy ReactivePower RelativeDensity"
)

OLD_SEMANTIC_TYPES: Mapping[str, str] = {name: unit for name, unit in SEMANTIC_TYPES.items() if name not in _NOT_IN_2}

OLD_UNITS: Mapping[str, tuple[str, ...]] = {
    name: words(_OLD_UNITS[name]) if name in _OLD_UNITS else UNITS[name] for name in OLD_SEMANTIC_TYPES.values()
}
