import { describe, expect, it } from "vitest";

import type { QualityDay, RuleCount } from "../src/api/dataTypes";
import { unaccounted } from "../src/data/quality/balance";
import { columnOf, dayRows, daysUntil, lastDay, panelsOf, peaksOf, ruleRows, sumOf } from "../src/data/quality/days";

function day(changes: Partial<QualityDay>): QualityDay {
  const none = { received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0, pending: 0 };
  return { day: "2026-03-01", source: "erp", kind: "sku", ...none, ...changes };
}

describe("the days of the balance", () => {
  it("are calendar days, also over the end of February and a change of the clock", () => {
    expect(daysUntil("2028-03-01", 3)).toEqual(["2028-02-28", "2028-02-29", "2028-03-01"]);
    expect(daysUntil("2026-03-30", 3)).toEqual(["2026-03-28", "2026-03-29", "2026-03-30"]);
    expect(daysUntil("2026-03-30")).toHaveLength(28);
  });

  it("end with the newest day of the server where its zone is ahead of the reader", () => {
    expect(lastDay([day({ day: "2026-03-02" })], new Date("2026-03-01T20:00:00Z"))).toBe("2026-03-02");
    expect(lastDay([], new Date("2026-03-01T20:00:00Z"))).toBe("2026-03-01");
  });

  it("make one panel a source with a place for every day, the largest source first", () => {
    const items = [
      day({ source: "pos", received: 5, stored: 5 }),
      day({ source: "erp", received: 10, stored: 7, quarantined: 3 }),
      day({ source: "erp", kind: "org", received: 2, stored: 2 }),
    ];

    const panels = panelsOf(items, ["2026-02-28", "2026-03-01"], "source");

    expect(panels.map((panel) => panel.name)).toEqual(["erp", "pos"]);
    expect(panels[0]!.days.map((each) => each.received)).toEqual([0, 12]);
    expect(panels[0]!.total).toMatchObject({ received: 12, stored: 9, quarantined: 3 });
    expect(panelsOf(items.slice(1), ["2026-03-01"], "kind").map((panel) => panel.name)).toEqual(["sku", "org"]);
  });

  it("keep the balance when they are summed", () => {
    const balanced = day({ received: 10, stored: 6, duplicate: 1, quarantined: 1, rejected: 1, pending: 1 });

    expect(unaccounted(sumOf([balanced, balanced, day({ received: 1, stored: 1 })]))).toBe(0);
  });

  it("draw what was set aside on a scale of its own, so that one record in a million is seen", () => {
    const days = [day({ received: 1_000_001, stored: 1_000_000, quarantined: 1 }), day({ received: 500_000, stored: 500_000 })];
    const peaks = peaksOf(days);

    expect(columnOf(days[0]!, peaks)).toMatchObject({ stored: 1, quarantined: 1 });
    expect(columnOf(days[1]!, peaks)).toMatchObject({ stored: 0.5, quarantined: 0 });
  });

  it("never draw beyond the frame: a moved record leaves a negative number behind", () => {
    const days = [day({ received: -1, quarantined: -1 }), day({})];

    expect(Object.values(columnOf(days[0]!, peaksOf(days)))).toEqual([0, 0, 0, 0, 0]);
  });

  it("are listed newest first, or only the chosen one", () => {
    const items = [day({ received: 1 }), day({ day: "2026-03-02", received: 1 }), day({ kind: "org", received: 9 })];

    expect(dayRows(items, null).map((row) => [row.day, row.kind])).toEqual([
      ["2026-03-02", "sku"],
      ["2026-03-01", "org"],
      ["2026-03-01", "sku"],
    ]);
    expect(dayRows(items, "2026-03-02")).toHaveLength(1);
  });
});

describe("the counters of the rules", () => {
  it("are one row a rule and severity, with the places that make it up", () => {
    const count = (changes: Partial<RuleCount>): RuleCount => ({
      rule: "DQ-22", severity: "quarantine", source: "erp", kind: "sku", records: 1, ...changes,
    });

    const rows = ruleRows([count({}), count({ kind: "org", records: 5 }), count({ rule: "DQ-02", severity: "repair", records: 3 })]);

    expect(rows.map((row) => [row.rule, row.records])).toEqual([["DQ-22", 6], ["DQ-02", 3]]);
    expect(rows[0]!.places.map((place) => place.kind)).toEqual(["org", "sku"]);
  });
});
