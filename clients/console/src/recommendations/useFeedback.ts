import { useRef, useState } from "react";

import { newIdempotencyKey } from "../api/request";
import { asProblem, type Problem } from "../api/problem";
import type { FeedbackEvent, Recommendation } from "../api/types";
import { useSession } from "../signin/SessionProvider";

/** Sends a person's answer. A second try of the same answer carries the same key, so that it counts once. */
export function useFeedback(item: Recommendation, onChanged: (changed: Recommendation) => void) {
  const { api } = useSession();
  const [isSending, setSending] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const attempt = useRef<{ answer: string; key: string } | null>(null);
  const stateBefore = useRef(item.state);

  async function send(event: FeedbackEvent, reason?: string): Promise<boolean> {
    const answer = JSON.stringify([item.id, event, reason]);
    if (attempt.current?.answer !== answer) attempt.current = { answer, key: newIdempotencyKey() };
    if (event !== "reopened") stateBefore.current = item.state;
    setSending(true);
    setProblem(null);
    try {
      const body = await api.giveFeedback(item.id, { event, ...(reason ? { reason } : {}) }, attempt.current.key);
      attempt.current = null;
      onChanged({ ...item, ...changesOf(body), state: body?.state ?? stateAfter(event, stateBefore.current) });
      return true;
    } catch (error) {
      setProblem(asProblem(error));
      return false;
    } finally {
      setSending(false);
    }
  }

  return { send, isSending, problem };
}

/** The recommendation in the answer, if it is one; an answer of another shape changes nothing but the state. */
function changesOf(body: Partial<Recommendation> | null): Partial<Recommendation> {
  return body && typeof body.id === "string" && Array.isArray(body.reasons) ? body : {};
}

function stateAfter(event: FeedbackEvent, before: string): string {
  if (event !== "reopened") return event;
  return before === "accepted" || before === "rejected" ? "open" : before;
}
