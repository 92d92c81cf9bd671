import type { Model } from "../models";
import { incomingNames } from "../models";
import { propertyField, quoted } from "../rql";
import type { TextKey } from "../../i18n/english";

export interface Example {
  text: TextKey;
  query: string;
}

/** Queries that are true of the types there are: what is chosen first, then those that every market has. */
export function examplesFor(models: Map<string, Model>, chosen: string): Example[] {
  const model = models.get(chosen);
  return [...(model ? ownExamples(model, models) : []), ...general.filter(({ needs }) => needs.every((name) => has(models, name)))].slice(0, 8);
}

const general: (Example & { needs: string[] })[] = [
  { text: "twins.example.and", query: 'and(eq(model,"retailer"),gt(properties/tier,20),eq(properties/license_status,"valid"))', needs: ["retailer"] },
  { text: "twins.example.like", query: 'like(properties/name,"*店*")', needs: [] },
  { text: "twins.example.related", query: 'related(located_in,eq(properties/name_zh,"合肥市"))', needs: ["retailer", "region"] },
  { text: "twins.example.deep", query: 'related(placed_by,related(located_in,eq(id,"region:3401")))', needs: ["order", "retailer"] },
  { text: "twins.example.number", query: "gt(number(properties/price_wholesale),100)", needs: ["sku"] },
  { text: "twins.example.in", query: 'in(model,"machine","line","plant")', needs: ["machine"] },
  { text: "twins.example.not", query: 'and(eq(model,"retailer"),not(exists(relations/located_in)))', needs: ["retailer"] },
  { text: "twins.example.changed", query: 'like(source,"user:*")', needs: [] },
];

function ownExamples(model: Model, models: Map<string, Model>): Example[] {
  const found: Example[] = [];
  const choice = model.properties.find((each) => each.choices.length > 0);
  const value = choice?.choices[0]?.value;
  if (choice && value !== undefined)
    found.push({ text: "twins.example.choice", query: `eq(${propertyField(choice.name)},${typeof value === "string" ? quoted(value) : value})` });
  const figure = model.properties.find((each) => each.kind === "whole" || each.isSpeltNumber);
  if (figure) found.push({ text: "twins.example.figure", query: `gt(${propertyField(figure.name, figure.isSpeltNumber)},10)` });
  const relation = model.relationships[0];
  if (relation) found.push({ text: "twins.example.none", query: `empty(relations/${relation.name})` });
  return incomingNames(models, model).length > 0 || found.length > 0 ? found : [];
}

function has(models: Map<string, Model>, name: string): boolean {
  return models.has(name);
}
