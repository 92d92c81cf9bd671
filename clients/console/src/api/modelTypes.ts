/** The shapes of types and of their migrations. Fields may be added by the server, never renamed. */
import type { JsonObject } from "./dataTypes";

/** A type of twins, as a DTDL interface. */
export interface TwinModel {
  name: string;
  dtmi: string;
  dtdl: JsonObject;
  version?: string;
  /** migrating: twins are on their way to it. */
  state?: string;
  /** Empty: it was shipped. */
  created_by?: string;
  created_at?: string | null;
  /** Living twins that are at this version. */
  twins?: number;
}

/** A twin that does not fit a new version. */
export interface Misfit {
  id: string;
  pointer: string;
  rule: string;
  message: string;
}

/** What a new version means for the twins there are. */
export interface MigrationPlan {
  name: string;
  dtmi: string;
  /** Those that were looked at; 0 where the version only adds. */
  twins: number;
  changed: number;
  misfits: number;
  first_misfits: Misfit[];
}

/** Twins on their way from one version to the next. */
export interface Migration {
  id: string;
  name: string;
  before_dtmi: string;
  after_dtmi: string;
  /** stuck: some twins do not fit. */
  state: "running" | "done" | "stuck" | "cancelled";
  twins: number;
  moved: number;
  changed: number;
  misfits: number;
  first_misfits: Misfit[];
  created_at: string;
  created_by: string;
  ended_at: string | null;
}

export interface ModelsAdded {
  items: TwinModel[];
  plans: MigrationPlan[];
  migrations: Migration[];
}
