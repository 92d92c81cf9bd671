import { PerspectiveCamera, Vector3 } from "three";

import type { Box } from "./layout";

export interface View {
  position: Vector3;
  target: Vector3;
  distance: number;
}

/** Degrees above the ground from which the stage is first seen. */
const elevation = 57;

/** Where a camera must stand so that the whole box, up to its tallest column, is in the picture. */
export function framed(box: Box, tallest: number, camera: PerspectiveCamera): View {
  const target = new Vector3((box.minX + box.maxX) / 2, (box.minY + box.maxY) / 2, tallest * 0.2);
  const angle = (elevation * Math.PI) / 180;
  const back = new Vector3(0, -Math.cos(angle), Math.sin(angle));
  const up = new Vector3(0, Math.sin(angle), Math.cos(angle));
  const half = Math.tan((camera.fov * Math.PI) / 360) * 0.94;
  const distance = Math.max(
    ...corners(box, tallest).map((corner) => {
      const seen = corner.sub(target);
      const across = Math.abs(seen.x) / (half * camera.aspect);
      return seen.dot(back) + Math.max(across, Math.abs(seen.dot(up)) / half);
    }),
  );
  return { position: back.multiplyScalar(distance).add(target), target, distance };
}

function corners(box: Box, tallest: number): Vector3[] {
  return [box.minX, box.maxX].flatMap((x) =>
    [box.minY, box.maxY].flatMap((y) => [0, tallest].map((z) => new Vector3(x, y, z))),
  );
}
