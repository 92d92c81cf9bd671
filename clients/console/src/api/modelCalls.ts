import type { Migration, ModelsAdded, TwinModel } from "./modelTypes";
import type { Sender } from "./request";

/** The calls about types of twins. */
export function modelCalls({ request }: Sender) {
  return {
    /** Of every version: what a type inherits may be declared by a former one. */
    models: (signal?: AbortSignal) => request<{ items: TwinModel[] }>("models?version=all", { signal }),
    modelVersions: async (name: string, signal?: AbortSignal) => (await request<{ versions: TwinModel[] }>(modelPath(name), { signal })).versions,
    /** Adds what a DTDL text says: all of it, or nothing. A dry run only says what it would mean. */
    postModels: (text: string, isDryRun: boolean, signal?: AbortSignal) =>
      request<ModelsAdded>(`models${isDryRun ? "?dry_run=true" : ""}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: text, signal }),
    deleteModel: (name: string) => request<null>(modelPath(name), { method: "DELETE" }),
    migrations: (name: string, signal?: AbortSignal) => request<{ items: Migration[] }>(`${modelPath(name)}/migrations`, { signal }),
    cancelMigration: (name: string, id: string) => request<Migration>(`${modelPath(name)}/migrations/${id}/cancel`, { method: "POST" }),
  };
}

function modelPath(name: string): string {
  return `models/${encodeURIComponent(name)}`;
}
