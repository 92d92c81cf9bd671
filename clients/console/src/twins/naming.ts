import { useMemo } from "react";

import type { Relation } from "../api/twinTypes";
import { namesOf } from "../data/names";
import { textNames } from "../i18n/chineseTwins";
import { useWords, type Language, type Words } from "../i18n/language";
import { groupBy } from "../shared/group";
import type { Naming } from "./completion";
import type { Choice, Model, Property, Relationship, Wording } from "./models";

/** What the reader calls types, properties, relations and twins. */
export interface TwinNames {
  model: (name: string) => string;
  property: (name: string, property?: Property) => string;
  description: (property: { description: Wording }) => string;
  /** By the words of the type that has it; where that is not known, of any type that has one of this name. */
  relation: (name: string, model?: string) => string;
  choice: (choice: Choice | undefined, value: string) => string;
  /** A text of a property in the words of the reader, where there are some. */
  text: (property: string, value: string) => string;
}

export function twinNamesOf(language: Language, models: Map<string, Model>): TwinNames {
  const names = namesOf(language);
  const relations = commonest(models);
  const inLanguage = (wording: Wording): string | undefined => wording[language] ?? Object.entries(wording).find(([key]) => key.startsWith(language))?.[1];
  return {
    model: (name) => {
      const label = models.get(name)?.label ?? {};
      return inLanguage(label) ?? label["en"] ?? (names.kind(name) || name);
    },
    property: (name, property) => inLanguage(property?.label ?? {}) ?? names.field(name),
    description: ({ description }) => inLanguage(description) ?? description["en"] ?? Object.values(description)[0] ?? "",
    relation: (name, model) => inLanguage((relationOf(models.get(model ?? ""), name) ?? relations.get(name))?.label ?? {}) ?? names.field(name),
    choice: (choice, value) => inLanguage(choice?.label ?? {}) ?? value,
    text: (property, value) => (language === "zh" ? textNames[property]?.[value] : undefined) ?? value,
  };
}

function relationOf(model: Model | undefined, name: string): Relationship | undefined {
  return model?.relationships.find((each) => each.name === name);
}

/** Of each relation that several types have the one that most of them call the same. */
function commonest(models: Map<string, Model>): Map<string, Relationship> {
  const found = new Map<string, Relationship>();
  for (const [name, all] of groupBy([...models.values()].flatMap((model) => model.relationships), (each) => each.name)) {
    const alike = [...groupBy(all, (each) => JSON.stringify(each.label)).values()];
    found.set(name, alike.sort((a, b) => b.length - a.length)[0]![0]!);
  }
  return found;
}

export function useTwinNames(models: Map<string, Model>): TwinNames {
  const { language } = useWords();
  return useMemo(() => twinNamesOf(language, models), [language, models]);
}

/** How suggestions are explained. */
export function namingOf(words: Pick<Words, "t" | "known">, names: TwinNames): Naming {
  return {
    operator: (name) => words.known(`rql.${name}`, name),
    field: (name, label, description) => {
      const called = names.property(name, { label } as Property);
      const told = names.description({ description });
      return told && told !== called ? `${called} · ${told}` : called;
    },
    relation: (name) => `${words.t("twins.relation")}: ${names.relation(name)}`,
    model: names.model,
    choice: (value, label) => names.choice({ value, label }, value),
    plain: (name) => words.known(`twins.field.${name}`, name),
    words: words.t("twins.byWords"),
  };
}

const nameProperties: Record<Language, readonly string[]> = {
  zh: ["name_zh", "name", "name_en", "display_name"],
  en: ["name_en", "name", "name_zh", "display_name"],
};

/** What a twin is called in the language of the reader; empty where it has no name. */
export function titleOf(twin: { properties?: Record<string, unknown> }, language: Language): string {
  const found = nameProperties[language].map((name) => twin.properties?.[name]).find((value) => typeof value === "string" && value !== "");
  return typeof found === "string" ? found : "";
}

/** What has to be selected for the title of a twin. */
export const titleFields = "model,properties/name,properties/name_zh,properties/name_en,properties/display_name";

/** `retailer:34012` without its type. */
export function shortId(id: string): string {
  return id.slice(id.indexOf(":") + 1) || id;
}

/** The targets under each relation's name. */
export function targetsByName(relations: readonly Relation[]): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  for (const { name, target } of relations) byName.set(name, [...(byName.get(name) ?? []), target]);
  return byName;
}
