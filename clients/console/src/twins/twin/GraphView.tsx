import { useCallback, useMemo, useState } from "react";

import type { WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { Loading, ProblemLine } from "../../shared/States";
import { useRemote } from "../../shared/useRemote";
import { searchAddress, twinAddress } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import { arrange, isTurned, type Arrangement, type Spot } from "../arrangement";
import { shortId, titleOf } from "../naming";
import { useModels } from "../useModels";
import { walk, type Graph, type GraphEdge } from "../walk";

const depths = [1, 2, 3] as const;

/** The twins around one, in rings by distance. A click walks on to a neighbour. */
export function GraphView({ twin }: { twin: WholeTwin }) {
  const { t, language } = useWords();
  const [depth, setDepth] = useState<number>(1);
  const [isLarge, setLarge] = useState(false);
  const { data, problem, isLoading } = useGraph(twin, depth);
  const hidden = data?.more.reduce((sum, each) => sum + (each.count ?? 0), 0) ?? 0;
  return (
    <div className={`graph ${isLarge ? "large" : ""}`} onKeyDown={(event) => event.key === "Escape" && setLarge(false)} data-testid="graph" data-loading={isLoading}>
      <div className="control-row">
        <span className="switch" role="group" aria-label={t("twins.graph.depth")}>
          {depths.map((each) => (
            <button key={each} type="button" aria-pressed={depth === each} onClick={() => setDepth(each)} data-testid={`depth-${each}`}>
              {each}
            </button>
          ))}
        </span>
        <span className="muted fine">{t("twins.graph.depth")}</span>
        <button type="button" className="button small quiet" aria-pressed={isLarge} onClick={() => setLarge(!isLarge)} data-testid="graph-large">
          {t(isLarge ? "twins.graph.small" : "twins.graph.large")}
        </button>
        {isLoading && <span className="spinner small" aria-hidden="true" />}
      </div>
      {problem && <ProblemLine problem={problem} />}
      {!data && isLoading && <Loading />}
      {data && <Picture graph={data} />}
      {data && <Key graph={data} />}
      {data && data.nodes.length === 1 && <p className="muted nothing">{t("twins.relations.none")}</p>}
      {hidden > 0 && <p className="fine muted">{t("twins.graph.hidden", { count: count(hidden, language) })}</p>}
    </div>
  );
}

function useGraph(twin: WholeTwin, depth: number) {
  const { api } = useSession();
  const { models } = useModels();
  // A new revision does not draw the picture anew: only other relations or another name do.
  const text = JSON.stringify({ id: twin.id, model: twin.model, relations: twin.relations, properties: namesOnly(twin) });
  const [picture, setPicture] = useState<Graph | null>(null);
  const load = useCallback(
    async (signal: AbortSignal) => {
      setPicture(null);
      return await walk(api, models, JSON.parse(text) as WholeTwin, depth, signal, (graph) => !signal.aborted && setPicture(graph));
    },
    [api, models, text, depth],
  );
  const { data, problem, isLoading } = useRemote(load);
  return { data: isLoading ? (picture ?? data) : data, problem: picture ? null : problem, isLoading: isLoading && !picture };
}

function namesOnly({ properties }: WholeTwin): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => name.includes("name")));
}

function Picture({ graph }: { graph: Graph }) {
  const { t } = useWords();
  const arrangement = useMemo(() => arrange(graph), [graph]);
  const { box, spots } = arrangement;
  const queries = useMemo(() => new Map(graph.more.map((each) => [each.node, each.query])), [graph]);
  return (
    <svg className="graph-picture" viewBox={`${box.x} ${box.y} ${box.width} ${box.height}`} role="group" aria-label={t("twins.graph.label", { count: graph.nodes.length })}>
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
          <path d="M0 1L7 4L0 7" fill="none" stroke="context-stroke" />
        </marker>
      </defs>
      <Edges edges={graph.edges} arrangement={arrangement} />
      {[...spots.values()].map((spot) => (
        <Node key={spot.node.id} spot={spot} query={queries.get(spot.node.id)} isCrowded={graph.nodes.length > 40} isTurned={isTurned(graph.nodes.length)} />
      ))}
    </svg>
  );
}

const nodeRadius = 9;

function Edges({ edges, arrangement: { spots } }: { edges: readonly GraphEdge[]; arrangement: Arrangement }) {
  const { names } = useModels();
  const isLabelled = edges.length <= 8;
  return (
    <g className="edges">
      {edges.map(({ from, to, name }) => {
        const [a, b] = [spots.get(from)!, spots.get(to)!];
        const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
        const [x, y] = [b.x - ((b.x - a.x) * (nodeRadius + 3)) / length, b.y - ((b.y - a.y) * (nodeRadius + 3)) / length];
        return (
          <g key={`${from}/${name}/${to}`} data-testid="edge" data-name={name}>
            <line x1={a.x} y1={a.y} x2={x} y2={y} markerEnd="url(#arrow)">
              <title>{`${from} → ${names.relation(name)} → ${to}`}</title>
            </line>
            {isLabelled && (
              <text x={(a.x + b.x) / 2} y={(a.y + b.y) / 2 - 4} textAnchor="middle">
                {names.relation(name)}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}

interface NodeProps {
  spot: Spot;
  query: string | undefined;
  isCrowded: boolean;
  isTurned: boolean;
}

function Node({ spot, query, isCrowded, isTurned: hasSpokes }: NodeProps) {
  const { t, language } = useWords();
  const { names } = useModels();
  const { node, x, y, more } = spot;
  const title = titleOf(node, language) || shortId(node.id);
  const moreText = more === null ? "…" : count(more, language);
  const kind = node.model ? names.model(node.model) : t("twins.relations.unknown");
  return (
    <g className={`node model-${node.model} ${node.depth === 0 ? "centre" : ""} ${node.model ? "" : "ghost"}`} transform={`translate(${x} ${y})`} data-testid="node" data-id={node.id}>
      <a href={twinAddress(node.id)} aria-label={`${kind}: ${title}`} aria-current={node.depth === 0 ? "page" : undefined}>
        <circle r={node.depth === 0 ? nodeRadius + 4 : nodeRadius - (isCrowded ? 2 : 0)} />
        <Label spot={spot} text={shortened(title, isCrowded ? 10 : 16)} hasSpokes={hasSpokes} />
        <title>{`${kind}\n${title}\n${node.id}`}</title>
      </a>
      {more !== 0 && query && (
        <a href={searchAddress({ q: query })} className="more-link" aria-label={t("twins.more", { count: moreText })} data-testid="node-more">
          <text x={nodeRadius - 1} y={-nodeRadius + 1}>{`+${moreText}`}</text>
        </a>
      )}
    </g>
  );
}

/** Names point away from the centre, and are never upside down. */
function Label({ spot, text, hasSpokes }: { spot: Spot; text: string; hasSpokes: boolean }) {
  if (spot.node.depth === 0)
    return (
      <text y={30} textAnchor="middle" className="name">
        {text}
      </text>
    );
  const [across, down] = [Math.cos(spot.angle), Math.sin(spot.angle)];
  const isBelow = spot.hasBranches || (!hasSpokes && Math.abs(across) < 0.5);
  if (isBelow)
    return (
      <text y={down < 0 && !spot.hasBranches ? -16 : 22} textAnchor="middle" className="name">
        {text}
      </text>
    );
  const isLeft = across < -0.001;
  const degrees = hasSpokes ? (spot.angle * 180) / Math.PI + (isLeft ? 180 : 0) : 0;
  return (
    <text transform={`rotate(${degrees})`} x={isLeft ? -14 : 14} dy="0.35em" textAnchor={isLeft ? "end" : "start"} className="name">
      {text}
    </text>
  );
}

function shortened(text: string, most: number): string {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
}

function Key({ graph }: { graph: Graph }) {
  const { names } = useModels();
  const kinds = [...new Set(graph.nodes.map((node) => node.model))].filter(Boolean).sort();
  return (
    <p className="key">
      {kinds.map((name) => (
        <span key={name}>
          <span className={`model-dot model-${name}`} aria-hidden="true" /> {names.model(name)}
        </span>
      ))}
    </p>
  );
}
