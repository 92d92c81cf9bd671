import { useRef, useState, type ChangeEvent } from "react";

import type { MigrationPlan, ModelsAdded } from "../../api/modelTypes";
import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { useSession } from "../../signin/SessionProvider";
import { useModels } from "../useModels";
import { placeOfFault, type Place } from "./adding";
import { FaultList, MisfitList } from "./FaultList";

interface Props {
  /** The text to begin with. */
  start: string;
  onAdded: (added: ModelsAdded) => void;
  onClose: () => void;
}

interface Checked {
  /** Of which text. */
  text: string;
  answer: ModelsAdded | null;
  problem: Problem | null;
}

/** Types and versions as DTDL: checked first, which changes nothing, then added, all of it or nothing. */
export function AddModels({ start, onAdded, onClose }: Props) {
  const { t } = useWords();
  const { api } = useSession();
  const [text, setText] = useState(start);
  const [checked, setChecked] = useState<Checked | null>(null);
  const [isBusy, setBusy] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const isGood = checked?.text === text && checked.answer !== null;

  async function send(isDryRun: boolean) {
    setBusy(true);
    try {
      const answer = await api.postModels(text, isDryRun);
      if (!isDryRun) return onAdded(answer);
      setChecked({ text, answer, problem: null });
    } catch (error) {
      setChecked({ text, answer: null, problem: asProblem(error) });
    } finally {
      setBusy(false);
    }
  }
  async function open(event: ChangeEvent<HTMLInputElement>) {
    const [file] = event.target.files ?? [];
    if (file) setText(await file.text());
  }
  function show({ from, to, line }: Place) {
    const element = area.current;
    if (!element) return;
    element.focus();
    element.setSelectionRange(from, to);
    element.scrollTop = ((line - 4) / text.split("\n").length) * element.scrollHeight;
  }
  return (
    <section className="card add-models" aria-labelledby="add-models" onKeyDown={(event) => event.key === "Escape" && onClose()} data-testid="add-models">
      <h2 id="add-models">{t("models.add")}</h2>
      <p className="muted">{t("models.add.lead")}</p>
      <textarea
        ref={area}
        value={text}
        rows={18}
        spellCheck={false}
        wrap="off"
        aria-label="DTDL"
        aria-invalid={checked?.text === text && checked.problem !== null}
        onChange={(event) => setText(event.target.value)}
        data-testid="models-text"
      />
      <div className="control-row">
        <button type="button" className="button" onClick={() => void send(true)} disabled={isBusy || text.trim() === ""} data-testid="models-check">
          {t("models.check")}
        </button>
        <button type="button" className="button primary" onClick={() => void send(false)} disabled={isBusy || !isGood} title={isGood ? undefined : t("models.check.first")} data-testid="models-add">
          {t("models.post")}
        </button>
        <label className="button">
          {t("models.file")}
          <input type="file" accept=".json,application/json" className="visually-hidden" onChange={(event) => void open(event)} data-testid="models-file" />
        </label>
        <button type="button" className="button quiet" onClick={onClose} data-testid="models-close">
          {t("detail.close")}
        </button>
        {isBusy && <span className="spinner small" aria-hidden="true" />}
      </div>
      <div className="add-outcome" aria-live="polite">
        {checked?.problem && <FaultList problem={checked.problem} placeOf={(fault) => placeOfFault(checked.text, fault)} isOld={checked.text !== text} onPlace={show} />}
        {checked?.answer && checked.text === text && <Plans plans={checked.answer.plans} />}
      </div>
      <Help />
    </section>
  );
}

/** What would happen to the twins there are. */
function Plans({ plans }: { plans: readonly MigrationPlan[] }) {
  const { t, language } = useWords();
  const { names } = useModels();
  return (
    <div role="status" data-testid="models-good">
      <p className="good-text">✓ {t("models.good")}</p>
      <ul>
        {plans.map((plan) => (
          <li key={plan.dtmi} data-testid="plan" data-misfits={plan.misfits}>
            <b>{names.model(plan.name)}</b> <code>{plan.dtmi}</code>{" "}
            {plan.twins === 0
              ? t("models.plan.adds")
              : t("models.plan", { twins: count(plan.twins, language), changed: count(plan.changed, language), misfits: count(plan.misfits, language) })}
            <MisfitList misfits={plan.first_misfits} total={plan.misfits} />
          </li>
        ))}
      </ul>
    </div>
  );
}

const steps = [
  '{"op": "rename", "property": "width", "to": "breadth"}',
  '{"op": "convert", "property": "breadth", "by": "unit", "from": "metre", "to": "centimetre"}',
  '{"op": "default", "property": "trade_area", "value": "transport"}',
  '{"op": "remove", "property": "tier", "of": "desired"}',
  '{"op": "rename", "relation": "served_by", "to": "backed_by"}',
];

function Help() {
  const { t } = useWords();
  return (
    <details className="dtdl">
      <summary>{t("models.steps")}</summary>
      <p className="muted">{t("models.steps.lead")}</p>
      <pre>{`{\n  "models": [{"@id": "dtmi:acme:kiosk;2", …}],\n  "migration": {\n    "kiosk": [\n      ${steps.join(",\n      ")}\n    ]\n  }\n}`}</pre>
    </details>
  );
}
