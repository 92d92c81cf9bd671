import { useCallback } from "react";

import { usePages } from "../shared/usePages";
import { useSession } from "../signin/SessionProvider";

const pageSize = 50;

/** The recommendations of the signed-in manager (`me`), or of all, in one state, page after page. */
export function useRecommendations(state: string, manager: string) {
  const { api } = useSession();
  const fetch = useCallback(
    (cursor: string | undefined, signal: AbortSignal) => api.recommendations({ account_manager: manager, state, cursor, limit: pageSize }, signal),
    [api, state, manager],
  );
  return usePages(fetch);
}
