import { useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { ProblemLine } from "../../shared/States";
import { useSession } from "../../signin/SessionProvider";

/** Takes a type away that somebody added: asks first, and says why where the server refuses. */
export function TakeAway({ name, onDone }: { name: string; onDone: () => void }) {
  const { t } = useWords();
  const { api } = useSession();
  const [isAsked, setAsked] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  async function remove() {
    setProblem(null);
    try {
      await api.deleteModel(name);
      onDone();
    } catch (error) {
      setProblem(asProblem(error));
    }
  }
  return (
    <span className="buttons">
      {isAsked ? (
        <>
          <button type="button" className="button small danger" onClick={() => void remove()} data-testid="model-delete-sure">
            {t("models.delete.sure", { name })}
          </button>
          <button type="button" className="button small quiet" onClick={() => setAsked(false)}>
            {t("recommendations.cancel")}
          </button>
        </>
      ) : (
        <button type="button" className="button small quiet" onClick={() => setAsked(true)} data-testid="model-delete">
          {t("models.delete")}
        </button>
      )}
      {problem && <ProblemLine problem={problem} />}
    </span>
  );
}
