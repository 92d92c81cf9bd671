import type { Lineage } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { duration, moment } from "../../shared/format";
import { useNames } from "../names";
import { Facts } from "./Facts";
import { StageMark } from "./StageMark";
import { factsOf, stepsOf, targetOf, type Step } from "./steps";
import { Thing } from "./Thing";

/** The way of a record, top to bottom; what was made from it hangs to the side. */
export function LineageGraph({ lineage }: { lineage: Lineage }) {
  const { t } = useWords();
  const names = useNames();
  const steps = stepsOf(lineage);
  return (
    <section className="lineage" aria-labelledby="lineage-of" data-testid="lineage">
      <h2 id="lineage-of">
        {lineage.kind ? names.kind(lineage.kind) : t("lineage.record")} <code>{lineage.key}</code>
      </h2>
      <ol>
        {steps.map((step, index) => (
          <StepRow key={`${step.stage}/${step.id}/${index}`} step={step} lineage={lineage} />
        ))}
      </ol>
    </section>
  );
}

function StepRow({ step, lineage }: { step: Step; lineage: Lineage }) {
  const { t, known, language } = useWords();
  const { href, path } = targetOf(step, lineage);
  return (
    <li className={`step ${step.place} stage-${step.stage}`} data-testid="lineage-step" data-stage={step.stage} data-id={step.id}>
      <StageMark stage={step.stage} />
      <div className="step-body">
        <header>
          <h3>{known(`stage.${step.stage}`, step.stage)}</h3>
          <code className="step-id">{step.id}</code>
          {step.at && (
            <time dateTime={step.at} className="muted">
              {moment(step.at, language)}
              {step.after_s !== null && <span className="faint"> +{duration(step.after_s, language)}</span>}
            </time>
          )}
        </header>
        <div className="step-more">
          <Facts facts={factsOf(step.detail ?? {})} />
          {href && <a href={href}>{t("lineage.more")} ›</a>}
          {path && <Thing path={path} />}
        </div>
      </div>
    </li>
  );
}
