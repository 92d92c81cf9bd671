import { useCallback, useEffect, useRef, useState } from "react";

import type { Migration } from "../../api/modelTypes";
import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { ago, count, moment, percent } from "../../shared/format";
import { ProblemLine } from "../../shared/States";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import { mayAddModels } from "./adding";
import { MisfitList } from "./FaultList";

const everyMs = 700;

interface Props {
  name: string;
  /** The version that is shown. */
  dtmi: string;
  /** Another number: something about types has changed. */
  round: number;
  /** Told when the types have to be read again. */
  onEnded: () => void;
}

/** How twins of a type come from version to version; looked at again while some are on their way. */
export function Migrations({ name, dtmi, round, onEnded }: Props) {
  const { t } = useWords();
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.migrations(name, signal), [api, name]);
  const { data, problem, reload } = useRemote(load);
  useEffect(reload, [round, reload]);
  const isRunning = data?.items.some(({ state }) => state === "running") ?? false;
  const wasRunning = useRef(false);
  const told = useRef("");
  useEffect(() => {
    if (!data) return;
    // A short one may have ended between two looks: the types were read before, and show the version before.
    const newest = data.items.at(-1);
    const isUnseen = newest?.state === "done" && newest.after_dtmi !== dtmi && told.current !== newest.id;
    if (isUnseen) told.current = newest.id;
    if (isUnseen || (wasRunning.current && !isRunning)) onEnded();
    wasRunning.current = isRunning;
    if (!isRunning) return;
    const timer = setTimeout(reload, everyMs);
    return () => clearTimeout(timer);
  }, [data, dtmi, isRunning, reload, onEnded]);
  if (problem) return <ProblemLine problem={problem} />;
  if (!data || data.items.length === 0) return null;
  return (
    <section aria-label={t("models.migrations")} data-testid="migrations">
      <h3>{t("models.migrations")}</h3>
      <ul className="migrations">
        {[...data.items].reverse().map((each) => (
          <Line key={each.id} migration={each} onChanged={reload} />
        ))}
      </ul>
    </section>
  );
}

function Line({ migration, onChanged }: { migration: Migration; onChanged: () => void }) {
  const { t, known, language } = useWords();
  const { api, session } = useSession();
  const [problem, setProblem] = useState<Problem | null>(null);
  const { id, name, before_dtmi: before, after_dtmi: after, state, twins, moved, changed, misfits, first_misfits: first } = migration;
  const share = twins > 0 ? Math.min(1, moved / twins) : state === "running" ? 0 : 1;
  async function cancel() {
    setProblem(null);
    await api.cancelMigration(name, id).catch((error: unknown) => setProblem(asProblem(error)));
    onChanged();
  }
  return (
    <li data-testid="migration" data-state={state}>
      <p>
        <code>{before.split(";")[1]}</code> → <code>{after}</code> <span className={`badge migration-${state}`}>{known(`models.migration.${state}`, state)}</span>{" "}
        <span className="fine muted" title={moment(migration.created_at, language)}>
          {ago(migration.created_at, Date.now(), language)}, {migration.created_by}
        </span>
      </p>
      <p className="migration-progress">
        <progress max={1} value={share} aria-label={t("models.migrations")} data-testid="migration-progress" />
        <span>{percent(share, language)}</span>
        <span className="muted">{t("models.migration.moved", { moved: count(moved, language), twins: count(twins, language), changed: count(changed, language) })}</span>
        {state === "running" && mayAddModels(session?.user.roles) && (
          <button type="button" className="button small" onClick={() => void cancel()} data-testid="migration-cancel">
            {t("models.migration.stop")}
          </button>
        )}
      </p>
      {state === "stuck" && <p className="warn-text">{t("models.migration.stuck.help", { misfits: count(misfits, language) })}</p>}
      <MisfitList misfits={first} total={misfits} />
      {problem && <ProblemLine problem={problem} />}
    </li>
  );
}
