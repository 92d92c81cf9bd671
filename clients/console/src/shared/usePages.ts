import { useCallback, useEffect, useRef, useState } from "react";

import { asProblem, type Problem } from "../api/problem";
import type { Page } from "../api/types";

interface Read<P extends Page<{ id: string }>> {
  items: P["items"];
  /** The newest page as it was answered; none before the first. */
  page: P | null;
  problem: Problem | null;
  isLoading: boolean;
}

const nothing = { items: [], page: null, problem: null, isLoading: true };

/**
 * A list, page after page, from its beginning when `fetch` changes (wrap it in useCallback).
 * `keeps`: what was read stays until the other list is here, and beside the problem where that cannot be read.
 */
export function usePages<P extends Page<{ id: string }>>(
  fetch: (cursor: string | undefined, signal: AbortSignal) => Promise<P>,
  { keeps = false } = {},
) {
  const [read, setRead] = useState<Read<P>>(nothing);
  const running = useRef<AbortController | null>(null);

  const load = useCallback(
    (cursor?: string) => {
      running.current?.abort();
      const { signal } = (running.current = new AbortController());
      setRead((before) => ({ ...before, problem: keeps ? before.problem : null, isLoading: true }));
      fetch(cursor, signal).then(
        (page) => {
          if (signal.aborted) return;
          setRead((before) => ({ items: merged(cursor ? before.items : [], page.items), page, problem: null, isLoading: false }));
        },
        (error: unknown) => {
          if (!signal.aborted) setRead((before) => ({ ...before, problem: asProblem(error), isLoading: false }));
        },
      );
    },
    [fetch, keeps],
  );

  useEffect(() => {
    if (!keeps) setRead(nothing);
    load();
    return () => running.current?.abort();
  }, [load, keeps]);

  // What was begun on an earlier list asks for the present one.
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => latest.current(), []);
  const replace = useCallback((changed: P["items"][number]) => {
    setRead((before) => ({ ...before, items: before.items.map((item) => (item.id === changed.id ? changed : item)) }));
  }, []);

  const cursor = read.page?.next_cursor || null;
  return { ...read, cursor, reload, replace, loadMore: () => load(cursor ?? undefined) };
}

/** A list that changes while it is paged through may show an item twice: the newer one counts. */
function merged<T extends { id: string }>(before: readonly T[], fresh: readonly T[]): T[] {
  return [...new Map([...before, ...fresh].map((item) => [item.id, item])).values()];
}
