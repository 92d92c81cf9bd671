import { useState } from "react";

import type { ReplayResult, ReplayWanted } from "../../api/dataTypes";
import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { useSession } from "../../signin/SessionProvider";
import { useNames } from "../names";
import { Dialog } from "./Dialog";

/** What a person is asked to confirm. */
export type Asked =
  | { action: "replay"; wanted: ReplayWanted; count: number | null }
  | { action: "drop"; ids: string[] }
  | { action: "reopen"; ids: string[] };

/** What came of it. */
export type Outcome =
  | { action: "replay"; result: ReplayResult }
  | { action: "drop" | "reopen"; changed: number };

interface Props {
  asked: Asked;
  onDone: (outcome: Outcome) => void;
  onCancel: () => void;
}

export function Confirmation({ asked, onDone, onCancel }: Props) {
  const { t, language } = useWords();
  const { api } = useSession();
  const [reason, setReason] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  async function run(): Promise<Outcome> {
    if (asked.action === "replay") return { action: "replay", result: await api.replay(asked.wanted) };
    if (asked.action === "drop") return { action: "drop", ...(await api.drop(asked.ids, reason.trim())) };
    return { action: "reopen", ...(await api.reopen(asked.ids)) };
  }
  async function confirm() {
    setBusy(true);
    setProblem(null);
    try {
      onDone(await run());
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  }
  const number = asked.action === "replay" ? asked.count : asked.ids.length;
  const isAll = asked.action === "replay" && !("ids" in asked.wanted);
  const values = { count: number === null ? "?" : count(number, language) };
  return (
    <Dialog
      title={isAll ? t("replay.all.title", values) : t(number === 1 ? `${asked.action}.title.one` : `${asked.action}.title`, values)}
      action={t(asked.action)}
      isBusy={isBusy}
      problem={problem}
      onConfirm={confirm}
      onCancel={onCancel}
    >
      <p>
        {t(`${asked.action}.explained`)} {isAll && t("replay.all.explained")}
      </p>
      {isAll && "wanted" in asked && <Scope wanted={asked.wanted} />}
      {asked.action === "drop" && (
        <label className="stacked">
          <span>{t("drop.reason")}</span>
          <input
            autoFocus
            required
            maxLength={500}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            data-testid="drop-reason"
          />
        </label>
      )}
    </Dialog>
  );
}

function Scope({ wanted }: { wanted: ReplayWanted }) {
  const { t } = useWords();
  const names = useNames();
  if ("ids" in wanted) return null;
  const { kind, source, rule } = wanted.filter;
  const parts = [
    [t("quality.kind"), kind && names.kind(kind)],
    [t("quality.source"), source],
    [t("rules.rule"), rule],
  ].filter(([, value]) => value);
  return (
    <dl className="facts">
      {parts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {parts.length === 0 && <dd className="warn-text">{t("replay.everything")}</dd>}
    </dl>
  );
}

/** How many went through, and why the others did not. */
export function OutcomeNote({ outcome, onClose }: { outcome: Outcome; onClose: () => void }) {
  const { t, language } = useWords();
  return (
    <div className={`outcome ${isPartial(outcome) ? "bad" : ""}`} role="status" data-testid="outcome">
      {outcome.action === "replay" ? (
        <ReplaySummary result={outcome.result} />
      ) : (
        <p>{t(`${outcome.action}.done`, { count: count(outcome.changed, language) })}</p>
      )}
      <button type="button" className="button quiet" onClick={onClose} aria-label={t("detail.close")}>
        ×
      </button>
    </div>
  );
}

/** Whether something is left to do. */
function isPartial(outcome: Outcome): boolean {
  return outcome.action === "replay" && outcome.result.accepted + outcome.result.duplicates < outcome.result.sent;
}

const parts = ["sent", "accepted", "quarantined", "rejected", "duplicates"] as const;

function ReplaySummary({ result }: { result: ReplayResult }) {
  const { t, language } = useWords();
  const names = useNames();
  return (
    <div className="replay-summary" data-testid="replay-result" data-accepted={result.accepted}>
      <dl className="figures">
        {parts.map((part) => (
          <div key={part}>
            <dt>{t(`replay.${part}`)}</dt>
            <dd className={part === "accepted" && result.accepted > 0 ? "good-text" : ""}>{count(result[part], language)}</dd>
          </div>
        ))}
      </dl>
      {result.reasons.length > 0 && (
        <ul className="reasons">
          {result.reasons.map((reason, index) => (
            <li key={index}>
              <code>{reason.rule}</code> {names.message(reason.message)} <span className="muted">× {count(reason.count, language)}</span>
              <span className="fine muted rule-doc">{names.rule(reason.rule)}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
