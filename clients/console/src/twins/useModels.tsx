import { createContext, useCallback, useContext, useMemo, type ReactNode } from "react";

import type { Problem } from "../api/problem";
import { Loading, ProblemCard } from "../shared/States";
import { useRemote } from "../shared/useRemote";
import { useSession } from "../signin/SessionProvider";
import { modelsOf, type Model } from "./models";
import { useTwinNames, type TwinNames } from "./naming";

interface Types {
  /** None until they are loaded. */
  models: Map<string, Model>;
  names: TwinNames;
  isLoaded: boolean;
  problem: Problem | null;
  /** Reads the types again. */
  reload: () => void;
}

const Context = createContext<Types | null>(null);

/** Loads the types once for all pages. */
export function ModelsProvider({ children }: { children: ReactNode }) {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.models(signal), [api]);
  const { data, problem, reload } = useRemote(load);
  const models = useMemo(() => modelsOf(data?.items ?? []), [data]);
  const names = useTwinNames(models);
  const isLoaded = data !== null;
  const value = useMemo(() => ({ models, names, isLoaded, problem, reload }), [models, names, isLoaded, problem, reload]);
  return <Context value={value}>{children}</Context>;
}

/** Shows nothing that needs the types before they are there. */
export function WithModels({ children }: { children: ReactNode }) {
  const { isLoaded, problem, reload } = useModels();
  if (problem) return <ProblemCard problem={problem} onRetry={reload} />;
  return isLoaded ? children : <Loading />;
}

export function useModels(): Types {
  const value = useContext(Context);
  if (!value) throw new Error("useModels needs a ModelsProvider above it");
  return value;
}
