import { useCallback, useEffect, useRef, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import type { HistoryQuery, TwinChange } from "../../api/twinTypes";
import { useSession } from "../../signin/SessionProvider";

const pageSize = 300;

interface Past {
  /** By revision, oldest first, without a gap. */
  changes: TwinChange[];
  hasOlder: boolean;
  problem: Problem | null;
  isLoading: boolean;
}

/** The lines of a twin's history up to the present revision: the newest few hundred, older ones when asked for. */
export function useHistory(id: string, revision: number) {
  const { api } = useSession();
  const [past, setPast] = useState<Past>({ changes: [], hasOlder: false, problem: null, isLoading: true });
  const known = useRef<TwinChange[]>([]);

  /** Reads the newest lines of a range; whether there are older ones is known when the range has no beginning. */
  const take = useCallback(
    async (wanted: Omit<HistoryQuery, "order" | "limit">, signal: AbortSignal) => {
      setPast((before) => ({ ...before, isLoading: true }));
      try {
        const page = await api.twinHistory(id, { ...wanted, order: "newest", limit: pageSize }, signal);
        if (signal.aborted) return;
        const [all, isWhole] = merged(known.current, page.items);
        known.current = all;
        const isCut = !isWhole || Boolean(page.next_cursor);
        setPast((before) => ({ changes: all, hasOlder: wanted.from_revision && isWhole ? before.hasOlder : isCut, problem: null, isLoading: false }));
      } catch (error) {
        if (!signal.aborted) setPast((before) => ({ ...before, problem: asProblem(error), isLoading: false }));
      }
    },
    [api, id],
  );

  useEffect(() => {
    const last = known.current.at(-1)?.revision ?? 0;
    const aborting = new AbortController();
    if (last < revision) void take(last > 0 ? { from_revision: last + 1 } : {}, aborting.signal);
    return () => aborting.abort();
  }, [revision, take]);

  const first = past.changes[0]?.revision ?? 1;
  const loadOlder = useCallback(() => void take({ to_revision: first }, new AbortController().signal), [take, first]);
  return { ...past, loadOlder };
}

/** All that is known, and whether it hangs together: a gap is closed by forgetting what lies before it. */
function merged(before: readonly TwinChange[], fresh: readonly TwinChange[]): [TwinChange[], boolean] {
  const all = [...new Map([...before, ...fresh].map((change) => [change.revision, change])).values()].sort((a, b) => a.revision - b.revision);
  const gap = all.findLastIndex((change, place) => place > 0 && all[place - 1]!.revision !== change.revision - 1);
  return gap > 0 ? [all.slice(gap), false] : [all, true];
}
