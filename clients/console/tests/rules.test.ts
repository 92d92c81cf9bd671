import { describe, expect, it } from "vitest";

import { chineseOfFault } from "../src/i18n/chineseFaults";
import { wordsOf } from "../src/i18n/language";
import { modelsOf } from "../src/twins/models";
import { draftOf, faultsByField, methodsOf, outcomeOf, ruleOf, sourcePointer } from "../src/twins/rules/drafting";
import { interfaces } from "./twinmodels";

const shop = modelsOf(interfaces).get("shop")!;
const property = (name: string) => shop.properties.find((each) => each.name === name);
const rule = {
  method: "weighted", reliability: { scada: 0.95, "*": 0.7 }, half_life_s: 600, variance: { mes: 4, "*": 9 }, priority: [], stale_after_s: 7200, conflict_p: 0.05,
};

describe("a fusion rule that is edited", () => {
  it("comes back as it was, without what is left at its default", () => {
    const draft = draftOf(rule, ["erp"]);

    expect(draft.halfLife).toEqual({ text: "10", unit: "min" });
    expect(draft.staleAfter).toEqual({ text: "2", unit: "h" });
    expect(draft.sources.map((each) => each.name)).toEqual(["scada", "mes", "erp", "*"]);
    expect(ruleOf(draft)).toEqual({ method: "weighted", reliability: rule.reliability, half_life_s: 600, variance: rule.variance, stale_after_s: 7200 });
  });

  it("says only what its method has, and sends what is no number as it was typed", () => {
    const draft = { ...draftOf(rule, []), method: "priority" as const, priority: " mes \n\nuser:*, erp", conflictP: "x" };

    expect(ruleOf(draft)).toEqual({ method: "priority", variance: rule.variance, priority: ["mes", "user:*", "erp"], stale_after_s: 7200, conflict_p: "x" });
    expect(ruleOf(draftOf(null, []))).toEqual({ method: "latest" });
  });

  it("offers means to numbers and to texts that may spell them alone", () => {
    expect(methodsOf(property("tier"))).toContain("weighted");
    expect(methodsOf(property("price"))).toContain("median");
    expect(methodsOf(property("is_own"))).toEqual(["latest", "priority"]);
  });

  it("says in words what it will do, in both languages", () => {
    const told = (language: "en" | "zh") => outcomeOf(draftOf(rule, []), wordsOf(language), (seconds) => `${seconds} s`);

    expect(told("en")).toHaveLength(5);
    expect(told("en")[1]).toBe("What is 600 s older than the newest counts half.");
    expect(told("zh")[3]).toBe("比最新值早 7200 s 以上的不计入。");
    expect(outcomeOf({ ...draftOf(rule, []), halfLife: { text: "-5", unit: "min" } }, wordsOf("en"), String).join()).not.toContain("-");
  });

  it("shows what is wrong at the field that it is about", () => {
    const errors = [
      { pointer: "/half_life_s", message: "must be a number from 0.001 to 3e+08" },
      { pointer: "/variance/a~1b", message: "must be a number from 1e-12 to 1e+12" },
      { pointer: "/variance", message: 'needs "*", too: sources that are not named scatter as well' },
      { pointer: "/unknown", message: "a rule has method" },
    ];
    const { at, rest } = faultsByField(errors, ["/half_life_s", "/variance", sourcePointer("variance", "a/b")], chineseOfFault);

    expect(at.get("/half_life_s")).toBe("须为 0.001 至 3e+08 之间的数值");
    expect(at.get(sourcePointer("variance", "a/b"))).toContain("1e-12");
    expect(at.get("/variance")).toContain("其他全部");
    expect(rest).toEqual(["/unknown: a rule has method"]);
  });
});
