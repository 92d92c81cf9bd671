import { useMemo } from "react";

import type { TwinChange } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { ago, moment as momentText } from "../../shared/format";
import { ProblemLine } from "../../shared/States";
import { changesNothing, lateRevisions, saidIn, turnOf } from "../differences";
import type { Model } from "../models";
import { FacetName, FacetValue } from "./DifferenceList";
import type { useHistory } from "./useHistory";

interface Props {
  history: ReturnType<typeof useHistory>;
  model: Model | undefined;
  /** The revision that is looked at. */
  shown: number | null;
  now: number;
  onRevision: (revision: number) => void;
}

/** The lines of the history, newest first: who said what, when it was true and when it was learnt. */
export function HistoryList({ history, model, shown, now, onRevision }: Props) {
  const { t } = useWords();
  const { changes, problem, hasOlder, isLoading, loadOlder } = history;
  const late = useMemo(() => lateRevisions(changes), [changes]);
  const lines = useMemo(() => [...changes].reverse(), [changes]);
  return (
    <section className="history" aria-label={t("twins.history")} data-testid="history">
      <ol>
        {lines.map((change) => (
          <Line key={change.revision} change={change} model={model} isLate={late.has(change.revision)} isShown={change.revision === shown} now={now} onRevision={onRevision} />
        ))}
      </ol>
      {problem && <ProblemLine problem={problem} />}
      {hasOlder && (
        <button type="button" className="button small more" onClick={loadOlder} disabled={isLoading} data-testid="history-older">
          {isLoading ? t("state.loading") : t("twins.history.older")}
        </button>
      )}
    </section>
  );
}

interface LineProps {
  change: TwinChange;
  model: Model | undefined;
  isLate: boolean;
  isShown: boolean;
  now: number;
  onRevision: (revision: number) => void;
}

const mostSaid = 6;

function Line({ change, model, isLate, isShown, now, onRevision }: LineProps) {
  const { t, language } = useWords();
  const said = saidIn(change);
  const isQuiet = changesNothing(change);
  const turn = turnOf(change);
  const learnt = momentText(change.known_at, language);
  return (
    <li className={isShown ? "shown" : ""} data-testid="history-line" data-revision={change.revision} data-late={isLate}>
      <button type="button" className="revision" onClick={() => onRevision(change.revision)} title={t("twins.history.look")} aria-current={isShown ? "true" : undefined} data-testid="look-at">
        {change.revision}
      </button>
      <div>
        <p className={isQuiet ? "said quiet" : "said"}>
          {isQuiet && <span className="muted">{t(isLate ? "twins.history.tooLate" : "twins.history.confirmed")}</span>}
          {turn && <span className="muted">{t(`twins.history.${turn}`)}</span>}
          {said.slice(0, mostSaid).map(({ facet, name, value, isRemoved }) => (
            <span key={`${facet}/${name}`}>
              <FacetName facet={facet} name={name} model={model} />{" "}
              {isRemoved ? <span className="muted">{t("twins.removed")}</span> : <em><FacetValue facet={facet} name={name} value={value} model={model} /></em>}
            </span>
          ))}
          {said.length > mostSaid && <span className="muted">{t("twins.more", { count: said.length - mostSaid })}</span>}
        </p>
        <p className="fine muted">
          <span className="source-name">{change.source}</span>
          <time dateTime={change.changed_at} title={t("twins.times", { at: momentText(change.changed_at, language), known: learnt })}>
            {ago(change.changed_at, now, language)}
          </time>
          {isLate && (
            <span className="badge late" title={t("twins.history.late.help")} data-testid="late">
              {t("twins.history.late", { known: learnt })}
            </span>
          )}
        </p>
      </div>
    </li>
  );
}
