import type { JsonObject } from "../api/dataTypes";
import type { TwinModel } from "../api/modelTypes";

/** How a value is entered and shown. */
export type ValueKind = "text" | "whole" | "decimal" | "flag" | "date" | "dateTime" | "time" | "choice" | "json";

/** A text of a DTDL model: plain, or by language. */
export type Wording = Record<string, string>;

export interface Choice {
  value: string | number;
  label: Wording;
}

interface Content {
  name: string;
  label: Wording;
  description: Wording;
  /** The interface that declares it; another one when it is inherited. */
  from: string;
}

export interface Property extends Content {
  kind: ValueKind;
  /** The schema as it is written in DTDL. */
  schema: string;
  unit: string;
  choices: Choice[];
  isWritable: boolean;
  /** A number that is spelt as text, so that no digit of a price is lost. */
  isSpeltNumber: boolean;
}

export interface Relationship extends Content {
  /** DTMI of what it leads to; empty: anything. */
  target: string;
  isSingle: boolean;
}

/** What the explorer does not edit: components, telemetry, commands. */
export interface OtherContent extends Content {
  type: string;
  schema: string;
}

/** A type of twins with all that it inherits. */
export interface Model {
  name: string;
  dtmi: string;
  label: Wording;
  description: Wording;
  extends: string[];
  /** It and all that it inherits from. */
  lineage: string[];
  properties: Property[];
  relationships: Relationship[];
  others: OtherContent[];
  dtdl: JsonObject;
}

/** The types by name, in the order of the server, each in the version that counts; what it inherits may be of others. */
export function modelsOf(items: readonly TwinModel[]): Map<string, Model> {
  const documents = new Map(items.map((item) => [item.dtmi, item]));
  const counting = items.filter(({ state = "current" }) => state === "current");
  return new Map(counting.map((item) => [item.name, modelOf(item, documents)]));
}

function modelOf(item: TwinModel, documents: Map<string, TwinModel>): Model {
  const model: Model = {
    name: item.name,
    dtmi: item.dtmi,
    label: wordingOf(item.dtdl["displayName"]),
    description: wordingOf(item.dtdl["description"]),
    extends: parentsOf(item.dtdl),
    lineage: [],
    properties: [],
    relationships: [],
    others: [],
    dtdl: item.dtdl,
  };
  gather(model, item.dtmi, item.dtdl, documents);
  return model;
}

/** Adds the contents of an interface, its own before what it inherits; one that was seen is not read again. */
function gather(model: Model, dtmi: string, dtdl: JsonObject, documents: Map<string, TwinModel>): void {
  if (model.lineage.includes(dtmi)) return;
  model.lineage.push(dtmi);
  for (const content of listOf(dtdl["contents"])) addContent(model, content, dtmi, dtdl);
  for (const parent of listOf(dtdl["extends"])) {
    const known = typeof parent === "string" ? documents.get(parent)?.dtdl : asObject(parent);
    const id = typeof parent === "string" ? parent : String(asObject(parent)?.["@id"] ?? "");
    if (known) gather(model, id, known, documents);
    else model.lineage.push(id);
  }
}

function addContent(model: Model, given: unknown, from: string, dtdl: JsonObject): void {
  const content = asObject(given);
  if (!content) return;
  const types = listOf(content["@type"]).map(String);
  const base: Content = {
    name: String(content["name"] ?? ""),
    label: wordingOf(content["displayName"]),
    description: wordingOf(content["description"]),
    from,
  };
  if (types.includes("Property")) model.properties.push(propertyOf(content, base, dtdl));
  else if (types.includes("Relationship"))
    model.relationships.push({ ...base, target: String(content["target"] ?? ""), isSingle: content["maxMultiplicity"] === 1 });
  else model.others.push({ ...base, type: types[0] ?? "", schema: schemaText(content["schema"]) });
}

function propertyOf(content: JsonObject, base: Content, dtdl: JsonObject): Property {
  const schema = resolved(content["schema"], dtdl);
  const choices = choicesOf(schema);
  return {
    ...base,
    kind: choices.length > 0 ? "choice" : kindOf(schema),
    schema: schemaText(content["schema"]),
    unit: typeof content["unit"] === "string" ? content["unit"] : "",
    choices,
    isWritable: content["writable"] === true,
    isSpeltNumber: schema === "string" && Object.values(base.description).some((text) => /\bdecimal\b/.test(text)),
  };
}

/** A schema may be named by the id of one that the interface declares under `schemas`. */
function resolved(schema: unknown, dtdl: JsonObject): unknown {
  if (typeof schema !== "string" || !schema.startsWith("dtmi:")) return schema;
  return listOf(dtdl["schemas"]).find((each) => asObject(each)?.["@id"] === schema) ?? schema;
}

const kinds: Record<string, ValueKind> = {
  string: "text",
  uuid: "text",
  integer: "whole",
  long: "whole",
  short: "whole",
  byte: "whole",
  unsignedInteger: "whole",
  unsignedLong: "whole",
  unsignedShort: "whole",
  unsignedByte: "whole",
  double: "decimal",
  float: "decimal",
  decimal: "decimal",
  boolean: "flag",
  date: "date",
  dateTime: "dateTime",
  time: "time",
  duration: "text",
};

function kindOf(schema: unknown): ValueKind {
  return typeof schema === "string" ? (kinds[schema] ?? "json") : "json";
}

function choicesOf(schema: unknown): Choice[] {
  return listOf(asObject(schema)?.["enumValues"]).flatMap((each) => {
    const value = asObject(each)?.["enumValue"];
    const isKnown = typeof value === "string" || typeof value === "number";
    return isKnown ? [{ value, label: wordingOf(asObject(each)?.["displayName"]) }] : [];
  });
}

function schemaText(schema: unknown): string {
  if (typeof schema === "string") return schema.startsWith("dtmi:") ? nameOfDtmi(schema) : schema;
  return String(listOf(asObject(schema)?.["@type"])[0] ?? "");
}

function parentsOf(dtdl: JsonObject): string[] {
  return listOf(dtdl["extends"]).map((each) => (typeof each === "string" ? each : String(asObject(each)?.["@id"] ?? "")));
}

function wordingOf(given: unknown): Wording {
  if (typeof given === "string") return given === "" ? {} : { en: given };
  const byLanguage = asObject(given);
  if (!byLanguage) return {};
  return Object.fromEntries(Object.entries(byLanguage).filter((pair): pair is [string, string] => typeof pair[1] === "string"));
}

/** `dtmi:marketwin:region;1` as `region`. */
export function nameOfDtmi(dtmi: string): string {
  return dtmi.split(";")[0]!.split(":").at(-1) ?? dtmi;
}

/** Whether a relationship may lead to twins of this type. */
export function leadsTo(relationship: Relationship, model: Model | undefined): boolean {
  return !relationship.target || !model || model.lineage.some((dtmi) => sameInterface(dtmi, relationship.target));
}

/** Versions of one interface are one interface. */
function sameInterface(a: string, b: string): boolean {
  return a.split(";")[0] === b.split(";")[0];
}

/** The names of the relations that may lead to twins of this type, from whatever type. */
export function incomingNames(models: Map<string, Model>, model: Model | undefined): string[] {
  const all = [...models.values()].flatMap((each) => each.relationships);
  return [...new Set(all.filter((each) => leadsTo(each, model)).map((each) => each.name))].sort();
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function asObject(value: unknown): JsonObject | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}
