import { useCallback, useEffect, useRef, useState } from "react";

import type { Api } from "../../api/api";
import { asProblem, type Problem } from "../../api/problem";
import type { TwinChange } from "../../api/twinTypes";
import { useSession } from "../../signin/SessionProvider";

const pageSize = 300;

interface Past {
  /** By revision, oldest first, without a gap. */
  changes: TwinChange[];
  problem: Problem | null;
  isLoading: boolean;
}

/** The lines of a twin's history up to the present revision: the newest few hundred, older ones when asked for. */
export function useHistory(id: string, revision: number) {
  const { api } = useSession();
  const [past, setPast] = useState<Past>({ changes: [], problem: null, isLoading: true });
  const known = useRef<TwinChange[]>([]);

  const take = useCallback(async (from: number, to: number, signal: AbortSignal) => {
    setPast((before) => ({ ...before, isLoading: true }));
    try {
      const fresh = await range(api, id, from, to, signal);
      if (signal.aborted) return;
      known.current = merged(known.current, fresh);
      setPast({ changes: known.current, problem: null, isLoading: false });
    } catch (error) {
      if (!signal.aborted) setPast((before) => ({ ...before, problem: asProblem(error), isLoading: false }));
    }
  }, [api, id]);

  useEffect(() => {
    if (revision === 0) return;
    const last = known.current.at(-1)?.revision ?? 0;
    const aborting = new AbortController();
    if (last < revision) void take(Math.max(last + 1, revision - pageSize + 1), revision, aborting.signal);
    return () => aborting.abort();
  }, [revision, take]);

  const first = past.changes[0]?.revision ?? 1;
  return {
    ...past,
    hasOlder: first > 1,
    loadOlder: useCallback(() => void take(Math.max(1, first - pageSize), first - 1, new AbortController().signal), [take, first]),
  };
}

/** Lines from one revision to another. */
async function range(api: Api, id: string, from: number, to: number, signal: AbortSignal): Promise<TwinChange[]> {
  const page = await api.twinHistory(id, { limit: Math.min(1000, to - from + 1), cursor: String(from) }, signal);
  return page.items.filter((change) => change.revision <= to);
}

/** A gap, which a long pause can leave, is closed by forgetting what lies before it. */
function merged(before: readonly TwinChange[], fresh: readonly TwinChange[]): TwinChange[] {
  const all = [...new Map([...before, ...fresh].map((change) => [change.revision, change])).values()].sort((a, b) => a.revision - b.revision);
  const gap = all.findLastIndex((change, place) => place > 0 && all[place - 1]!.revision !== change.revision - 1);
  return gap > 0 ? all.slice(gap) : all;
}
