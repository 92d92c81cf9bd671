import type { MapFeed, RegionProperties } from "../api/types";
import type { Column } from "../shared/csv";
import { amount } from "../shared/format";
import { bandOfRegion, bandText, colorOf, orderedBands } from "./bands";
import type { Words } from "../i18n/language";

/** One region as the stage and the table show it. */
export interface RegionRow {
  region: string;
  name: string;
  /** The code without its country, for places too small for the name. */
  shortName: string;
  value: number | null;
  unit: string;
  bandKey: string | null;
  bandLabel: string;
  color: string;
  isUnreliable: boolean;
  properties: RegionProperties;
}

/** The regions of a feed, largest value first, those without a value last. */
export function rowsOf(feed: MapFeed, { pick, language }: Pick<Words, "pick" | "language">): RegionRow[] {
  const bands = orderedBands(feed.bands);
  const rows = feed.features.map(({ properties }) => {
    const band = bandOfRegion(properties, bands);
    const name = pick(properties.name_zh, properties.name_en) || properties.name || properties.region;
    return {
      region: properties.region,
      name,
      shortName: shortNameOf(properties.region, name),
      value: properties.value,
      unit: properties.unit,
      bandKey: band?.band ?? null,
      bandLabel: band ? bandText(band, (value) => amount(value, language)) : "",
      color: colorOf(properties, bands),
      isUnreliable: properties.value !== null && properties.reliable === false,
      properties,
    };
  });
  return rows.sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity) || a.name.localeCompare(b.name));
}

/** What the CSV of the map holds: the feed's own words, whatever the language of the page. */
export const csvColumns: Column<RegionRow>[] = [
  { title: "region", value: (row) => row.region },
  { title: "name_zh", value: (row) => row.properties.name_zh },
  { title: "name_en", value: (row) => row.properties.name_en ?? row.properties.name },
  { title: "measure", value: (row) => row.properties.measure },
  { title: "year", value: (row) => row.properties.year },
  { title: "value", value: (row) => row.value },
  { title: "unit", value: (row) => row.unit },
  { title: "band", value: (row) => row.bandKey },
  { title: "reliable", value: (row) => row.properties.reliable },
];

function shortNameOf(region: string, name: string): string {
  const code = /^[A-Z]{2}-([A-Z0-9]{1,3})$/.exec(region)?.[1];
  return code && code.length < name.length ? code : name;
}
