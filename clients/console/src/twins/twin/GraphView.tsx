import { useCallback, useState } from "react";

import type { WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { Loading, ProblemLine } from "../../shared/States";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import { useModels } from "../useModels";
import { around, counted, graphOf, type Graph } from "../walk";
import { GraphPicture } from "./GraphPicture";

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
      {data && data.nodes.length > 1 && <GraphPicture graph={data} />}
      {data && data.nodes.length > 1 && <Key graph={data} />}
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
      const centre = JSON.parse(text) as WholeTwin;
      const found = await around(api, centre, depth, signal);
      found.parts.set(centre.id, centre);
      const graph = graphOf(found, models, centre.id, depth);
      // The picture is there before the numbers are: to count 30,000 takes longer than to find the first dozen of them.
      if (!signal.aborted) setPicture(graph);
      return await counted(api, graph, signal);
    },
    [api, models, text, depth],
  );
  const { data, problem, isLoading } = useRemote(load);
  return { data: isLoading ? (picture ?? data) : data, problem: picture ? null : problem, isLoading: isLoading && !picture };
}

function namesOnly({ properties }: WholeTwin): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => name.includes("name")));
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
