import { useEffect, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import type { When, WholeTwin } from "../../api/twinTypes";
import { useSession } from "../../signin/SessionProvider";

const settledMs = 120;

interface Past {
  /** The state asked for last that has come; none: there was no such twin then. */
  twin: WholeTwin | null;
  of: When | null;
  problem: Problem | null;
  isLoading: boolean;
}

const nothing: Past = { twin: null, of: null, problem: null, isLoading: false };

/** The state of a twin at a time or a revision; while a slider moves, the last one stays. */
export function usePast(id: string, when: When | null): Past {
  const { api } = useSession();
  const [past, setPast] = useState<Past>(nothing);
  useEffect(() => {
    if (!when) return setPast(nothing);
    const aborting = new AbortController();
    setPast((before) => ({ ...before, isLoading: true }));
    const timer = setTimeout(() => {
      api.twinWhen(id, when, aborting.signal).then(
        (twin) => !aborting.signal.aborted && setPast({ twin, of: when, problem: null, isLoading: false }),
        (error: unknown) => {
          if (aborting.signal.aborted) return;
          const problem = asProblem(error);
          // There was no such twin yet, or no longer: an answer, not a failure.
          setPast({ twin: null, of: when, problem: problem.status === 404 ? null : problem, isLoading: false });
        },
      );
    }, settledMs);
    return () => {
      clearTimeout(timer);
      aborting.abort();
    };
  }, [api, id, when]);
  return past;
}
