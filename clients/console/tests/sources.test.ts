import { describe, expect, it } from "vitest";

import type { Connection, Source } from "../src/api/dataTypes";
import { factsOf, recordId, stepsOf, stretchesOf, targetOf, titleKey } from "../src/data/lineage/steps";
import { namesOf } from "../src/data/names";
import { byNeed, healthOf, mayRun } from "../src/data/sources/health";
import { ago, duration, isoDay } from "../src/shared/format";
import { dataAddress, routeOf } from "../src/shell/route";

const now = Date.parse("2026-03-10T12:00:00Z");

function source(changes: Partial<Source>): Source {
  const seen = "2026-03-10T11:59:00Z";
  return { name: "erp", received: 1, mapped_kinds: [], newest_biz_date: null, last_seen_at: seen, ...changes };
}

function connection(state: string): Connection {
  return { name: "c", type: "rest_pull", state, last_success_at: null, last_error: "", records: 0, checkpoint: "" };
}

describe("the health of a source", () => {
  it.each([
    ["good", {}],
    ["attention", { open_quarantine: 1 }],
    ["attention", { partial_days: ["2026-03-09"] }],
    ["quiet", { last_seen_at: "2026-03-09T09:00:00Z", open_quarantine: 3 }],
    ["never", { last_seen_at: null }],
    ["failing", { last_seen_at: null, connections: [connection("running"), connection("failing")] }],
  ] as [string, Partial<Source>][])("is %s for %j", (health, changes) => {
    expect(healthOf(source(changes), now)).toBe(health);
  });

  it("puts what needs a person first", () => {
    const sources = [source({ name: "b" }), source({ name: "a" }), source({ name: "z", connections: [connection("failing")] })];

    expect(byNeed(sources, now).map((each) => each.name)).toEqual(["z", "a", "b"]);
  });
});

describe("spans of time", () => {
  it("are told in their largest unit", () => {
    expect([0.42, 1.8, 312, 7440, 200_000].map((seconds) => duration(seconds, "en"))).toEqual([
      "420 ms", "1.8 secs", "5.2 mins", "2.1 hrs", "2.3 days",
    ]);
    expect(duration(7440, "zh")).toBe("2.1小时");
  });

  it("are told as how long ago", () => {
    expect(ago("2026-03-10T11:57:10Z", now, "en")).toBe("2 min ago");
    expect(ago("2026-03-08T11:00:00Z", now, "zh")).toBe("前天");
    expect(ago("soon", now, "en")).toBe("soon");
  });

  it("leave a calendar day where it is, whatever the zone of the reader", () => {
    expect(isoDay("2026-03-01", "en")).toBe("1 Mar 2026");
    expect(isoDay("2026-03-01", "zh", "short")).toBe("3/1");
    expect(isoDay("someday", "en")).toBe("someday");
  });
});

describe("the address of the data page", () => {
  it("holds the part and its filter, and leads back to both", () => {
    const address = dataAddress("quarantine", { kind: "sku", source: "", search: "a b&c" });
    const route = routeOf(address);

    expect(address).toBe("#/data/quarantine?kind=sku&search=a+b%26c");
    expect([route.page, route.tab, route.query.get("search")]).toEqual(["data", "quarantine", "a b&c"]);
  });

  it("begins with the sources, and knows the old address of the quality", () => {
    expect(routeOf("#/data")).toMatchObject({ page: "data", tab: "sources" });
    expect(routeOf("#/data/nowhere")).toMatchObject({ page: "data", tab: "sources" });
    expect(routeOf("#/quality")).toMatchObject({ page: "data", tab: "quality" });
  });
});

describe("names", () => {
  it("are Chinese where they are known, and readable where they are not", () => {
    expect(namesOf("zh").kind("commercial_order")).toBe("商业订单");
    expect(namesOf("zh").field("new_thing")).toBe("New thing");
    expect(namesOf("en").field("qty_order_base")).toBe("Quantity order");
    expect(namesOf("en").rule("DQ-01", "The key is there.")).toBe("The key is there.");
    expect(namesOf("zh").doc("Quantity ordered, base units. Whole base units of the product.")).toBe("订货量，基本单位；品规的整数基本单位");
    expect(namesOf("zh").doc("Something new. Decimal with two places.")).toBe("Something new.；两位小数");
    expect(namesOf("en").doc("Quantity ordered, base units.")).toBe("Quantity ordered, base units.");
    expect(namesOf("zh").choice("license_status", "revoked")).toBe("吊销 (revoked)");
    expect(namesOf("zh").choice("license_status", "other")).toBe("other");
    expect(namesOf("zh").rule("DQ-99", "New.")).toBe("New.");
    expect(namesOf("zh").message("the mapping declares carton, the record says another unit")).toContain("carton，");
    expect(namesOf("zh").message("something new")).toBe("something new");
  });
});

describe("the way of a record", () => {
  const step = (stage: string, at: string | null, id = "x") => ({ stage, id, at, detail: {} });

  it("tells how long each step took, and nothing where a time is missing or runs backwards", () => {
    const steps = stepsOf({
      kind: "sku",
      key: "1",
      steps: [step("source", "2026-03-01T00:00:00Z"), step("batch", null), step("message", "2026-03-01T00:00:01.5Z"), step("book", "2026-03-01T00:00:01Z")],
    });

    expect(steps.map((each) => each.after_s)).toEqual([null, null, 1.5, null]);
    expect(steps.map((each) => each.place)).toEqual(["way", "way", "way", "way"]);
  });

  it("leads on to what has a page, and shows what has none in place", () => {
    const target = (stage: string, id: string, link?: string) => targetOf({ stage, id, link });

    expect(target("quarantine", "Q 1", "/api/v1/quarantine/Q%201")).toEqual({ href: "#/data/quarantine?id=Q+1" });
    expect(target("twin", "sku:1", "/api/v1/twins/sku%3A1?revision=2")).toEqual({ path: "twins/sku%3A1?revision=2" });
    expect(target("superseded", "01J")).toEqual({ href: "#/data/lineage?id=01J" });
    expect(target("twin", "sku:1", "https://elsewhere/api/v1/x")).toEqual({});
    expect(target("message", "m")).toEqual({});
  });

  it("names its source once, and what a person did in the quarantine", () => {
    const steps = stepsOf({ kind: "sku", key: "1", steps: [step("source", null, "erp"), step("source", null, "erp"), step("book", null)] });

    expect(steps.map(({ stage }) => stage)).toEqual(["source", "book"]);
    expect(titleKey({ stage: "quarantine", detail: { action: "mended" } })).toBe("quarantine.mended");
    expect(titleKey(step("quarantine", null))).toBe("stage.quarantine");
  });

  it("shows the figures of one stage together, those surely of this record first", () => {
    const guess = { ...step("forecast", null, "near"), exact: false };
    const steps = stepsOf({ kind: "sku", key: "1", steps: [step("batch", null), step("batch", null), guess, step("forecast", null, "own")] });

    expect(stretchesOf(steps).map((each) => each.steps.map(({ id }) => id))).toEqual([["x"], ["x"], ["own", "near"]]);
  });

  it("shows facts without the empty ones, those inside others by their path", () => {
    expect(factsOf({ a: 1, b: null, c: { d: "x", e: "" }, f: [], g: [1, 2] })).toEqual([
      { name: "a", value: 1 },
      { name: "c.d", value: "x" },
      { name: "g", value: [1, 2] },
    ]);
  });

  it("begins with the id of a record of the book", () => {
    expect(recordId({ record_id: "01J" })).toBe("01J");
    expect(recordId({})).toBe("");
  });
});

describe("a connection that can be run now", () => {
  it("pulls, and is asked for by an administrator", () => {
    expect(mayRun(connection("failing"), ["admin"])).toBe(true);
    expect(mayRun(connection("running"), ["analyst"])).toBe(false);
    expect(mayRun({ ...connection("running"), type: "mqtt" }, ["admin"])).toBe(false);
  });
});
