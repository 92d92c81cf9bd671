import type { TwinChange, When } from "../../api/twinTypes";

/** Which state is looked at; without a time and a revision it is the present. */
export interface Moment {
  by: "time" | "revision";
  /** Milliseconds since 1970; null: now. */
  at: number | null;
  revision: number | null;
  /** What was learnt later does not count; null: all that is known today. */
  knownAt: number | null;
}

export const present: Moment = { by: "time", at: null, revision: null, knownAt: null };

/** How the moment is asked for; null for the present. */
export function whenOf({ by, at, revision, knownAt }: Moment): When | null {
  if (by === "revision") return revision === null ? null : { revision };
  if (at === null && knownAt === null) return null;
  return { ...(at === null ? {} : { at: isoOf(at) }), ...(knownAt === null ? {} : { known_at: isoOf(knownAt) }) };
}

export function isPresent(moment: Moment): boolean {
  return whenOf(moment) === null;
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}

/** From the first change that is loaded to now. */
export function spanOf(changes: readonly TwinChange[], now: number): [number, number] {
  const times = changes.map((each) => Date.parse(each.changed_at));
  const from = Math.min(now - 1000, ...times);
  return [from, Math.max(now, ...times)];
}

/** Times of changes are finer than the clock of a browser: the moment just after one is taken, so that it counts. */
export function justAfter(time: string): number {
  return Math.floor(Date.parse(time)) + 1;
}

/** The change before or after a moment, as the moment at which it was true; null where there is none. */
export function neighbour(changes: readonly TwinChange[], moment: Moment, step: -1 | 1): Moment | null {
  if (moment.by === "revision") return revisionBeside(changes, moment, step);
  const times = [...new Set(changes.map((each) => justAfter(each.changed_at)))].sort((a, b) => a - b);
  const at = moment.at ?? Infinity;
  const found = step < 0 ? times.filter((each) => each < at).at(moment.at === null ? -2 : -1) : times.find((each) => each > at);
  return found === undefined ? null : { ...moment, at: found };
}

function revisionBeside(changes: readonly TwinChange[], moment: Moment, step: -1 | 1): Moment | null {
  const last = changes.at(-1)?.revision ?? 1;
  const next = (moment.revision ?? last) + step;
  return next < 1 || next > last ? null : { ...moment, revision: next };
}

/** A time as the entry for day and time wants it: in the zone of the reader, to the second. */
export function localText(at: number): string {
  const here = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return here.toISOString().slice(0, 19);
}

/** The time that was entered; null where it is none. */
export function timeOf(text: string): number | null {
  const at = new Date(text).getTime();
  return text === "" || Number.isNaN(at) ? null : at;
}
