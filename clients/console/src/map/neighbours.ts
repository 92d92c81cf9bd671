import type { Point } from "./projection";

/** Regions farther apart than one or two cells are not neighbours; degrees. Wider than any strait within a country. */
const cell = 2.5;
const cellsAround = 360 / cell;

/**
 * Groups of regions that hang together, the group with the most regions first. Distances are judged by cells of a
 * grid: it needs one look at each point, and follows coasts, which distances between middles do not.
 */
export function groupsOf<T extends { points: readonly Point[] }>(areas: readonly T[]): T[][] {
  const parents = areas.map((_, index) => index);
  const root = (index: number): number => {
    let at = index;
    while (parents[at] !== at) at = parents[at] = parents[parents[at]!]!;
    return at;
  };
  const owners = new Map<string, number>();
  areas.forEach((area, index) => {
    for (const [column, row] of cellsOf(area.points)) {
      const key = `${column},${row}`;
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, index);
      else parents[root(index)] = root(owner);
    }
  });
  for (const [key, owner] of owners) {
    for (const neighbour of around(key)) {
      const other = owners.get(neighbour);
      if (other !== undefined) parents[root(other)] = root(owner);
    }
  }
  const groups = new Map<number, T[]>();
  areas.forEach((area, index) => groups.set(root(index), [...(groups.get(root(index)) ?? []), area]));
  return [...groups.values()].sort((a, b) => b.length - a.length);
}

function cellsOf(points: readonly Point[]): Point[] {
  return points.map(([longitude, latitude]) => [column(Math.floor(longitude / cell)), Math.floor(latitude / cell)]);
}

function around(key: string): string[] {
  const [x, y] = key.split(",").map(Number) as Point;
  return [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => `${column(x + dx)},${y + dy}`));
}

/** The grid closes at the date line. */
function column(index: number): number {
  return ((index % cellsAround) + cellsAround) % cellsAround;
}
