import type { Connection, Source } from "../../api/dataTypes";

const fetching = ["file_drop", "postgres", "rest_pull", "wecom_book"];

/** Whether a person of these roles may have the connection look at its source now. */
export function mayRun(connection: Connection, roles: readonly string[]): boolean {
  return fetching.includes(connection.type) && roles.includes("admin");
}

/** How a source is doing, from worst to best. */
export type Health = "failing" | "never" | "quiet" | "attention" | "good";

const quietAfterMs = 26 * 3_600_000;

/** Failing: a connection says so. Quiet: nothing for more than a day. Attention: it comes, but not as it should. */
export function healthOf(source: Source, now: number): Health {
  const connections = source.connections ?? [];
  if (connections.some((connection) => connection.state === "failing")) return "failing";
  if (!source.last_seen_at) return "never";
  if (now - Date.parse(source.last_seen_at) > quietAfterMs) return "quiet";
  if ((source.open_quarantine ?? 0) > 0 || (source.partial_days ?? []).length > 0) return "attention";
  return "good";
}

const order: Health[] = ["failing", "attention", "quiet", "good", "never"];

/** What needs a person first, then by name. */
export function byNeed(sources: readonly Source[], now: number): Source[] {
  const place = (source: Source) => order.indexOf(healthOf(source, now));
  return [...sources].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
}
