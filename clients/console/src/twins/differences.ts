import type { JsonObject } from "../api/dataTypes";
import type { Relation, TwinChange, WholeTwin } from "../api/twinTypes";
import { targetsByName } from "./naming";

/** The three parts of a twin that can change. */
export type Facet = "properties" | "desired" | "relations";

export interface Difference {
  facet: Facet;
  name: string;
  kind: "added" | "changed" | "removed";
  before: unknown;
  after: unknown;
}

type Facets = Pick<WholeTwin, "properties" | "desired" | "relations">;

const nothing: Facets = { properties: {}, desired: {}, relations: [] };

/** What differs between two states of a twin; where there was none, everything was added. */
export function differences(before: Facets | null, after: Facets | null): Difference[] {
  const [then, now] = [before ?? nothing, after ?? nothing];
  return [
    ...between("properties", then.properties, now.properties),
    ...between("desired", then.desired, now.desired),
    ...between("relations", targetsOf(then.relations), targetsOf(now.relations)),
  ];
}

function between(facet: Facet, before: JsonObject, after: JsonObject): Difference[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name): Difference[] => {
    const kind = !(name in before) ? "added" : !(name in after) ? "removed" : "changed";
    if (kind === "changed" && same(before[name], after[name])) return [];
    return [{ facet, name, kind, before: before[name], after: after[name] }];
  });
}

function targetsOf(relations: readonly Relation[]): JsonObject {
  return Object.fromEntries([...targetsByName(relations)].map(([name, targets]) => [name, [...targets].sort()]));
}

/** Whether two JSON values say the same; the order of members says nothing. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(ordered(a)) === JSON.stringify(ordered(b));
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, ordered(each)]));
}

/** What a line of the history says of one part. */
export interface Said {
  facet: Facet;
  name: string;
  /** None where it was removed. */
  value: unknown;
  isRemoved: boolean;
}

/** What changed; of a line that changed nothing that is shown, what was said all the same. */
export function saidIn(change: TwinChange): Said[] {
  return partsOf(changesNothing(change) ? asObject(change.said) : change.patch);
}

function partsOf(patch: JsonObject): Said[] {
  const members = (facet: "properties" | "desired"): Said[] =>
    Object.entries(asObject(patch[facet])).map(([name, value]) => ({ facet, name, value, isRemoved: value === null }));
  const given = patch["relations"];
  const relations = Array.isArray(given) ? targetsOf(given as Relation[]) : asObject(given);
  return [
    ...members("properties"),
    ...members("desired"),
    ...Object.entries(relations).map(([name, value]): Said => ({ facet: "relations", name, value, isRemoved: false })),
  ];
}

/** Lines of which something newer was known when they were learnt: of the same part, from whatever source. */
export function lateRevisions(changes: readonly TwinChange[]): Set<number> {
  const newest = new Map<string, number>();
  const found = new Set<number>();
  for (const change of changes) {
    // A new rule shows other values; it says nothing of the world.
    if (change.source.startsWith("fusion:")) continue;
    const at = Date.parse(change.changed_at);
    const names = [...saidIn(change), ...partsOf(asObject(change.said))].map(({ facet, name }) => `${facet}/${name}`);
    if (change.late || names.some((name) => at < (newest.get(name) ?? at))) found.add(change.revision);
    for (const name of names) newest.set(name, Math.max(at, newest.get(name) ?? at));
  }
  return found;
}

/** A line that confirmed what was known, or came too late to be shown. */
export function changesNothing({ patch }: TwinChange): boolean {
  return Object.keys(patch).length === 0;
}

/** Whether a line began the twin, or ended it, without a word on what it is like. */
export function turnOf(change: TwinChange): "made" | "ended" | null {
  const model = change.patch["model"];
  if (model === null) return "ended";
  return typeof model === "string" && saidIn(change).length === 0 ? "made" : null;
}

/** The change that gave each property its value, by name. */
export function newestByProperty(changes: readonly TwinChange[]): Map<string, TwinChange> {
  return new Map(changes.flatMap((change) => Object.keys(asObject(change.patch["properties"])).map((name) => [name, change] as const)));
}

/** The changes that a state of the past knew of. */
export function knownThen(changes: readonly TwinChange[], when: { revision?: number; at?: string; known_at?: string } | null): TwinChange[] {
  if (!when) return [...changes];
  const isIn = (time: string, limit: string | undefined) => !limit || Date.parse(time) <= Date.parse(limit);
  return changes.filter(
    (change) =>
      (when.revision === undefined || change.revision <= when.revision) &&
      isIn(change.changed_at, when.at) &&
      isIn(change.known_at, when.known_at),
  );
}

function asObject(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
