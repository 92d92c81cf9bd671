import { useCallback, useEffect, useState } from "react";

import type { Fusion, When } from "../../api/twinTypes";
import { useSession } from "../../signin/SessionProvider";

const settledMs = 200;
const nothing: ReadonlyMap<string, Fusion> = new Map();

/**
 * What each source says of each property, now or at a time. A revision shows what was shown then, of which no inputs
 * are kept. Where it cannot be read the state is shown without it: the lines of the history name a source, too.
 */
export function useFusion(id: string, revision: number, when: When | null): { fusions: ReadonlyMap<string, Fusion>; reload: () => void } {
  const { api } = useSession();
  const [found, setFound] = useState<{ of: string; items: ReadonlyMap<string, Fusion> }>({ of: "", items: nothing });
  const [round, setRound] = useState(0);
  const asked = when?.revision === undefined ? JSON.stringify(when ?? {}) : null;
  useEffect(() => {
    if (asked === null) return;
    const aborting = new AbortController();
    const timer = setTimeout(() => {
      api.twinFusion(id, JSON.parse(asked) as When, aborting.signal).then(
        ({ items }) => !aborting.signal.aborted && setFound({ of: asked, items: new Map(items.map((each) => [each.property, each])) }),
        () => !aborting.signal.aborted && setFound({ of: asked, items: nothing }),
      );
    }, settledMs);
    return () => {
      clearTimeout(timer);
      aborting.abort();
    };
  }, [api, id, revision, asked, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { fusions: found.of === asked ? found.items : nothing, reload };
}
