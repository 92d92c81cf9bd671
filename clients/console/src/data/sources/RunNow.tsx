import { useState } from "react";

import type { Connection } from "../../api/dataTypes";
import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { ProblemLine } from "../../shared/States";
import { useSession } from "../../signin/SessionProvider";
import { mayRun } from "./health";

type State = "ready" | "busy" | "asked";

/** For administrators: a connection that pulls looks at its source now. */
export function RunNow({ connection }: { connection: Connection }) {
  const { t } = useWords();
  const { api, session } = useSession();
  const [state, setState] = useState<State>("ready");
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!mayRun(connection, session?.user.roles ?? [])) return null;

  const ask = async () => {
    setState("busy");
    setProblem(null);
    try {
      await api.runConnection(connection.name);
      setState("asked");
    } catch (error) {
      setState("ready");
      setProblem(asProblem(error));
    }
  };

  return (
    <>
      <button
        type="button"
        className="button small"
        onClick={() => void ask()}
        disabled={state === "busy"}
        title={t("connection.run.help")}
        data-testid="run-now"
      >
        {t(state === "asked" ? "connection.run.asked" : "connection.run")}
      </button>
      {problem && <ProblemLine problem={problem} />}
    </>
  );
}
