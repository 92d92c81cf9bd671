import { useCallback, useEffect } from "react";

import type { TwinModel } from "../../api/modelTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { useRemote } from "../../shared/useRemote";
import { searchAddress } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import type { Model } from "../models";
import { useModels } from "../useModels";
import { mayAddModels, nextVersion } from "./adding";
import { Migrations } from "./Migrations";
import { From, ModelLink } from "./ModelLink";
import { PropertyTable } from "./PropertyTable";
import { TakeAway } from "./TakeAway";
import { Versions } from "./Versions";

interface Props {
  model: Model;
  /** How many twins there are of it; null while that is not known. */
  total: number | null;
  /** Another number: something about types has changed. */
  round: number;
  onNewVersion: (start: string) => void;
  onChanged: () => void;
}

function useVersions(name: string, round: number): readonly TwinModel[] {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.modelVersions(name, signal), [api, name]);
  const { data, reload } = useRemote(load);
  useEffect(() => void (round > 0 && reload()), [round, reload]);
  return data ?? [];
}

/** One type with all that it has. */
export function ModelCard({ model, total, round, onNewVersion, onChanged }: Props) {
  const { t, language } = useWords();
  const { names } = useModels();
  const { session } = useSession();
  const versions = useVersions(model.name, round);
  const isAdder = mayAddModels(session?.user.roles) && versions.length > 0;
  return (
    <section className="card model-card" aria-labelledby="model-title" data-testid="model-card">
      <header>
        <h2 id="model-title">{names.model(model.name)}</h2>
        <code className="code">{model.dtmi}</code>
        {total === 0 ? (
          <span className="muted fine" data-testid="model-empty">
            {t("models.empty")}
          </span>
        ) : (
          <a href={searchAddress({ model: model.name })} className="button small" data-testid="model-twins">
            {t("twins.models.search", { count: total === null ? "…" : count(total, language) })}
          </a>
        )}
        {isAdder && (
          <button type="button" className="button small" onClick={() => onNewVersion(nextVersion(versions))} data-testid="model-next">
            {t("models.next")}
          </button>
        )}
        {isAdder && total === 0 && versions.every((each) => each.created_by) && <TakeAway name={model.name} onDone={onChanged} />}
      </header>
      <Versions versions={versions} dtmi={model.dtmi} />
      <Migrations name={model.name} dtmi={model.dtmi} round={round} onEnded={onChanged} />
      {names.description(model) && <p className="muted">{names.description(model)}</p>}
      <Inheritance model={model} />
      <h3>{t("twins.properties")}</h3>
      {model.properties.length > 0 ? <PropertyTable model={model} /> : <p className="muted">{t("twins.none")}</p>}
      <h3>{t("twins.relations")}</h3>
      {model.relationships.length > 0 ? <Relationships model={model} /> : <p className="muted">{t("twins.none")}</p>}
      {model.others.length > 0 && <Others model={model} />}
      <details className="dtdl">
        <summary>DTDL</summary>
        <pre>{JSON.stringify(model.dtdl, null, 2)}</pre>
      </details>
    </section>
  );
}

/** What it inherits from, and which types inherit from it. */
function Inheritance({ model }: { model: Model }) {
  const { t } = useWords();
  const { models } = useModels();
  const below = [...models.values()].filter((each) => each.name !== model.name && each.lineage.includes(model.dtmi));
  const above = model.lineage.slice(1);
  if (above.length === 0 && below.length === 0) return null;
  return (
    <dl className="facts inheritance" data-testid="inheritance">
      {above.length > 0 && (
        <div>
          <dt>{t("twins.extends")}</dt>
          <dd>{above.map((dtmi) => <ModelLink key={dtmi} dtmi={dtmi} />)}</dd>
        </div>
      )}
      {below.length > 0 && (
        <div>
          <dt>{t("twins.extendedBy")}</dt>
          <dd>{below.map((each) => <ModelLink key={each.dtmi} dtmi={each.dtmi} />)}</dd>
        </div>
      )}
    </dl>
  );
}

function Relationships({ model }: { model: Model }) {
  const { t } = useWords();
  const { names } = useModels();
  return (
    <ul className="contents" data-testid="model-relations">
      {model.relationships.map((each) => (
        <li key={each.name}>
          <b>{names.relation(each.name, model.name)}</b> <span className="code">{each.name}</span> → {each.target ? <ModelLink dtmi={each.target} /> : t("twins.anything")}{" "}
          <span className="muted">{names.description(each)}</span>
          <From content={each} model={model} />
        </li>
      ))}
    </ul>
  );
}

function Others({ model }: { model: Model }) {
  const { t } = useWords();
  const { names } = useModels();
  return (
    <>
      <h3>{t("twins.others")}</h3>
      <ul className="contents">
        {model.others.map((each) => (
          <li key={`${each.type}/${each.name}`}>
            <b>{names.property(each.name)}</b> <span className="code">{each.name}</span> <span className="badge">{each.type}</span> <code>{each.schema}</code>{" "}
            <span className="muted">{names.description(each)}</span>
            <From content={each} model={model} />
          </li>
        ))}
      </ul>
    </>
  );
}
