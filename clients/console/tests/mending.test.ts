import { describe, expect, it } from "vitest";

import type { Kind } from "../src/api/dataTypes";
import {
  briefly,
  changedSince,
  faultOf,
  formFields,
  isWaiting,
  mayMend,
  patchOf,
  pointedField,
  reasonsByField,
  unitEntry,
  unitOf,
} from "../src/data/quarantine/mending";

const kind: Kind = {
  name: "commercial_order",
  schema_version: 1,
  doc: "",
  key_fields: ["order_no"],
  json_schema: {
    required: ["order_no"],
    properties: {
      order_no: { type: "string", "x-data-class": "public" },
      qty_order_base: { type: ["integer", "string"], minimum: 0, maximum: 100, "x-unit": "base" },
      state: { type: "string", enum: ["new", "confirmed"] },
      ordered_at: { type: "string", format: "date-time" },
      biz_date: { type: "string", format: "date" },
      void: { type: ["boolean", "string"] },
      adcode: { type: "string", readOnly: true },
      consumer_phone: { type: "string", writeOnly: true, "x-data-class": "personal" },
    },
  },
};
const record = { order_no: "P1", qty_order_base: "-3", units: { qty_order_base: "carton" }, phone_token: "k1:aa" };
const fields = formFields(kind, record);
const field = (name: string) => fields.find((each) => each.name === name)!;

describe("the form of a record", () => {
  it("has the fields of the kind in their order, then those that only the record has", () => {
    expect(fields.map((each) => each.name)).toEqual([...Object.keys(kind.json_schema.properties!), "phone_token"]);
    expect(field("phone_token").isKnown).toBe(false);
  });

  it("knows what the schema says of a field", () => {
    expect(field("order_no")).toMatchObject({ isRequired: true, isKey: true, dataClass: "public", type: "text" });
    expect(field("qty_order_base")).toMatchObject({ type: "number", unit: "base", isQuantity: true });
    expect(field("state")).toMatchObject({ type: "choice", choices: ["new", "confirmed"] });
    expect(field("void").type).toBe("flag");
    expect(field("adcode").isReadOnly).toBe(true);
    expect(field("consumer_phone")).toMatchObject({ isWriteOnly: true, dataClass: "personal" });
  });

  it("shows the record also when its kind is gone", () => {
    expect(formFields(undefined, record).map((each) => each.name)).toEqual(["order_no", "qty_order_base", "phone_token"]);
  });

  it("finds the unit in the name where the schema has none", () => {
    expect(["weight_g", "lead_days", "moisture_pct", "flow_kg_h", "name"].map(unitOf)).toEqual(["g", "day", "%", "kg/h", ""]);
  });
});

describe("a patch", () => {
  it("holds what changed and nothing else", () => {
    const entries = { order_no: "P1", qty_order_base: " 3 ", state: "new", biz_date: "" };

    expect(patchOf(fields, record, entries)).toEqual({ qty_order_base: "3", state: "new" });
  });

  it("takes a field away with null", () => {
    expect(patchOf(fields, record, { phone_token: "", order_no: "  " })).toEqual({ phone_token: null, order_no: null });
  });

  it("is empty when a change was taken back", () => {
    expect(patchOf(fields, record, { qty_order_base: "-3", [unitEntry("qty_order_base")]: "carton" })).toEqual({});
  });

  it("keeps decimals as they were typed", () => {
    expect(patchOf(fields, record, { qty_order_base: "12345678901234567.89" })).toEqual({
      qty_order_base: "12345678901234567.89",
    });
  });

  it("changes the unit beside a quantity", () => {
    expect(patchOf(fields, record, { [unitEntry("qty_order_base")]: "pack" })).toEqual({ units: { qty_order_base: "pack" } });
    expect(patchOf(fields, record, { [unitEntry("qty_order_base")]: "" })).toEqual({ units: { qty_order_base: null } });
  });
});

describe("a fault of an entry", () => {
  it.each([
    ["order_no", " ", "required"],
    ["qty_order_base", "many", "number"],
    ["qty_order_base", "-1", "minimum"],
    ["qty_order_base", "101", "maximum"],
    ["state", "lost", "choice"],
    ["biz_date", "31.1.2026", "date"],
    ["biz_date", "2026-13-01", "date"],
    ["ordered_at", "yesterday", "time"],
  ])("is seen in %s = %s", (name, text, fault) => {
    expect(faultOf(field(name), text)).toBe(fault);
  });

  it.each([
    ["qty_order_base", "1e2"],
    ["qty_order_base", ""],
    ["state", "new"],
    ["biz_date", "2026-01-31"],
    ["ordered_at", "2026-01-31T08:30:00+08:00"],
  ])("is not seen in %s = %s", (name, text) => {
    expect(faultOf(field(name), text)).toBeNull();
  });
});

describe("the reasons of an item", () => {
  const reason = (pointer: string) => ({ pointer, rule: "DQ-22", count: 1, message: "", severity: "quarantine" });

  it("point at a field, wherever in the body the record stood", () => {
    expect(["/3/qty_order_base", "/qty_order_base", "/lines/0/qty", "/0", "", "/2/a~1b~0c", "/1/units/qty"].map(pointedField)).toEqual([
      "qty_order_base", "qty_order_base", "lines", "", "", "a/b~c", "qty",
    ]);
  });

  it("stand at their field, or at the record when there is no such field", () => {
    const found = reasonsByField([reason("/0/qty_order_base"), reason("/0/order_no"), reason("/0/nowhere")], fields);

    expect([...found.keys()]).toEqual(["qty_order_base", "order_no", ""]);
  });
});

describe("an item", () => {
  it("shows the value that came beside the one it has now", () => {
    const changes = changedSince({ original: { a: "1", b: "2" }, record: { a: "1", b: "3", c: "4" } });

    expect([...changes]).toEqual([["b", "2"], ["c", undefined]]);
    expect(changedSince({ original: null, record: { a: "1" } }).size).toBe(0);
  });

  it("is told from others by its numbers first, then by its codes", () => {
    const of = (record: Record<string, unknown>) => briefly({ record, batch_id: "B", line: 7 });

    expect(of({ amount: "1", line_no: "3", order_no: "P1", sku_code: "S" })).toBe("P1 · 3");
    expect(of({ sku_code: "S", biz_date: "2026-01-01" })).toBe("S");
    expect(of({ order_no: "", name: "x" })).toBe("B / 7");
  });

  it("waits for somebody until it is replayed or dropped", () => {
    expect(["open", "mended", "replayed", "dropped"].filter((state) => isWaiting({ state }))).toEqual(["open", "mended"]);
  });

  it("is mended by administrators and analysts only", () => {
    expect([["admin"], ["analyst", "x"], ["account_manager"], ["partner"], []].map((roles) => mayMend(roles))).toEqual([
      true, true, false, false, false,
    ]);
  });
});
