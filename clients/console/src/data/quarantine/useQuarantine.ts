import { useCallback } from "react";

import type { QuarantineFilter } from "../../api/dataTypes";
import { usePages } from "../../shared/usePages";
import { useSession } from "../../signin/SessionProvider";

const pageSize = 50;

/** The records set aside that match, newest first, page after page. */
export function useQuarantine({ kind, source, rule, state, search }: QuarantineFilter) {
  const { api } = useSession();
  const fetch = useCallback(
    (cursor: string | undefined, signal: AbortSignal) => api.quarantine({ kind, source, rule, state, search, limit: pageSize, cursor }, signal),
    [api, kind, source, rule, state, search],
  );
  const { page, ...list } = usePages(fetch);
  return { ...list, total: page?.total ?? null };
}
