import type { Property } from "./models";

export type Parsed = { value: unknown } | { fault: "whole" | "number" | "date" | "dateTime" | "json" };

/** A value as it is typed; what is not there is empty. */
export function entryText(value: unknown, property: Property | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string" && property?.kind !== "json") return value;
  return JSON.stringify(value);
}

/** What was typed as the JSON value that the type of the property asks for. Empty: the value is taken away. */
export function parsed(text: string, property: Property | undefined): Parsed {
  const typed = text.trim();
  if (typed === "") return { value: null };
  switch (property?.kind) {
    case "whole":
      return /^-?\d{1,15}$/.test(typed) ? { value: Number(typed) } : { fault: "whole" };
    case "decimal":
      return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(typed) && Number.isFinite(Number(typed)) ? { value: Number(typed) } : { fault: "number" };
    case "flag":
      return { value: typed === "true" };
    case "choice":
      return { value: property.choices.find((each) => String(each.value) === typed)?.value ?? typed };
    case "date":
      return isDay(typed) ? { value: typed } : { fault: "date" };
    case "dateTime":
      return /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(typed) && !Number.isNaN(Date.parse(typed)) ? { value: typed } : { fault: "dateTime" };
    case "json":
    case undefined:
      return parsedJson(typed, property);
    default:
      return { value: typed };
  }
}

function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

/** Where the type says nothing of a property, what is no JSON is a text. */
function parsedJson(text: string, property: Property | undefined): Parsed {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return property ? { fault: "json" } : { value: text };
  }
}
