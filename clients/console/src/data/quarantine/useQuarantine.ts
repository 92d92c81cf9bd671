import { useCallback, useEffect, useRef, useState } from "react";

import type { QuarantineFilter, QuarantineItem } from "../../api/dataTypes";
import { asProblem, type Problem } from "../../api/problem";
import { useSession } from "../../signin/SessionProvider";

const pageSize = 50;

interface Loaded {
  items: QuarantineItem[];
  total: number | null;
  cursor: string | null;
  problem: Problem | null;
  isLoading: boolean;
}

const nothing: Loaded = { items: [], total: null, cursor: null, problem: null, isLoading: true };

/** The records set aside that match, newest first, page after page. */
export function useQuarantine({ kind, source, rule, state, search }: QuarantineFilter) {
  const { api } = useSession();
  const [loaded, setLoaded] = useState<Loaded>(nothing);
  const running = useRef<AbortController | null>(null);

  const load = useCallback(
    (cursor: string | null) => {
      running.current?.abort();
      const aborting = new AbortController();
      running.current = aborting;
      setLoaded((before) => ({ ...before, problem: null, isLoading: true }));
      const wanted = { kind, source, rule, state, search, limit: pageSize, cursor: cursor ?? undefined };
      api.quarantine(wanted, aborting.signal).then(
        (page) => {
          if (aborting.signal.aborted) return;
          setLoaded((before) => ({
            items: merged(cursor === null ? [] : before.items, page.items),
            total: page.total ?? null,
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
    [api, kind, source, rule, state, search],
  );

  useEffect(() => {
    setLoaded(nothing);
    load(null);
    return () => running.current?.abort();
  }, [load]);

  // What was begun under an earlier filter (a replay, a save) asks for the list again under the present one.
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => latest.current(null), []);
  return { ...loaded, reload, loadMore: () => load(loaded.cursor) };
}

/** A list that changes while it is paged through may show an item twice: the newer one counts. */
function merged(before: readonly QuarantineItem[], fresh: readonly QuarantineItem[]): QuarantineItem[] {
  return [...new Map([...before, ...fresh].map((item) => [item.id, item])).values()];
}
