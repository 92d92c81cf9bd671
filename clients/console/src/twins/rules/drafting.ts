import type { ProblemDetails } from "../../api/problem";
import type { JsonObject } from "../../api/dataTypes";
import type { Words } from "../../i18n/language";
import type { Property } from "../models";

export const methods = ["latest", "priority", "weighted", "mean", "median"] as const;
export type Method = (typeof methods)[number];

const ofNumbers: readonly Method[] = ["weighted", "mean", "median"];
export const spans = { s: 1, min: 60, h: 3600, d: 86_400 } as const;
export type SpanUnit = keyof typeof spans;

/** A span of time as it is typed; empty: none. */
export interface SpanDraft {
  text: string;
  unit: SpanUnit;
}

/** What is said of one source, as it is typed. */
export interface SourceDraft {
  name: string;
  reliability: string;
  variance: string;
}

/** A fusion rule while it is edited: texts, so that what is typed stays what was typed. */
export interface RuleDraft {
  method: Method;
  halfLife: SpanDraft;
  staleAfter: SpanDraft;
  conflictP: string;
  /** Sources, the most trusted first, one a line. */
  priority: string;
  sources: SourceDraft[];
}

/** Stands for all sources that are not named. */
export const others = "*";
const usualP = 0.05;

/** The methods that a property can have: only numbers, and texts that may spell them, have a mean. */
export function methodsOf(property: Property | undefined): Method[] {
  const isNumber = property?.kind === "whole" || property?.kind === "decimal" || property?.kind === "text";
  return methods.filter((method) => isNumber || !ofNumbers.includes(method));
}

/** A rule as it is entered; sources that are known and that it does not name are offered, too. */
export function draftOf(rule: JsonObject | null | undefined, known: readonly string[]): RuleDraft {
  const [reliability, variance] = [numbersOf(rule?.["reliability"]), numbersOf(rule?.["variance"])];
  const names = new Set([...Object.keys(reliability), ...Object.keys(variance), ...known]);
  names.delete(others);
  const p = rule?.["conflict_p"];
  return {
    method: methods.find((each) => each === rule?.["method"]) ?? "latest",
    halfLife: spanDraft(rule?.["half_life_s"]),
    staleAfter: spanDraft(rule?.["stale_after_s"]),
    conflictP: typeof p === "number" && p !== usualP ? String(p) : "",
    priority: Array.isArray(rule?.["priority"]) && rule["priority"].length > 0 ? rule["priority"].join("\n") : known.join("\n"),
    sources: [...names, others].map((name) => ({ name, reliability: textOf(reliability[name]), variance: textOf(variance[name]) })),
  };
}

/** The rule that a draft says; a text that is no number stays one, and the server says where. */
export function ruleOf({ method, halfLife, staleAfter, conflictP, priority, sources }: RuleDraft): JsonObject {
  const isWeighted = method === "weighted";
  const rule: JsonObject = {
    method,
    reliability: isWeighted ? bySource(sources, "reliability") : null,
    half_life_s: isWeighted ? secondsOf(halfLife) : null,
    variance: bySource(sources, "variance"),
    priority: method === "priority" ? listed(priority) : null,
    stale_after_s: secondsOf(staleAfter),
    conflict_p: numberOf(conflictP),
  };
  return Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== null));
}

/** What a draft means, sentence by sentence. */
export function outcomeOf(draft: RuleDraft, { t }: Pick<Words, "t">, spanText: (seconds: number) => string): string[] {
  const rule = ruleOf(draft);
  const [half, stale] = [rule["half_life_s"], rule["stale_after_s"]];
  const first = draft.method === "priority" ? t("rules.outcome.priority", { sources: listed(draft.priority).join(" > ") || "…" }) : t(`rules.outcome.${draft.method}`);
  return [
    first,
    typeof half === "number" && half > 0 ? t("rules.outcome.halfLife", { span: spanText(half) }) : "",
    draft.method === "weighted" && rule["variance"] ? t("rules.outcome.variance") : "",
    typeof stale === "number" && stale > 0 ? t("rules.outcome.stale", { span: spanText(stale) }) : "",
    rule["variance"] ? t("rules.outcome.conflict", { p: String(rule["conflict_p"] ?? usualP) }) : "",
  ].filter(Boolean);
}

/** What is wrong, by the pointer of the field it belongs to; the rest belongs to the whole. */
export function faultsByField(errors: ProblemDetails["errors"], fields: readonly string[], told: (message: string) => string = (message) => message): { at: Map<string, string>; rest: string[] } {
  const at = new Map<string, string>();
  const rest: string[] = [];
  for (const { pointer = "", message } of errors ?? []) {
    const field = fields.find((each) => each === pointer) ?? fields.find((each) => pointer.startsWith(`${each}/`));
    if (field) at.set(field, [at.get(field), told(message)].filter(Boolean).join(" "));
    else rest.push(pointer ? `${pointer}: ${told(message)}` : told(message));
  }
  return { at, rest };
}

/** The pointer of what is said of a source. */
export function sourcePointer(member: "reliability" | "variance", name: string): string {
  return `/${member}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function listed(text: string): string[] {
  return text.split(/[\n,]/).map((each) => each.trim()).filter(Boolean);
}

function bySource(sources: readonly SourceDraft[], member: "reliability" | "variance"): JsonObject | null {
  const told = sources.filter((each) => each.name.trim() !== "" && each[member].trim() !== "");
  return told.length > 0 ? Object.fromEntries(told.map((each) => [each.name.trim(), numberOf(each[member])])) : null;
}

function numberOf(text: string): number | string | null {
  const typed = text.trim();
  if (typed === "") return null;
  return /^-?\d*\.?\d+(e[+-]?\d+)?$/i.test(typed) ? Number(typed) : typed;
}

function secondsOf({ text, unit }: SpanDraft): number | string | null {
  const number = numberOf(text);
  return typeof number === "number" ? number * spans[unit] : number;
}

function spanDraft(seconds: unknown): SpanDraft {
  if (typeof seconds !== "number") return { text: "", unit: "min" };
  const unit = (Object.keys(spans) as SpanUnit[]).reverse().find((each) => seconds % spans[each] === 0) ?? "s";
  return { text: String(seconds / spans[unit]), unit };
}

function numbersOf(value: unknown): Record<string, number> {
  return (typeof value === "object" && value !== null ? value : {}) as Record<string, number>;
}

const textOf = (value: number | undefined): string => (value === undefined ? "" : String(value));
