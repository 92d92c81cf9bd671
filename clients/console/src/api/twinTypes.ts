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
  known_at: string;
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

/** What was learnt of a twin at one moment. */
export interface TwinChange {
  revision: number;
  /** Merge patch over {model, properties, desired, relations}. */
  patch: JsonObject;
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

/** A type of twins, as a DTDL interface. */
export interface TwinModel {
  name: string;
  dtmi: string;
  dtdl: JsonObject;
}

export interface TwinQuery {
  model?: string;
  filter?: string;
  select?: string;
  sort?: string;
  limit?: number;
  cursor?: string;
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
