import type { Api } from "../../api/api";
import type { WholeTwin } from "../../api/twinTypes";
import { toCsv, type Cell, type Column } from "../../shared/csv";
import type { Wanted } from "./useSearch";

const pageSize = 1000;
export const mostExported = 20_000;

/** All that a query finds, page after page, up to a limit that a browser and a spreadsheet bear. */
export async function allOf(api: Api, wanted: Wanted, onProgress: (count: number) => void, signal: AbortSignal): Promise<WholeTwin[]> {
  const found = new Map<string, WholeTwin>();
  let cursor: string | undefined;
  do {
    const page = await api.twins({ ...wanted, limit: pageSize, cursor }, signal);
    for (const twin of page.items) found.set(twin.id, twin);
    cursor = page.next_cursor ?? undefined;
    onProgress(found.size);
  } while (cursor && found.size < mostExported);
  return [...found.values()].slice(0, mostExported);
}

/** One row a twin, one column a property that any of them has; names as in the API, so that a program can read it. */
export function csvOf(twins: readonly WholeTwin[]): string {
  const properties = [...new Set(twins.flatMap((twin) => Object.keys(twin.properties)))];
  const relations = [...new Set(twins.flatMap((twin) => twin.relations.map((each) => each.name)))];
  const columns: Column<WholeTwin>[] = [
    { title: "id", value: (twin) => twin.id },
    { title: "model", value: (twin) => twin.model },
    ...properties.map((name) => ({ title: name, value: (twin: WholeTwin) => cellOf(twin.properties[name]) })),
    ...relations.map((name) => ({
      title: `relations/${name}`,
      value: (twin: WholeTwin) => twin.relations.filter((each) => each.name === name).map((each) => each.target).join(" "),
    })),
    { title: "source", value: (twin) => twin.source },
    { title: "changed_at", value: (twin) => twin.changed_at },
    { title: "known_at", value: (twin) => twin.known_at },
    { title: "revision", value: (twin) => twin.revision },
  ];
  return toCsv(columns, twins);
}

export function jsonOf(twins: readonly WholeTwin[]): string {
  return JSON.stringify(twins, null, 1);
}

function cellOf(value: unknown): Cell {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : (value as Cell);
}
