import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { ModelsAdded } from "../../api/modelTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { Heading } from "../../shared/Heading";
import { useReady } from "../../shared/ready";
import { useRemote } from "../../shared/useRemote";
import { modelAddress } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import type { Model } from "../models";
import { useModels } from "../useModels";
import { AddModels } from "./AddModels";
import { mayAddModels, newType } from "./adding";
import { ModelCard } from "./ModelCard";

/** The types of twins: what each can have, what it leads to, and what it inherits. */
export function ModelsPage({ chosen }: { chosen: string }) {
  const { t } = useWords();
  const { models, reload: reloadModels } = useModels();
  const { session } = useSession();
  const { counts, reload: reloadCounts } = useCounts();
  const [round, setRound] = useState(0);
  const [start, setStart] = useState<string | null>(null);
  useReady(counts !== undefined);
  const model = models.get(chosen);
  const renew = useCallback(() => {
    reloadModels();
    reloadCounts();
    setRound((n) => n + 1);
  }, [reloadModels, reloadCounts]);
  const [awaited, setAwaited] = useState("");
  function added({ items }: ModelsAdded) {
    renew();
    setAwaited(items[0]?.name ?? "");
    if (items[0]?.name === chosen) setStart(null);
  }
  // What was added has its page when the types are here that it is one of.
  useEffect(() => {
    if (awaited && models.has(awaited)) window.location.hash = modelAddress(awaited);
  }, [awaited, models]);
  const isWide = model !== undefined || start !== null;
  return (
    <div className="models-page" data-testid="models-page">
      <Heading title={t("twins.models")} lead={t("twins.models.lead")}>
        {mayAddModels(session?.user.roles) && (
          <button type="button" className="button" onClick={() => setStart(newType())} data-testid="add-models-open">
            + {t("models.add")}
          </button>
        )}
      </Heading>
      {start === null && chosen !== "" && !model && (
        <p className="outcome bad" role="status" data-testid="no-model">
          {t("twins.models.unknown")} <span className="code">{chosen}</span>
        </p>
      )}
      <div className={`model-columns ${isWide ? "with-model" : ""}`}>
        {counts ? <ModelList models={models} counts={counts} chosen={chosen} /> : <nav className="model-nav" />}
        {start !== null && <AddModels key={start} start={start} onAdded={added} onClose={() => setStart(null)} />}
        {start === null && model && <ModelCard model={model} total={counts ? (counts.get(model.name) ?? 0) : null} round={round} onNewVersion={setStart} onChanged={renew} />}
      </div>
    </div>
  );
}

/** How many twins of each type; undefined while that is not known. */
function useCounts(): { counts: Map<string, number> | undefined; reload: () => void } {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.aggregate({ group_by: "model" }, signal), [api]);
  const { data, problem, reload } = useRemote(load);
  const counts = useMemo(
    () => (data || problem ? new Map(data?.items.map(({ key, values }) => [String(key["model"]), Number(values["count"] ?? 0)])) : undefined),
    [data, problem],
  );
  return { counts, reload };
}

function ModelList({ models, counts, chosen }: { models: Map<string, Model>; counts: Map<string, number>; chosen: string }) {
  const { t, language } = useWords();
  const { names } = useModels();
  // Those that have twins come first: a new installation has them of a few types, and looks for those.
  const used = [...models.values()].filter(({ name }) => counts.has(name));
  const others = [...models.values()].filter(({ name }) => !counts.has(name));
  const list = useRef<HTMLUListElement>(null);
  // On a narrow screen the list is one line, of which the chosen type should be seen.
  useEffect(() => {
    const at = list.current?.querySelector<HTMLElement>("[aria-current]")?.parentElement;
    if (at && list.current) list.current.scrollLeft = at.offsetLeft - list.current.clientWidth / 3;
  }, [chosen, counts]);
  return (
    <nav aria-label={t("twins.models")} className="model-nav">
      <ul className="model-list" ref={list}>
        {[...used, ...others].map(({ name, properties, relationships }) => (
          <li key={name}>
            <a href={modelAddress(name)} className={counts.has(name) ? "" : "unused"} aria-current={name === chosen ? "page" : undefined} data-testid="model" data-name={name}>
              <span className={`model-dot model-${name}`} aria-hidden="true" />
              <span>
                <b>{names.model(name)}</b> <span className="code">{name}</span>
                <span className="fine muted">{t("twins.models.contents", { properties: properties.length, relations: relationships.length })}</span>
              </span>
              <span className="model-count">{counts.has(name) ? count(counts.get(name)!, language) : "–"}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
