import { describe, expect, it } from "vitest";

import type { FusionInput, TwinChange, WholeTwin } from "../src/api/twinTypes";
import { wordsOf } from "../src/i18n/language";
import { routeOf, searchAddress, twinAddress } from "../src/shell/route";
import { columnsFor, nextSort, sortField } from "../src/twins/columns";
import { differences, knownThen, lateRevisions, newestByProperty, saidIn } from "../src/twins/differences";
import { parsed } from "../src/twins/entry";
import { incomingNames, modelsOf } from "../src/twins/models";
import { titleOf, twinNamesOf } from "../src/twins/naming";
import { csvOf } from "../src/twins/search/exporting";
import { pointsOf, stepsOf } from "../src/twins/sparkline";
import { originOf, stateRows, type StateRow } from "../src/twins/twin/rows";
import { justAfter, neighbour, present as now, whenOf } from "../src/twins/twin/timeline";
import { present, start, type LiveTwin } from "../src/twins/twin/useTwin";
import { mayWrite } from "../src/twins/twin/useWriting";
import { valueText } from "../src/twins/values";
import { interfaces } from "./twinmodels";

const models = modelsOf(interfaces);
const shop = models.get("shop")!;

function twin(revision: number, properties: Record<string, unknown>, more: Partial<WholeTwin> = {}): WholeTwin {
  const time = `2026-01-01T00:00:${String(revision).padStart(2, "0")}Z`;
  return {
    id: "shop:1", model: "shop", revision, properties, desired: {}, relations: [], changed_at: time, known_at: time, source: "s", trace_id: "", ...more,
  };
}

function change(revision: number, properties: Record<string, unknown>, changedAt: string, knownAt = changedAt): TwinChange {
  return { revision, patch: { properties }, changed_at: changedAt, known_at: knownAt, source: `source-${revision}`, trace_id: "" };
}

describe("addresses", () => {
  it("hold ids and queries of any characters", () => {
    const id = "sku:红/双 喜?#%";
    expect(routeOf(twinAddress(id))).toMatchObject({ page: "twins", subject: { of: "twins", name: id } });
    const route = routeOf(searchAddress({ q: 'like(properties/name,"红?&#*")', model: "sku", sort: "" }));
    expect(route.query.get("q")).toBe('like(properties/name,"红?&#*")');
    expect([route.query.get("model"), route.query.has("sort"), route.subject.name]).toEqual(["sku", false, ""]);
  });

  it("lead to the types, and a broken one does not break the page", () => {
    expect(routeOf("#/models/shop")).toMatchObject({ page: "twins", subject: { of: "models", name: "shop" } });
    expect(routeOf("#/twins/%E0%A4%A").subject.name).toBe("%E0%A4%A");
  });
});

describe("types", () => {
  it("have what they inherit, and a circle of types ends", () => {
    expect(shop.properties.map((each) => each.name)).toEqual(["tier", "heat", "is_own", "price", "state", "kind", "created_at"]);
    expect(shop.properties.at(-1)).toMatchObject({ from: "dtmi:t:base;1", kind: "dateTime" });
    expect(shop.others).toMatchObject([{ type: "Telemetry", name: "visitors" }]);
  });

  it("count in one version, and inherit from a former one", () => {
    const item = (version: number, state: string, more: object) => ({ name: "kiosk", dtmi: `dtmi:t:kiosk;${version}`, state, dtdl: { "@id": `dtmi:t:kiosk;${version}`, ...more } });
    const property = (name: string) => ({ contents: [{ "@type": "Property", name, schema: "string" }] });
    const kiosk = modelsOf([item(1, "former", property("a")), item(2, "current", { ...property("b"), extends: "dtmi:t:kiosk;1" }), item(3, "migrating", property("c"))]).get("kiosk")!;

    expect([kiosk.dtmi, ...kiosk.properties.map(({ name }) => name)]).toEqual(["dtmi:t:kiosk;2", "b", "a"]);
  });

  it("know how each value is entered", () => {
    const kinds = Object.fromEntries(shop.properties.map((each) => [each.name, each.kind]));
    expect(kinds).toMatchObject({ tier: "whole", heat: "decimal", is_own: "flag", price: "text", state: "choice", kind: "choice" });
    expect(shop.properties.find((each) => each.name === "price")?.isSpeltNumber).toBe(true);
    expect(shop.properties.find((each) => each.name === "heat")?.unit).toBe("degreeCelsius");
    expect(shop.properties.find((each) => each.name === "kind")?.choices[0]?.value).toBe(1);
  });

  it("know which relations lead to them", () => {
    expect(incomingNames(models, models.get("region"))).toEqual(["located_in", "part_of"]);
    expect(incomingNames(models, shop)).toEqual([]);
    expect(incomingNames(models, undefined)).toEqual(["located_in", "part_of"]);
  });

  it("are named in the language of the reader", () => {
    expect(twinNamesOf("zh", models).model("shop")).toBe("零售户");
    expect(twinNamesOf("en", models).model("shop")).toBe("Shop");
    expect(twinNamesOf("zh", models).property("tier", shop.properties[0])).toBe("档位");
    expect(titleOf({ properties: { name_zh: "安徽", name_en: "Anhui" } }, "en")).toBe("Anhui");
  });
});

describe("numbers in a sentence", () => {
  it("go with the word for one or for several", () => {
    const { t } = wordsOf("en");
    expect(t("twins.models.contents", { properties: 1, relations: 0 })).toBe("1 property · 0 relations");
    expect(t("twins.total", { count: "1" })).toBe("1 twin");
    expect(t("twins.total", { count: "1,000" })).toBe("1,000 twins");
  });
});

describe("values", () => {
  const text = (value: unknown, name?: string) =>
    valueText(value, shop.properties.find((each) => each.name === name), wordsOf("zh"), twinNamesOf("zh", models));

  it("keep the digits of whole numbers and of numbers that are spelt; of others those that count", () => {
    expect(text(9007199254740991)).toBe("9,007,199,254,740,991");
    expect(text("0012.50")).toBe("0012.50");
    expect(text("4714484175.00")).toBe("4714484175.00");
    expect(text("4714484175.00", "price")).toBe("4,714,484,175.00");
    expect(text("-90071992547409931234.50", "price")).toBe("-90,071,992,547,409,931,234.50");
    expect(text("1250.5", "price")).toBe("1,250.5");
    expect(text("0012345.50", "price")).toBe("0012345.50");
    expect(text(476730.1850790185)).toBe("476,730.1851");
    expect(text(0.1)).toBe("0.1");
  });

  it("are shown in words where the type has them", () => {
    expect([text("open", "state"), text("closed", "state"), text("burnt", "state"), text(true), text(null)]).toEqual(["营业", "closed", "burnt", "是", "–"]);
  });

  it("are taken as their type asks, and refused where they do not fit", () => {
    const typed = (entry: string, name: string) => parsed(entry, shop.properties.find((each) => each.name === name));
    expect(typed("12", "tier")).toEqual({ value: 12 });
    expect(typed("1.5", "tier")).toEqual({ fault: "whole" });
    expect(typed("-1.5", "heat")).toEqual({ value: -1.5 });
    expect(typed("12.50", "price")).toEqual({ value: "12.50" });
    expect(typed("1", "kind")).toEqual({ value: 1 });
    expect(typed("2026-01-31", "created_at")).toEqual({ fault: "dateTime" });
    expect(typed("  ", "tier")).toEqual({ value: null });
    expect(parsed("{broken", undefined)).toEqual({ value: "{broken" });
  });
});

describe("what differs", () => {
  it("is added, changed or removed in each part; the order of members and targets says nothing", () => {
    const relation = (target: string) => ({ name: "located_in", target });
    const before = twin(1, { a: 1, b: { x: 1, y: 2 }, c: 1 }, { desired: { a: 2 }, relations: [relation("r:1"), relation("r:2")] });
    const after = twin(2, { a: 2, b: { y: 2, x: 1 }, d: null }, { relations: [relation("r:2"), relation("r:1")] });

    expect(differences(before, after).map(({ facet, name, kind }) => `${facet}/${name} ${kind}`)).toEqual([
      "properties/a changed", "properties/c removed", "properties/d added", "desired/a removed",
    ]);
    expect(differences(null, after).every(({ kind }) => kind === "added")).toBe(true);
  });

  it("is told of each line of the history", () => {
    const line = { ...change(3, { a: null, b: 2 }, "2026-01-01T00:00:00Z") };
    line.patch["relations"] = [{ name: "located_in", target: "r:1" }];

    expect(saidIn(line).map(({ facet, name, isRemoved }) => [facet, name, isRemoved])).toEqual([
      ["properties", "a", true], ["properties", "b", false], ["relations", "located_in", false],
    ]);
    const tooLate = { ...line, patch: {}, said: { properties: { a: 1 }, relations: { located_in: ["r:2"] }, quality: 0.8 }, late: true };
    expect(saidIn(tooLate).map(({ name, value }) => [name, value])).toEqual([["a", 1], ["located_in", ["r:2"]]]);
  });
});

describe("the past", () => {
  const changes = [
    change(1, { tier: 1, price: "1.50" }, "2026-01-01T00:00:00Z"),
    change(2, { tier: 5 }, "2026-01-03T00:00:00Z"),
    change(3, { price: "2.50" }, "2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z"),
    change(4, { tier: 3 }, "2026-01-06T00:00:00Z"),
  ];

  it("marks what was learnt after something newer, and what the server calls late", () => {
    const tooLate = { ...change(5, {}, "2026-01-02T00:00:00Z", "2026-01-07T00:00:00Z"), patch: {}, said: { properties: { tier: 4 } } };
    expect([...lateRevisions([...changes, tooLate])]).toEqual([5]);
    expect([...lateRevisions([{ ...changes[0]!, late: true }])]).toEqual([1]);
    const rule = { ...change(5, { tier: 9 }, "2026-02-01T00:00:00Z"), source: "fusion:shop/tier;1" };
    expect([...lateRevisions([rule, change(6, { tier: 1 }, "2026-01-09T00:00:00Z")])]).toEqual([]);
  });

  it("knows of each value who said so last", () => {
    expect(newestByProperty(changes).get("tier")?.source).toBe("source-4");
    expect(newestByProperty(knownThen(changes, { at: "2026-01-04T00:00:00Z" })).get("price")?.source).toBe("source-3");
    expect(newestByProperty(knownThen(changes, { at: "2026-01-04T00:00:00Z", known_at: "2026-01-04T00:00:00Z" })).get("price")?.source).toBe("source-1");
    expect(newestByProperty(knownThen(changes, { revision: 2 })).get("tier")?.source).toBe("source-2");
  });

  it("is asked for by time, by what was known, or by revision; the present is not asked for", () => {
    expect(whenOf(now)).toBeNull();
    expect(whenOf({ ...now, at: 0 })).toEqual({ at: "1970-01-01T00:00:00.000Z" });
    expect(whenOf({ ...now, at: 0, knownAt: 1000 })).toEqual({ at: "1970-01-01T00:00:00.000Z", known_at: "1970-01-01T00:00:01.000Z" });
    expect(whenOf({ ...now, by: "revision", revision: 3, at: 5 })).toEqual({ revision: 3 });
  });

  it("is walked from change to change in the order in which they were true", () => {
    const back = neighbour(changes, now, -1);
    expect(back?.at).toBe(justAfter("2026-01-03T00:00:00Z"));
    expect(neighbour(changes, back!, -1)?.at).toBe(justAfter("2026-01-02T00:00:00Z"));
    expect(neighbour(changes, back!, 1)?.at).toBe(justAfter("2026-01-06T00:00:00Z"));
    expect(neighbour(changes, { ...now, by: "revision" }, -1)?.revision).toBe(3);
    expect(neighbour(changes, { ...now, by: "revision", revision: 1 }, -1)).toBeNull();
  });

  it("takes the moment just after a change, so that microseconds do not hide it", () => {
    expect(justAfter("2026-01-01T00:00:00.000900Z")).toBe(Date.parse("2026-01-01T00:00:00.001Z"));
  });

  it("draws numbers, also those that are spelt, in the order in which they were true", () => {
    expect(pointsOf(changes, "price").map((each) => each.value)).toEqual([1.5, 2.5]);
    expect(stepsOf(pointsOf(changes, "tier"), 30, 10)).toBe("M0 10H10V0H20V5H30");
    expect(stepsOf(pointsOf(changes.slice(0, 1), "tier"), 30, 10)).toBeNull();
  });

  it("shows beside each value of then what it is now, and what is wanted", () => {
    const then = twin(1, { tier: 1, extra: 1 }, { desired: { tier: 9 } });
    const { set, unset } = stateRows(then, shop, differences(then, twin(4, { tier: 3, heat: 20 }, { desired: { tier: 9 } })), new Map());
    const kinds = Object.fromEntries(set.map((row) => [row.name, row.difference?.kind]));

    expect(kinds).toEqual({ tier: "changed", heat: "added", extra: "removed" });
    expect(set[0]!.desired).toEqual({ value: 9, isMet: false });
    expect(unset.map((row) => row.name)).toContain("price");
  });
});

describe("the origin of a value", () => {
  const input = (source: string, at: string, weight: number, unused = "") => ({
    source, value: 1, at, known_at: at, quality: 1, reliability: 1, variance: null, age_s: 0, weight, unused,
  });
  const row = (inputs: FusionInput[]) =>
    ({ fusion: { inputs }, change: change(1, {}, "2025-01-01T00:00:00Z") }) as unknown as StateRow;

  it("is the newest time of what counts, and how many sources there are", () => {
    const origin = originOf(row([
      input("scada", "2026-01-02T00:00:00Z", 0.6), input("mes", "2026-01-03T00:00:00Z", 0.4), input("old", "2026-01-09T00:00:00Z", 0, "stale"),
    ]));

    expect(origin).toEqual({ source: "scada", sources: 3, changedAt: "2026-01-03T00:00:00Z", knownAt: "2026-01-03T00:00:00Z" });
  });

  it("is the line of the history where no inputs are told", () => {
    expect(originOf({ ...row([]), fusion: null })).toMatchObject({ source: "source-1", sources: 1 });
    expect(originOf({ ...row([]), fusion: null, change: null })).toBeNull();
  });
});

describe("the present", () => {
  const heard = (revision: number, properties: Record<string, unknown>, isSnapshot = false, deleted = false) => ({
    type: "heard" as const, isSnapshot, twin: { ...twin(revision, properties), deleted } as LiveTwin,
  });
  const read = (revision: number, properties: Record<string, unknown>) => ({
    type: "read" as const, tagged: { twin: twin(revision, properties), etag: `"${revision}"` },
  });

  it("tells each change once, against what was told before", () => {
    const events = [read(1, { a: 1 }), heard(1, { a: 1 }, true), heard(2, { a: 2 }), heard(2, { a: 2 }), heard(3, { a: 2, b: 1 })];
    const state = events.reduce(present, start);

    expect(state.tail.map((entry) => [entry.twin.revision, entry.differences.map((each) => each.name)])).toEqual([[3, ["b"]], [2, ["a"]]]);
    expect(state.tagged?.etag).toBe('"3"');
  });

  it("tells one's own write, too, although the page knows it already", () => {
    const state = [heard(1, { a: 1 }, true), read(2, { a: 2 }), heard(2, { a: 2 })].reduce(present, start);

    expect(state.tail[0]!.differences).toMatchObject([{ name: "a", before: 1, after: 2 }]);
  });

  it("does not go back to an older revision, however late it comes", () => {
    const state = [read(5, { a: 5 }), heard(4, { a: 4 }, true), read(3, { a: 3 })].reduce(present, start);

    expect(state.tagged?.twin.revision).toBe(5);
  });

  it("holds still when told to, and catches up afterwards", () => {
    const pause = (isPaused: boolean) => ({ type: "pause" as const, isPaused });
    const held = [heard(1, { a: 1 }, true), pause(true), heard(2, { a: 2 }), heard(3, { a: 3 })].reduce(present, start);

    expect([held.tagged?.twin.revision, held.waiting.length]).toEqual([1, 2]);
    expect(present(held, pause(false))).toMatchObject({ tagged: { etag: '"3"' }, waiting: [], tail: [{}, {}] });
  });

  it("shows what was measured last, and holds still with it, too", () => {
    const measured = (value: number) => ({ type: "measured" as const, readings: { a: { value, at: "2025-01-01T00:00:00Z", source: "s", quality: 1 } } });
    const running = [read(1, { a: 1 }), measured(2), measured(3)].reduce(present, start);
    const held = [{ type: "pause" as const, isPaused: true }, measured(4)].reduce(present, running);

    expect([running.readings.a?.value, held.readings.a?.value]).toEqual([3, 3]);
    expect(running.tagged?.twin.revision).toBe(1);
  });

  it("tells what changed between reading and the first that is heard", () => {
    const missed = [read(1, { a: 1 }), heard(2, { a: 2 }, true)].reduce(present, start);

    expect(missed.tail.map((entry) => entry.twin.revision)).toEqual([2]);
    expect([read(2, { a: 2 }), heard(2, { a: 2 }, true)].reduce(present, start).tail).toEqual([]);
  });

  it("says that the twin was deleted, and that it is there again", () => {
    const gone = [heard(1, { a: 1 }, true), heard(2, {}, false, true)].reduce(present, start);

    expect([gone.isDeleted, gone.tagged?.twin.revision]).toEqual([true, 1]);
    expect(present(gone, heard(3, { a: 1 }))).toMatchObject({ isDeleted: false, tagged: { etag: '"3"' } });
  });

  it("may be written by administrators and analysts", () => {
    expect([["admin"], ["analyst"], ["account_manager"], ["partner"], undefined].map(mayWrite)).toEqual([true, true, false, false, false]);
  });
});

describe("the results", () => {
  it("have the columns that their type fills, and are sorted up, down and not at all", () => {
    const items = [twin(1, { tier: 1, price: "2" }, { relations: [{ name: "located_in", target: "region:1" }] })];
    const columns = columnsFor(shop, items);

    expect(columns.slice(0, 1)).toMatchObject([{ name: "tier" }]);
    expect(columns.map((each) => each.name)).toContain("located_in");
    expect(sortField(columns.find((each) => each.name === "price")!)).toBe("number(properties/price)");
    expect(["", "a", "-a", "b"].map((sort) => nextSort(sort, "a"))).toEqual(["a", "-a", "", "a"]);
  });

  it("become one row a twin, with every property that any of them has", () => {
    const text = csvOf([twin(1, { tier: 1 }), twin(2, { note: '=1+"2"', o: { x: 1 } }, { id: "shop:2" })]);

    const [head, first, second] = text.replace("\uFEFF", "").split("\r\n");
    expect(head).toBe("id,model,tier,note,o,source,changed_at,known_at,revision");
    expect(first).toContain("shop:1,shop,1,,,s,");
    expect(second).toContain(`shop:2,shop,,"'=1+""2""","{""x"":1}",s,`);
  });
});
