/** The shapes of what comes in: sources, quality, quarantine, lineage. */
import type { Page, QualityBalance } from "./types";

export interface Connection {
  name: string;
  /** rest_pull, postgres, file_drop, opcua, mqtt, wecom_book or webhook. */
  type: string;
  /** waiting, running, failing or stopped. */
  state: string;
  last_success_at: string | null;
  last_error: string;
  records: number;
  checkpoint: string;
}

export interface Source {
  name: string;
  received: number;
  mapped_kinds: string[];
  newest_biz_date: string | null;
  last_seen_at: string | null;
  lag_s?: number | null;
  open_quarantine?: number;
  partial_days?: string[];
  connections?: Connection[];
}

export interface QualityDay extends QualityBalance {
  /** ISO day of arrival in the trade zone. */
  day: string;
  source: string;
  kind: string;
}

export interface RuleCount {
  rule: string;
  severity: string;
  source: string;
  kind: string;
  records: number;
}

export interface QualityDays {
  items: QualityDay[];
  rules: RuleCount[];
}

export interface Rule {
  id: string;
  severity: string;
  doc: string;
}

/** A property of a record's JSON Schema, as far as a form needs it. */
export interface SchemaProperty {
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  readOnly?: boolean;
  writeOnly?: boolean;
  "x-unit"?: string;
  "x-data-class"?: string;
}

export interface Kind {
  name: string;
  schema_version: number;
  doc: string;
  key_fields: string[];
  json_schema: { properties?: Record<string, SchemaProperty>; required?: string[] };
}

export interface RuleReason {
  /** JSON pointer into the body it came in: /3/qty_order_base. */
  pointer: string;
  rule: string;
  count: number;
  message: string;
  severity: string;
}

export type JsonObject = Record<string, unknown>;

export interface QuarantineItem {
  id: string;
  kind: string;
  source: string;
  batch_id: string;
  line: number;
  /** open, mended, replayed or dropped. */
  state: string;
  trace_id: string;
  record: JsonObject;
  reasons: RuleReason[];
  quarantined_at: string;
  revision?: number;
  /** The record as it came; null when nobody mended it. */
  original?: JsonObject | null;
  changed_by?: string;
  changed_at?: string | null;
  replayed_as?: string;
  drop_reason?: string;
}

/** An item, and the tag that says which revision of it was read. */
export interface TaggedItem {
  item: QuarantineItem;
  etag: string;
}

export type QuarantinePage = Page<QuarantineItem> & { total?: number | null };

export interface QuarantineFilter {
  kind?: string;
  source?: string;
  rule?: string;
  state?: string;
  search?: string;
}

/** Named items, or all waiting ones that match. */
export type ReplayWanted = { ids: string[] } | { filter: { kind?: string; source?: string; rule?: string } };

export interface ReplayResult {
  sent: number;
  accepted: number;
  quarantined: number;
  rejected: number;
  duplicates: number;
  reasons: RuleReason[];
}

export interface LineageStep {
  stage: string;
  id: string;
  at: string | null;
  /** Surely of this very record; false: of the same shop, product or place, and later. */
  exact?: boolean;
  /** Where the thing is read: a path of the API. */
  link?: string | null;
  detail: JsonObject;
}

export interface Lineage {
  kind: string;
  /** Empty for a record that is not in the book. */
  key: string;
  steps: LineageStep[];
  /** Services that could not be asked. */
  missing?: string[];
}
