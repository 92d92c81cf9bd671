import { useMemo, useSyncExternalStore } from "react";

import type { Edge } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { groupBy } from "../../shared/group";
import { searchAddress, twinAddress } from "../../shell/route";
import { arrange, type Spot } from "../arrangement";
import { labelled, nodeRadius, wordsOn, type Label } from "../labels";
import { shortId, titleOf } from "../naming";
import { useModels } from "../useModels";
import { keyOf, type Graph } from "../walk";

const wide = { size: 12, smallest: { width: 520, height: 320 } };
/** A phone shows the same picture at half the scale: fewer letters, but larger ones. */
const narrow = { size: 17, smallest: { width: 300, height: 220 } };
const crowded = 40;
const mostNamedEdges = 8;

/** The twins in rings by distance, with the names that have room and the lines between them. */
export function GraphPicture({ graph }: { graph: Graph }) {
  const { t, language } = useWords();
  const { size, smallest } = useIsNarrow() ? narrow : wide;
  const spots = useMemo(() => arrange(graph), [graph]);
  const { names, taken, box } = useMemo(
    () => labelled(spots, ({ node }) => titleOf(node, language) || shortId(node.id), size, smallest),
    [spots, language, size, smallest],
  );
  const queries = useMemo(() => new Map(graph.more.map((each) => [each.node, each.query])), [graph]);
  return (
    <svg className="graph-picture" viewBox={`${box.x} ${box.y} ${box.width} ${box.height}`} role="group" aria-label={t("twins.graph.label", { count: graph.nodes.length })}>
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
          <path d="M0 1L7 4L0 7" fill="none" stroke="context-stroke" />
        </marker>
      </defs>
      <Edges edges={graph.edges} spots={spots} taken={taken} size={size - 1} />
      {spots.map((spot) => (
        <Node key={spot.node.id} spot={spot} label={names.get(spot.node.id)} size={size} query={queries.get(spot.node.id)} isCrowded={spots.length > crowded} />
      ))}
    </svg>
  );
}

const narrowScreen = "(max-width: 760px)";

function useIsNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = window.matchMedia(narrowScreen);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    () => window.matchMedia(narrowScreen).matches,
  );
}

interface EdgesProps {
  edges: readonly Edge[];
  spots: readonly Spot[];
  taken: ReturnType<typeof labelled>["taken"];
  size: number;
}

function Edges({ edges, spots, taken, size }: EdgesProps) {
  const { names } = useModels();
  const lines = useMemo(() => {
    const byId = new Map(spots.map((spot) => [spot.node.id, spot]));
    const room = [...taken];
    const pairs = [...groupBy(edges, ({ source, target }) => `${source}\n${target}`).values()];
    return pairs.map((all) => {
      const [from, to] = [byId.get(all[0]!.source)!, byId.get(all[0]!.target)!];
      const text = all.map(({ name }) => names.relation(name, from.node.model)).join(" · ");
      const isNamed = edges.length <= mostNamedEdges && isStraight(from, to);
      return { edge: all[0]!, text, path: pathOf(from, to), words: isNamed ? wordsOn(from, to, text, size, room) : null };
    });
  }, [edges, spots, taken, size, names]);
  return (
    <g className="edges">
      {lines.map(({ edge, text, path, words }) => (
        <g key={keyOf(edge)} data-testid="edge" data-name={edge.name}>
          <path d={path} markerEnd="url(#arrow)">
            <title>{`${edge.source} → ${text} → ${edge.target}`}</title>
          </path>
          {words && <Text label={words} size={size} />}
        </g>
      ))}
    </g>
  );
}

const isStraight = (a: Spot, b: Spot): boolean => a.node.parent === b.node.id || b.node.parent === a.node.id;

/** A line from twin to twin; one that does not belong to the tree is bent outwards, so that it runs through no other. */
function pathOf(a: Spot, b: Spot): string {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy) || 1;
  const [middleX, middleY] = [(a.x + b.x) / 2, (a.y + b.y) / 2];
  const away = Math.hypot(middleX, middleY);
  const outwards = away > 1 ? [middleX / away, middleY / away] : [-dy / length, dx / length];
  const bend = isStraight(a, b) ? 0 : length * 0.3;
  const [bendX, bendY] = [middleX + outwards[0]! * bend, middleY + outwards[1]! * bend];
  const last = Math.hypot(b.x - bendX, b.y - bendY) || 1;
  const short = (nodeRadius + 4) / last;
  const [endX, endY] = [b.x - (b.x - bendX) * short, b.y - (b.y - bendY) * short];
  return `M${a.x} ${a.y}Q${bendX} ${bendY} ${endX} ${endY}`;
}

interface NodeProps {
  spot: Spot;
  label: Label | undefined;
  size: number;
  query: string | undefined;
  isCrowded: boolean;
}

function Node({ spot, label, size, query, isCrowded }: NodeProps) {
  const { t, language } = useWords();
  const { names } = useModels();
  const { node, x, y, more } = spot;
  const title = titleOf(node, language) || shortId(node.id);
  const moreText = more === null ? "…" : count(more, language);
  const kind = node.model ? names.model(node.model) : t("twins.relations.unknown");
  const isCentre = node.depth === 0;
  return (
    <g className={`node model-${node.model} ${isCentre ? "centre" : ""} ${node.model ? "" : "ghost"}`} data-testid="node" data-id={node.id}>
      <a href={twinAddress(node.id)} aria-label={`${kind}: ${title}`} aria-current={isCentre ? "page" : undefined}>
        <circle cx={x} cy={y} r={isCentre ? nodeRadius + 4 : nodeRadius - (isCrowded ? 2 : 0)} />
        {label && <Text label={label} size={isCentre ? size + 2 : size} isName />}
        <title>{`${kind}\n${title}\n${node.id}`}</title>
      </a>
      {more !== 0 && query && (
        <a href={searchAddress({ q: query })} className="more-link" aria-label={t("twins.more", { count: moreText })} data-testid="node-more">
          <text x={x + nodeRadius - 1} y={y - nodeRadius + 1} fontSize={size - 1}>{`+${moreText}`}</text>
        </a>
      )}
    </g>
  );
}

function Text({ label, size, isName = false }: { label: Label; size: number; isName?: boolean }) {
  const { text, x, y, anchor, angle } = label;
  return (
    <text
      transform={`translate(${x} ${y}) rotate(${(angle * 180) / Math.PI})`}
      dy="0.35em"
      textAnchor={anchor}
      fontSize={size}
      className={isName ? "name" : undefined}
      data-testid={isName ? "node-name" : "edge-name"}
    >
      {text}
    </text>
  );
}
