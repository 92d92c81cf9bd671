import { useWords } from "../../i18n/language";
import { twinAddress } from "../../shell/route";
import type { Difference, Facet } from "../differences";
import type { Model } from "../models";
import { useModels } from "../useModels";
import { valueText } from "../values";

interface Props {
  differences: readonly Difference[];
  model: Model | undefined;
  most?: number;
}

/** What changed: its name, what it was, what it is. */
export function DifferenceList({ differences, model, most = 12 }: Props) {
  const { t } = useWords();
  return (
    <ul className="difference-list">
      {differences.slice(0, most).map((each) => (
        <li key={`${each.facet}/${each.name}`} data-testid="change-line" data-name={each.name} data-kind={each.kind}>
          <FacetName facet={each.facet} name={each.name} model={model} />
          {each.kind !== "added" && (
            <s>
              <FacetValue facet={each.facet} name={each.name} value={each.before} model={model} />
            </s>
          )}
          {each.kind !== "removed" ? (
            <em>
              <FacetValue facet={each.facet} name={each.name} value={each.after} model={model} />
            </em>
          ) : (
            <span className="muted">{t("twins.removed")}</span>
          )}
        </li>
      ))}
      {differences.length > most && <li className="muted">{t("twins.more", { count: differences.length - most })}</li>}
    </ul>
  );
}

interface NameProps {
  facet: Facet;
  name: string;
  model: Model | undefined;
}

export function FacetName({ facet, name, model }: NameProps) {
  const { t } = useWords();
  const { names } = useModels();
  const property = model?.properties.find((each) => each.name === name);
  if (facet === "relations") return <i title={`relations/${name}`}>→ {names.relation(name, model?.name)}</i>;
  return (
    <i title={`${facet}/${name}`}>
      {facet === "desired" && `${t("twins.desired")} `}
      {names.property(name, property)}
    </i>
  );
}

const mostTargets = 4;

export function FacetValue({ facet, name, value, model }: NameProps & { value: unknown }) {
  const words = useWords();
  const { names } = useModels();
  if (facet === "relations") {
    const targets = Array.isArray(value) ? value.map(String) : [];
    return (
      <>
        {targets.slice(0, mostTargets).map((target, place) => (
          <span key={target}>
            {place > 0 && ", "}
            <a href={twinAddress(target)}>{target}</a>
          </span>
        ))}
        {targets.length > mostTargets && ` +${targets.length - mostTargets}`}
      </>
    );
  }
  const property = model?.properties.find((each) => each.name === name);
  return <>{valueText(value, property, words, names)}</>;
}
