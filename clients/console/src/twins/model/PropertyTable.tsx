import { Fragment, useCallback, useEffect, useMemo, useState } from "react";

import type { FusionRule } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { shortly } from "../../shared/format";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import type { Model, Property } from "../models";
import { RuleEditor } from "../rules/RuleEditor";
import { mayWrite } from "../twin/useWriting";
import { useModels } from "../useModels";
import { unitText } from "../values";
import { From } from "./ModelLink";

const pendingMs = 1000;

/** The rules that were set for properties of a type, by property; looked at again until every twin follows them. */
function useRules(model: string) {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.fusionRules(model, signal), [api, model]);
  const { data, reload } = useRemote(load);
  const isPending = data?.items.some((each) => !each.applied_at) ?? false;
  useEffect(() => {
    if (!isPending) return;
    const timer = setTimeout(reload, pendingMs);
    return () => clearTimeout(timer);
  }, [isPending, reload, data]);
  return { rules: useMemo(() => new Map((data?.items ?? []).map((each) => [each.property, each])), [data]), reload };
}

/** What twins of a type can have, and how several sources of each become one. */
export function PropertyTable({ model }: { model: Model }) {
  const { t } = useWords();
  const { names } = useModels();
  const { session } = useSession();
  const { rules, reload } = useRules(model.name);
  const [opened, setOpened] = useState("");
  const isWriter = mayWrite(session?.user.roles);
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
          <Fragment key={property.name}>
          <tr data-testid="model-property" data-name={property.name}>
            <th scope="row">
              <span className="strong">{names.property(property.name, property)}</span>
              <span className="code">{property.name}</span>
            </th>
            <td data-label={t("twins.schema")}>
              <Schema property={property} rule={rules.get(property.name)} />
              {isWriter && (
                <button
                  type="button"
                  className="button small quiet rule-open"
                  aria-expanded={opened === property.name}
                  aria-label={t("rules.of", { name: names.property(property.name, property) })}
                  onClick={() => setOpened(opened === property.name ? "" : property.name)}
                  data-testid="rule-open"
                >
                  {t("rules.open")}
                </button>
              )}
            </td>
            <td data-label={t("twins.unit")}>{property.unit ? unitText(property.unit) : <span className="faint">–</span>}</td>
            <td data-label={t("twins.description")} className="muted">
              {names.description(property)}
              <From content={property} model={model} />
            </td>
          </tr>
          {opened === property.name && (
            <tr className="rule-row">
              <td colSpan={4}>
                <RuleEditor model={model.name} name={property.name} property={property} rule={rules.get(property.name) ?? null} sources={[]} onWritten={reload} onClose={() => setOpened("")} />
              </td>
            </tr>
          )}
          </Fragment>
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
          {!rule.applied_at && <span className="spinner small" title={t("twins.fusion.pending")} />}
        </span>
      )}
      {property.choices.length > 0 && (
        <span className="fine muted choices">{property.choices.map((each) => names.choice(each, String(each.value))).join(" · ")}</span>
      )}
    </>
  );
}
