import { Vector3 } from "three";

import type { PlacedArea } from "./layout";

export interface View {
  position: Vector3;
  target: Vector3;
  distance: number;
}

/** Degrees above the ground from which the stage is first seen. */
const elevation = 57;
/** How much of the picture the map fills. */
const fill = 0.96;
const rounds = 16;

/** The corners of the columns' bounding boxes, at the ground and at their tops. */
export function cornersOf(areas: readonly PlacedArea[], heights: ReadonlyMap<string, number>): Vector3[] {
  return areas.flatMap(({ region, box }) =>
    [box.minX, box.maxX].flatMap((x) =>
      [box.minY, box.maxY].flatMap((y) => [0, heights.get(region) ?? 0].map((z) => new Vector3(x, y, z))),
    ),
  );
}

/**
 * Where a camera must stand, and where on the ground it must look, so that all points fill the middle of the picture.
 * Perspective makes near points larger, so the two are approached in turns; each round halves the error at least.
 */
export function framed(points: readonly Vector3[], lens: { fov: number; aspect: number }): View {
  const angle = (elevation * Math.PI) / 180;
  const back = new Vector3(0, -Math.cos(angle), Math.sin(angle));
  const up = new Vector3(0, Math.sin(angle), Math.cos(angle));
  const half = Math.tan((lens.fov * Math.PI) / 360) * fill;
  const target = new Vector3();
  let distance = 20;
  for (let round = 0; round < rounds; round += 1) {
    const seen = extentSeen(points, { target, back, up, distance });
    target.x += seen.x * distance;
    target.y += (seen.y * distance) / Math.sin(angle);
    distance *= Math.max(seen.halfWidth / lens.aspect, seen.halfHeight) / half;
  }
  return { position: back.clone().multiplyScalar(distance).add(target), target, distance };
}

interface Stand {
  target: Vector3;
  back: Vector3;
  up: Vector3;
  distance: number;
}

/** The middle and the half size of what is seen, as tangents of the angles from the line of sight. */
function extentSeen(points: readonly Vector3[], { target, back, up, distance }: Stand) {
  const low = { x: Infinity, y: Infinity };
  const high = { x: -Infinity, y: -Infinity };
  const from = new Vector3();
  for (const point of points) {
    from.copy(point).sub(target);
    const depth = Math.max(0.1, distance - from.dot(back));
    const [x, y] = [from.x / depth, from.dot(up) / depth];
    low.x = Math.min(low.x, x);
    high.x = Math.max(high.x, x);
    low.y = Math.min(low.y, y);
    high.y = Math.max(high.y, y);
  }
  return {
    x: (low.x + high.x) / 2,
    y: (low.y + high.y) / 2,
    halfWidth: (high.x - low.x) / 2,
    halfHeight: (high.y - low.y) / 2,
  };
}
