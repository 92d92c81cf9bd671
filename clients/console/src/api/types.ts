/** The shapes of the public REST API that the console reads. Fields may be added by the server, never renamed. */
import type { FeatureCollection, Geometry } from "geojson";

export interface User {
  id: string;
  name: string;
  roles: string[];
}

export interface TokenAnswer {
  access_token: string;
  token_type: string;
  expires_in: number;
  user: User;
}

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A half-open range [from, to) of map values; a missing end is open. */
export interface Band {
  band: string;
  from: number | null;
  to: number | null;
  label_zh: string;
  label_en: string;
  color_key: string | number;
}

export interface RegionProperties {
  region: string;
  name?: string;
  name_zh?: string;
  name_en?: string;
  value: number | null;
  unit: string;
  band: string | null;
  color_key: string | number | null;
  year: number;
  measure: string;
  reliable?: boolean;
}

export type MapFeed = FeatureCollection<Geometry, RegionProperties> & {
  bands: Band[];
  years: number[];
  levels: string[];
  year?: number;
  unit?: string;
  attribution?: string | null;
  /** Regions that have a value and no shape. */
  unmapped?: string[];
};

export type RegionFeature = MapFeed["features"][number];

export interface AnnualForecast {
  region: string;
  sku?: string | null;
  year: number;
  method: string;
  value: number | null;
  unit: string;
  band: string | null;
  inputs: Record<string, unknown>;
  correlation: number | null;
  reliable: boolean;
  reliable_reason?: string | null;
  model_version: string;
  interval?: { low: number; high: number; level: number; measured_coverage?: number | null } | null;
  /** What is unusual, e.g. missing_year_before. */
  flags?: string[];
}

export interface Reason {
  code: string;
  text_zh: string;
  text_en: string;
  evidence?: Record<string, unknown> | null;
}

export interface Limit {
  code: string;
  text_zh: string;
  text_en: string;
  blocks?: boolean;
}

export interface Recommendation {
  id: string;
  retailer: string;
  retailer_name?: string | null;
  mode: string;
  sku?: string | null;
  sku_name_zh?: string | null;
  sku_name_en?: string | null;
  rank: number;
  score: number;
  quantity?: number | null;
  unit?: string | null;
  reasons: Reason[];
  limits: Limit[];
  account_manager?: string | null;
  state: string;
  model_version: string;
  created_at: string;
}

export type FeedbackEvent = "accepted" | "rejected" | "reopened";

export interface QualityBalance {
  received: number;
  stored: number;
  duplicate: number;
  quarantined: number;
  rejected: number;
  pending: number;
}

export interface QualityItem extends QualityBalance {
  source: string;
  kind: string;
}

export interface Quality {
  items: QualityItem[];
  totals: QualityBalance;
}

export interface Twin {
  id: string;
  model: string;
  revision: number;
  properties: Record<string, unknown>;
  changed_at: string;
  known_at: string;
}

/** What one source measured last of a property. */
export interface Reading {
  value: unknown;
  at: string;
  source: string;
  quality: number;
}

export type Readings = Record<string, Reading>;

/** What is measured between two changes of the state: it has no sequence, and nothing is lost when it is missed. */
export interface ReadingsMessage {
  type: "readings";
  twins: { id: string; model: string; readings: Readings }[];
}

export interface LiveMessage {
  type: "snapshot" | "delta";
  sequence: number;
  /** True on each page of a snapshot but the last. */
  more?: boolean;
  twins: Twin[];
}
