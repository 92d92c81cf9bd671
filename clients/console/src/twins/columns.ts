import type { WholeTwin } from "../api/twinTypes";
import type { Model, Property } from "./models";
import { propertyField } from "./rql";

/** A column of the results: a property or a relation. */
export type ResultColumn = { of: "property"; name: string; property: Property | undefined } | { of: "relation"; name: string };

const mostColumns = 6;
const inTitle = ["name", "name_zh", "name_en", "display_name"];
const lessTelling = ["lon", "lat"];

/** What to show of twins of one type: properties that have values first, in the order of the model; then a relation. */
export function columnsFor(model: Model | undefined, twins: readonly WholeTwin[]): ResultColumn[] {
  if (!model) return [];
  const filled = (name: string) => twins.filter((twin) => twin.properties[name] !== undefined).length;
  const ranked = model.properties
    .filter(({ name, kind }) => !inTitle.includes(name) && kind !== "json")
    .map((property, place) => ({ property, rank: rankOf(filled(property.name), twins.length, property.name), place }))
    .sort((a, b) => a.rank - b.rank || a.place - b.place);
  const relations = model.relationships.filter(({ name }) => twins.some((twin) => twin.relations.some((each) => each.name === name)));
  const shownRelations = relations.slice(0, 2);
  const properties = ranked.slice(0, mostColumns - shownRelations.length).sort((a, b) => a.place - b.place);
  return [
    ...properties.map(({ property }): ResultColumn => ({ of: "property", name: property.name, property })),
    ...shownRelations.map(({ name }): ResultColumn => ({ of: "relation", name })),
  ];
}

/** Less is earlier: filled in most twins, in some, in none; places on a map say little in a table. */
function rankOf(filled: number, all: number, name: string): number {
  if (filled === 0 && all > 0) return 3;
  if (lessTelling.includes(name)) return 2;
  return filled * 2 >= all ? 0 : 1;
}

/** The field by which a column is sorted; numbers that are spelt as text are sorted as numbers. */
export function sortField(column: ResultColumn): string | null {
  return column.of === "property" ? propertyField(column.name, column.property?.isSpeltNumber) : null;
}

export type Direction = "ascending" | "descending" | "none";

export function directionOf(sort: string, field: string): Direction {
  if (sort === `-${field}`) return "descending";
  return sort === field || sort === `+${field}` ? "ascending" : "none";
}

/** What a click on a header asks for next: up, down, then the order of ids again. */
export function nextSort(sort: string, field: string): string {
  const direction = directionOf(sort, field);
  if (direction === "none") return field;
  return direction === "ascending" ? `-${field}` : "";
}

/** The one type of all twins, if there is one. */
export function commonModel(twins: readonly WholeTwin[]): string {
  const first = twins[0]?.model ?? "";
  return twins.every((twin) => twin.model === first) ? first : "";
}

/** Whether sums and averages of a property say something. */
export function isMeasured(property: Property): boolean {
  return (property.kind === "whole" || property.kind === "decimal" || property.isSpeltNumber) && !lessTelling.includes(property.name);
}
