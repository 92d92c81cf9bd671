/**
 * Longitude and latitude to the plane, without distorting area: a bigger region on the map is bigger in the world.
 * Albers' equal-area conic, and Lambert's cylindrical one where the cone would degenerate (around the equator).
 * Formulas: J. P. Snyder, Map Projections: A Working Manual, USGS Professional Paper 1395 (1987), chapters 10 and 14,
 * on the sphere.
 */
export type Point = [number, number];
export type Project = (longitude: number, latitude: number) => Point;

/** In degrees. `west` may pass -180 or `east` +180 when the area crosses the date line. */
export interface Extent {
  west: number;
  east: number;
  south: number;
  north: number;
}

const radians = Math.PI / 180;

/** The extent of points, narrow also across the date line: longitudes are unwrapped around their mean direction. */
export function extentOf(points: Iterable<Point>): Extent {
  const all = [...points];
  const middle = meanLongitude(all);
  const extent: Extent = { west: Infinity, east: -Infinity, south: Infinity, north: -Infinity };
  for (const [longitude, latitude] of all) {
    const unwrapped = middle + wrapped(longitude - middle);
    extent.west = Math.min(extent.west, unwrapped);
    extent.east = Math.max(extent.east, unwrapped);
    extent.south = Math.min(extent.south, latitude);
    extent.north = Math.max(extent.north, latitude);
  }
  return extent;
}

/** An equal-area projection for an extent, with its centre near the origin, x east and y north, in earth radii. */
export function equalArea(extent: Extent): Project {
  const middle = (extent.west + extent.east) / 2;
  const height = extent.north - extent.south;
  const lower = (extent.south + height / 6) * radians;
  const upper = (extent.north - height / 6) * radians;
  const cone = (Math.sin(lower) + Math.sin(upper)) / 2;
  const spansGlobe = extent.east - extent.west > 200;
  if (Math.abs(cone) < 0.12 || spansGlobe) return cylindrical(middle, extent);
  return conic({ middle, centre: (extent.south + extent.north) / 2, lower, cone });
}

/** A longitude difference in [-180, 180). */
export function wrapped(degrees: number): number {
  return ((((degrees + 180) % 360) + 360) % 360) - 180;
}

function conic(of: { middle: number; centre: number; lower: number; cone: number }): Project {
  const constant = Math.cos(of.lower) ** 2 + 2 * of.cone * Math.sin(of.lower);
  const radius = (latitude: number) =>
    Math.sqrt(Math.max(0, constant - 2 * of.cone * Math.sin(latitude * radians))) / of.cone;
  const origin = radius(of.centre);
  return (longitude, latitude) => {
    const angle = of.cone * wrapped(longitude - of.middle) * radians;
    const distance = radius(latitude);
    return [distance * Math.sin(angle), origin - distance * Math.cos(angle)];
  };
}

function cylindrical(middle: number, extent: Extent): Project {
  const stretch = Math.max(0.5, Math.cos(((extent.south + extent.north) / 2) * radians));
  const origin = Math.sin(((extent.south + extent.north) / 2) * radians) / stretch;
  return (longitude, latitude) => [
    wrapped(longitude - middle) * radians * stretch,
    Math.sin(latitude * radians) / stretch - origin,
  ];
}

function meanLongitude(points: readonly Point[]): number {
  let x = 0;
  let y = 0;
  for (const [longitude] of points) {
    x += Math.cos(longitude * radians);
    y += Math.sin(longitude * radians);
  }
  return Math.atan2(y, x) / radians;
}
