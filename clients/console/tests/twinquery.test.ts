import { describe, expect, it } from "vitest";

import { Problem } from "../src/api/problem";
import { chineseOfQuery } from "../src/i18n/chineseQueries";
import { wordsOf } from "../src/i18n/language";
import { suggestions } from "../src/twins/completion";
import { modelsOf } from "../src/twins/models";
import { namingOf, twinNamesOf } from "../src/twins/naming";
import { areWords, both, byWords, expectedAt, modelIn, placeAt, placeOf, propertyField, quoted, tokens } from "../src/twins/rql";
import { interfaces } from "./twinmodels";

const models = modelsOf(interfaces);
const naming = namingOf(wordsOf("zh"), twinNamesOf("zh", models));

/** Suggestions where the text has a bar. */
function offered(marked: string, model = ""): string[] {
  const caret = marked.indexOf("|");
  return suggestions(marked.replace("|", ""), caret, models, model, naming).map((each) => each.title);
}

function taken(marked: string, title: string, model = ""): string {
  const caret = marked.indexOf("|");
  const text = marked.replace("|", "");
  const found = suggestions(text, caret, models, model, naming).find((each) => each.title === title);
  if (!found) throw new Error(`${title} is not offered`);
  const after = text.slice(0, found.from) + found.insert + text.slice(found.to);
  return `${after.slice(0, found.from + found.caret)}|${after.slice(found.from + found.caret)}`;
}

describe("the text of a query", () => {
  it("is cut into tokens that leave out no character, whatever is typed", () => {
    for (const text of ['and(eq(model,"a\\"b"),gt(properties/层,-1.5e3))', '"open', "((,", "eq(a,'x", " 😀 null", "\\"]) {
      expect(tokens(text).map(({ from, to }) => text.slice(from, to)).join("")).toBe(text);
    }
    expect(tokens('eq(a,"(")').map((each) => each.kind)).toEqual(["operator", "mark", "name", "mark", "text", "mark"]);
  });

  it("escapes quotes in texts and what would end a field", () => {
    expect(quoted('a"b\\')).toBe('"a\\"b\\\\"');
    expect(propertyField("a b(c)/d~e,f%'")).toBe("properties/a%20b%28c%29~1d~0e%2Cf%25%27");
    expect(propertyField("price", true)).toBe("number(properties/price)");
  });

  it("joins conditions without empty ones", () => {
    expect(both(["", "a(b)"])).toBe("a(b)");
    expect(both(["a(b)", "c(d)"])).toBe("and(a(b),c(d))");
  });

  it("is told from words, which are looked for in names and ids", () => {
    expect([areWords("红星 商店"), areWords("eq(id,1)"), areWords("and"), areWords(" ")]).toEqual([true, false, false, false]);
    expect(byWords('a*"')).toContain('ilike(id,"*a\\\\*\\"*")');
  });

  it("names the type it asks for", () => {
    expect(modelIn('and( eq( model , "sku" ),gt(a,1))')).toBe("sku");
    expect(modelIn("gt(revision,1)")).toBe("");
  });
});

describe("what the server says of a query", () => {
  const problem = (message: string, pointer = "/query/filter") =>
    new Problem({ title: "", status: 400, errors: [{ pointer, rule: "syntax", message }] });

  it("is shown under the character it means, also behind characters that browsers count twice", () => {
    expect(placeOf(problem("at character 4: expected )"), "filter", "eq(x")).toEqual({ at: 3, message: "expected )" });
    expect(placeOf(problem("at character 3: no"), "filter", "😀😀x")?.at).toBe(4);
  });

  it("is said in Chinese, and as it came where there are no words for it", () => {
    expect(chineseOfQuery("expected )")).toBe("此处应为 )");
    expect(chineseOfQuery("expected an operator: eq, ne")).toBe("此处应为运算符：eq, ne");
    expect(chineseOfQuery("a query is at most 32 levels deep")).toBe("查询最多嵌套 32 层");
    expect(chineseOfQuery("never heard")).toBe("never heard");
  });

  it("is shown at the end where no character is named, and not at all where it is about something else", () => {
    expect(placeOf(problem("too long"), "filter", "abc")).toEqual({ at: 3, message: "too long" });
    expect(placeOf(problem("at character 1: no", "/query/sort"), "filter", "abc")).toBeNull();
    expect(placeOf(null, "filter", "abc")).toBeNull();
  });
});

describe("what may come next", () => {
  it("is known from the place of the caret", () => {
    const expected = (marked: string) => expectedAt(placeAt(marked.replace("|", ""), marked.indexOf("|")));

    expect(expected("|")).toBe("query");
    expect(expected("and(|")).toBe("query");
    expect(expected("and(eq(a,1),|)")).toBe("query");
    expect(expected("eq(|")).toBe("field");
    expect(expected("eq(model,|")).toBe("value");
    expect(expected("in(model,1,2,|")).toBe("value");
    expect(expected("related(|")).toBe("relation");
    expect(expected("related(part_of,|")).toBe("query");
    expect(expected("gt(number(|")).toBe("field");
    expect(expected("eq(a,1)|")).toBe("nothing");
    expect(expected("exists(a,|")).toBe("nothing");
  });

  it("offers the properties of the chosen type, by their names in either language", () => {
    expect(offered("eq(ti|", "shop")).toEqual(["properties/tier"]);
    expect(offered("eq(档|", "shop")).toEqual(["properties/tier"]);
    expect(offered('and(eq(model,"shop"),eq(|')).toContain("properties/tier");
    expect(offered('and(eq(model,"region"),eq(|')).not.toContain("properties/tier");
  });

  it("offers the types, the values of an enumeration and true or false", () => {
    expect(offered("eq(model,|")).toEqual(['"base"', '"region"', '"shop"']);
    expect(offered("eq(properties/state,|", "shop")).toEqual(['"open"', '"closed"']);
    expect(offered('eq(properties/state,"cl|', "shop")).toEqual(['"closed"']);
    expect(offered("eq(properties/is_own,|", "shop")).toEqual(["true", "false"]);
  });

  it("puts the caret where the writer goes on", () => {
    expect(taken("an|", "and")).toBe("and(|)");
    expect(taken("and(|eq(a,1))", "not")).toBe("and(not(|)eq(a,1))");
    expect(taken("eq(ti|)", "properties/tier", "shop")).toBe("eq(properties/tier,|)");
    expect(taken("exists(ti|)", "properties/tier", "shop")).toBe("exists(properties/tier|)");
    expect(taken("e|(model,1)", "eq")).toBe("eq(|model,1)");
    expect(taken('eq(model,"re|)', '"region"')).toBe('eq(model,"region"|)');
  });

  it("asks for the number that a price spells where an order is asked for", () => {
    expect(taken("gt(pri|)", "properties/price", "shop")).toBe("gt(number(properties/price),|)");
    expect(taken("eq(pri|)", "properties/price", "shop")).toBe("eq(properties/price,|)");
  });

  it("makes a query of words", () => {
    expect(offered("红星|")[0]).toBe("红星");
    expect(taken("红星|", "红星")).toBe(`${byWords("红星")}|`);
  });
});
