import { useState } from "react";

import { useWords } from "../i18n/language";
import { clock, count, shortly } from "../shared/format";
import type { Change } from "./changes";
import { useLiveState } from "./LiveProvider";

/** The bar at the foot of every page: what just changed, newest first; opens to a list. */
export function LiveTicker() {
  const { t, language } = useWords();
  const { state, latest, count: told } = useLiveState();
  const [isOpen, setOpen] = useState(false);
  return (
    <aside className={`ticker ${isOpen ? "open" : ""}`} aria-label={t("live.title")} data-testid="live-ticker">
      {isOpen && <ChangeList changes={latest} />}
      <button
        type="button"
        className="ticker-bar"
        onClick={() => setOpen(!isOpen)}
        aria-expanded={isOpen}
        title={t("live.toggle")}
        data-testid="live-toggle"
      >
        <span className={`live-indicator ${state}`}>
          <span className="dot" aria-hidden="true" />
          {t("live.title")}
        </span>
        <span className="ticker-line">
          {latest.length === 0 && <span className="muted">{t("live.none")}</span>}
          {latest.slice(0, 8).map((change) => (
            <ChangeLine key={change.key} change={change} />
          ))}
        </span>
        <span className="ticker-count" data-testid="live-count" data-count={told}>
          {t("live.received", { count: count(told, language) })}
        </span>
      </button>
    </aside>
  );
}

function ChangeList({ changes }: { changes: readonly Change[] }) {
  const { t, language } = useWords();
  return (
    <ol className="change-list" data-testid="live-list">
      {changes.map((change) => (
        <li key={change.key} data-testid="live-change">
          <time>{clock(change.changedAt, language)}</time>
          <b>{change.id}</b>
          <span className="muted">{t("live.revision", { revision: change.revision })}</span>
          <span className="change-values">
            {change.properties.map((property) => (
              <span key={property.name}>
                <i>{property.name}</i>
                {property.before !== undefined && <s>{shortly(property.before, language)}</s>}
                <em>{shortly(property.after, language)}</em>
              </span>
            ))}
          </span>
        </li>
      ))}
    </ol>
  );
}

function ChangeLine({ change }: { change: Change }) {
  const { language } = useWords();
  const first = change.properties[0];
  return (
    <span className="change" data-model={change.model}>
      <b>{change.id}</b>
      {first && (
        <span>
          {first.name} <em>{shortly(first.after, language)}</em>
        </span>
      )}
      <time>{clock(change.changedAt, language)}</time>
    </span>
  );
}
