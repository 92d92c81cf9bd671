import type { Language } from "../i18n/language";

const locales: Record<Language, string> = { zh: "zh-CN", en: "en-GB" };

const units: Record<string, Record<Language, string>> = {
  wan_case: { zh: "万箱", en: "10k cases" },
  case: { zh: "箱", en: "cases" },
  master_carton: { zh: "件", en: "master cartons" },
  carton: { zh: "条", en: "cartons" },
  pack: { zh: "包", en: "packs" },
  stick: { zh: "支", en: "sticks" },
  bottle: { zh: "瓶", en: "bottles" },
  piece: { zh: "个", en: "pieces" },
};

/** A unit's name; units that nobody named are shown as they came. */
export function unitName(unit: string | null | undefined, language: Language): string {
  return unit ? (units[unit]?.[language] ?? unit) : "";
}

/** A number with as many decimals as its size deserves. */
export function amount(value: number, language: Language): string {
  const size = Math.abs(value);
  const decimals = size >= 1000 || Number.isInteger(value) ? 0 : size >= 100 ? 1 : size >= 0.1 ? 2 : 4;
  return value.toLocaleString(locales[language], { maximumFractionDigits: decimals, minimumFractionDigits: 0 });
}

/** A value of a column, with the same decimals in each row so that the points line up. */
export function aligned(value: number, language: Language, decimals = 2): string {
  return value.toLocaleString(locales[language], { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function count(value: number, language: Language): string {
  return value.toLocaleString(locales[language], { maximumFractionDigits: 0 });
}

export function percent(share: number, language: Language): string {
  return share.toLocaleString(locales[language], { style: "percent", maximumFractionDigits: 1 });
}

export function clock(time: string | number, language: Language): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString(locales[language], { hour12: false });
}

export function day(time: string, language: Language): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? time : at.toLocaleDateString(locales[language]);
}

/** Without a separator up to four digits: it may be a year. */
function integer(value: number, language: Language): string {
  return value.toLocaleString(locales[language], { useGrouping: Math.abs(value) >= 10_000 });
}

/** Any JSON value as one short line. */
export function shortly(value: unknown, language: Language): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? integer(value, language) : amount(value, language);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map((item) => shortly(item, language)).join(" · ");
  return JSON.stringify(value);
}

/** A calendar day such as 2026-11-22, which is in no time zone. */
export function isoDay(text: string, language: Language, form: "short" | "full" = "full"): string {
  const at = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(at.getTime())) return text;
  const parts: Intl.DateTimeFormatOptions =
    form === "short" ? { month: "numeric", day: "numeric" } : { year: "numeric", month: "short", day: "numeric" };
  return at.toLocaleDateString(locales[language], { ...parts, timeZone: "UTC" });
}

/** Day and time to the second, in the zone of the reader. */
export function moment(time: string, language: Language): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return time;
  return at.toLocaleString(locales[language], { dateStyle: "medium", timeStyle: "medium", hour12: false });
}

const spans: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** A span of time in its largest unit: 3 min, 2.5 hr. */
export function duration(seconds: number, language: Language): string {
  const size = Math.abs(seconds);
  if (size < 1) return unitText(seconds * 1000, "millisecond", language, 0);
  const [unit, length] = spans.find(([, at]) => size >= at) ?? spans[spans.length - 1]!;
  return unitText(seconds / length, unit, language, size / length < 10 ? 1 : 0);
}

const longSpans: typeof spans = [["year", 31_557_600], ["month", 2_629_800], ...spans];

/** How long ago: 3 min ago. */
export function ago(time: string, now: number, language: Language): string {
  const at = new Date(time).getTime();
  if (Number.isNaN(at)) return time;
  const seconds = Math.round((at - now) / 1000);
  const [unit, length] = longSpans.find(([, span]) => Math.abs(seconds) >= span) ?? spans[spans.length - 1]!;
  const format = new Intl.RelativeTimeFormat(locales[language], { numeric: "auto", style: "short" });
  return format.format(Math.trunc(seconds / length), unit);
}

function unitText(value: number, unit: string, language: Language, decimals: number): string {
  return value.toLocaleString(locales[language], {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: decimals,
  });
}
