import type { QualityDay, RuleCount } from "../../api/dataTypes";
import type { QualityBalance } from "../../api/types";
import { groupBy } from "../../shared/group";
import { fates } from "./balance";

export const shownDays = 28;

export interface DayBalance extends QualityBalance {
  day: string;
}

/** One small chart: a source, or a kind of the chosen source, over all days. */
export interface Panel {
  name: string;
  days: DayBalance[];
  total: QualityBalance;
}

/** Heights of one day, of 1: what was taken in stands above the line, what was not hangs below it. */
export interface Column {
  stored: number;
  pending: number;
  duplicate: number;
  quarantined: number;
  rejected: number;
}

/** What is drawn above the line and below it, from the line outwards. */
export const above = ["stored", "pending", "duplicate"] as const;
export const below = ["quarantined", "rejected"] as const;

/** The ISO days that end with `last`, oldest first. */
export function daysUntil(last: string, length: number = shownDays): string[] {
  const end = Date.parse(`${last}T00:00:00Z`);
  return Array.from({ length }, (_, i) => new Date(end - (length - 1 - i) * 86_400_000).toISOString().slice(0, 10));
}

/** Today, or the newest day that came where clocks differ. */
export function lastDay(items: readonly QualityDay[], now: Date): string {
  return items.reduce((last, item) => (item.day > last ? item.day : last), now.toISOString().slice(0, 10));
}

export function nothing(): QualityBalance {
  return { received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0, pending: 0 };
}

export function sumOf(items: readonly QualityBalance[]): QualityBalance {
  const total = nothing();
  for (const item of items) for (const name of ["received", ...fates] as const) total[name] += item[name];
  return total;
}

/** One panel a source, the largest first; of a single source, one panel a kind. */
export function panelsOf(items: readonly QualityDay[], days: readonly string[], by: "source" | "kind"): Panel[] {
  return [...groupBy(items, (item) => item[by])]
    .map(([name, own]) => {
      const byDay = groupBy(own, (item) => item.day);
      return { name, days: days.map((day) => ({ day, ...sumOf(byDay.get(day) ?? []) })), total: sumOf(own) };
    })
    .sort((a, b) => b.total.received - a.total.received || a.name.localeCompare(b.name));
}

/** The largest day above and below the line. They have scales of their own, or what was set aside could not be seen. */
export function peaksOf(days: readonly DayBalance[]): { above: number; below: number } {
  const peak = (names: readonly (keyof QualityBalance)[]) =>
    Math.max(0, ...days.map((day) => names.reduce((sum, name) => sum + Math.max(0, day[name]), 0)));
  return { above: peak(above), below: peak(below) };
}

export function columnOf(day: DayBalance, peaks: { above: number; below: number }): Column {
  const of = (value: number, peak: number) => (peak === 0 ? 0 : Math.max(0, value) / peak);
  return {
    stored: of(day.stored, peaks.above),
    pending: of(day.pending, peaks.above),
    duplicate: of(day.duplicate, peaks.above),
    quarantined: of(day.quarantined, peaks.below),
    rejected: of(day.rejected, peaks.below),
  };
}

/** Rows of the table under the charts: newest day first, then the largest. */
export function dayRows(items: readonly QualityDay[], chosen: string | null): QualityDay[] {
  return items
    .filter((item) => !chosen || item.day === chosen)
    .sort((a, b) => b.day.localeCompare(a.day) || b.received - a.received || a.source.localeCompare(b.source));
}

export interface RuleRow {
  rule: string;
  severity: string;
  records: number;
  /** source / kind with the records of each, most first. */
  places: { source: string; kind: string; records: number }[];
}

/** One row a rule and severity, the most frequent first. */
export function ruleRows(counts: readonly RuleCount[]): RuleRow[] {
  return [...groupBy(counts, (count) => `${count.rule} ${count.severity}`).values()]
    .map((own) => ({
      rule: own[0]!.rule,
      severity: own[0]!.severity,
      records: own.reduce((sum, count) => sum + count.records, 0),
      places: own
        .map(({ source, kind, records }) => ({ source, kind, records }))
        .sort((a, b) => b.records - a.records),
    }))
    .sort((a, b) => b.records - a.records || a.rule.localeCompare(b.rule));
}
