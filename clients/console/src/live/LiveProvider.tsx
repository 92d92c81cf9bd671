import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";

import type { Api } from "../api/api";
import type { Twin } from "../api/types";
import { useSession } from "../signin/SessionProvider";
import { Changes, mostAtFirst, type Change } from "./changes";
import { liveAddress, LiveConnection, type LiveState } from "./connection";

export interface LiveValue {
  state: LiveState;
  latest: readonly Change[];
  count: number;
}

export interface Heard {
  /** Ids of twins that changed while the page listened. */
  changed: readonly string[];
  /** The newest revision of each twin that was heard of, in a snapshot too: who has read it knows whether it changed. */
  revisions: ReadonlyMap<string, number>;
}

/** Calls back with what was heard of; returns how to stop. */
export type OnHeard = (listener: (heard: Heard) => void) => () => void;

type Feed = Omit<LiveValue, "state">;

const Context = createContext<LiveValue | null>(null);
/** Apart from the feed: the map listens without being drawn anew for each change. */
const Listening = createContext<OnHeard | null>(null);
/** A busy market changes hundreds of twins a second; eyes need no more than four pictures of that. */
const pictureMs = 250;
const mostLoaded = 3000;

export function LiveProvider({ children }: { children: ReactNode }) {
  const { session, signOut, api } = useSession();
  const [state, setState] = useState<LiveState>("connecting");
  const [feed, setFeed] = useState<Feed>({ latest: [], count: 0 });
  const [listeners] = useState(() => new Set<(heard: Heard) => void>());
  const token = session?.token;

  useEffect(() => {
    if (!token) return;
    const changes = new Changes();
    let changed = new Set<string>();
    let revisions = new Map<string, number>();
    let timer: ReturnType<typeof setTimeout> | null = null;
    const show = () => {
      timer = null;
      setFeed({ latest: changes.latest, count: changes.count });
      const heard = { changed: [...changed], revisions };
      [changed, revisions] = [new Set(), new Map()];
      if (heard.revisions.size > 0) listeners.forEach((listener) => listener(heard));
    };
    const tell = () => void (timer ??= setTimeout(show, pictureMs));
    let connection: LiveConnection | null = null;
    const follow = (isTail: boolean) => {
      connection = new LiveConnection({
        address: liveAddress(window.location),
        token,
        isTail,
        onState: setState,
        onRefused: () => signOut("signin.ended"),
        onMessage: (message) => {
          changes.take(message).forEach((id) => changed.add(id));
          for (const { id, revision } of message.twins) revisions.set(id, revision);
          tell();
        },
      });
      connection.start();
    };
    const aborting = new AbortController();
    void firstTwins(api, aborting.signal).then((twins) => {
      if (aborting.signal.aborted) return;
      follow(twins !== null);
      if (twins) changes.begin(twins);
      if (twins) tell();
    });
    const retry = () => connection?.retryNow();
    window.addEventListener("online", retry);
    return () => {
      aborting.abort();
      window.removeEventListener("online", retry);
      if (timer !== null) clearTimeout(timer);
      connection?.stop();
    };
  }, [token, api, signOut, listeners]);

  const value = useMemo(() => ({ state, ...feed }), [state, feed]);
  const onHeard = useCallback<OnHeard>(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    [listeners],
  );
  return (
    <Listening value={onHeard}>
      <Context value={value}>{children}</Context>
    </Listening>
  );
}

/**
 * What changed last, in a market of which not all twins are loaded to tell later changes against. Null in a small one:
 * there the stream begins with all of them.
 */
async function firstTwins(api: Api, signal: AbortSignal): Promise<Twin[] | null> {
  try {
    const { items } = await api.aggregate({}, signal);
    if (Number(items[0]?.values["count"] ?? 0) <= mostLoaded) return null;
    return (await api.twins({ sort: "-known_at", limit: mostAtFirst }, signal)).items;
  } catch {
    return [];
  }
}

export function useLiveState(): LiveValue {
  const value = useContext(Context);
  if (!value) throw new Error("useLiveState needs a LiveProvider above it");
  return value;
}

export function useOnHeard(): OnHeard {
  const value = useContext(Listening);
  if (!value) throw new Error("useOnHeard needs a LiveProvider above it");
  return value;
}
