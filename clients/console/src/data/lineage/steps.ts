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
  return withoutRepetition(lineage.steps).map((step) => {
    const after = before && step.at ? (Date.parse(step.at) - Date.parse(before)) / 1000 : null;
    before = step.at ?? before;
    return { ...step, place: placeOf(step.stage), after_s: after !== null && after >= 0 ? after : null };
  });
}

/** A record that was sent again comes from its source twice; the first time says it. */
function withoutRepetition(steps: readonly LineageStep[]): LineageStep[] {
  return steps.filter((step, i) => step.stage !== "source" || steps.findIndex(({ stage, id }) => stage === step.stage && id === step.id) === i);
}

/** The words for what happened at a step: what a person did to a record set aside, else its stage. */
export function titleKey({ stage, detail }: Pick<LineageStep, "stage" | "detail">): string {
  const action = detail?.["action"];
  return stage === "quarantine" && typeof action === "string" ? `quarantine.${action}` : `stage.${stage}`;
}

/** A link inside the console, or a path of the API whose answer can be shown in place. */
export interface Target {
  href?: string;
  path?: string;
}

const api = "/api/v1/";

/** Where more can be read about a step. */
export function targetOf({ stage, id, link }: Pick<LineageStep, "stage" | "id" | "link">): Target {
  if (stage === "source") return { href: dataAddress("sources", { source: id }) };
  if (stage === "batch") return { href: dataAddress("quarantine", { search: id }) };
  if (stage === "quarantine") return { href: dataAddress("quarantine", { id }) };
  if (stage === "superseded") return { href: dataAddress("lineage", { id }) };
  return link?.startsWith(api) ? { path: link.slice(api.length) } : {};
}

/** Steps of one stage that follow each other. */
export interface Stretch {
  stage: string;
  steps: Step[];
}

/** A record may have made dozens of figures: those of one stage are shown together, the exact ones first. */
export function stretchesOf(steps: readonly Step[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const step of steps) {
    const last = stretches.at(-1);
    if (last && last.stage === step.stage && step.place === "made") last.steps.push(step);
    else stretches.push({ stage: step.stage, steps: [step] });
  }
  const isGuess = (step: Step) => Number(step.exact === false);
  return stretches.map(({ stage, steps: own }) => ({ stage, steps: own.toSorted((a, b) => isGuess(a) - isGuess(b)) }));
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
