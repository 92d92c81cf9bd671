import { useWords } from "../../i18n/language";
import { unitText } from "../values";
import { others, sourcePointer, type SourceDraft } from "./drafting";

interface Props {
  sources: readonly SourceDraft[];
  isWeighted: boolean;
  unit: string;
  /** What is wrong, by pointer. */
  faults: ReadonlyMap<string, string>;
  onSources: (sources: SourceDraft[]) => void;
}

/** Of each source how far it is relied on and how far its values scatter; what is left out is as the server takes it. */
export function SourceTable({ sources, isWeighted, unit, faults, onSources }: Props) {
  const { t } = useWords();
  const members = isWeighted ? (["reliability", "variance"] as const) : (["variance"] as const);
  const change = (place: number, changes: Partial<SourceDraft>) => onSources(sources.map((each, at) => (at === place ? { ...each, ...changes } : each)));
  const add = () => onSources([...sources.slice(0, -1), { name: "", reliability: "", variance: "" }, sources.at(-1)!]);
  const square = unit ? ` (${unitText(unit)}²)` : "";
  return (
    <table className="rule-sources">
      <thead>
        <tr>
          <th scope="col">{t("twins.source")}</th>
          {isWeighted && <th scope="col">{t("twins.fusion.reliability")} (0–1)</th>}
          <th scope="col">{t("twins.fusion.variance") + square}</th>
        </tr>
      </thead>
      <tbody>
        {sources.map((source, place) => (
          <tr key={place}>
            <th scope="row">
              {source.name === others ? (
                t("rules.others")
              ) : (
                <input value={source.name} aria-label={t("twins.source")} spellCheck={false} onChange={(event) => change(place, { name: event.target.value })} data-testid="rule-source" />
              )}
            </th>
            {members.map((member) => {
              const fault = faults.get(sourcePointer(member, source.name)) ?? (source.name === others ? faults.get(`/${member}`) : undefined);
              return (
                <td key={member}>
                  <input
                    value={source[member]}
                    inputMode="decimal"
                    placeholder={member === "reliability" ? "1" : "–"}
                    aria-label={`${t(`twins.fusion.${member}`)}: ${source.name === others ? t("rules.others") : source.name}`}
                    aria-invalid={fault !== undefined}
                    onChange={(event) => change(place, { [member]: event.target.value })}
                    data-testid={`rule-${member}`}
                    data-source={source.name}
                  />
                  {fault && (
                    <span className="fine bad-text" role="alert" data-testid="rule-fault">
                      {fault}
                    </span>
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <td colSpan={members.length + 1}>
            <button type="button" className="button small quiet" onClick={add} data-testid="rule-add-source">
              + {t("rules.addSource")}
            </button>
          </td>
        </tr>
      </tfoot>
    </table>
  );
}
