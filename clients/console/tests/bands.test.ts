import { describe, expect, it } from "vitest";

import type { Band, RegionProperties } from "../src/api/types";
import { bandOf, bandText, colorOf, colorsByKey, noValueColor, orderedBands, rampColor } from "../src/map/bands";

const bands: Band[] = [
  { band: ">=10", from: 10, to: null, label_zh: "≥10", label_en: "≥10", color_key: 4 },
  { band: "<1", from: null, to: 1, label_zh: "<1", label_en: "<1", color_key: 0 },
  { band: "8-10", from: 8, to: 10, label_zh: "8–10", label_en: "8–10", color_key: 3 },
  { band: "1-5", from: 1, to: 5, label_zh: "1–5", label_en: "1–5", color_key: 1 },
  { band: "5-8", from: 5, to: 8, label_zh: "5–8", label_en: "5–8", color_key: 2 },
];

function region(changes: Partial<RegionProperties>): RegionProperties {
  return { region: "R", value: 6, unit: "wan_case", band: "5-8", color_key: 2, year: 2015, measure: "annual_forecast", ...changes };
}

type Rgb = [number, number, number];

function linear(color: string): Rgb {
  return [1, 3, 5].map((at) => {
    const share = parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

/** CIE L*a*b* of linear sRGB, white point D65. */
function lab([r, g, b]: Rgb): Rgb {
  const f = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 / 116) * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Complete colour blindness of each kind: Machado, Oliveira and Fernandes (2009), severity 1.0. */
const blindness: Record<string, Rgb[]> = {
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function seenWith(matrix: Rgb[], color: Rgb): Rgb {
  return matrix.map((row) => row.reduce((sum, weight, i) => sum + weight * color[i]!, 0)) as Rgb;
}

describe("band colouring", () => {
  it("holds the lower end of a band and not the upper one", () => {
    expect(bandOf(8, bands)?.band).toBe("8-10");
    expect(bandOf(7.999, bands)?.band).toBe("5-8");
    expect(bandOf(10, bands)?.band).toBe(">=10");
    expect(bandOf(0, bands)?.band).toBe("<1");
    expect(bandOf(null, bands)).toBeNull();
  });

  it("gives the colour keys the ramp in the order of their bands, whatever the order of the list", () => {
    const colors = colorsByKey(bands);

    expect([0, 1, 2, 3, 4].map((key) => colors.get(String(key)))).toEqual([0, 1, 2, 3, 4].map((i) => rampColor(i, 5)));
    expect(orderedBands(bands).map((band) => band.band)).toEqual(["<1", "1-5", "5-8", "8-10", ">=10"]);
  });

  it("says the range in figures, open at both ends of the list", () => {
    expect(orderedBands(bands).map((band) => bandText(band, String))).toEqual(["< 1", "1 – 5", "5 – 8", "8 – 10", "≥ 10"]);
  });

  it("works with colour keys that are names, and with any number of bands", () => {
    const named = bands.slice(0, 3).map((band, i) => ({ ...band, color_key: `k${i}` }));

    expect(new Set(colorsByKey(named).values()).size).toBe(3);
    expect(rampColor(0, 1)).toBe(rampColor(4, 5));
  });

  it("follows the server's colour key, falls back to the value, and leaves regions without a value grey", () => {
    expect(colorOf(region({ color_key: 4 }), bands)).toBe(rampColor(4, 5));
    expect(colorOf(region({ color_key: null, band: null, value: 0.3 }), bands)).toBe(rampColor(0, 5));
    expect(colorOf(region({ value: null }), bands)).toBe(noValueColor);
  });

  it("gets lighter from band to band for every kind of sight", () => {
    const ramp = [0, 1, 2, 3, 4].map((i) => linear(rampColor(i, 5)));
    const sights = [ramp, ...Object.values(blindness).map((matrix) => ramp.map((color) => seenWith(matrix, color)))];

    for (const sight of sights) {
      const lightness = sight.map((color) => lab(color)[0]);
      lightness.slice(1).forEach((value, i) => expect(value - lightness[i]!).toBeGreaterThan(6));
    }
  });

  it("keeps neighbouring bands clearly apart for every kind of sight", () => {
    const ramp = [0, 1, 2, 3, 4].map((i) => linear(rampColor(i, 5)));

    for (const matrix of Object.values(blindness)) {
      const seen = ramp.map((color) => lab(seenWith(matrix, color)));
      seen.slice(1).forEach((color, i) => {
        const difference = Math.hypot(...color.map((value, channel) => value - seen[i]![channel]!));
        expect(difference).toBeGreaterThan(12);
      });
    }
  });
});
