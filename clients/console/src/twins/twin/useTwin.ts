import { useCallback, useEffect, useMemo, useReducer, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import type { Readings } from "../../api/types";
import type { TaggedTwin, WholeTwin } from "../../api/twinTypes";
import { liveAddress, LiveConnection, type LiveState } from "../../live/connection";
import { useSession } from "../../signin/SessionProvider";
import { differences, type Difference } from "../differences";

/** One change as it came over the live stream. */
export interface TailEntry {
  twin: WholeTwin;
  differences: Difference[];
  isDeleted: boolean;
}

interface Present {
  tagged: TaggedTwin | null;
  /** The state that the tail has told last: what comes next is told as a change of it. */
  told: WholeTwin | null;
  isDeleted: boolean;
  tail: TailEntry[];
  /** What came while the page was told to hold still. */
  waiting: Heard[];
  isPaused: boolean;
  /** What is measured this moment, which the state takes in only once in a while. */
  readings: Readings;
}

export type LiveTwin = WholeTwin & { deleted?: boolean };

interface Heard {
  type: "heard";
  twin: LiveTwin;
  /** How it is now, rather than that it changed. */
  isSnapshot: boolean;
}

type Event =
  | { type: "read"; tagged: TaggedTwin }
  | Heard
  | { type: "measured"; readings: Readings }
  | { type: "pause"; isPaused: boolean };

const longestTail = 100;
/** A busy twin changes many times a second; eyes need no more than four pictures of that. */
const pictureMs = 250;
export const start: Present = { tagged: null, told: null, isDeleted: false, tail: [], waiting: [], isPaused: false, readings: {} };

/** The present state, as it is read, written and heard of; an older revision than the known one changes nothing. */
export function present(before: Present, event: Event): Present {
  if (event.type === "pause") {
    const resumed = { ...before, isPaused: event.isPaused, waiting: event.isPaused ? before.waiting : [] };
    return event.isPaused ? resumed : before.waiting.reduce(hear, resumed);
  }
  if (event.type === "measured") return before.isPaused ? before : { ...before, readings: event.readings };
  if (event.type === "heard") return before.isPaused ? { ...before, waiting: [...before.waiting, event].slice(-longestTail) } : hear(before, event);
  const known = before.tagged?.twin.revision ?? 0;
  return event.tagged.twin.revision < known ? before : { ...before, tagged: event.tagged, isDeleted: false };
}

function hear(before: Present, { twin, isSnapshot }: Heard): Present {
  const { told } = before;
  if (told && twin.revision <= told.revision) return before;
  const isDeleted = twin.deleted === true;
  const isNewer = twin.revision >= (before.tagged?.twin.revision ?? 0);
  const now = !isNewer ? before : { ...before, isDeleted, tagged: isDeleted ? before.tagged : { twin, etag: `"${twin.revision}"` } };
  const isNews = before.tagged !== null && twin.revision > before.tagged.twin.revision;
  if (isSnapshot && !told && !isNews) return { ...now, told: twin };
  const entry = { twin, isDeleted, differences: differences(told ?? before.tagged?.twin ?? null, isDeleted ? null : twin) };
  return { ...now, told: twin, tail: [entry, ...before.tail].slice(0, longestTail) };
}

/** One twin, live. */
export function useTwin(id: string) {
  const { api } = useSession();
  const [state, tell] = useReducer(present, start);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    const aborting = new AbortController();
    api.twin(id, aborting.signal).then(
      (tagged) => {
        if (aborting.signal.aborted) return;
        setProblem(null);
        tell({ type: "read", tagged });
      },
      (error: unknown) => !aborting.signal.aborted && setProblem(asProblem(error)),
    );
    return () => aborting.abort();
  }, [api, id, round]);
  const live = useLive(id, tell);
  return {
    ...state,
    problem: state.tagged ? null : problem,
    live,
    reload,
    take: useCallback((tagged: TaggedTwin) => tell({ type: "read", tagged }), []),
    pause: useCallback((isPaused: boolean) => tell({ type: "pause", isPaused }), []),
  };
}

/** A connection of its own that tells of this twin alone. */
function useLive(id: string, onEvent: (event: Event) => void): LiveState {
  const { session, signOut } = useSession();
  const [state, setState] = useState<LiveState>("connecting");
  const token = session?.token;
  const subscription = useMemo(() => ({ ids: [id], readings: true }), [id]);
  useEffect(() => {
    if (!token) return;
    let heard: Heard[] = [];
    let readings: Readings | null = null;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const tellAll = () => {
      timer = null;
      heard.forEach(onEvent);
      heard = [];
      if (readings) onEvent({ type: "measured", readings });
      readings = null;
    };
    const connection = new LiveConnection({
      address: liveAddress(window.location),
      token,
      subscribe: subscription,
      onState: setState,
      onRefused: () => signOut("signin.ended"),
      onMessage: (message) => {
        const own = message.twins.filter((twin) => twin.id === id) as LiveTwin[];
        heard.push(...own.map((twin): Heard => ({ type: "heard", twin, isSnapshot: message.type === "snapshot" })));
        if (own.length > 0) timer ??= setTimeout(tellAll, pictureMs);
      },
      onReadings: (message) => {
        readings = message.twins.find((twin) => twin.id === id)?.readings ?? readings;
        if (readings) timer ??= setTimeout(tellAll, pictureMs);
      },
    });
    const retry = () => connection.retryNow();
    connection.start();
    window.addEventListener("online", retry);
    return () => {
      window.removeEventListener("online", retry);
      if (timer !== null) clearTimeout(timer);
      connection.stop();
    };
  }, [token, id, subscription, signOut, onEvent]);
  return state;
}
