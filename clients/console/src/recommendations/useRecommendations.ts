import { useCallback, useEffect, useRef, useState } from "react";

import { asProblem, type Problem } from "../api/problem";
import type { Recommendation } from "../api/types";
import { useSession } from "../signin/SessionProvider";

const pageSize = 50;

interface Loaded {
  items: Recommendation[];
  cursor: string | null;
  problem: Problem | null;
  isLoading: boolean;
}

const nothing: Loaded = { items: [], cursor: null, problem: null, isLoading: true };

/** The recommendations of the signed-in manager in one state, page after page. */
export function useRecommendations(state: string) {
  const { api } = useSession();
  const [loaded, setLoaded] = useState<Loaded>(nothing);
  const running = useRef<AbortController | null>(null);

  const load = useCallback(
    (cursor: string | null) => {
      running.current?.abort();
      const aborting = new AbortController();
      running.current = aborting;
      setLoaded((before) => (cursor === null ? nothing : { ...before, problem: null, isLoading: true }));
      api.recommendations({ state, cursor: cursor ?? undefined, limit: pageSize }, aborting.signal).then(
        (page) => {
          if (aborting.signal.aborted) return;
          setLoaded((before) => ({
            items: merged(before.items, page.items),
            cursor: page.next_cursor || null,
            problem: null,
            isLoading: false,
          }));
        },
        (error: unknown) => {
          if (!aborting.signal.aborted) setLoaded((before) => ({ ...before, problem: asProblem(error), isLoading: false }));
        },
      );
    },
    [api, state],
  );

  useEffect(() => {
    load(null);
    return () => running.current?.abort();
  }, [load]);

  const replace = useCallback((changed: Recommendation) => {
    setLoaded((before) => ({
      ...before,
      items: before.items.map((item) => (item.id === changed.id ? changed : item)),
    }));
  }, []);

  return { ...loaded, reload: () => load(null), loadMore: () => load(loaded.cursor), replace };
}

/** A list that changes while it is paged through may show an item twice: the newer one counts. */
function merged(before: readonly Recommendation[], fresh: readonly Recommendation[]): Recommendation[] {
  const byId = new Map([...before, ...fresh].map((item) => [item.id, item]));
  return [...byId.values()];
}
