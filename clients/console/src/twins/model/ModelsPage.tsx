import { useCallback } from "react";

import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { Heading } from "../../shared/Heading";
import { useReady } from "../../shared/ready";
import { useRemote } from "../../shared/useRemote";
import { modelAddress } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import type { Model } from "../models";
import { useModels } from "../useModels";
import { ModelCard } from "./ModelCard";

/** The types of twins: what each can have, what it leads to, and what it inherits. */
export function ModelsPage({ chosen }: { chosen: string }) {
  const { t } = useWords();
  const { models } = useModels();
  const counts = useCounts();
  useReady(counts !== undefined);
  const model = models.get(chosen);
  return (
    <div className="models-page" data-testid="models-page">
      <Heading title={t("twins.models")} lead={t("twins.models.lead")} />
      <div className={`model-columns ${model ? "with-model" : ""}`}>
        <ModelList models={models} counts={counts ?? new Map()} chosen={chosen} />
        {model && <ModelCard model={model} total={counts?.get(model.name) ?? 0} />}
        {chosen !== "" && !model && <p className="muted nothing">{t("twins.models.unknown")}</p>}
      </div>
    </div>
  );
}

/** How many twins of each type; undefined while that is not known. */
function useCounts(): Map<string, number> | undefined {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.aggregate({ group_by: "model" }, signal), [api]);
  const { data, problem } = useRemote(load);
  if (problem) return new Map();
  return data ? new Map(data.items.map(({ key, values }) => [String(key["model"]), Number(values["count"] ?? 0)])) : undefined;
}

function ModelList({ models, counts, chosen }: { models: Map<string, Model>; counts: Map<string, number>; chosen: string }) {
  const { t, language } = useWords();
  const { names } = useModels();
  return (
    <nav aria-label={t("twins.models")}>
      <ul className="model-list">
        {[...models.values()].map(({ name, properties, relationships }) => (
          <li key={name}>
            <a href={modelAddress(name)} aria-current={name === chosen ? "page" : undefined} data-testid="model" data-name={name}>
              <span className={`model-dot model-${name}`} aria-hidden="true" />
              <span>
                <b>{names.model(name)}</b> <span className="code">{name}</span>
                <span className="fine muted">{t("twins.models.contents", { properties: properties.length, relations: relationships.length })}</span>
              </span>
              <span className="model-count">{count(counts.get(name) ?? 0, language)}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
