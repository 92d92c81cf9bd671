import { newIdempotencyKey, search, type Sender } from "./request";
import type {
  JsonObject,
  Kind,
  Lineage,
  QualityDays,
  QuarantineFilter,
  QuarantineItem,
  QuarantinePage,
  ReplayResult,
  ReplayWanted,
  Rule,
  Source,
  TaggedItem,
} from "./dataTypes";
import type { Quality } from "./types";

interface Listing<T> {
  items: T[];
}

/** The calls of the data page. */
export function dataCalls({ request, requestFile, requestTagged }: Sender) {
  const json = { "Content-Type": "application/json" };
  const post = <T>(path: string, body: unknown) =>
    request<T>(path, {
      method: "POST",
      headers: { ...json, "Idempotency-Key": newIdempotencyKey() },
      body: JSON.stringify(body),
    });

  return {
    sources: (signal?: AbortSignal) => request<Listing<Source>>("sources", { signal }),
    /** Has a connection that pulls look at its source now; for administrators. */
    runConnection: (name: string) => post<{ connection: string }>(`sources/${encodeURIComponent(name)}/run`, {}),
    quality: (signal?: AbortSignal) => request<Quality>("quality", { signal }),
    qualityDays: (query: { source?: string; from?: string; to?: string }, signal?: AbortSignal) =>
      request<QualityDays>(`quality/days${search(query)}`, { signal }),
    rules: (signal?: AbortSignal) => request<Listing<Rule>>("quality/rules", { signal }),
    kinds: (signal?: AbortSignal) => request<Listing<Kind>>("kinds", { signal }),
    kind: (name: string, signal?: AbortSignal) => request<Kind>(`kinds/${encodeURIComponent(name)}`, { signal }),
    template: (kind: string, format: string) =>
      requestFile(`kinds/${encodeURIComponent(kind)}/template${search({ format })}`),

    quarantine: (query: QuarantineFilter & { limit: number; cursor?: string }, signal?: AbortSignal) =>
      request<QuarantinePage>(`quarantine${search({ ...query })}`, { signal }),
    async quarantineItem(id: string, signal?: AbortSignal): Promise<TaggedItem> {
      return tagged(await requestTagged<QuarantineItem>(itemPath(id), { signal }));
    },
    /** Status 412 when somebody else has changed the item since `etag`. */
    async mend(id: string, patch: JsonObject, etag: string): Promise<TaggedItem> {
      const headers = { "Content-Type": "application/merge-patch+json", "If-Match": etag };
      return tagged(await requestTagged(itemPath(id), { method: "PATCH", headers, body: JSON.stringify(patch) }));
    },
    replay: (wanted: ReplayWanted) => post<ReplayResult>("quarantine/replay", wanted),
    drop: (ids: string[], reason: string) => post<{ changed: number }>("quarantine/drop", { ids, reason }),
    reopen: (ids: string[]) => post<{ changed: number }>("quarantine/reopen", { ids }),

    lineage: (id: string, signal?: AbortSignal) => request<Lineage>(`lineage/${encodeURIComponent(id)}`, { signal }),
    record: (kind: string, key: string, signal?: AbortSignal) =>
      request<JsonObject>(`records/${encodeURIComponent(kind)}/${encodeURIComponent(key)}`, { signal }),
    /** Anything of the API that a lineage points to, as it is. */
    thing: (path: string, signal?: AbortSignal) => request<JsonObject>(path, { signal }),
  };
}

function itemPath(id: string): string {
  return `quarantine/${encodeURIComponent(id)}`;
}

function tagged({ body, etag }: { body: QuarantineItem; etag: string | null }): TaggedItem {
  return { item: body, etag: etag ?? `"${body.revision ?? 0}"` };
}
