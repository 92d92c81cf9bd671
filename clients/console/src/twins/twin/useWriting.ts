import { useCallback, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import type { TaggedTwin } from "../../api/twinTypes";
import { useSession } from "../../signin/SessionProvider";

const conflict = 412;

/** A change of one value; undefined and null take it away. */
export interface Write {
  facet: "properties" | "desired";
  name: string;
  value: unknown;
}

/** A write that was done, and what it replaced. */
export interface Done {
  write: Write;
  before: unknown;
  /** The state after it: an undo means this revision and no other. */
  written: TaggedTwin;
}

/** Somebody else was faster: what was written upon, what is there now, and what was to be written. */
export interface Conflict {
  write: Write;
  base: TaggedTwin;
  theirs: TaggedTwin;
}

interface State {
  isBusy: boolean;
  problem: Problem | null;
  conflict: Conflict | null;
  done: Done | null;
}

const idle: State = { isBusy: false, problem: null, conflict: null, done: null };

/** Writes of a person: upon the revision that was seen, told apart where somebody was faster, and taken back. */
export function useWriting(id: string, onWritten: (tagged: TaggedTwin) => void) {
  const { api } = useSession();
  const [state, setState] = useState<State>(idle);

  /** True when the server took it. */
  const write = useCallback(
    async (wanted: Write, base: TaggedTwin): Promise<boolean> => {
      setState({ ...idle, isBusy: true });
      try {
        const written = await api.patchTwin(id, { [wanted.facet]: { [wanted.name]: wanted.value ?? null } }, base.etag);
        setState({ ...idle, done: { write: wanted, before: base.twin[wanted.facet][wanted.name], written } });
        onWritten(written);
        return true;
      } catch (error) {
        const problem = asProblem(error);
        const theirs = problem.status === conflict ? await api.twin(id).catch(() => null) : null;
        if (theirs) onWritten(theirs);
        setState({ ...idle, problem: theirs ? null : problem, conflict: theirs && { write: wanted, base, theirs } });
        return false;
      }
    },
    [api, id, onWritten],
  );
  const undo = useCallback(
    async ({ write: wanted, before, written }: Done) => write({ ...wanted, value: before }, written),
    [write],
  );
  return { ...state, write, undo, close: useCallback(() => setState(idle), []) };
}

/** Who may write twins. The server decides; the page only does not offer what would be refused. */
export function mayWrite(roles: readonly string[] | undefined): boolean {
  return roles?.some((role) => role === "admin" || role === "analyst") ?? false;
}
