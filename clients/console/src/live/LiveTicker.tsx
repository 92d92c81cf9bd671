import { useState } from "react";

import { useWords } from "../i18n/language";
import { clock, count } from "../shared/format";
import { twinAddress } from "../shell/route";
import { shortId, titleOf } from "../twins/naming";
import { useModels } from "../twins/useModels";
import { valueText } from "../twins/values";
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

/** What twins, their types, properties and values are called; codes until the types are loaded. */
function useTold() {
  const words = useWords();
  const { models, names } = useModels();
  const propertyOf = (change: Change, name: string) => models.get(change.model)?.properties.find((each) => each.name === name);
  return {
    title: (change: Change) => titleOf({ properties: change.shown }, words.language) || shortId(change.id),
    model: (change: Change) => names.model(change.model),
    name: (change: Change, name: string) => names.property(name, propertyOf(change, name)),
    value: (change: Change, name: string, value: unknown) => valueText(value, propertyOf(change, name), words, names),
  };
}

function ChangeList({ changes }: { changes: readonly Change[] }) {
  const { t, language } = useWords();
  const told = useTold();
  return (
    <ol className="change-list" data-testid="live-list">
      {changes.map((change) => (
        <li key={change.key} data-testid="live-change">
          <time>{clock(change.learntAt, language)}</time>
          <a href={twinAddress(change.id)} title={change.id}>
            <b>{told.title(change)}</b> <span className="muted">{told.model(change)}</span>
          </a>
          <span className="muted">{t("live.revision", { revision: change.revision })}</span>
          <span className="change-values">
            {change.properties.map((property) => (
              <span key={property.name}>
                <i title={property.name}>{told.name(change, property.name)}</i>
                {property.before !== undefined && <s>{told.value(change, property.name, property.before)}</s>}
                <em>{told.value(change, property.name, property.after)}</em>
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
  const told = useTold();
  const first = change.properties[0];
  return (
    <span className="change" data-model={change.model} title={change.id}>
      <b>{told.title(change)}</b>
      {first ? (
        <span>
          {told.name(change, first.name)} <em>{told.value(change, first.name, first.after)}</em>
        </span>
      ) : (
        <span>{told.model(change)}</span>
      )}
      <time>{clock(change.learntAt, language)}</time>
    </span>
  );
}
