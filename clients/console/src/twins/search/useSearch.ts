import { useCallback, useEffect, useState } from "react";

import type { TwinGroup } from "../../api/twinTypes";
import { usePages } from "../../shared/usePages";
import { useSession } from "../../signin/SessionProvider";

export const pageSize = 50;

export interface Wanted {
  filter: string;
  model: string;
  sort: string;
}

interface Counts {
  of: string;
  groups: TwinGroup[];
}

const mostCounts = 4;

/**
 * The twins of a query, page after page; what was found stays while the next query is read or refused. `of` is what the
 * items were asked for with, `counts` how many of each type fulfil that; none while that is not known.
 */
export function useSearch({ filter, model, sort }: Wanted) {
  const { api } = useSession();
  const [counts, setCounts] = useState<Counts[]>([]);
  const fetch = useCallback(
    async (cursor: string | undefined, signal: AbortSignal) => ({
      ...(await api.twins({ filter, model, sort, limit: pageSize, cursor }, signal)),
      of: { filter, model, sort },
    }),
    [api, filter, model, sort],
  );
  const { page, ...found } = usePages(fetch, { keeps: true });
  const of = page?.of ?? null;

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
  const groups = counts.find((each) => each.of === of?.filter)?.groups ?? null;
  return { ...found, of, counts: groups };
}
