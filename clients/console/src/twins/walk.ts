import type { Api } from "../api/api";
import type { Edge, TwinPart, WholeTwin } from "../api/twinTypes";
import { groupBy } from "../shared/group";
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
  edges: Edge[];
  more: GraphMore[];
}

/** What was read of the twins around one, the nearest first. */
export interface Around {
  /** What they are called; those that something points at and that are not there have no model. */
  parts: Map<string, TwinPart>;
  edges: Edge[];
  /** There is more than was read. */
  isCut: boolean;
}

export const mostNodes = 90;
export const mostRead = 1000;
const selected = `${titleFields},relations`;
const perRelation: readonly number[] = [12, 5, 3];
const mostIds = 200;
const atOnce = 5;

/** The twins within some steps of one: one read, and where that is cut another one of what the twin itself names. */
export async function around(api: Api, twin: WholeTwin, depth: number, signal?: AbortSignal): Promise<Around> {
  const found = await api.twinAround(twin.id, { depth, limit: mostRead, select: selected }, signal);
  const parts = new Map(found.twins.map(({ id, twin: part }) => [id, part ?? { id }]));
  const unread = found.has_more ? twin.relations.map((each) => each.target).filter((id) => !parts.has(id)) : [];
  for (const [id, part] of await byIds(api, unread, signal)) parts.set(id, part);
  // The walk does not tell how the twins at its end hang together: they do.
  const among = [twin, ...parts.values()].flatMap(({ id, relations = [] }) => relations.filter(({ target }) => parts.has(target)).map(({ name, target }): Edge => ({ source: id, name, target })));
  const edges = new Map([...found.edges, ...among].map((edge) => [keyOf(edge), edge]));
  return { parts, edges: [...edges.values()], isCut: found.has_more };
}

/** Twins by their ids; those that are unknown or deleted are there without a model. */
async function byIds(api: Api, ids: readonly string[], signal?: AbortSignal): Promise<Map<string, TwinPart>> {
  const wanted = [...new Set(ids)].slice(0, mostIds);
  if (wanted.length === 0) return new Map();
  const page = await api.twinParts({ filter: `in(id,${wanted.map(quoted).join(",")})`, select: selected, limit: mostIds }, signal);
  return new Map([...wanted.map((id) => ({ id })), ...page.items].map((part) => [part.id, part]));
}

/** A bounded picture of what was read: of each relation of each twin a few of each type, and how many are left out. */
export function graphOf({ parts, edges, isCut }: Around, models: Map<string, Model>, centre: string, depth: number): Graph {
  const ends = groupBy(edges.flatMap((edge) => [{ at: edge.source, other: edge.target, edge }, { at: edge.target, other: edge.source, edge }]), ({ at }) => at);
  const nodes = new Map<string, GraphNode>();
  const place = (id: string, parent: string | null, at: number): boolean => {
    if (nodes.has(id) || nodes.size >= mostNodes) return false;
    const part = parts.get(id);
    nodes.set(id, { id, model: part?.model ?? "", properties: part?.properties ?? {}, depth: at, parent });
    return true;
  };
  place(centre, null, 0);
  const expanded: string[] = [];
  let level = [centre];
  for (let step = 0; step < depth && level.length > 0; step += 1) {
    expanded.push(...level);
    level = level.flatMap((id) => {
      const kinds = groupBy(ends.get(id) ?? [], ({ edge, other }) => `${edge.source === id}/${edge.name}/${parts.get(other)?.model}`);
      const chosen = [...kinds.values()].flatMap((each) => each.slice(0, perRelation[step] ?? 3));
      return chosen.filter(({ other }) => place(other, id, step + 1)).map(({ other }) => other);
    });
  }
  const left = expanded.map((id) => moreOf(id, (ends.get(id) ?? []).filter(({ other }) => !nodes.has(other)), isCut ? incomingNames(models, models.get(nodes.get(id)!.model)) : null));
  return {
    nodes: [...nodes.values()],
    edges: edges.filter(({ source, target }) => nodes.has(source) && nodes.has(target)),
    more: left.filter((each) => each !== null),
  };
}

/** What is around a node and not drawn; `names`: by which relations there may be more than was read. */
function moreOf(id: string, hidden: { other: string; edge: Edge }[], names: readonly string[] | null): GraphMore | null {
  const targets = hidden.filter(({ edge }) => edge.source === id).map(({ other }) => other);
  const arriving = names ?? [...new Set(hidden.filter(({ edge }) => edge.source !== id).map(({ edge }) => edge.name))];
  const queries = arriving.map((name) => into(name, id));
  if (targets.length > 0) queries.push(`in(id,${targets.slice(0, mostIds).map(quoted).join(",")})`);
  if (queries.length === 0) return null;
  return { node: id, count: names ? null : new Set(hidden.map(({ other }) => other)).size, query: either(queries) };
}

/** The same picture with all numbers: where the read was cut, who points at a twin has to be counted. */
export async function counted(api: Api, graph: Graph, signal: AbortSignal): Promise<Graph> {
  const more = await pooled(
    graph.more.map((each) => async (): Promise<GraphMore> => {
      if (each.count !== null) return each;
      const around = new Set(graph.edges.flatMap(({ source, target }) => (target === each.node ? [source] : [])));
      return { ...each, count: Math.max(0, (await countOf(api, each.query, signal)) - around.size) };
    }),
  );
  return { ...graph, more: more.filter(({ count }) => count !== 0) };
}

/** The query for who points at a twin by a relation. */
export function into(name: string, id: string): string {
  return `eq(relations/${name},${quoted(id)})`;
}

export async function countOf(api: Api, filter: string, signal?: AbortSignal): Promise<number> {
  return Number((await api.aggregate({ filter }, signal)).items[0]?.values["count"] ?? 0);
}

export function keyOf({ source, name, target }: Edge): string {
  return `${source}\n${name}\n${target}`;
}

/** Runs a few at a time: a picture must not take all connections of the page. */
async function pooled<T>(tasks: (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < tasks.length; at = next++) results[at] = await tasks[at]!();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, tasks.length) }, worker));
  return results;
}
