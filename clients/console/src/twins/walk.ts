import type { Api } from "../api/api";
import type { TwinPart } from "../api/twinTypes";
import { incomingNames, type Model } from "./models";
import { titleFields } from "./naming";
import { either, quoted } from "./rql";

export interface GraphNode {
  id: string;
  /** Empty: something points at it, and there is no such twin. */
  model: string;
  properties: Record<string, unknown>;
  depth: number;
  /** From which node it was reached; none for the centre. */
  parent: string | null;
}

export interface GraphEdge {
  from: string;
  to: string;
  name: string;
}

/** Twins around a node that are there and not drawn. */
export interface GraphMore {
  node: string;
  /** Null while they are being counted. */
  count: number | null;
  /** A query that finds them, and those of the same relations that are drawn. */
  query: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  more: GraphMore[];
}

export const mostNodes = 90;
const perRelation: readonly number[] = [12, 5, 3];
const mostAsked = 40;
export const mostIds = 200;
const atOnce = 5;
const selected = `${titleFields},relations`;

interface Arrivals {
  to: string;
  name: string;
  items: TwinPart[];
  /** Null while it is not known: there are more than were asked for. */
  total: number | null;
}

/**
 * The twins around one, level by level in both directions; a bounded number, and how many were left out. The picture
 * is there before the counts are: to count 30,000 takes longer than to find the first dozen of them.
 */
export async function walk(
  api: Api,
  models: Map<string, Model>,
  centre: TwinPart,
  depth: number,
  signal: AbortSignal,
  onPicture: (graph: Graph) => void = () => undefined,
): Promise<Graph> {
  const drawing = new Drawing(centre);
  let level = [centre];
  for (let step = 0; step < depth && level.length > 0 && !drawing.isFull; step += 1) {
    const most = perRelation[step] ?? 3;
    const asked = level.slice(0, mostAsked);
    const [targets, arrivals] = await Promise.all([
      byIds(api, asked.flatMap((twin) => firstTargets(twin, most)), signal),
      pooled(asked.flatMap((twin) => namesInto(models, twin).map((name) => () => arrivalsOf(api, twin.id, name, most, signal)))),
    ]);
    level = drawing.add(asked, targets, arrivals, most, step + 1);
  }
  if (drawing.uncounted.length === 0) return drawing.finished();
  onPicture(drawing.finished());
  await pooled(
    drawing.uncounted.map((each) => async () => {
      each.total = await countOf(api, into(each.name, each.to), signal);
    }),
  );
  return drawing.finished();
}

class Drawing {
  private readonly nodes = new Map<string, GraphNode>();
  private readonly edges = new Map<string, GraphEdge>();
  private readonly expanded: TwinPart[] = [];
  private readonly arrived: Arrivals[] = [];

  constructor(centre: TwinPart) {
    this.place(centre, null, 0);
  }

  get uncounted(): Arrivals[] {
    return this.arrived.filter(({ total }) => total === null);
  }

  get isFull(): boolean {
    return this.nodes.size >= mostNodes;
  }

  /** Draws what is around a level; gives the twins that were not there before. */
  add(level: TwinPart[], targets: Map<string, TwinPart>, arrivals: Arrivals[], most: number, depth: number): TwinPart[] {
    const fresh: TwinPart[] = [];
    const draw = (twin: TwinPart, parent: string) => {
      if (this.place(twin, parent, depth) && twin.model) fresh.push(twin);
    };
    for (const twin of level) for (const id of firstTargets(twin, most)) draw(targets.get(id) ?? { id }, twin.id);
    for (const { to, items } of arrivals) for (const twin of items) draw(twin, to);
    this.expanded.push(...level);
    this.arrived.push(...arrivals);
    return fresh;
  }

  finished(): Graph {
    const edges = [...this.edges.values()].filter(({ from, to }) => this.nodes.has(from) && this.nodes.has(to));
    return { nodes: [...this.nodes.values()], edges, more: this.left(edges) };
  }

  private place(twin: TwinPart, parent: string | null, depth: number): boolean {
    for (const { name, target } of twin.relations ?? []) this.edges.set(`${twin.id}\n${name}\n${target}`, { from: twin.id, to: target, name });
    if (this.nodes.has(twin.id) || this.isFull) return false;
    this.nodes.set(twin.id, { id: twin.id, model: twin.model ?? "", properties: twin.properties ?? {}, depth, parent });
    return true;
  }

  private left(edges: GraphEdge[]): GraphMore[] {
    const more = new Map<string, GraphMore>();
    const leave = (node: string, count: number | null, query: string) => {
      const before = more.get(node);
      if (count === 0) return;
      const all = count === null || before?.count === null ? null : count + (before?.count ?? 0);
      more.set(node, { node, count: all, query: before ? either([before.query, query]) : query });
    };
    for (const { id, relations } of this.expanded) {
      const hidden = [...new Set((relations ?? []).map((each) => each.target))].filter((target) => !this.nodes.has(target));
      leave(id, hidden.length, `in(id,${hidden.slice(0, mostIds).map(quoted).join(",")})`);
    }
    for (const { to, name, total } of this.arrived) {
      const drawn = edges.filter((edge) => edge.to === to && edge.name === name).length;
      leave(to, total === null ? null : Math.max(0, total - drawn), into(name, to));
    }
    return [...more.values()];
  }
}

/** The query for who points at a twin by a relation. */
export function into(name: string, id: string): string {
  return `eq(relations/${name},${quoted(id)})`;
}

/** Who points at a twin by one relation, and how many there are. */
async function arrivalsOf(api: Api, to: string, name: string, most: number, signal: AbortSignal): Promise<Arrivals> {
  const filter = into(name, to);
  const page = await api.twinParts({ filter, select: selected, limit: most }, signal);
  const total = page.next_cursor ? null : page.items.length;
  return { to, name, items: page.items, total };
}

export async function countOf(api: Api, filter: string, signal?: AbortSignal): Promise<number> {
  return Number((await api.aggregate({ filter }, signal)).items[0]?.values["count"] ?? 0);
}

/** Twins by their ids; those that are unknown or deleted are left out. */
export async function byIds(api: Api, ids: readonly string[], signal?: AbortSignal): Promise<Map<string, TwinPart>> {
  const wanted = [...new Set(ids)].slice(0, mostIds);
  if (wanted.length === 0) return new Map();
  const page = await api.twinParts({ filter: `in(id,${wanted.map(quoted).join(",")})`, select: selected, limit: mostIds }, signal);
  return new Map(page.items.map((twin) => [twin.id, twin]));
}

function namesInto(models: Map<string, Model>, twin: TwinPart): string[] {
  return incomingNames(models, models.get(twin.model ?? ""));
}

/** Of each relation of a twin the first few targets. */
function firstTargets(twin: TwinPart, most: number): string[] {
  const seen = new Map<string, number>();
  return (twin.relations ?? []).filter(({ name }) => {
    const place = seen.get(name) ?? 0;
    seen.set(name, place + 1);
    return place < most;
  }).map(({ target }) => target);
}

/** Runs a few at a time: a walk must not take all connections of the page. */
async function pooled<T>(tasks: (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < tasks.length; at = next++) results[at] = await tasks[at]!();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, tasks.length) }, worker));
  return results;
}
