import type { ProblemDetails } from "../../api/problem";
import type { TwinModel } from "../../api/modelTypes";
import type { JsonObject } from "../../api/dataTypes";

const context = ["dtmi:dtdl:context;3", "dtmi:dtdl:extension:quantitativeTypes;1"];

/** A type to begin with. */
export function newType(): string {
  return pretty({
    "@context": context,
    "@id": "dtmi:acme:kiosk;1",
    "@type": "Interface",
    displayName: { en: "Kiosk", zh: "售货亭" },
    extends: "dtmi:marketwin:retailer;1",
    contents: [{ "@type": ["Property", "Length"], name: "width", displayName: { en: "Width", zh: "宽度" }, schema: "double", unit: "metre" }],
  });
}

/** The next version of a type: of ours one that extends it, so that what we add later reaches it; of another one a copy. */
export function nextVersion(versions: readonly TwinModel[]): string {
  const newest = versions.at(-1)!;
  const [path = "", version = "1"] = newest.dtmi.split(";");
  const id = `${path};${Number(version.split(".")[0]) + 1}`;
  const next: JsonObject = newest.created_by
    ? { ...newest.dtdl, "@id": id }
    : { "@context": context, "@id": id, "@type": "Interface", displayName: newest.dtdl["displayName"], extends: newest.dtmi, contents: [] };
  return pretty({ models: [next], migration: {} });
}

/** Interfaces as a person reads them: what a property says stays on one line. */
function pretty(value: JsonObject): string {
  return JSON.stringify(value, null, 2);
}

export interface Place {
  from: number;
  to: number;
  /** Counted from 1. */
  line: number;
}

type Fault = NonNullable<ProblemDetails["errors"]>[number];

/** Where in a text a fault is: by its pointer, or where the text is no JSON by the line and column that it names. */
export function placeOfFault(text: string, { pointer = "", message }: Fault): Place | null {
  const told = /^line (\d+), column (\d+)/.exec(message);
  if (told) {
    const from = text.split("\n").slice(0, Number(told[1]) - 1).reduce((sum, line) => sum + line.length + 1, 0) + Number(told[2]) - 1;
    return { from, to: Math.min(from + 1, text.length), line: Number(told[1]) };
  }
  const path = pointer.split("/").slice(1).map((each) => each.replaceAll("~1", "/").replaceAll("~0", "~"));
  const found = new Scanner(text).find(path);
  return found && { ...found, line: text.slice(0, found.from).split("\n").length };
}

type Range = Pick<Place, "from" | "to">;

/** Walks through a JSON text down a path; of a path that goes further than the text, to its last part that is there. */
class Scanner {
  private at = 0;

  constructor(private readonly text: string) {}

  find(path: readonly string[]): Range | null {
    const from = this.skipSpace();
    const [first, ...rest] = path;
    const inside = first === undefined ? null : this.text[from] === "{" ? this.member(first, rest) : this.text[from] === "[" ? this.item(Number(first), rest) : null;
    if (inside) return inside;
    this.at = from;
    return this.value() ? { from, to: this.at } : null;
  }

  private member(name: string, rest: readonly string[]): Range | null {
    this.at += 1;
    while (this.text[this.skipSpace()] === '"') {
      const key = this.string();
      this.skipSpace();
      this.at += 1;
      if (key === JSON.stringify(name)) return this.find(rest);
      if (!this.value() || this.text[this.skipSpace()] !== ",") return null;
      this.at += 1;
    }
    return null;
  }

  private item(place: number, rest: readonly string[]): Range | null {
    this.at += 1;
    for (let n = 0; n < place; n += 1) {
      if (!this.value() || this.text[this.skipSpace()] !== ",") return null;
      this.at += 1;
    }
    return this.text[this.skipSpace()] === "]" ? null : this.find(rest);
  }

  /** Goes past a value; false where there is none. */
  private value(): boolean {
    const from = this.skipSpace();
    let depth = 0;
    do {
      const mark = this.text[this.skipSpace()];
      if (mark === undefined) return false;
      if (mark === '"') this.string();
      else {
        if (mark === "{" || mark === "[") depth += 1;
        if (mark === "}" || mark === "]") depth -= 1;
        this.at += /^[^\s{}[\]",:]+/.exec(this.text.slice(this.at, this.at + 64))?.[0].length ?? 1;
      }
    } while (depth > 0);
    return depth === 0 && this.at > from;
  }

  private string(): string {
    const from = this.at;
    for (this.at += 1; this.at < this.text.length && this.text[this.at] !== '"'; this.at += 1) if (this.text[this.at] === "\\") this.at += 1;
    this.at += 1;
    return this.text.slice(from, this.at);
  }

  private skipSpace(): number {
    while (/\s/.test(this.text[this.at] ?? "x")) this.at += 1;
    return this.at;
  }
}

/** Who may add types. The server decides; the page only does not offer what would be refused. */
export function mayAddModels(roles: readonly string[] | undefined): boolean {
  return roles?.includes("admin") ?? false;
}
