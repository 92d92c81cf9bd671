import type { Spot } from "./arrangement";

/** A rectangle that may be turned: its middle, half its sides, and radians. */
export interface Turned {
  x: number;
  y: number;
  halfWidth: number;
  halfHeight: number;
  angle: number;
}

/** A text upon the picture: from where it runs, how it is turned, and what it covers. */
export interface Label {
  text: string;
  x: number;
  y: number;
  anchor: "start" | "middle" | "end";
  /** Radians. */
  angle: number;
  covers: Turned;
}

/** A rectangle as SVG wants it. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Labelled {
  /** By the id of the twin; a name for which there is no room is not there. */
  names: Map<string, Label>;
  /** What they and the twins cover. */
  taken: Turned[];
  /** What holds all of it. */
  box: Box;
}

export const nodeRadius = 9;
const centreRadius = nodeRadius + 4;
const lengths = [18, 11, 6];
const gap = 5;
const margin = 10;
/** Names stand like spokes where level ones would lie upon each other. */
const mostLevel = 14;
const countRoom = { x: 17, y: -9, halfWidth: 14, halfHeight: 6 };

/**
 * Names beside their twins, of which none lies upon another one or upon a twin: each takes the first place that is
 * free, shorter where there is none, and the twins in the middle choose first.
 */
export function labelled(spots: readonly Spot[], titleOf: (spot: Spot) => string, size: number, smallest: Pick<Box, "width" | "height">): Labelled {
  const taken = spots.flatMap((spot) => marksOf(spot, size));
  const names = new Map<string, Label>();
  const hasSpokes = spots.length > mostLevel;
  for (const spot of [...spots].sort((a, b) => a.node.depth - b.node.depth || Number(b.hasBranches) - Number(a.hasBranches))) {
    const label = placeFor(spot, titleOf(spot), spot.node.depth === 0 ? size + 2 : size, hasSpokes, taken);
    if (!label) continue;
    names.set(spot.node.id, label);
    taken.push(label.covers);
  }
  return { names, taken, box: boxOf(taken, smallest) };
}

/** The words of a relation in the middle of its line, if they lie upon nothing; they are taken in then. */
export function wordsOn(from: Spot, to: Spot, text: string, size: number, taken: Turned[]): Label | null {
  const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2 - size / 2 - 2];
  const covers = { x, y, halfWidth: widthOf(text, size) / 2, halfHeight: size / 2 + 1, angle: 0 };
  if (taken.some((each) => overlap(each, covers))) return null;
  taken.push(covers);
  return { text, x, y, anchor: "middle", angle: 0, covers };
}

/** The twin itself, and the number of those that are not drawn. */
function marksOf({ x, y, node, more }: Spot, size: number): Turned[] {
  // Between a square that a circle holds and one that holds it: a name may begin at any side of its twin.
  const radius = (node.depth === 0 ? centreRadius : nodeRadius) * 0.85;
  const circle: Turned = { x, y, halfWidth: radius, halfHeight: radius, angle: 0 };
  if (more === 0) return [circle];
  return [circle, { x: x + countRoom.x, y: y + countRoom.y, halfWidth: countRoom.halfWidth, halfHeight: Math.max(countRoom.halfHeight, size / 2), angle: 0 }];
}

function placeFor(spot: Spot, title: string, size: number, hasSpokes: boolean, taken: readonly Turned[]): Label | null {
  for (const most of lengths) {
    const text = shortened(title, most);
    const found = candidates(spot, text, size, hasSpokes).find((each) => !taken.some((other) => overlap(other, each.covers)));
    if (found) return found;
    if (text === title) return null;
  }
  return null;
}

/** Where a name may stand, the best place first: away from the centre, and never upside down. */
function candidates(spot: Spot, text: string, size: number, hasSpokes: boolean): Label[] {
  const { x, y, angle, node, hasBranches } = spot;
  const width = widthOf(text, size);
  const radius = (node.depth === 0 ? centreRadius : nodeRadius) + gap;
  const [across, down] = [Math.cos(angle), Math.sin(angle)];
  const isLeft = across < -0.001;
  const beside = (left: boolean, turned: number): Label => {
    const reach = (left ? -1 : 1) * radius;
    const middle = (left ? -1 : 1) * (radius + width / 2);
    const [cos, sin] = [Math.cos(turned), Math.sin(turned)];
    const covers = { x: x + middle * cos, y: y + middle * sin, halfWidth: width / 2, halfHeight: size / 2 + 1, angle: turned };
    return { text, x: x + reach * cos, y: y + reach * sin, anchor: left ? "end" : "start", angle: turned, covers };
  };
  const stacked = (sign: number): Label => {
    const at = y + sign * (radius + size / 2);
    return { text, x, y: at, anchor: "middle", angle: 0, covers: { x, y: at, halfWidth: width / 2, halfHeight: size / 2 + 1, angle: 0 } };
  };
  const spoke = beside(isLeft, isLeft ? angle + Math.PI : angle);
  const [level, other, below, above] = [beside(isLeft, 0), beside(!isLeft, 0), stacked(1), stacked(-1)];
  if (node.depth === 0) return [below, above, beside(false, 0), beside(true, 0)];
  if (hasBranches) return [below, above, level, other];
  const upright = down < 0 ? [above, below] : [below, above];
  if (hasSpokes) return [spoke, level, ...upright, other];
  return Math.abs(across) < 0.5 ? [...upright, level, other, spoke] : [level, ...upright, spoke, other];
}

/** About as wide as the text will be: a Chinese character is a square, a Latin one a little more than half of it. */
export function widthOf(text: string, size: number): number {
  return [...text].reduce((sum, each) => sum + (each.codePointAt(0)! >= 0x2e80 ? 1 : /[A-Zmw@%]/.test(each) ? 0.78 : 0.56), 0) * size;
}

function shortened(text: string, most: number): string {
  let room = most * 0.62;
  const characters = [...text];
  const kept = characters.findIndex((each) => (room -= widthOf(each, 1)) < 0);
  return kept < 0 ? text : `${characters.slice(0, Math.max(1, kept - 1)).join("")}…`;
}

/** Whether two turned rectangles have something in common: they have not where a line along a side parts them. */
export function overlap(a: Turned, b: Turned): boolean {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  return [a.angle, a.angle + Math.PI / 2, b.angle, b.angle + Math.PI / 2].every((axis) => {
    const apart = Math.abs(dx * Math.cos(axis) + dy * Math.sin(axis));
    return apart < reachOf(a, axis) + reachOf(b, axis);
  });
}

function reachOf({ halfWidth, halfHeight, angle }: Turned, axis: number): number {
  return halfWidth * Math.abs(Math.cos(axis - angle)) + halfHeight * Math.abs(Math.sin(axis - angle));
}

function boxOf(covered: readonly Turned[], smallest: Pick<Box, "width" | "height">): Box {
  const reaches = covered.map((each) => ({ each, across: reachOf(each, 0), down: reachOf(each, Math.PI / 2) }));
  const left = Math.min(...reaches.map(({ each, across }) => each.x - across)) - margin;
  const top = Math.min(...reaches.map(({ each, down }) => each.y - down)) - margin;
  const width = Math.max(...reaches.map(({ each, across }) => each.x + across)) + margin - left;
  const height = Math.max(...reaches.map(({ each, down }) => each.y + down)) + margin - top;
  const [wider, higher] = [Math.max(0, smallest.width - width), Math.max(0, smallest.height - height)];
  return { x: left - wider / 2, y: top - higher / 2, width: width + wider, height: height + higher };
}
