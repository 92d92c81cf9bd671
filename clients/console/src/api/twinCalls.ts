import type { JsonObject } from "./dataTypes";
import { search, type Sender } from "./request";
import type { Fusion, FusionRule, HistoryQuery, Neighbourhood, TaggedTwin, TwinChange, TwinGroups, TwinPart, TwinQuery, When, WholeTwin } from "./twinTypes";
import type { Page } from "./types";

/** The calls of the twin explorer. */
export function twinCalls({ request, requestTagged, requestFile }: Sender) {
  return {
    twins: (query: TwinQuery, signal?: AbortSignal) => request<Page<WholeTwin>>(`twins${search({ ...query })}`, { signal }),
    twinParts: (query: TwinQuery & { select: string }, signal?: AbortSignal) =>
      request<Page<TwinPart>>(`twins${search({ ...query })}`, { signal }),
    aggregate: (query: { model?: string; filter?: string; group_by?: string; aggregate?: string }, signal?: AbortSignal) =>
      request<TwinGroups>(`twins/aggregate${search({ ...query })}`, { signal }),

    fusionRules: (model: string, signal?: AbortSignal) =>
      request<{ items: FusionRule[] }>(`models/${encodeURIComponent(model)}/fusion-rules`, { signal }),

    /** `version`: the rule that it replaces; 0: there is none. Status 412 when somebody else was faster. */
    putFusionRule: (model: string, property: string, rule: JsonObject, version: number) =>
      request<FusionRule>(rulePath(model, property), {
        method: "PUT",
        headers: { "Content-Type": "application/json", ...(version === 0 ? { "If-None-Match": "*" } : { "If-Match": `"${version}"` }) },
        body: JSON.stringify(rule),
      }),
    deleteFusionRule: (model: string, property: string, version: number) =>
      request<null>(rulePath(model, property), { method: "DELETE", headers: { "If-Match": `"${version}"` } }),

    async twin(id: string, signal?: AbortSignal): Promise<TaggedTwin> {
      return tagged(await requestTagged<WholeTwin>(twinPath(id), { signal }));
    },
    twinWhen: (id: string, when: When, signal?: AbortSignal) =>
      request<WholeTwin>(`${twinPath(id)}${search({ ...when })}`, { signal }),
    twinFusion: (id: string, when: When, signal?: AbortSignal) =>
      request<{ items: Fusion[] }>(`${twinPath(id)}/fusion${search({ ...when })}`, { signal }),
    twinHistory: (id: string, query: HistoryQuery, signal?: AbortSignal) =>
      request<Page<TwinChange>>(`${twinPath(id)}/history${search({ ...query })}`, { signal }),
    twinAround: (id: string, query: { depth: number; limit: number; select: string }, signal?: AbortSignal) =>
      request<Neighbourhood>(`${twinPath(id)}/relations${search({ ...query })}`, { signal }),
    /** All of it, a line each; a page would be one of many. */
    twinHistoryFile: async (id: string, signal?: AbortSignal) => (await requestFile(`${twinPath(id)}/history`, "application/x-ndjson", signal)).content,
    /** Status 412 when somebody else has changed the twin since `etag`. */
    async patchTwin(id: string, patch: JsonObject, etag: string): Promise<TaggedTwin> {
      const headers = { "Content-Type": "application/merge-patch+json", "If-Match": etag };
      return tagged(await requestTagged<WholeTwin>(twinPath(id), { method: "PATCH", headers, body: JSON.stringify(patch) }));
    },
  };
}

function rulePath(model: string, property: string): string {
  return `models/${encodeURIComponent(model)}/fusion-rules/${encodeURIComponent(property)}`;
}

function twinPath(id: string): string {
  return `twins/${encodeURIComponent(id)}`;
}

function tagged({ body, etag }: { body: WholeTwin; etag: string | null }): TaggedTwin {
  return { twin: body, etag: etag ?? `"${body.revision}"` };
}
