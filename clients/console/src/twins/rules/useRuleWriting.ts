import { useCallback, useState } from "react";

import type { JsonObject } from "../../api/dataTypes";
import { asProblem, type Problem } from "../../api/problem";
import type { FusionRule } from "../../api/twinTypes";
import { useSession } from "../../signin/SessionProvider";

const conflict = 412;

interface State {
  isBusy: boolean;
  problem: Problem | null;
  /** The rule that somebody else has set meanwhile. */
  faster: FusionRule | null;
  /** What was done, and what held before. */
  done: { rule: FusionRule | null; before: FusionRule | null } | null;
}

const idle: State = { isBusy: false, problem: null, faster: null, done: null };

/** Sets and takes back the rule of a property, upon the one that was seen; what was done can be undone. */
export function useRuleWriting(model: string, property: string, onWritten: () => void) {
  const { api } = useSession();
  const [state, setState] = useState<State>(idle);

  /** `rule`: none takes the one that holds back. `base`: the one that was seen. */
  const write = useCallback(
    async (rule: JsonObject | null, base: FusionRule | null): Promise<boolean> => {
      const version = base?.version ?? 0;
      setState({ ...idle, isBusy: true });
      try {
        const written = rule ? await api.putFusionRule(model, property, rule, version) : await api.deleteFusionRule(model, property, version);
        setState({ ...idle, done: { rule: written, before: version > 0 ? base : null } });
        onWritten();
        return true;
      } catch (error) {
        const problem = asProblem(error);
        const rules = problem.status === conflict ? await api.fusionRules(model).catch(() => null) : null;
        const faster = rules?.items.find((each) => each.property === property) ?? null;
        setState({ ...idle, problem, faster });
        if (rules) onWritten();
        return false;
      }
    },
    [api, model, property, onWritten],
  );
  const undo = useCallback(() => (state.done ? write(state.done.before?.rule ?? null, state.done.rule) : Promise.resolve(false)), [state.done, write]);
  return { ...state, write, undo, close: useCallback(() => setState(idle), []) };
}
