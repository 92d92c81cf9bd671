import { useMemo, useSyncExternalStore } from "react";

export const pages = ["map", "recommendations", "quality"] as const;
export type PageName = (typeof pages)[number];

export interface Route {
  page: PageName | "signin";
  query: URLSearchParams;
}

/** The page that the address asks for: `#/map`, `#/signin?code=...`. Anything unknown is the map. */
export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const page = path === "signin" ? "signin" : (pages.find((name) => name === path) ?? "map");
  return { page, query: new URLSearchParams(query) };
}

/** Goes to a page and leaves no trace of the present address: it may hold a one-time code. */
export function go(page: PageName | "signin"): void {
  history.replaceState(null, "", `#/${page}`);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return useMemo(() => routeOf(hash), [hash]);
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}
