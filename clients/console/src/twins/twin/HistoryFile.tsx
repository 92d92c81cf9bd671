import { useEffect, useRef, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { save } from "../../shared/csv";
import { ProblemLine } from "../../shared/States";
import { useSession } from "../../signin/SessionProvider";

/** All lines of the history as a file, not only those on the page. */
export function HistoryFile({ id }: { id: string }) {
  const { t } = useWords();
  const { api } = useSession();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), [id]);
  async function write() {
    const aborting = new AbortController();
    running.current = aborting;
    setBusy(true);
    setProblem(null);
    try {
      save(`${id.replace(/[^\p{L}\p{N}.-]+/gu, "_")}-history.ndjson`, await api.twinHistoryFile(id, aborting.signal));
    } catch (error) {
      if (!aborting.signal.aborted) setProblem(asProblem(error));
    }
    if (!aborting.signal.aborted) setBusy(false);
  }
  return (
    <span className="buttons">
      <button type="button" className="button small" disabled={isBusy} onClick={() => void write()} title={t("twins.history.file")} aria-label={t("twins.history.file")} data-testid="history-file">
        ↓ NDJSON
      </button>
      {problem && <ProblemLine problem={problem} />}
    </span>
  );
}
