import type { Fusion, FusionInput, TwinChange, WholeTwin } from "../../api/twinTypes";
import { same, type Difference } from "../differences";
import type { Model, Property } from "../models";

/** One property of a twin as the state shows it. */
export interface StateRow {
  name: string;
  property: Property | undefined;
  value: unknown;
  isThere: boolean;
  /** What it should be, where somebody wants it otherwise. */
  desired: { value: unknown; isMet: boolean } | null;
  /** How it is now, where the state of the past was another one. */
  difference: Difference | null;
  /** The line of the history that gave it this value, if it is loaded. */
  change: TwinChange | null;
  /** What each source says of it; none while that is not known. */
  fusion: Fusion | null;
}

/** Who told a value, and when that was true: the newest of the inputs that count, or the line that brought it. */
export function originOf({ fusion, change }: StateRow): { source: string; sources: number; changedAt: string; knownAt: string } | null {
  const counting = (fusion?.inputs ?? []).filter((input) => !input.unused);
  const newest = counting.reduce<FusionInput | null>((best, each) => (best && Date.parse(best.at) >= Date.parse(each.at) ? best : each), null);
  if (newest) return { source: counting[0]!.source, sources: fusion!.inputs.length, changedAt: newest.at, knownAt: newest.known_at };
  return change && { source: change.source, sources: 1, changedAt: change.changed_at, knownAt: change.known_at };
}

/** Properties in the order of the model, then those that no model knows; what was never set comes apart. */
export function stateRows(
  twin: WholeTwin | null,
  model: Model | undefined,
  toNow: readonly Difference[],
  newest: Map<string, TwinChange>,
  fusions: ReadonlyMap<string, Fusion> = new Map(),
): { set: StateRow[]; unset: StateRow[] } {
  const known = new Map((model?.properties ?? []).map((each) => [each.name, each]));
  const [properties, wanted] = [twin?.properties ?? {}, twin?.desired ?? {}];
  const changed = new Map(toNow.filter(({ facet }) => facet === "properties").map((each) => [each.name, each]));
  const rest = [...Object.keys(properties), ...Object.keys(wanted), ...changed.keys()].filter((name) => !known.has(name)).sort();
  const rows = [...new Set([...known.keys(), ...rest])].map((name): StateRow => {
    const isWanted = name in wanted;
    return {
      name,
      property: known.get(name),
      value: properties[name],
      isThere: name in properties,
      desired: isWanted ? { value: wanted[name], isMet: same(wanted[name], properties[name]) } : null,
      difference: changed.get(name) ?? null,
      change: newest.get(name) ?? null,
      fusion: fusions.get(name) ?? null,
    };
  });
  const isSet = (row: StateRow) => row.isThere || row.desired !== null || row.difference !== null;
  return { set: rows.filter(isSet), unset: rows.filter((row) => !isSet(row)) };
}
