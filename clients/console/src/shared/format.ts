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
