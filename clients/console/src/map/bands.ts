import type { Band, RegionProperties } from "../api/types";

/**
 * Dark to bright, blue to yellow: lightness alone orders the colours, and the hue runs along the axis that
 * red-green blind people see, so the order survives every common colour blindness and a grey print.
 */
const ramp = ["#32508e", "#2b7fb2", "#2fa99f", "#8fce86", "#f6eda0"] as const;

/** Regions without a value. */
export const noValueColor = "#2a3340";

/** Bands from the lowest to the highest. */
export function orderedBands(bands: readonly Band[]): Band[] {
  return [...bands].sort((a, b) => (a.from ?? -Infinity) - (b.from ?? -Infinity));
}

/** The range of a band in figures; its unit stands once, over the list. */
export function bandText(band: Band, number: (value: number) => string): string {
  if (band.from === null && band.to === null) return band.label_en;
  if (band.from === null) return `< ${number(band.to!)}`;
  return band.to === null ? `≥ ${number(band.from)}` : `${number(band.from)} – ${number(band.to)}`;
}

/** The colour of each colour key: the keys take the ramp in the order of their bands, however many there are. */
export function colorsByKey(bands: readonly Band[]): Map<string, string> {
  const ordered = orderedBands(bands);
  return new Map(ordered.map((band, place) => [String(band.color_key), rampColor(place, ordered.length)]));
}

/** The colour of the i-th of n bands. */
export function rampColor(place: number, count: number): string {
  const at = count <= 1 ? ramp.length - 1 : (place / (count - 1)) * (ramp.length - 1);
  const below = Math.min(Math.floor(at), ramp.length - 2);
  return mix(ramp[below]!, ramp[below + 1]!, at - below);
}

/** The band that holds a value: half-open, [from, to). */
export function bandOf(value: number | null, bands: readonly Band[]): Band | null {
  if (value === null || Number.isNaN(value)) return null;
  return bands.find((band) => value >= (band.from ?? -Infinity) && value < (band.to ?? Infinity)) ?? null;
}

/** The band of a region: the server's own word first, the value's range when it gave none. */
export function bandOfRegion(region: RegionProperties, bands: readonly Band[]): Band | null {
  if (region.value === null) return null;
  return bands.find((band) => band.band === region.band) ?? bandOf(region.value, bands);
}

/** The colour of a region: its colour key first, its band when the key is unknown. */
export function colorOf(region: RegionProperties, bands: readonly Band[]): string {
  if (region.value === null) return noValueColor;
  const colors = colorsByKey(bands);
  const key = region.color_key ?? bandOfRegion(region, bands)?.color_key;
  return colors.get(String(key)) ?? noValueColor;
}

function mix(from: string, to: string, share: number): string {
  const channels = [1, 3, 5].map((at) => {
    const a = parseInt(from.slice(at, at + 2), 16);
    const b = parseInt(to.slice(at, at + 2), 16);
    return Math.round(a + (b - a) * share).toString(16).padStart(2, "0");
  });
  return `#${channels.join("")}`;
}
