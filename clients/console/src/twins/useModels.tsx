import { createContext, useCallback, useContext, useMemo, type ReactNode } from "react";

import { Loading, ProblemCard } from "../shared/States";
import { useRemote } from "../shared/useRemote";
import { useSession } from "../signin/SessionProvider";
import { modelsOf, type Model } from "./models";
import { useTwinNames, type TwinNames } from "./naming";

interface Types {
  models: Map<string, Model>;
  names: TwinNames;
  /** Reads the types again. */
  reload: () => void;
}

const Context = createContext<Types | null>(null);

/** Loads the types once for all pages of the explorer. */
export function ModelsProvider({ children }: { children: ReactNode }) {
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.models(signal), [api]);
  const { data, problem, reload } = useRemote(load);
  const models = useMemo(() => modelsOf(data?.items ?? []), [data]);
  const names = useTwinNames(models);
  const value = useMemo(() => ({ models, names, reload }), [models, names, reload]);
  if (problem) return <ProblemCard problem={problem} onRetry={reload} />;
  if (!data) return <Loading />;
  return <Context value={value}>{children}</Context>;
}

export function useModels(): Types {
  const value = useContext(Context);
  if (!value) throw new Error("useModels needs a ModelsProvider above it");
  return value;
}
