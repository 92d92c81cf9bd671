import { describe, expect, it } from "vitest";

import type { Api } from "../src/api/api";
import type { Edge, Relation, WholeTwin } from "../src/api/twinTypes";
import { arrange } from "../src/twins/arrangement";
import { labelled, overlap } from "../src/twins/labels";
import { modelsOf } from "../src/twins/models";
import { around, counted, graphOf, mostNodes } from "../src/twins/walk";
import { interfaces } from "./twinmodels";

const models = modelsOf(interfaces);

function twin(id: string, ...relations: Relation[]): WholeTwin {
  const time = "2026-01-01T00:00:00Z";
  return { id, model: id.split(":")[0]!, revision: 1, properties: {}, desired: {}, relations, changed_at: time, known_at: time, source: "s", trace_id: "" };
}

describe("the graph", () => {
  /** A region with many shops, each pointing at it, of which at most some are read at once. */
  function market(shops: number, mostRead = 1000): Api {
    const edges: Edge[] = [
      { source: "region:1", name: "part_of", target: "region:0" },
      ...Array.from({ length: shops }, (_, n) => ({ source: `shop:${n}`, name: "located_in", target: "region:1" })),
    ];
    const partOf = (id: string) => (id === "region:0" ? null : { id, model: id.split(":")[0], properties: { name: `红星商店 ${id}` } });
    return {
      twinAround: (id: string, { depth }: { depth: number }) => {
        const found = new Map([[id, 0]]);
        for (let step = 1; step <= depth; step += 1)
          for (const { source, target } of [...edges].reverse())
            for (const [known, fresh] of [[source, target], [target, source]] as const)
              if (found.get(known) === step - 1 && !found.has(fresh) && found.size <= mostRead) found.set(fresh, step);
        const shown = edges.filter(({ source, target }) => found.has(source) && found.has(target));
        const isCut = edges.some(({ source, target }) => found.has(source) !== found.has(target)) && found.size > mostRead;
        return Promise.resolve({ twins: [...found].map(([each, at]) => ({ id: each, depth: at, twin: partOf(each) })), edges: shown, has_more: isCut });
      },
      twinParts: ({ filter = "" }) => Promise.resolve({ items: edges.flatMap(({ target }) => (filter.includes(`"${target}"`) ? (partOf(target) ?? []) : [])), next_cursor: null }),
      aggregate: ({ filter = "" }) => {
        const count = new Set(edges.filter(({ name, target }) => filter.includes(`relations/${name},"${target}"`)).map(({ source }) => source)).size;
        return Promise.resolve({ items: [{ key: {}, values: { count } }], has_more: false });
      },
    } as unknown as Api;
  }
  const signal = new AbortController().signal;
  const region = twin("region:1", { name: "part_of", target: "region:0" });
  const draw = async (api: Api, centre: WholeTwin, depth: number) => counted(api, graphOf(await around(api, centre, depth), models, centre.id, depth), signal);

  it("says exactly how many are not drawn, and how to find them", async () => {
    const graph = await draw(market(500), region, 1);

    const shops = graph.nodes.filter((node) => node.model === "shop");
    expect(shops).toHaveLength(12);
    expect(graph.more).toEqual([{ node: "region:1", count: 488, query: 'eq(relations/located_in,"region:1")' }]);
    expect(graph.edges).toHaveLength(13);
  });

  it("counts who points at a twin where not all of them were read, and keeps what the twin itself names", async () => {
    const graph = await draw(market(5000, 100), region, 1);

    expect(graph.nodes.map((node) => node.id)).toContain("region:0");
    expect(graph.more).toMatchObject([{ node: "region:1", count: 4988 }]);
    expect(graph.more[0]!.query).toContain('eq(relations/located_in,"region:1")');
  });

  it("shows a target that is not there as one", async () => {
    const graph = await draw(market(0), region, 3);

    expect(graph.nodes.map((node) => [node.id, node.model])).toEqual([["region:1", "region"], ["region:0", ""]]);
    expect(graph.more).toEqual([]);
  });

  it("stays bounded, and comes back to a twin without drawing it twice", async () => {
    const shop = twin("shop:3", { name: "located_in", target: "region:1" });
    const graph = await draw(market(900), shop, 3);

    expect(graph.nodes.length).toBeLessThanOrEqual(mostNodes);
    expect(new Set(graph.nodes.map((node) => node.id)).size).toBe(graph.nodes.length);
    expect(graph.more[0]).toMatchObject({ node: "region:1" });
  });

  it("lays no name upon another one or upon a twin, however many there are, and all within the picture", async () => {
    for (const [shops, size] of [[1, 12], [5, 12], [13, 12], [13, 17], [40, 12], [85, 17]] as const) {
      const nodes = [node("region:1", 0, null), ...Array.from({ length: shops }, (_, n) => node(`shop:${n}`, n % 3 === 2 ? 2 : 1, n % 3 === 2 ? `shop:${n - 1}` : "region:1"))];
      const spots = arrange({ nodes, edges: [], more: [{ node: "region:1", count: 7, query: "" }] });
      const { names, taken, box } = labelled(spots, (spot) => `红星商店 Customer of ${spot.node.id}`, size, { width: 300, height: 200 });

      const marks = taken.length - names.size;
      expect(names.size).toBeGreaterThan(spots.length * 0.5);
      for (const [at, one] of taken.entries()) for (const other of taken.slice(Math.max(at + 1, marks))) expect(overlap(one, other)).toBe(false);
      for (const { x, y } of [...taken, ...spots]) expect(x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height).toBe(true);
    }
  });

  const node = (id: string, depth: number, parent: string | null) => ({ id, model: "shop", properties: {}, depth, parent });
});
