import { BufferAttribute, BufferGeometry, Color, ExtrudeGeometry, Shape, Vector2 } from "three";

import type { PlacedArea, Rings } from "./layout";
import type { Extent, Point, Project } from "./projection";

/** A region as a prism of height 1, shaded by vertex colours: tops pure, walls darker towards the ground. */
export function prismOf(area: PlacedArea): BufferGeometry {
  const geometry = new ExtrudeGeometry(area.polygons.map(shapeOf), { depth: 1, bevelEnabled: false, curveSegments: 1 });
  const positions = geometry.getAttribute("position");
  const normals = geometry.getAttribute("normal");
  const shades = new Float32Array(positions.count * 3);
  const color = new Color();
  for (let i = 0; i < positions.count; i += 1) {
    const shade = Math.abs(normals.getZ(i)) > 0.5 ? 1 : wallShade(positions.getZ(i), normals.getX(i), normals.getY(i));
    color.setScalar(shade).toArray(shades, i * 3);
  }
  geometry.setAttribute("color", new BufferAttribute(shades, 3));
  geometry.deleteAttribute("uv");
  return geometry;
}

/** The outlines of a region at height 0, as line segments. */
export function outlineOf(area: PlacedArea): BufferGeometry {
  const rings = area.polygons.flat();
  return segments(rings.map((ring) => [...ring, ring[0]!]));
}

/** Meridians and parallels around the main map: they say that this is a map, and how it is projected. */
export function graticuleOf(extent: Extent, project: Project): BufferGeometry {
  const span = Math.max(extent.east - extent.west, extent.north - extent.south);
  const step = span > 100 ? 20 : span > 40 ? 5 : span > 15 ? 2.5 : 1;
  const margin = span * 0.35;
  const south = Math.max(-85, extent.south - margin);
  const north = Math.min(85, extent.north + margin);
  const meridians = multiples(step, extent.west - margin, extent.east + margin);
  const parallels = multiples(step, south, north);
  return segments([
    ...meridians.map((lon) => sampled((share) => project(lon, south + (north - south) * share))),
    ...parallels.map((lat) =>
      sampled((share) => project(extent.west - margin + (extent.east - extent.west + 2 * margin) * share, lat)),
    ),
  ]);
}

function shapeOf(rings: Rings): Shape {
  const [outer, ...holes] = rings.map((ring) => ring.map(([x, y]) => new Vector2(x, y)));
  const shape = new Shape(outer);
  shape.holes = holes.map((hole) => new Shape(hole));
  return shape;
}

function wallShade(height: number, x: number, y: number): number {
  const lit = 0.5 + 0.5 * (-0.55 * x - 0.83 * y);
  return (0.1 + 0.26 * height) * (0.75 + 0.6 * lit);
}

function segments(lines: readonly Point[][]): BufferGeometry {
  const values: number[] = [];
  for (const line of lines) {
    line.slice(1).forEach(([x, y], index) => values.push(line[index]![0], line[index]![1], 0, x, y, 0));
  }
  return new BufferGeometry().setAttribute("position", new BufferAttribute(new Float32Array(values), 3));
}

function sampled(at: (share: number) => Point): Point[] {
  return Array.from({ length: 33 }, (_, index) => at(index / 32));
}

function multiples(step: number, from: number, to: number): number[] {
  const first = Math.ceil(from / step);
  const count = Math.max(0, Math.floor(to / step) - first + 1);
  return Array.from({ length: count }, (_, index) => (first + index) * step);
}
