import { useCallback, useMemo } from "react";

import type { FusionRule } from "../api/twinTypes";
import { useWords } from "../i18n/language";
import { count, moment, shortly } from "../shared/format";
import { Heading } from "../shared/Heading";
import { useReady } from "../shared/ready";
import { useRemote } from "../shared/useRemote";
import { modelAddress, searchAddress } from "../shell/route";
import { useSession } from "../signin/SessionProvider";
import { nameOfDtmi, type Model, type Property } from "./models";
import { useModels } from "./useModels";
import { unitText } from "./values";

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

function ModelCard({ model, total }: { model: Model; total: number }) {
  const { t, language } = useWords();
  const { names } = useModels();
  return (
    <section className="card model-card" aria-labelledby="model-title" data-testid="model-card">
      <header>
        <h2 id="model-title">{names.model(model.name)}</h2>
        <code className="code">{model.dtmi}</code>
        <a href={searchAddress({ model: model.name })} className="button small" data-testid="model-twins">
          {t("twins.models.search", { count: count(total, language) })}
        </a>
      </header>
      <Versions name={model.name} dtmi={model.dtmi} />
      {names.description(model) && <p className="muted">{names.description(model)}</p>}
      <Inheritance model={model} />
      <h3>{t("twins.properties")}</h3>
      {model.properties.length > 0 ? <Properties model={model} /> : <p className="muted">{t("twins.none")}</p>}
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

/** Which versions there are of a type, how many twins are at each, and who added it. */
function Versions({ name, dtmi }: { name: string; dtmi: string }) {
  const { t, known, language } = useWords();
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.modelVersions(name, signal), [api, name]);
  const { data: versions } = useRemote(load);
  if (!versions) return null;
  return (
    <ul className="versions" data-testid="model-versions">
      {versions.map((each) => (
        <li key={each.dtmi} aria-current={each.dtmi === dtmi ? "true" : undefined}>
          <b>{t("twins.version", { version: each.version ?? "" })}</b>
          <span className={`badge version-${each.state}`}>{known(`twins.version.${each.state}`, each.state ?? "")}</span>
          <span className="muted">{t("twins.total", { count: count(each.twins ?? 0, language) })}</span>
          <span className="fine muted">
            {each.created_by ? t("twins.version.by", { by: each.created_by, at: each.created_at ? moment(each.created_at, language) : "" }) : t("twins.version.shipped")}
          </span>
        </li>
      ))}
    </ul>
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

function ModelLink({ dtmi }: { dtmi: string }) {
  const { models, names } = useModels();
  const name = nameOfDtmi(dtmi);
  if (!models.has(name)) return <code>{dtmi}</code>;
  return (
    <a href={modelAddress(name)} className={`model-tag model-${name}`}>
      {names.model(name)}
    </a>
  );
}

/** The rules that were set for properties of a type, by property. */
function useRules(model: string): Map<string, FusionRule> {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.fusionRules(model, signal), [api, model]);
  const { data } = useRemote(load);
  return useMemo(() => new Map((data?.items ?? []).map((each) => [each.property, each])), [data]);
}

function Properties({ model }: { model: Model }) {
  const { t } = useWords();
  const { names } = useModels();
  const rules = useRules(model.name);
  return (
    <table className="wide" data-testid="model-properties">
      <thead>
        <tr>
          <th scope="col">{t("twins.property")}</th>
          <th scope="col">{t("twins.schema")}</th>
          <th scope="col">{t("twins.unit")}</th>
          <th scope="col">{t("twins.description")}</th>
        </tr>
      </thead>
      <tbody>
        {model.properties.map((property) => (
          <tr key={property.name}>
            <th scope="row">
              <span className="strong">{names.property(property.name, property)}</span>
              <span className="code">{property.name}</span>
            </th>
            <td data-label={t("twins.schema")}>
              <Schema property={property} rule={rules.get(property.name)} />
            </td>
            <td data-label={t("twins.unit")}>{property.unit ? unitText(property.unit) : <span className="faint">–</span>}</td>
            <td data-label={t("twins.description")} className="muted">
              {names.description(property)}
              <From content={property} model={model} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Schema({ property, rule }: { property: Property; rule: FusionRule | undefined }) {
  const { t, known, language } = useWords();
  const method = String(rule?.rule["method"] ?? "");
  const { names } = useModels();
  return (
    <>
      <code>{property.schema}</code>
      {property.isWritable && <span className="badge writable">{t("twins.writable")}</span>}
      {rule && (
        <span className="badge writable" title={`${t("twins.fusion.setBy", { by: rule.set_by })}\n${shortly(rule.rule, language)}`} data-testid="fusion-rule">
          {t("twins.fusion.method")}: {known(`twins.fusion.${method}`, method)}
        </span>
      )}
      {property.choices.length > 0 && (
        <span className="fine muted choices">{property.choices.map((each) => names.choice(each, String(each.value))).join(" · ")}</span>
      )}
    </>
  );
}

function From({ content, model }: { content: { from: string }; model: Model }) {
  const { t } = useWords();
  if (content.from === model.dtmi) return null;
  return (
    <span className="fine">
      {" "}
      {t("twins.inherited")} <ModelLink dtmi={content.from} />
    </span>
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
