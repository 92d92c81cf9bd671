import { describe, expect, it } from "vitest";

import { anchorOf } from "../src/map/anchor";
import { cornersOf, framed } from "../src/map/framing";
import { layOut, stageSize, type Area } from "../src/map/layout";
import { equalArea, extentOf, wrapped, type Point } from "../src/map/projection";

const lower48 = { west: -124.7, east: -67, south: 25, north: 49.4 };

/** Area of a small rectangle after projection, over its area on the globe. */
function areaScale(project: (x: number, y: number) => Point, [lon, lat]: Point): number {
  const d = 0.01;
  const [ax, ay] = project(lon, lat);
  const [bx, by] = project(lon + d, lat);
  const [cx, cy] = project(lon, lat + d);
  const drawn = Math.abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay));
  const radians = (d * Math.PI) / 180;
  return drawn / (radians * radians * Math.cos(((lat + d / 2) * Math.PI) / 180));
}

function square(region: string, [lon, lat]: Point, size = 4): Area {
  const ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]];
  return { region, geometry: { type: "Polygon", coordinates: [ring] } };
}

describe("the projection", () => {
  it.each([
    ["a country in the north", lower48],
    ["a country in the south", { west: 113, east: 154, south: -39, north: -11 }],
    ["one around the equator", { west: 95, east: 141, south: -11, north: 6 }],
    ["the whole globe", { west: -180, east: 180, south: -60, north: 80 }],
  ])("keeps areas in proportion for %s", (_, extent) => {
    const project = equalArea(extent);
    const middle = (extent.west + extent.east) / 2;
    const lats = [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => extent.south + share * (extent.north - extent.south));

    const scales = lats.flatMap((lat) => [-20, 0, 20].map((aside) => areaScale(project, [middle + aside / 2, lat])));

    for (const scale of scales) expect(scale).toBeCloseTo(scales[0]!, 3);
  });

  it("puts east to the right and north up", () => {
    for (const extent of [lower48, { west: 113, east: 154, south: -39, north: -11 }]) {
      const project = equalArea(extent);
      const [lon, lat] = [(extent.west + extent.east) / 2, (extent.south + extent.north) / 2];

      expect(project(lon + 5, lat)[0]).toBeGreaterThan(project(lon - 5, lat)[0]);
      expect(project(lon, lat + 5)[1]).toBeGreaterThan(project(lon, lat - 5)[1]);
    }
  });

  it("agrees with the worked example of the manual: unit sphere, parallels 29.5 and 45.5", () => {
    // Snyder (1987), p. 291: lat0 = 23, lon0 = -96, point (35 N, 75 W) is x = 0.2952720, y = 0.2416774.
    const extent = { west: -106, east: -86, south: 25.5, north: 49.5 };
    const project = equalArea(extent);

    const [x, y] = project(-75, 35);
    const origin = project(-96, 23);

    expect(extent.south + 24 / 6).toBe(29.5);
    expect(x).toBeCloseTo(0.295272, 6);
    expect(y - origin[1]).toBeCloseTo(0.2416774, 6);
  });

  it("finds a narrow extent for islands on both sides of the date line", () => {
    const extent = extentOf([[172, 52], [179, 51], [-179, 51], [-160, 56]]);

    expect(extent.east - extent.west).toBeCloseTo(28, 6);
    expect(wrapped(extent.west)).toBeCloseTo(172, 6);
  });
});

describe("the layout", () => {
  const bulk = Array.from({ length: 30 }, (_, i) => square(`B${i}`, [-120 + (i % 10) * 5, 30 + Math.floor(i / 10) * 5]));

  it("fills the stage with the bulk and sets far regions beneath it, apart from everything", () => {
    const far = [square("US-AK", [-152, 64], 12), square("US-HI", [-157, 20], 2)];

    const { areas, insets } = layOut([...bulk, ...far]);

    const main = areas.filter((area) => area.region.startsWith("B"));
    expect(main).toHaveLength(30);
    const width = Math.max(...main.map((a) => a.box.maxX)) - Math.min(...main.map((a) => a.box.minX));
    expect(width).toBeCloseTo(stageSize, 6);
    expect(insets).toHaveLength(2);
    const points = main.flatMap((area) => area.polygons.flat(2));
    for (const inset of insets) {
      const inside = points.filter(([x, y]) => x > inset.minX && x < inset.maxX && y > inset.minY && y < inset.maxY);
      expect(inside).toEqual([]);
      expect(inset.maxY).toBeLessThan(0);
    }
    expect(insets[0]!.maxX).toBeLessThan(insets[1]!.minX);
  });

  it("gives near outliers one inset together", () => {
    const counties = [square("US-02013", [-160, 62]), square("US-02016", [-155, 62]), square("US-02020", [-150, 62])];

    expect(layOut([...bulk, ...counties]).insets).toHaveLength(1);
  });

  it("makes no insets of islands near the coast, of a map in one piece, or of a scattered one", () => {
    const island = square("Island", [-73, 27.5], 1);
    const scattered = Array.from({ length: 9 }, (_, i) => square(`S${i}`, [-170 + i * 40, (i % 3) * 20]));

    expect(layOut(bulk).insets).toHaveLength(0);
    expect(layOut([...bulk, island]).insets).toHaveLength(0);
    expect(layOut(scattered).insets).toHaveLength(0);
  });

  it("keeps islands on both sides of the date line together", () => {
    const islands = [square("West", [176, 51], 2), square("East", [-179, 51], 2)];

    expect(layOut([...bulk, ...islands]).insets).toHaveLength(1);
  });

  it("draws a single region, and none at all, without failing", () => {
    expect(layOut([square("A", [0, 0])]).areas).toHaveLength(1);
    expect(layOut([]).areas).toHaveLength(0);
  });

  it("names a crescent inside its body, not in its hollow", () => {
    const crescent: Point[] = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 8], [8, 8], [8, 2], [0, 2]];

    const [x, y] = anchorOf([crescent]);

    const isInHollow = x < 8 && y > 2 && y < 8;
    expect(isInHollow).toBe(false);
  });
});

describe("the camera", () => {
  it.each([0.6, 1, 1.8])("sees every corner, and fills the picture in one direction, at aspect %s", (aspect) => {
    const { areas } = layOut(Array.from({ length: 12 }, (_, i) => square(`B${i}`, [(i % 6) * 5, Math.floor(i / 6) * 5])));
    const corners = cornersOf(areas, new Map(areas.map((area, i) => [area.region, i / 10])));

    const view = framed(corners, { fov: 30, aspect });

    const ahead = view.target.clone().sub(view.position).normalize();
    const up = ahead.clone().cross({ x: 1, y: 0, z: 0 } as never).negate();
    const half = Math.tan((15 * Math.PI) / 180);
    const seen = corners.map((corner) => {
      const from = corner.clone().sub(view.position);
      const depth = from.dot(ahead);
      return [Math.abs(from.x / depth / half / aspect), Math.abs(from.dot(up) / depth / half)];
    });
    const fullest = Math.max(...seen.flat());
    expect(fullest).toBeLessThanOrEqual(1);
    expect(fullest).toBeGreaterThan(0.9);
  });
});
