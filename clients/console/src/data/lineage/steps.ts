import type { JsonObject, Lineage, LineageStep } from "../../api/dataTypes";
import { dataAddress } from "../../shell/route";

/** Where a step stands: on the way in, beside it, or made from the record. */
export type Place = "way" | "aside" | "made";

const places: Record<string, Place> = {
  source: "way",
  batch: "way",
  message: "way",
  book: "way",
  history: "aside",
  superseded: "aside",
  quarantine: "aside",
  twin: "made",
  profile: "made",
  forecast: "made",
  recommendation: "made",
};

export function placeOf(stage: string): Place {
  return places[stage] ?? "made";
}

export interface Step extends LineageStep {
  place: Place;
  /** Seconds since the step before it on the way; null where a time is missing. */
  after_s: number | null;
}

/** The steps in their order, each with the time it took; steps with the same stage stay together as they came. */
export function stepsOf(lineage: Lineage): Step[] {
  let before: string | null = null;
  return lineage.steps.map((step) => {
    const after = before && step.at ? (Date.parse(step.at) - Date.parse(before)) / 1000 : null;
    before = step.at ?? before;
    return { ...step, place: placeOf(step.stage), after_s: after !== null && after >= 0 ? after : null };
  });
}

/** A link inside the console, or a path of the API whose answer can be shown in place. */
export interface Target {
  href?: string;
  path?: string;
}

/** Where more can be read about a step. */
export function targetOf(step: LineageStep, { kind, key }: Pick<Lineage, "kind" | "key">): Target {
  const id = encodeURIComponent(step.id);
  switch (step.stage) {
    case "source":
      return { href: dataAddress("sources", { source: step.id }) };
    case "batch":
      return { href: dataAddress("quarantine", { search: step.id }) };
    case "quarantine":
      return { href: dataAddress("quarantine", { id: step.id }) };
    case "book":
      return kind && key ? { path: `records/${encodeURIComponent(kind)}/${encodeURIComponent(key)}` } : {};
    case "twin":
      return { path: `twins/${id}` };
    case "profile":
      return { path: `profiles/${id}` };
    case "forecast":
      return { href: "#/map" };
    case "recommendation":
      return { href: "#/recommendations" };
    default:
      return {};
  }
}

export interface Fact {
  name: string;
  value: unknown;
}

/** The facts of a step, flat: objects inside become name.part; what is empty is left out. */
export function factsOf(detail: JsonObject, prefix = ""): Fact[] {
  return Object.entries(detail).flatMap(([name, value]) => {
    if (value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return [];
    if (typeof value === "object" && !Array.isArray(value)) return factsOf(value as JsonObject, `${prefix}${name}.`);
    return [{ name: prefix + name, value }];
  });
}

/** The record id of a record of the book, which is what a lineage is asked by. */
export function recordId(record: JsonObject): string {
  const id = record["record_id"] ?? record["id"];
  return typeof id === "string" ? id : "";
}
