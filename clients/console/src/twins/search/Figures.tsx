import { useCallback, useState } from "react";

import type { WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import { isMeasured } from "../columns";
import { propertyField } from "../rql";
import { useModels } from "../useModels";
import { valueText } from "../values";

interface Props {
  filter: string;
  model: string;
  /** Those found first: until another is chosen, the figures are of a property that one of them has. */
  items: readonly WholeTwin[];
}

const kinds = ["count", "sum", "avg", "min", "max"] as const;

/** Sum, average, least and greatest value of one property of all that the query finds, not only of what is loaded. */
export function Figures({ filter, model, items }: Props) {
  const words = useWords();
  const { api } = useSession();
  const { models, names } = useModels();
  const measured = (models.get(model)?.properties ?? []).filter(isMeasured);
  const [chosen, setChosen] = useState("");
  const isHeld = ({ name }: { name: string }) => items.some(({ properties }) => name in properties);
  const property = measured.find(({ name }) => name === chosen) ?? measured.find(isHeld) ?? measured[0];
  const field = property && propertyField(property.name, property.isSpeltNumber);
  const load = useCallback(
    async (signal: AbortSignal) => {
      if (!field) return null;
      const aggregate = kinds.map((kind) => `${kind}(${field})`).join(",");
      return (await api.aggregate({ filter, model, aggregate }, signal)).items[0]?.values ?? null;
    },
    [api, filter, model, field],
  );
  const { data } = useRemote(load);
  if (!property) return null;
  return (
    <div className="search-figures" data-testid="figures">
      <select value={property.name} aria-label={words.t("twins.figures")} onChange={(event) => setChosen(event.target.value)} data-testid="figures-of">
        {measured.map((each) => (
          <option key={each.name} value={each.name}>
            {names.property(each.name, each)}
          </option>
        ))}
      </select>
      {kinds.map((kind) => (
        <span key={kind} data-testid={`figure-${kind}`}>
          <span className="muted">{words.t(`twins.${kind}`)}</span> <b>{figureText(data?.[`${kind}(${field})`], words, names)}</b>
        </span>
      ))}
    </div>
  );
}

function figureText(value: number | string | null | undefined, words: ReturnType<typeof useWords>, names: ReturnType<typeof useModels>["names"]): string {
  if (value === null || value === undefined) return "–";
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  return valueText(Math.abs(number) < 1e15 ? Number(number.toFixed(Math.abs(number) < 1 ? 6 : 2)) : number, undefined, words, names);
}
