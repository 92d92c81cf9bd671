import type { TwinGroup } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { useModels } from "../useModels";

interface Props {
  counts: TwinGroup[] | null;
  chosen: string;
  onChosen: (model: string) => void;
}

/** How many of each type the query finds; a click looks at one type alone. */
export function ModelChips({ counts, chosen, onChosen }: Props) {
  const { t, language } = useWords();
  const { names } = useModels();
  const known = (counts ?? []).map(({ key, values }) => [String(key["model"]), Number(values["count"] ?? 0)] as const);
  const shown = known.some(([name]) => name === chosen) || chosen === "" ? known : [...known, [chosen, 0] as const];
  const all = known.reduce((sum, [, number]) => sum + number, 0);
  const chips = [["", all] as const, ...[...shown].sort(([, a], [, b]) => b - a)];
  return (
    <div className="chips" role="group" aria-label={t("twins.models")} data-testid="model-chips">
      {chips.map(([name, number]) => (
        <button
          key={name}
          type="button"
          className={`chip ${name ? `model-${name}` : ""}`}
          aria-pressed={name === chosen}
          onClick={() => onChosen(name === chosen ? "" : name)}
          data-testid="model-chip"
          data-model={name}
        >
          {name ? names.model(name) : t("filter.all")}
          <b data-testid="chip-count">{counts === null && number === 0 ? "…" : count(number, language)}</b>
        </button>
      ))}
    </div>
  );
}
