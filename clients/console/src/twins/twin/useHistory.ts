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
  const wanted = useRef(revision);
  wanted.current = revision;
  const running = useRef<AbortController | null>(null);

  /** Reads the newest lines of a range; whether there are older ones is known when the range has no beginning. */
  const take = useCallback(
    async (range: Omit<HistoryQuery, "order" | "limit">, signal: AbortSignal): Promise<boolean> => {
      setPast((before) => ({ ...before, isLoading: true }));
      try {
        const page = await api.twinHistory(id, { ...range, order: "newest", limit: pageSize }, signal);
        if (signal.aborted) return false;
        const [all, isWhole] = merged(known.current, page.items);
        known.current = all;
        const isCut = !isWhole || Boolean(page.next_cursor);
        const hasOlder = (before: Past) => (range.from_revision && isWhole ? before.hasOlder : isCut);
        setPast((before) => ({ changes: all, hasOlder: hasOlder(before), problem: null, isLoading: false }));
        return page.items.length > 0;
      } catch (error) {
        if (!signal.aborted) setPast((before) => ({ ...before, problem: asProblem(error), isLoading: false }));
        return false;
      }
    },
    [api, id],
  );

  useEffect(() => () => running.current?.abort(), [take]);
  // One read at a time, and another where more came meanwhile: a busy twin must not give up each read for the next.
  useEffect(() => {
    if (running.current && !running.current.signal.aborted) return;
    const aborting = new AbortController();
    running.current = aborting;
    const catchUp = async () => {
      for (let last = lastOf(known.current); last < wanted.current; last = lastOf(known.current)) {
        if (!(await take(last > 0 ? { from_revision: last + 1 } : {}, aborting.signal))) break;
      }
      if (running.current === aborting) running.current = null;
    };
    void catchUp();
  }, [revision, take]);

  const first = past.changes[0]?.revision ?? 1;
  const loadOlder = useCallback(() => void take({ to_revision: first }, new AbortController().signal), [take, first]);
  return { ...past, loadOlder };
}

function lastOf(changes: readonly TwinChange[]): number {
  return changes.at(-1)?.revision ?? 0;
}

/** All that is known, and whether it hangs together: a gap is closed by forgetting what lies before it. */
function merged(before: readonly TwinChange[], fresh: readonly TwinChange[]): [TwinChange[], boolean] {
  const all = [...new Map([...before, ...fresh].map((change) => [change.revision, change])).values()].sort((a, b) => a.revision - b.revision);
  const gap = all.findLastIndex((change, place) => place > 0 && all[place - 1]!.revision !== change.revision - 1);
  return gap > 0 ? [all.slice(gap), false] : [all, true];
}
