import { useMemo, useSyncExternalStore } from "react";

export const pages = ["map", "recommendations", "twins", "data"] as const;
export type PageName = (typeof pages)[number];

export const dataTabs = ["sources", "quality", "quarantine", "lineage"] as const;
export type DataTab = (typeof dataTabs)[number];

/** Nothing named: the search, or all types. */
export interface Subject {
  of: "twins" | "models";
  name: string;
}

export interface Route {
  page: PageName | "signin";
  /** Which part of the data page. */
  tab: DataTab;
  /** Which twin, or which type of twins. */
  subject: Subject;
  query: URLSearchParams;
}

/** The page that the address asks for: `#/map`, `#/data/quarantine?kind=sku`. Anything unknown is the map. */
export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [first = "", second = ""] = path.split("/");
  const tab = dataTabs.find((name) => name === second || name === first) ?? "sources";
  const subject: Subject = { of: first === "models" ? "models" : "twins", name: named(path.slice(first.length + 1)) };
  return { page: pageOf(first), tab, subject, query: new URLSearchParams(query) };
}

/** The address of a part of the data page; what has no value is left out. */
export function dataAddress(tab: DataTab, query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const text = new URLSearchParams(given).toString();
  return `#/data/${tab}${text && `?${text}`}`;
}

/** The address of a twin; ids may hold any character. */
export function twinAddress(id: string): string {
  return `#/twins/${encodeURIComponent(id)}`;
}

export function modelAddress(name: string): string {
  return `#/models/${encodeURIComponent(name)}`;
}

/** The address of a search over twins; what has no value is left out. */
export function searchAddress(query: Record<string, string | undefined>): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const text = new URLSearchParams(given).toString();
  return `#/twins${text && `?${text}`}`;
}

/** Goes to a page and leaves no trace of the present address: it may hold a one-time code. */
export function go(page: PageName | "signin"): void {
  replaceAddress(`#/${page}`);
}

/** Changes the address without a step in the history: filters are one place, not many. */
export function replaceAddress(address: string): void {
  history.replaceState(null, "", address);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return useMemo(() => routeOf(hash), [hash]);
}

/** `#/quality` was the address of what is now a part of the data page. */
function pageOf(first: string): PageName | "signin" {
  if (first === "signin") return "signin";
  if (dataTabs.some((name) => name === first)) return "data";
  if (first === "models") return "twins";
  return pages.find((name) => name === first) ?? "map";
}

/** A name as it was before it became part of an address; a broken one is taken as it stands. */
function named(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}
