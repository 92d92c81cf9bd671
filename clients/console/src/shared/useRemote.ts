import { useCallback, useEffect, useState } from "react";

import { asProblem, type Problem } from "../api/problem";

export interface Remote<T> {
  data: T | null;
  problem: Problem | null;
  isLoading: boolean;
  reload: () => void;
}

/** Loads when `load` changes (wrap it in useCallback); an answer that comes too late is dropped. */
export function useRemote<T>(load: (signal: AbortSignal) => Promise<T>): Remote<T> {
  const [state, setState] = useState<Omit<Remote<T>, "reload">>({ data: null, problem: null, isLoading: true });
  const [round, setRound] = useState(0);
  useEffect(() => {
    const aborting = new AbortController();
    setState((before) => ({ ...before, problem: null, isLoading: true }));
    load(aborting.signal).then(
      (data) => !aborting.signal.aborted && setState({ data, problem: null, isLoading: false }),
      (error: unknown) =>
        !aborting.signal.aborted && setState({ data: null, problem: asProblem(error), isLoading: false }),
    );
    return () => aborting.abort();
  }, [load, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { ...state, reload };
}
