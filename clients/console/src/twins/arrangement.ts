import type { Graph, GraphNode } from "./walk";

export interface Spot {
  node: GraphNode;
  x: number;
  y: number;
  /** Radians from the centre, from the right, clockwise. */
  angle: number;
  /** How many twins around it are not drawn; null while they are being counted. */
  more: number | null;
  /** Others hang on it: its name must not lie upon the lines to them. */
  hasBranches: boolean;
}

/** A rectangle as SVG wants it. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Arrangement {
  spots: Map<string, Spot>;
  /** What holds all of it, with room for names. */
  box: Box;
}

const ring = 122;
const closest = 24;
const nameRoom = 128;
const lineRoom = 62;
/** Names stand like spokes where level ones would lie upon each other. */
export const isTurned = (twins: number): boolean => twins > 14;
const [narrowest, smallest] = [520, 320];

/** A tree in rings around its root: each branch gets an angle by the number of its leaves, so that nothing crosses. */
export function arrange({ nodes, more }: Graph): Arrangement {
  const children = new Map<string, GraphNode[]>();
  for (const node of nodes) if (node.parent !== null) children.set(node.parent, [...(children.get(node.parent) ?? []), node]);
  const left = new Map(more.map((each) => [each.node, each.count]));
  const spots = new Map<string, Spot>();
  const centre = nodes[0]!;
  const leaves = leavesOf(centre, children);
  const step = Math.max(ring, (leaves * closest) / (2 * Math.PI * Math.max(1, deepest(nodes))));
  const put = (node: GraphNode, from: number, to: number) => {
    const own = children.get(node.id) ?? [];
    const angle = (from + to) / 2;
    const radius = node.depth * step;
    spots.set(node.id, { node, x: radius * Math.cos(angle), y: radius * Math.sin(angle), angle, more: left.has(node.id) ? left.get(node.id)! : 0, hasBranches: own.length > 0 });
    const all = own.reduce((sum, each) => sum + leavesOf(each, children), 0);
    let at = from;
    for (const child of own) {
      const part = ((to - from) * leavesOf(child, children)) / all;
      put(child, at, at + part);
      at += part;
    }
  };
  put(centre, -Math.PI / 2, 1.5 * Math.PI);
  return { spots, box: boxOf([...spots.values()]) };
}

function boxOf(spots: readonly Spot[]): Box {
  const [marginX, marginY] = [nameRoom, isTurned(spots.length) ? nameRoom : lineRoom];
  const [xs, ys] = [spots.map((spot) => spot.x), spots.map((spot) => spot.y)];
  const [left, top] = [Math.min(...xs) - marginX, Math.min(...ys) - marginY];
  const width = Math.max(...xs) + marginX - left;
  const height = Math.max(...ys) + marginY - top;
  const [wider, higher] = [Math.max(0, narrowest - width), Math.max(0, smallest - height)];
  return { x: left - wider / 2, y: top - higher / 2, width: width + wider, height: height + higher };
}

function leavesOf(node: GraphNode, children: Map<string, GraphNode[]>): number {
  const own = children.get(node.id) ?? [];
  return own.length === 0 ? 1 : own.reduce((sum, each) => sum + leavesOf(each, children), 0);
}

function deepest(nodes: readonly GraphNode[]): number {
  return Math.max(0, ...nodes.map((node) => node.depth));
}
