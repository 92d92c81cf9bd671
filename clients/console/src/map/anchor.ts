import type { Point } from "./projection";

const steps = 14;

/**
 * Where a name stands best on a polygon: its centroid, or, when that lies near the edge or outside (a crescent, a
 * panhandle), the point of a grid that is farthest from any edge.
 */
export function anchorOf(rings: readonly Point[][]): Point {
  const outer = rings[0]!;
  const centre = centroid(outer);
  let best = { at: centre, room: roomAt(centre, rings) };
  const kept = best;
  const [xs, ys] = [outer.map((point) => point[0]), outer.map((point) => point[1])];
  const [west, south] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - west, Math.max(...ys) - south];
  for (let i = 1; i < steps; i += 1) {
    for (let j = 1; j < steps; j += 1) {
      const at: Point = [west + (width * i) / steps, south + (height * j) / steps];
      const room = roomAt(at, rings);
      if (room > best.room) best = { at, room };
    }
  }
  return kept.room >= best.room * 0.6 ? kept.at : best.at;
}

/** The best place for a name, then others nearby for when something stands before the best one. */
export function anchorsOf(rings: readonly Point[][]): Point[] {
  const best = anchorOf(rings);
  const [xs, ys] = [rings[0]!.map((point) => point[0]), rings[0]!.map((point) => point[1])];
  const [width, height] = [Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)];
  const enough = roomAt(best, rings) * 0.3;
  const nearby = [[0, 1], [-1, 1], [1, 1], [-1, 0], [1, 0], [0, -1]].flatMap(([x, y]) =>
    [0.18, 0.3].map((share): Point => [best[0] + x! * share * width, best[1] + y! * share * height]),
  );
  return [best, ...nearby.filter((at) => roomAt(at, rings) > enough)];
}

/** Centroid of a ring; of a ring without area, its first point. */
export function centroid(ring: readonly Point[]): Point {
  const doubled = signedArea(ring) * 2;
  if (doubled === 0) return ring[0] ?? [0, 0];
  let x = 0;
  let y = 0;
  ring.forEach(([ax, ay], index) => {
    const [bx, by] = ring[(index + 1) % ring.length]!;
    x += (ax + bx) * (ax * by - bx * ay);
    y += (ay + by) * (ax * by - bx * ay);
  });
  return [x / (3 * doubled), y / (3 * doubled)];
}

/** Area of a ring, positive when it runs counter-clockwise. */
export function signedArea(ring: readonly Point[]): number {
  return (
    ring.reduce((sum, [ax, ay], index) => {
      const [bx, by] = ring[(index + 1) % ring.length]!;
      return sum + ax * by - bx * ay;
    }, 0) / 2
  );
}

/** Distance to the nearest edge, negative outside. */
function roomAt([x, y]: Point, rings: readonly Point[][]): number {
  let nearest = Infinity;
  let isInside = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
      const [ax, ay] = ring[j]!;
      const [bx, by] = ring[i]!;
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) isInside = !isInside;
      nearest = Math.min(nearest, squaredDistance([x, y], [ax, ay], [bx, by]));
    }
  }
  return isInside ? Math.sqrt(nearest) : -Math.sqrt(nearest);
}

function squaredDistance([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2;
}
