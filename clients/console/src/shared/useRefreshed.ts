import { useCallback, useEffect, useState } from "react";

import { asProblem, type Problem } from "../api/problem";

export interface Refreshed<T> {
  data: T | null;
  /** Why the last try failed; what came before it stays. */
  problem: Problem | null;
  isLoading: boolean;
  /** Milliseconds since 1970 of the last answer, and by which it is shown. */
  at: number;
  reload: () => void;
}

/** Loads when `load` changes (wrap it in useCallback) and again every `everyMs` while somebody can see it. */
export function useRefreshed<T>(load: (signal: AbortSignal) => Promise<T>, everyMs: number): Refreshed<T> {
  const [state, setState] = useState<Omit<Refreshed<T>, "reload">>(() => ({
    data: null,
    problem: null,
    isLoading: true,
    at: Date.now(),
  }));
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    const aborting = new AbortController();
    setState((before) => ({ ...before, isLoading: true }));
    load(aborting.signal).then(
      (data) => !aborting.signal.aborted && setState({ data, problem: null, isLoading: false, at: Date.now() }),
      (error: unknown) => {
        if (!aborting.signal.aborted) setState((before) => ({ ...before, problem: asProblem(error), isLoading: false }));
      },
    );
    return () => aborting.abort();
  }, [load, round]);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  return { ...state, reload };
}
