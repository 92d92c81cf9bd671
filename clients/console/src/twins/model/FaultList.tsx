import type { Misfit } from "../../api/modelTypes";
import type { Problem, ProblemDetails } from "../../api/problem";
import { chineseOfFault } from "../../i18n/chineseFaults";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { ProblemLine } from "../../shared/States";
import { twinAddress } from "../../shell/route";
import type { Place } from "./adding";

type Fault = NonNullable<ProblemDetails["errors"]>[number];

interface Props {
  problem: Problem;
  placeOf: (fault: Fault) => Place | null;
  /** The text has changed since. */
  isOld: boolean;
  onPlace: (place: Place) => void;
}

const mostShown = 100;

/** What is wrong with a text: where, by which rule, and why. A click leads to the place. */
export function FaultList({ problem, placeOf, isOld, onPlace }: Props) {
  const { t, language } = useWords();
  const { errors = [], trace_id: trace } = problem.details;
  if (errors.length === 0) return <ProblemLine problem={problem} />;
  return (
    <div role="alert" className={isOld ? "aging" : ""} data-testid="model-faults">
      <p className="bad-text">{t("models.faults", { count: errors.length })}</p>
      <ol className="fault-list">
        {errors.slice(0, mostShown).map((fault, place) => {
          const found = isOld ? null : placeOf(fault);
          return (
            <li key={place} data-testid="model-fault" data-pointer={fault.pointer} data-rule={fault.rule}>
              {found ? (
                <button type="button" className="button small quiet" onClick={() => onPlace(found)} data-testid="fault-place">
                  {t("models.line", { line: found.line })}
                </button>
              ) : null}
              <code>{fault.pointer || "/"}</code> <span className="badge">{fault.rule}</span> {language === "zh" ? chineseOfFault(fault.message, fault.rule) : fault.message}
            </li>
          );
        })}
      </ol>
      {errors.length > mostShown && <p className="muted">{t("twins.more", { count: count(errors.length - mostShown, language) })}</p>}
      {trace && <code className="trace fine muted">{trace}</code>}
    </div>
  );
}

/** Twins that do not fit a version. */
export function MisfitList({ misfits, total }: { misfits: readonly Misfit[]; total: number }) {
  const { t, language } = useWords();
  if (misfits.length === 0) return null;
  return (
    <ul className="fault-list" data-testid="misfits">
      {misfits.map(({ id, pointer, rule, message }) => (
        <li key={`${id}${pointer}`}>
          <a href={twinAddress(id)}>{id}</a>
          <code>{pointer}</code> <span className="badge">{rule}</span> {language === "zh" ? chineseOfFault(message, rule) : message}
        </li>
      ))}
      {total > misfits.length && <li className="muted">{t("twins.more", { count: count(total - misfits.length, language) })}</li>}
    </ul>
  );
}
