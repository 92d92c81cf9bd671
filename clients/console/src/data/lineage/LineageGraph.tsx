import { useState } from "react";

import type { Lineage } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { duration, moment } from "../../shared/format";
import { useNames } from "../names";
import { Facts } from "./Facts";
import { StageMark } from "./StageMark";
import { factsOf, stepsOf, stretchesOf, targetOf, titleKey, type Step, type Stretch } from "./steps";
import { Thing } from "./Thing";

const firstSteps = 3;

/** The way of a record, top to bottom; what was made from it hangs to the side. */
export function LineageGraph({ lineage }: { lineage: Lineage }) {
  const { t } = useWords();
  const names = useNames();
  const missing = lineage.missing ?? [];
  return (
    <section className="lineage" aria-labelledby="lineage-of" data-testid="lineage">
      <h2 id="lineage-of">
        {lineage.kind ? names.kind(lineage.kind) : t("lineage.record")} <code>{lineage.key}</code>
      </h2>
      {missing.length > 0 && (
        <p className="warn-text missing" role="status" data-testid="lineage-missing">
          {t("lineage.missing", { services: missing.join(", ") })}
        </p>
      )}
      <ol>
        {stretchesOf(stepsOf(lineage)).map((stretch, index) => (
          <StretchRows key={index} stretch={stretch} />
        ))}
      </ol>
    </section>
  );
}

/** The first steps of a stage; the others when somebody asks. */
function StretchRows({ stretch: { steps } }: { stretch: Stretch }) {
  const { t } = useWords();
  const [isAll, setAll] = useState(false);
  const shown = isAll ? steps : steps.slice(0, firstSteps);
  const rest = steps.length - shown.length;
  return (
    <>
      {shown.map((step, index) => (
        <StepRow key={`${step.id}/${index}`} step={step} />
      ))}
      {rest > 0 && (
        <li className="step made rest">
          <span className="stage-mark" aria-hidden="true">
            …
          </span>
          <button type="button" className="button small" onClick={() => setAll(true)} data-testid="lineage-rest">
            {t("days.more", { count: rest })}
          </button>
        </li>
      )}
    </>
  );
}

function StepRow({ step }: { step: Step }) {
  const { t, known, language } = useWords();
  const isGuess = step.exact === false;
  const { href, path } = targetOf(step);
  return (
    <li
      className={`step ${step.place} stage-${step.stage} ${isGuess ? "guess" : ""}`}
     
      data-testid="lineage-step"
      data-stage={step.stage}
      data-id={step.id}
    >
      <StageMark stage={step.stage} />
      <div className="step-body">
        <header>
          <h3>{known(titleKey(step), step.stage)}</h3>
          <code className="step-id">{step.id}</code>
          {step.at && (
            <time dateTime={step.at} className="muted">
              {moment(step.at, language)}
              {step.after_s !== null && step.after_s >= 0.001 && <span className="faint"> +{duration(step.after_s, language)}</span>}
            </time>
          )}
        </header>
        <div className="step-more">
          {isGuess && <span className="muted guess-note">{t(step.place === "made" ? "lineage.about" : "lineage.likely")}</span>}
          <Facts facts={factsOf(step.detail ?? {})} />
          {href && <a href={href}>{t("lineage.more")} ›</a>}
          {path && <Thing path={path} />}
        </div>
      </div>
    </li>
  );
}
