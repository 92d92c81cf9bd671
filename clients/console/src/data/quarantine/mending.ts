import type { JsonObject, Kind, QuarantineItem, RuleReason, SchemaProperty } from "../../api/dataTypes";
import { groupBy } from "../../shared/group";

/** How a field is entered. Dates and times are text: what was set aside may not be a date at all. */
export type EntryType = "text" | "number" | "flag" | "choice" | "json";

/** A field of a record as the form shows it. */
export interface FormField {
  name: string;
  type: EntryType;
  format: string;
  description: string;
  unit: string;
  /** Whether the record may name the unit in which it was received. */
  isQuantity: boolean;
  dataClass: string;
  isRequired: boolean;
  isKey: boolean;
  /** Filled at the door: shown, not entered. */
  isReadOnly: boolean;
  /** Read at the door and turned into something else: what is entered is never shown again. */
  isWriteOnly: boolean;
  /** Whether the schema knows it. */
  isKnown: boolean;
  choices: string[];
  limits: { minimum?: number; maximum?: number };
}

/** What a person typed, by field; fields that were not touched are absent. */
export type Entries = Record<string, string>;

export type EntryFault = "required" | "choice" | "number" | "minimum" | "maximum" | "date" | "time" | "json";

/** The fields of a kind in its own order, then those of the record that the kind does not have. */
export function formFields(kind: Kind | undefined, record: JsonObject): FormField[] {
  const properties = kind?.json_schema.properties ?? {};
  const required = new Set(kind?.json_schema.required ?? []);
  const keys = new Set(kind?.key_fields ?? []);
  const known = Object.entries(properties).map(([name, property]) => ({
    ...fieldOf(name, property),
    isRequired: required.has(name),
    isKey: keys.has(name),
  }));
  const strange = Object.keys(record).filter((name) => !(name in properties) && name !== unitsField);
  return [...known, ...strange.map((name) => ({ ...fieldOf(name, {}, record[name]), isKnown: false }))];
}

function fieldOf(name: string, property: SchemaProperty, value?: unknown): FormField {
  return {
    name,
    type: entryType(property, value),
    format: property.format ?? "",
    description: property.description ?? "",
    unit: property["x-unit"] ?? unitOf(name),
    isQuantity: /(?:^|_)qty(?:_|$)|_base$/.test(name) && property.readOnly !== true,
    dataClass: property["x-data-class"] ?? "internal",
    isRequired: false,
    isKey: false,
    isReadOnly: property.readOnly === true,
    isWriteOnly: property.writeOnly === true,
    isKnown: true,
    choices: (property.enum ?? []).filter((each) => each !== null).map(String),
    limits: { minimum: property.minimum, maximum: property.maximum },
  };
}

function entryType(property: SchemaProperty, value: unknown): EntryType {
  const types = [property.type ?? []].flat();
  if (property.enum) return "choice";
  if (types.includes("boolean")) return "flag";
  if (types.includes("integer") || types.includes("number")) return "number";
  if (types.includes("object") || types.includes("array") || (typeof value === "object" && value !== null)) return "json";
  return "text";
}

const endings: [RegExp, string][] = [
  [/_pct$/, "%"],
  [/_(kg_h)$/, "kg/h"],
  [/_(mm|cm|m|km|kg|g|mg|pa|kw|kwh|ml|l)$/, "$1"],
  [/_c$/, "°C"],
  [/_cases$/, "case"],
  [/_base$/, "base"],
  [/_days$/, "day"],
  [/_(?:h|hours)$/, "h"],
  [/_min$/, "min"],
  [/_s$/, "s"],
];

/** Names carry their unit by the convention of the contract: weight_g, lead_days, qty_base. */
export function unitOf(name: string): string {
  const found = endings.find(([ending]) => ending.test(name));
  if (!found) return "";
  return found[1].startsWith("$") ? found[0].exec(name)![1]! : found[1];
}

/** A value as it stands in its input. */
export function entryText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** An entry as a value; null takes the field away. Values stay text: a float would lose the last cents. */
export function valueOf(text: string): string | null {
  const entry = text.trim();
  return entry === "" ? null : entry;
}

/** What a save would change, as a JSON merge patch; an untouched or restored field is not in it. */
export function patchOf(fields: readonly FormField[], record: JsonObject, entries: Entries): JsonObject {
  const patch: JsonObject = {};
  for (const { name } of fields) if (isChanged(entries[name], record[name])) patch[name] = valueOf(entries[name]!);
  const units = unitsOf(record);
  const changed = fields.filter(({ name }) => isChanged(entries[unitEntry(name)], units[name]));
  if (changed.length === 0) return patch;
  return { ...patch, [unitsField]: Object.fromEntries(changed.map(({ name }) => [name, valueOf(entries[unitEntry(name)]!)])) };
}

function isChanged(entry: string | undefined, value: unknown): boolean {
  return entry !== undefined && valueOf(entry) !== valueOf(entryText(value));
}

/** Units stand beside the values that were received in them: `units: {qty_order_base: "carton"}`. */
export const unitsField = "units";

export function unitsOf(record: JsonObject): Record<string, string> {
  const units = record[unitsField];
  return typeof units === "object" && units !== null ? (units as Record<string, string>) : {};
}

/** The name under which the unit of a field is entered. */
export function unitEntry(name: string): string {
  return `${unitsField}/${name}`;
}

/** What the form itself can tell about an entry; the server decides. */
export function faultOf(field: FormField, text: string): EntryFault | null {
  const entry = text.trim();
  if (entry === "") return field.isRequired ? "required" : null;
  if (field.type === "choice" && !field.choices.includes(entry)) return "choice";
  if (field.type === "json" && parsed(entry) === null) return "json";
  if (field.format === "date" && !isDate(entry)) return "date";
  if (field.format === "date-time" && Number.isNaN(Date.parse(entry))) return "time";
  return field.type === "number" ? numberFault(field, entry) : null;
}

function numberFault({ limits }: FormField, entry: string): EntryFault | null {
  if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(entry)) return "number";
  if (limits.minimum !== undefined && Number(entry) < limits.minimum) return "minimum";
  if (limits.maximum !== undefined && Number(entry) > limits.maximum) return "maximum";
  return null;
}

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The field that a JSON pointer names: the first part that is neither a place in an array nor `units`. */
export function pointedField(pointer: string): string {
  const parts = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.find((part) => part !== "" && part !== unitsField && !/^\d+$/.test(part)) ?? "";
}

/** The reasons of an item by the field they point at; those without one are under "". */
export function reasonsByField(reasons: readonly RuleReason[], fields: readonly FormField[]): Map<string, RuleReason[]> {
  const names = new Set(fields.map((field) => field.name));
  return groupBy(reasons, (reason) => {
    const name = pointedField(reason.pointer);
    return names.has(name) ? name : "";
  });
}

/** What a person changed since the record came: its value then, by field. */
export function changedSince({ original, record }: Pick<QuarantineItem, "original" | "record">): Map<string, unknown> {
  if (!original) return new Map();
  const names = new Set([...Object.keys(original), ...Object.keys(record)]);
  return new Map(
    [...names].filter((name) => entryText(original[name]) !== entryText(record[name])).map((name) => [name, original[name]]),
  );
}

/** What tells a record from others, the most telling first. */
const telling = [/(?<!line)_no$/, /^line_no$/, /_id$|^tag$|^machine$|^alias$|^slot$/, /_code$/];

/** What the record is about in a few words: its numbers and codes, as they came. */
export function briefly({ record, batch_id: batch, line }: Pick<QuarantineItem, "record" | "batch_id" | "line">): string {
  const given = Object.keys(record).filter((name) => ["string", "number"].includes(typeof record[name]) && record[name] !== "");
  const names = telling.flatMap((ending) => given.filter((name) => ending.test(name)));
  return names.slice(0, 2).map((name) => String(record[name])).join(" · ") || `${batch} / ${line}`;
}

/** Whether the item waits for somebody: it can be mended, replayed and dropped. */
export function isWaiting(item: Pick<QuarantineItem, "state">): boolean {
  return item.state === "open" || item.state === "mended";
}

const menders = ["admin", "analyst"];

/** Whether the roles of the session let mend, replay and drop; the server decides, this only hides what it would refuse. */
export function mayMend(roles: readonly string[] | undefined): boolean {
  return (roles ?? []).some((role) => menders.includes(role));
}
