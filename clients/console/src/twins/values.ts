import type { Language, Words } from "../i18n/language";
import { isoDay, moment, shortly } from "../shared/format";
import type { Property } from "./models";
import type { TwinNames } from "./naming";

type Wording = Pick<Words, "t" | "language">;

/** A value as a person reads it. */
export function valueText(value: unknown, property: Property | undefined, words: Wording, names: TwinNames): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return words.t(value ? "twins.yes" : "twins.no");
  if (property?.kind === "choice") return choiceText(value, property, names);
  if (typeof value === "number") return numberText(value, words);
  if (typeof value === "string") return textOf(property ? names.text(property.name, value) : value, property, words);
  return shortly(value, words.language);
}

function choiceText(value: unknown, property: Property, names: TwinNames): string {
  return names.choice(property.choices.find((each) => each.value === value), String(value));
}

/** Whole numbers with all digits, others with ten: a mean of several sources has more than anybody measured. */
function numberText(value: number, { language }: Wording): string {
  return value.toLocaleString(localeOf(language), {
    ...(Number.isInteger(value) ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 10 }),
    useGrouping: Math.abs(value) >= 10_000,
  });
}

function textOf(value: string, property: Property | undefined, { language }: Wording): string {
  const isTime = property ? property.kind === "dateTime" : /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value);
  if (isTime && value.includes("T")) return moment(value, language);
  if (property?.kind === "date") return isoDay(value, language);
  if (property?.isSpeltNumber) return groupedText(value, language);
  return value === "" ? "“”" : value;
}

/** A number that is spelt keeps each of its digits: a price of 12.50 is not 12.5. */
function groupedText(value: string, language: Language): string {
  const [, sign = "", whole = "", decimals = ""] = /^(-?)(\d+)(\.\d+)?$/.exec(value) ?? [];
  if (whole.length < 4 || whole.startsWith("0")) return value;
  return sign + BigInt(whole).toLocaleString(localeOf(language)) + decimals;
}

const localeOf = (language: Language): string => (language === "zh" ? "zh-CN" : "en-GB");

const units: Record<string, string> = {
  degreeCelsius: "°C",
  degreeFahrenheit: "°F",
  kelvin: "K",
  percent: "%",
  metre: "m",
  kilometre: "km",
  centimetre: "cm",
  millimetre: "mm",
  kilogram: "kg",
  gram: "g",
  tonne: "t",
  second: "s",
  minute: "min",
  hour: "h",
  day: "d",
  metrePerSecond: "m/s",
  kilometrePerHour: "km/h",
  watt: "W",
  kilowatt: "kW",
  kilowattHour: "kWh",
  degreeOfArc: "°",
  hertz: "Hz",
  bar: "bar",
  pascal: "Pa",
  ampere: "A",
  volt: "V",
  litre: "l",
  revolutionPerMinute: "r/min",
};

/** The sign of a unit of DTDL; units without a sign are shown as they came. */
export function unitText(unit: string): string {
  return units[unit] ?? unit;
}

/** The number that a value is or spells; null for all else. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?\d{1,40}(\.\d{1,40})?$/.test(value) ? Number(value) : null;
}
