import type { Wording, Model, Property } from "./models";
import { areWords, byWords, expectedAt, modelIn, operators, placeAt, propertyField, quoted, type Place } from "./rql";

export interface Suggestion {
  /** What it is called in the list. */
  title: string;
  /** What it means, in the words of the reader. */
  note: string;
  insert: string;
  from: number;
  to: number;
  /** Where the caret stands afterwards, from the beginning of what is inserted. */
  caret: number;
}

/** How things are called in the language of the reader. */
export interface Naming {
  operator: (name: string) => string;
  field: (name: string, label: Wording, description: Wording) => string;
  relation: (name: string) => string;
  model: (name: string) => string;
  choice: (value: string, label: Wording) => string;
  plain: (name: string) => string;
  words: string;
}

const most = 40;
const plainFields = ["model", "id", "source", "revision", "changed_at", "known_at"];

/** What may be written where the caret stands, best first. */
export function suggestions(
  text: string,
  caret: number,
  models: Map<string, Model>,
  chosen: string,
  naming: Naming,
): Suggestion[] {
  if (areWords(text)) return forBeginning(text, caret, naming);
  const place = placeAt(text, caret);
  const about = models.get(chosen || modelIn(text));
  const scope = about ? [about] : [...models.values()];
  const expected = expectedAt(place);
  if (expected === "query") return forOperators(text, place, naming);
  if (expected === "relation") return forRelations(place, scope, naming);
  if (expected === "field") return forFields(place, scope, naming).slice(0, most);
  if (expected === "value") return forValues(place, scope, models, naming).slice(0, most);
  return [];
}

/** The beginning of an operator or a word to look for: what was typed is rather an operator where one begins so. */
function forBeginning(text: string, caret: number, naming: Naming): Suggestion[] {
  const own = forOperators(text, placeAt(text, caret), naming);
  const isBegun = operators.some((name) => name.startsWith(text.trim()));
  return isBegun ? [...own, ...forWords(text, naming)] : [...forWords(text, naming), ...own];
}

function forWords(text: string, naming: Naming): Suggestion[] {
  const insert = byWords(text.trim());
  return [{ title: text.trim(), note: naming.words, insert, from: 0, to: text.length, caret: insert.length }];
}

function forOperators(text: string, place: Place, naming: Naming): Suggestion[] {
  const brackets = text.slice(place.to).trimStart().startsWith("(") ? "" : "()";
  return matching(
    operators.map((name) => suggestion(place, name, naming.operator(name), name + brackets, name.length + 1)),
    place.word,
  );
}

function forRelations(place: Place, scope: Model[], naming: Naming): Suggestion[] {
  return matching(
    distinct(scope.flatMap((model) => model.relationships.map((each) => each.name))).map((name) =>
      suggestion(place, name, naming.relation(name), `${name},`),
    ),
    place.word,
  );
}

function forFields(place: Place, scope: Model[], naming: Naming): Suggestion[] {
  const isNumber = place.operator === "number";
  const own = byName(scope).map((each) =>
    suggestion(place, propertyField(each.name), naming.field(each.name, each.label, each.description), ended(place, fieldOf(each, place))),
  );
  const relations = distinct(scope.flatMap((model) => model.relationships.map((each) => each.name))).map((name) =>
    suggestion(place, `relations/${name}`, naming.relation(name), ended(place, `relations/${name}`)),
  );
  const plain = plainFields.map((name) => suggestion(place, name, naming.plain(name), ended(place, name)));
  return matching(isNumber ? own : [...plain.slice(0, 2), ...own, ...relations, ...plain.slice(2)], place.word);
}

const ordering = ["gt", "ge", "lt", "le"];

/** Prices are texts: whether one is greater can be asked of the number it spells. */
function fieldOf(property: Property, place: Place): string {
  return propertyField(property.name, property.isSpeltNumber && ordering.includes(place.operator));
}

/** A field is followed by a value, except where there is none. */
function ended(place: Place, field: string): string {
  return ["exists", "empty", "number"].includes(place.operator) ? field : `${field},`;
}

function forValues(place: Place, scope: Model[], models: Map<string, Model>, naming: Naming): Suggestion[] {
  const values = valuesOf(place, scope, models, naming);
  return matching(values.map(([value, note]) => suggestion(place, value, note, value)), place.word);
}

function valuesOf(place: Place, scope: Model[], models: Map<string, Model>, naming: Naming): [string, string][] {
  if (place.field === "model") return [...models.keys()].map((name) => [quoted(name), naming.model(name)]);
  const properties = scope.flatMap((model) => model.properties).filter((each) => propertyField(each.name) === place.field);
  const choices = properties.flatMap((each) => each.choices);
  if (choices.length > 0) {
    const seen = new Map(choices.map((each) => [String(each.value), each]));
    return [...seen.values()].map(({ value, label }) => [
      typeof value === "string" ? quoted(value) : String(value),
      naming.choice(String(value), label),
    ]);
  }
  if (properties.some((each) => each.kind === "flag")) return [["true", ""], ["false", ""]];
  return [];
}

function suggestion(place: Place, title: string, note: string, insert: string, caret = insert.length): Suggestion {
  return { title, note, insert, from: place.from, to: place.to, caret };
}

/** Those that begin with the word, then those that have it somewhere, in the language or in the note. */
function matching(all: Suggestion[], word: string): Suggestion[] {
  const wanted = word.replace(/^["']/, "").toLowerCase();
  if (wanted === "") return all;
  const rank = ({ title, note }: Suggestion): number => {
    const name = title.toLowerCase().replace(/^["']/, "");
    // Every property has "properties" in its field: what was typed is looked for in its own name.
    const own = name.split("/").at(-1)!;
    if (name.startsWith(wanted) || own.startsWith(wanted)) return 0;
    return own.includes(wanted) || note.toLowerCase().includes(wanted) ? 1 : 2;
  };
  const ranked = all.map((each) => [rank(each), each] as const).filter(([at]) => at < 2);
  return ranked.sort(([a], [b]) => a - b).map(([, each]) => each);
}

function byName(scope: Model[]): Property[] {
  return [...new Map(scope.flatMap((model) => model.properties).map((each) => [each.name, each])).values()];
}

function distinct(names: string[]): string[] {
  return [...new Set(names)].sort();
}
