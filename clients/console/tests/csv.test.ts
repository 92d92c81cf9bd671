import { describe, expect, it } from "vitest";

import type { MapFeed } from "../src/api/types";
import { wordsOf } from "../src/i18n/language";
import { csvColumns, rowsOf } from "../src/map/rows";
import { toCsv } from "../src/shared/csv";

const columns = [
  { title: "name", value: (row: { name: string; value: number | null }) => row.name },
  { title: "value", value: (row: { name: string; value: number | null }) => row.value },
];

describe("the CSV", () => {
  it("starts with a byte order mark and ends each line as RFC 4180 says", () => {
    expect(toCsv(columns, [{ name: "安徽", value: 8.5 }])).toBe("\uFEFFname,value\r\n安徽,8.5\r\n");
  });

  it("quotes commas, quotes and line breaks", () => {
    const csv = toCsv(columns, [{ name: 'He said "hi",\nthen left', value: 1 }]);

    expect(csv).toContain('"He said ""hi"",\nthen left",1');
  });

  it("leaves out missing values and keeps negative numbers as numbers", () => {
    const csv = toCsv(columns, [{ name: "a", value: null }, { name: "b", value: -2.5 }]);

    expect(csv).toContain("a,\r\nb,-2.5\r\n");
  });

  it.each(["=1+1", "+86", "-2", "@sum", "\tx"])("makes text that a spreadsheet would run harmless: %j", (text) => {
    expect(toCsv(columns, [{ name: text, value: 1 }])).toContain(`'${text}`);
  });

  it("holds the regions of the map, the largest first and those without a value last", () => {
    const words = wordsOf("en");
    const feature = (region: string, value: number | null) => ({
      type: "Feature" as const,
      geometry: { type: "Polygon" as const, coordinates: [] },
      properties: { region, name_en: `Name ${region}`, name_zh: "名", value, unit: "wan_case", band: null, color_key: null, year: 2015, measure: "annual_forecast" },
    });
    const feed: MapFeed = {
      type: "FeatureCollection",
      features: [feature("US-A", null), feature("US-B", 2), feature("US-C", 11.25)],
      bands: [{ band: ">=10", from: 10, to: null, label_zh: "", label_en: "≥10", color_key: 0 }],
      years: [2015],
      levels: ["province"],
    };

    const lines = toCsv(csvColumns, rowsOf(feed, words)).split("\r\n").slice(0, -1);

    expect(lines[0]).toBe("\uFEFFregion,name_zh,name_en,measure,year,value,unit,band,reliable");
    expect(lines[1]).toBe("US-C,名,Name US-C,annual_forecast,2015,11.25,wan_case,>=10,");
    expect(lines.map((line) => line.slice(0, 4)).slice(1)).toEqual(["US-C", "US-B", "US-A"]);
  });
});
