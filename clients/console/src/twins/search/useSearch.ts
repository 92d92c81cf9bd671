import { useCallback, useEffect, useRef, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import type { TwinGroup, WholeTwin } from "../../api/twinTypes";
import { useSession } from "../../signin/SessionProvider";

export const pageSize = 50;

export interface Wanted {
  filter: string;
  model: string;
  sort: string;
}

export interface Found {
  items: WholeTwin[];
  /** How many of each type fulfil the query that brought the items; none while that is not known. */
  counts: TwinGroup[] | null;
  cursor: string | null;
  problem: Problem | null;
  isLoading: boolean;
  /** What the items were asked for with: while a query is being mended, they are those of the last good one. */
  of: Wanted | null;
}

interface Counts {
  of: string;
  groups: TwinGroup[];
}

const mostCounts = 4;
const nothing: Omit<Found, "counts"> = { items: [], cursor: null, problem: null, isLoading: true, of: null };

/** The twins of a query, page after page; what was found stays while the next query is read or refused. */
export function useSearch({ filter, model, sort }: Wanted) {
  const { api } = useSession();
  const [found, setFound] = useState(nothing);
  const [counts, setCounts] = useState<Counts[]>([]);
  const running = useRef<AbortController | null>(null);

  const load = useCallback(
    (cursor: string | null) => {
      running.current?.abort();
      const aborting = new AbortController();
      running.current = aborting;
      const { signal } = aborting;
      const ifCurrent = (change: (before: typeof nothing) => typeof nothing) => !signal.aborted && setFound(change);
      setFound((before) => ({ ...before, isLoading: true }));
      api.twins({ filter, model, sort, limit: pageSize, cursor: cursor ?? undefined }, signal).then(
        (page) =>
          ifCurrent((before) => ({
            ...before,
            items: merged(cursor === null ? [] : before.items, page.items),
            cursor: page.next_cursor || null,
            problem: null,
            isLoading: false,
            of: { filter, model, sort },
          })),
        (error: unknown) => ifCurrent((before) => ({ ...before, problem: asProblem(error), isLoading: false })),
      );
    },
    [api, filter, model, sort],
  );

  useEffect(() => {
    load(null);
    return () => running.current?.abort();
  }, [load]);

  // The figures are asked for apart: a count over 100,000 twins must not delay the first rows.
  useEffect(() => {
    const aborting = new AbortController();
    api.aggregate({ filter, group_by: "model" }, aborting.signal).then(
      ({ items }) => !aborting.signal.aborted && setCounts((before) => [{ of: filter, groups: items }, ...before].slice(0, mostCounts)),
      // The twins tell what is wrong with the query; the figures of the last good one stay as they do.
      () => undefined,
    );
    return () => aborting.abort();
  }, [api, filter]);

  // A number stands beside the rows that it is of: until those are here, that of the rows before them stays.
  const groups = counts.find(({ of }) => of === found.of?.filter)?.groups ?? null;
  return { ...found, counts: groups, reload: () => load(null), loadMore: () => load(found.cursor) };
}

/** A list that changes while it is paged through may show a twin twice: the newer one counts. */
function merged(before: readonly WholeTwin[], fresh: readonly WholeTwin[]): WholeTwin[] {
  return [...new Map([...before, ...fresh].map((twin) => [twin.id, twin])).values()];
}
