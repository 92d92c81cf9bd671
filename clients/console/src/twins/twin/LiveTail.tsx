import { useWords } from "../../i18n/language";
import type { LiveState } from "../../live/connection";
import { clock } from "../../shared/format";
import type { Model } from "../models";
import { DifferenceList } from "./DifferenceList";
import type { TailEntry } from "./useTwin";

interface Props {
  state: LiveState;
  tail: readonly TailEntry[];
  waiting: number;
  isPaused: boolean;
  model: Model | undefined;
  onPause: (isPaused: boolean) => void;
}

/** Changes as they come; held still, they wait until the reader goes on. */
export function LiveTail({ state, tail, waiting, isPaused, model, onPause }: Props) {
  const { t, language } = useWords();
  return (
    <section className="card tail" aria-label={t("twins.tail")} data-testid="tail">
      <header>
        <h2>{t("twins.tail")}</h2>
        <span className={`live-indicator ${state}`} role="status" data-testid="tail-state" data-state={state}>
          <span className="dot" aria-hidden="true" />
          {isPaused ? t("twins.tail.paused") : t(`live.${state}`)}
        </span>
        <button type="button" className="button small" aria-pressed={isPaused} onClick={() => onPause(!isPaused)} data-testid="tail-pause">
          {isPaused ? t("twins.tail.resume", { count: waiting }) : t("twins.tail.pause")}
        </button>
      </header>
      {tail.length === 0 && <p className="muted nothing">{t("twins.tail.none")}</p>}
      <ol aria-live="polite" aria-relevant="additions">
        {tail.map(({ twin, differences, isDeleted }) => (
          <li key={twin.revision} data-testid="tail-entry" data-revision={twin.revision}>
            <p className="fine muted">
              <time dateTime={twin.known_at}>{clock(twin.known_at, language)}</time> {t("live.revision", { revision: twin.revision })} ·{" "}
              <span className="source-name">{twin.source}</span>
            </p>
            {isDeleted ? (
              <p className="bad-text">{t("twins.deleted")}</p>
            ) : differences.length === 0 ? (
              <p className="muted">{t("twins.tail.confirmed")}</p>
            ) : (
              <DifferenceList differences={differences} model={model} most={5} />
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
