import type { Graph, GraphNode } from "./walk";

export interface Spot {
  node: GraphNode;
  x: number;
  y: number;
  /** Radians from the centre, from the right, clockwise. */
  angle: number;
  /** How many twins around it are not drawn; null while they are being counted. */
  more: number | null;
  /** Others hang on it. */
  hasBranches: boolean;
}

const ring = 122;
const closest = 24;

/** A tree in rings around its root: each branch gets an angle by the number of its leaves, so that nothing crosses. */
export function arrange({ nodes, more }: Graph): Spot[] {
  const children = new Map<string, GraphNode[]>();
  for (const node of nodes) if (node.parent !== null) children.set(node.parent, [...(children.get(node.parent) ?? []), node]);
  const left = new Map(more.map((each) => [each.node, each.count]));
  const spots: Spot[] = [];
  const centre = nodes[0]!;
  const leaves = leavesOf(centre, children);
  const step = Math.max(ring, (leaves * closest) / (2 * Math.PI * Math.max(1, deepest(nodes))));
  const put = (node: GraphNode, from: number, to: number) => {
    const own = children.get(node.id) ?? [];
    const angle = (from + to) / 2;
    const radius = node.depth * step;
    spots.push({ node, x: radius * Math.cos(angle), y: radius * Math.sin(angle), angle, more: left.has(node.id) ? left.get(node.id)! : 0, hasBranches: own.length > 0 });
    const all = own.reduce((sum, each) => sum + leavesOf(each, children), 0);
    let at = from;
    for (const child of own) {
      const part = ((to - from) * leavesOf(child, children)) / all;
      put(child, at, at + part);
      at += part;
    }
  };
  put(centre, -Math.PI / 2, 1.5 * Math.PI);
  return spots;
}

function leavesOf(node: GraphNode, children: Map<string, GraphNode[]>): number {
  const own = children.get(node.id) ?? [];
  return own.length === 0 ? 1 : own.reduce((sum, each) => sum + leavesOf(each, children), 0);
}

function deepest(nodes: readonly GraphNode[]): number {
  return Math.max(0, ...nodes.map((node) => node.depth));
}
