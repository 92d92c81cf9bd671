/** The query language as the page needs it: its tokens, its literals, and what may come next. The server decides. */
import type { Problem } from "../api/problem";

export const comparisons = ["eq", "ne", "gt", "ge", "lt", "le"] as const;
export const operators = [...comparisons, "in", "like", "ilike", "exists", "empty", "and", "or", "not", "related"] as const;
const logic = ["and", "or", "not"];

export type TokenKind = "operator" | "name" | "text" | "number" | "constant" | "mark" | "space";

export interface Token {
  kind: TokenKind;
  from: number;
  to: number;
}

const patterns: readonly [TokenKind, RegExp][] = [
  ["space", /\s+/y],
  ["mark", /[(),]/y],
  ["text", /"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?/ys],
  ["number", /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![^\s(),])/y],
  ["constant", /(?:true|false|null)(?![^\s(),])/y],
  ["operator", /[a-z]+(?=\s*\()/y],
  ["name", /[^\s(),"']+/y],
];

/** Every character belongs to one token. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    found.push(token);
    at = token.to;
  }
  return found;
}

function tokenAt(text: string, at: number): Token {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { kind, from: at, to: at + match[0].length };
  }
  return { kind: "name", from: at, to: at + 1 };
}

/** A text of the language: quotes and backslashes before quotes are escaped. */
export function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** A value as it is written in a query. */
export function literal(value: unknown): string {
  return typeof value === "string" ? quoted(value) : JSON.stringify(value ?? null);
}

/** A member of the properties as a field; what would end the field is written in its other form. */
export function propertyField(name: string, isSpeltNumber = false): string {
  const segment = name
    .replaceAll("~", "~0")
    .replaceAll("/", "~1")
    .replace(/[\s(),"'%\\]/g, (character) => encodeURIComponent(character).replace("'", "%27").replace("(", "%28").replace(")", "%29"));
  const field = `properties/${segment}`;
  return isSpeltNumber ? `number(${field})` : field;
}

/** Several conditions as one. */
export function both(conditions: readonly string[]): string {
  const given = conditions.filter((each) => each.trim() !== "");
  return given.length > 1 ? `and(${given.join(",")})` : (given[0] ?? "");
}

export function either(conditions: readonly string[]): string {
  return conditions.length > 1 ? `or(${conditions.join(",")})` : (conditions[0] ?? "");
}

/** A search for words in names and ids, for those who do not write queries. */
export function byWords(words: string): string {
  const pattern = quoted(`*${words.replace(/[\\*?]/g, "\\$&")}*`);
  const fields = ["properties/name", "properties/name_zh", "properties/name_en", "id"];
  return either(fields.map((field) => `ilike(${field},${pattern})`));
}

/** Words rather than a query: nothing in it looks like one. */
export function areWords(text: string): boolean {
  return text.trim() !== "" && !/[()"]/.test(text) && !(operators as readonly string[]).includes(text.trim());
}

/** The type that a query asks for, if it names one. */
export function modelIn(text: string): string {
  return /\beq\(\s*model\s*,\s*["']([^"']+)["']\s*\)/.exec(text)?.[1] ?? "";
}

/** Where the server stopped reading a parameter, as an index into its text; null when it does not say. */
export function placeOf(problem: Problem | null, parameter: string, text: string): { at: number; message: string } | null {
  const fault = problem?.details.errors?.find((each) => each.pointer === `/query/${parameter}`);
  if (!fault) return null;
  const found = /^at character (\d+): (.*)$/s.exec(fault.message);
  if (!found) return { at: text.length, message: fault.message };
  // The server counts characters; a browser counts halves of those beyond the first 65,536.
  return { at: [...text].slice(0, Number(found[1]) - 1).join("").length, message: found[2]! };
}

/** What the caret stands in: which argument of which operator, and the word begun. */
export interface Place {
  /** The operator around the caret; none at the outermost level. */
  operator: string;
  /** Which argument, from 0. */
  argument: number;
  /** The first argument, where the caret is in a later one. */
  field: string;
  /** The word around the caret. */
  from: number;
  to: number;
  word: string;
  /** Something whole stands before the caret: a comma or a bracket comes next. */
  isDone: boolean;
}

interface Level {
  operator: string;
  argument: number;
  first: string;
}

export function placeAt(text: string, caret: number): Place {
  const levels: Level[] = [{ operator: "", argument: 0, first: "" }];
  let pending = "";
  let word: Token | null = null;
  let last: Token | null = null;
  for (const token of tokens(text)) {
    if (token.from >= caret) break;
    const value = text.slice(token.from, token.to);
    if (token.kind !== "space") last = token;
    if (token.kind === "mark" && token.to <= caret) {
      step(levels, value, pending);
      pending = "";
      word = null;
    } else if (token.kind !== "mark" && token.kind !== "space") {
      pending = value;
      word = token.to >= caret ? token : null;
      if (token.to <= caret) note(levels, value);
    }
  }
  const top = levels.at(-1)!;
  const from = word ? word.from : caret;
  const to = word && isWhole(text.slice(word.from, word.to)) ? word.to : caret;
  return { operator: top.operator, argument: top.argument, field: top.first, from, to, word: text.slice(from, caret), isDone: !word && isEnd(text, last) };
}

function isEnd(text: string, last: Token | null): boolean {
  if (!last || last.kind === "operator") return false;
  return last.kind !== "mark" || text[last.from] === ")";
}

/** A text without its last quote reaches to the end of the query: what follows the caret is not of it. */
function isWhole(word: string): boolean {
  const quote = word[0];
  return (quote !== '"' && quote !== "'") || (word.length > 1 && word.endsWith(quote));
}

function step(levels: Level[], mark: string, pending: string): void {
  const top = levels.at(-1)!;
  if (mark === "(") levels.push({ operator: pending, argument: 0, first: "" });
  else if (mark === ",") top.argument += 1;
  else if (levels.length > 1) close(levels);
}

/** `number(field)` is a field: what is compared with it is what is compared with the field. */
function close(levels: Level[]): void {
  const gone = levels.pop()!;
  const top = levels.at(-1)!;
  if (gone.operator === "number" && top.argument === 0) top.first = gone.first;
}

function note(levels: Level[], value: string): void {
  const top = levels.at(-1)!;
  if (top.argument === 0) top.first = value;
}

/** What is expected at a place. */
export type Expected = "query" | "field" | "relation" | "value" | "nothing";

export function expectedAt({ operator, argument, isDone }: Place): Expected {
  if (isDone) return "nothing";
  if (operator === "" || logic.includes(operator)) return argument > 0 && operator === "not" ? "nothing" : "query";
  if (operator === "related") return argument === 0 ? "relation" : argument === 1 ? "query" : "nothing";
  if (operator === "number") return argument === 0 ? "field" : "nothing";
  if (argument === 0) return "field";
  const takesMany = operator === "in";
  const takesOne = operator !== "exists" && operator !== "empty" && argument === 1;
  return takesMany || takesOne ? "value" : "nothing";
}
