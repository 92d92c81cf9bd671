/** The shapes of twins, their past and their types. Fields may be added by the server, never renamed. */
import type { JsonObject } from "./dataTypes";
import type { Twin } from "./types";

export interface Relation {
  name: string;
  target: string;
}

export interface WholeTwin extends Twin {
  desired: JsonObject;
  relations: Relation[];
  source: string;
  trace_id: string;
}

/** Some fields of a twin; what was not selected is left out. */
export interface TwinPart {
  id: string;
  model?: string;
  revision?: number;
  properties?: JsonObject;
  relations?: Relation[];
}

/** A relation between two twins: the one that names the other, and the other. */
export interface Edge {
  source: string;
  name: string;
  target: string;
}

/** The twins around one, the nearest first; of one that something points at and that is not there no twin is told. */
export interface Neighbourhood {
  twins: { id: string; depth: number; twin: TwinPart | null }[];
  edges: Edge[];
  has_more: boolean;
}

/** What was learnt of a twin at one moment. */
export interface TwinChange {
  revision: number;
  /** Merge patch over {model, properties, desired, relations}; empty where what was said changed nothing that is shown. */
  patch: JsonObject;
  /** What was said, where the patch does not say all of it; relations by name. */
  said?: JsonObject | null;
  /** Something newer was known of what it says. */
  late?: boolean;
  changed_at: string;
  known_at: string;
  source: string;
  trace_id: string;
}

export interface TwinGroup {
  key: JsonObject;
  values: Record<string, number | string | null>;
}

export interface TwinGroups {
  items: TwinGroup[];
  has_more: boolean;
}

export interface TwinQuery {
  model?: string;
  filter?: string;
  select?: string;
  sort?: string;
  limit?: number;
  cursor?: string;
}

/** A range of revisions: from the first up to the one before the last. */
export interface HistoryQuery {
  from_revision?: number;
  to_revision?: number;
  order: "newest" | "oldest";
  limit: number;
}

export interface TaggedTwin {
  twin: WholeTwin;
  etag: string;
}

/** Which state is asked for: at a revision, or as it was at a time and as it was known at another. */
export interface When {
  revision?: number;
  at?: string;
  known_at?: string;
}

/** What one source says of a property, and what that counts for. */
export interface FusionInput {
  source: string;
  value: unknown;
  at: string;
  known_at: string;
  /** 0 to 1, by what cleaning had to mend. */
  quality: number;
  /** 0 to 1, by the rule. */
  reliability: number;
  variance: number | null;
  age_s: number;
  /** Those of all inputs sum up to 1. */
  weight: number;
  /** Why it does not count; empty where it does. */
  unused: string;
}

/** How the values of a property become one. */
export interface FusionRule {
  property: string;
  /** 0: none was set, the newest value is shown. */
  version: number;
  rule: JsonObject;
  known_at: string | null;
  set_by: string;
  applied_at: string | null;
}

/** A shown value, and how it came about. */
export interface Fusion {
  property: string;
  value: unknown;
  unit: string;
  rule: FusionRule;
  inputs: FusionInput[];
  spread: { least: number; most: number; deviation: number } | null;
  chi_square: number | null;
  p_value: number | null;
  /** Null: it cannot be told. */
  conflict: boolean | null;
  standard_error: number | null;
  age_s: number | null;
}
