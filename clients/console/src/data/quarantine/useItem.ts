import { useCallback, useEffect, useState } from "react";

import type { JsonObject, TaggedItem } from "../../api/dataTypes";
import { asProblem, type Problem } from "../../api/problem";
import { useSession } from "../../signin/SessionProvider";
import { isWaiting, type Entries } from "./mending";

const conflict = 412;
const followMs = 1000;
const followTimes = 20;

interface ItemState {
  tagged: TaggedItem | null;
  problem: Problem | null;
  isBusy: boolean;
  /** Why the last save was refused. */
  refused: Problem | null;
}

const start: ItemState = { tagged: null, problem: null, isBusy: true, refused: null };

/** One item with what a person has typed and not yet saved. */
export function useItem(id: string) {
  const { api } = useSession();
  const [state, setState] = useState<ItemState>(start);
  const [entries, setEntries] = useState<Entries>({});

  const load = useCallback(async () => {
    try {
      const tagged = await api.quarantineItem(id);
      setState({ tagged, problem: null, isBusy: false, refused: null });
      return tagged;
    } catch (error) {
      setState((before) => ({ ...before, problem: asProblem(error), isBusy: false }));
      return null;
    }
  }, [api, id]);

  useEffect(() => {
    setState(start);
    setEntries({});
    void load();
  }, [load]);

  const setEntry = useCallback((name: string, text: string) => setEntries((before) => ({ ...before, [name]: text })), []);

  /** True when the server took the patch; what was typed stays when it did not. */
  const save = useCallback(
    async (patch: JsonObject): Promise<boolean> => {
      if (!state.tagged) return false;
      setState((before) => ({ ...before, isBusy: true, refused: null }));
      try {
        const tagged = await api.mend(id, patch, state.tagged.etag);
        setState({ tagged, problem: null, isBusy: false, refused: null });
        setEntries({});
        return true;
      } catch (error) {
        setState((before) => ({ ...before, isBusy: false, refused: asProblem(error) }));
        return false;
      }
    },
    [api, id, state.tagged],
  );

  /** Looks again until the item waits no longer: the book follows the door a moment later. */
  const follow = useCallback(async () => {
    for (let i = 0; i < followTimes; i += 1) {
      const now = await load();
      if (!now || !isWaiting(now.item)) return;
      await new Promise((resolve) => setTimeout(resolve, followMs));
    }
  }, [load]);

  return {
    ...state,
    entries,
    setEntry,
    discard: () => setEntries({}),
    save,
    reload: load,
    follow,
    isConflict: state.refused?.status === conflict,
  };
}
