/**
 * Where each region is drawn on the stage. The bulk of the map fills it; what lies far away (Alaska, Hawaii, overseas
 * departments) becomes an inset beneath, so that it neither shrinks the rest nor gets lost.
 */
import type { Geometry, Position } from "geojson";

import { anchorsOf, signedArea } from "./anchor";
import { groupsOf } from "./neighbours";
import { equalArea, extentOf, type Extent, type Point, type Project } from "./projection";

export interface Area {
  region: string;
  geometry: Geometry;
}

export interface Box {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** Rings of one polygon in stage units, the outer one first. */
export type Rings = Point[][];

export interface PlacedArea {
  region: string;
  polygons: Rings[];
  box: Box;
  /** Points well inside the largest polygon for the name, the best one first. */
  anchors: Point[];
}

export interface Layout {
  areas: PlacedArea[];
  insets: Box[];
  /** The main map's own projection in stage units, and what it covers. */
  project: Project;
  extent: Extent;
}

/** The bulk of the map is this wide or high, whichever is larger. */
export const stageSize = 10;
const mostInsets = 6;

export function layOut(areas: readonly Area[]): Layout {
  const spots = areas.map((area) => ({ area, points: pointsOf(area.geometry) })).filter((spot) => spot.points.length > 0);
  const { bulk, outliers } = split(spots);
  const extent = extentOf(bulk.flatMap((spot) => spot.points));
  const main = scaled(equalArea(extent), bulk, (box) => stageSize / Math.max(width(box), height(box)));
  const placed = bulk.map((spot) => place(spot.area, main.project));
  const insets = outliers.length === 0 ? [] : placeInsets(outliers, placed, main);
  return {
    areas: [...placed, ...insets.flatMap((inset) => inset.areas)],
    insets: insets.map((inset) => inset.frame),
    project: main.project,
    extent,
  };
}

interface Spot {
  area: Area;
  points: Point[];
}

interface Inset {
  areas: PlacedArea[];
  frame: Box;
}

/** Everything that hangs together with the most regions is the bulk. A scattered map (the world) has no insets. */
function split(spots: Spot[]): { bulk: Spot[]; outliers: Spot[][] } {
  const [bulk = [], ...outliers] = groupsOf(spots);
  return outliers.length > mostInsets ? { bulk: spots, outliers: [] } : { bulk, outliers };
}

function placeInsets(groups: Spot[][], bulk: readonly PlacedArea[], main: { scale: number }): Inset[] {
  const box = union(bulk.map((area) => area.box));
  const room = { x: width(box) * 0.17, y: Math.max(height(box) * 0.2, width(box) * 0.12) };
  const gap = width(box) * 0.02;
  let left = box.minX;
  const scaledInsets = groups.map((group) => {
    const own = scaled(equalArea(extentOf(group.flatMap((spot) => spot.points))), group, (raw) =>
      Math.min(room.x / width(raw), room.y / height(raw), main.scale * 1.4),
    );
    const span = { minX: left, maxX: left + width(own.box) };
    left = span.maxX + gap * 2.4;
    return { group, own, span, bottom: freeTop(bulk, span, { lowest: box.minY, gap }) - height(own.box) };
  });
  const bottom = Math.min(...scaledInsets.map((inset) => inset.bottom));
  return scaledInsets.map(({ group, own, span }) => {
    const shift: Point = [span.minX - own.box.minX, bottom - own.box.minY];
    const areas = group.map((spot) => place(spot.area, moved(own.project, shift)));
    return { areas, frame: grown(union(areas.map((area) => area.box)), gap * 0.5) };
  });
}

/** The highest an inset may reach between two x without touching the main map. */
function freeTop(bulk: readonly PlacedArea[], span: { minX: number; maxX: number }, at: { lowest: number; gap: number }): number {
  let lowest = Infinity;
  for (const area of bulk) {
    for (const [x, y] of area.polygons.flatMap((rings) => rings[0] ?? [])) {
      if (x >= span.minX - at.gap && x <= span.maxX + at.gap) lowest = Math.min(lowest, y);
    }
  }
  return (Number.isFinite(lowest) ? lowest : at.lowest) - at.gap * 2;
}

function scaled(project: Project, spots: readonly Spot[], scaleFor: (box: Box) => number) {
  const raw = boxOf(spots.flatMap((spot) => spot.points.map(([x, y]) => project(x, y))));
  const scale = scaleFor(raw);
  const centre: Point = [(raw.minX + raw.maxX) / 2, (raw.minY + raw.maxY) / 2];
  const toStage: Project = (longitude, latitude) => {
    const [x, y] = project(longitude, latitude);
    return [(x - centre[0]) * scale, (y - centre[1]) * scale];
  };
  const half = { x: (width(raw) * scale) / 2, y: (height(raw) * scale) / 2 };
  return { project: toStage, scale, box: { minX: -half.x, minY: -half.y, maxX: half.x, maxY: half.y } };
}

function place(area: Area, project: Project): PlacedArea {
  const polygons = polygonsOf(area.geometry).map((rings) =>
    rings.map((ring) => ring.map((at) => project(at[0]!, at[1]!))),
  );
  const largest = polygons.reduce((a, b) => (Math.abs(signedArea(b[0]!)) > Math.abs(signedArea(a[0]!)) ? b : a));
  const box = boxOf(polygons.flatMap((rings) => rings[0]!));
  return { region: area.region, polygons, box, anchors: anchorsOf(largest) };
}

function polygonsOf(geometry: Geometry): Position[][][] {
  if (geometry.type === "Polygon") return [geometry.coordinates];
  if (geometry.type === "MultiPolygon") return geometry.coordinates;
  if (geometry.type === "GeometryCollection") return geometry.geometries.flatMap(polygonsOf);
  return [];
}

function pointsOf(geometry: Geometry): Point[] {
  return polygonsOf(geometry).flatMap((rings) => (rings[0] ?? []).map((at): Point => [at[0]!, at[1]!]));
}

function boxOf(points: readonly Point[]): Box {
  const box: Box = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };
  for (const [x, y] of points) {
    box.minX = Math.min(box.minX, x);
    box.maxX = Math.max(box.maxX, x);
    box.minY = Math.min(box.minY, y);
    box.maxY = Math.max(box.maxY, y);
  }
  return box;
}

const union = (boxes: readonly Box[]): Box =>
  boxOf(boxes.flatMap((box): Point[] => [[box.minX, box.minY], [box.maxX, box.maxY]]));

const grown = (box: Box, by: number): Box => ({
  minX: box.minX - by,
  minY: box.minY - by,
  maxX: box.maxX + by,
  maxY: box.maxY + by,
});

const moved = (project: Project, by: Point): Project => (longitude, latitude) => {
  const [x, y] = project(longitude, latitude);
  return [x + by[0], y + by[1]];
};

const width = (box: Box): number => box.maxX - box.minX;
const height = (box: Box): number => box.maxY - box.minY;
