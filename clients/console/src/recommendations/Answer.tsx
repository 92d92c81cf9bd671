import { useState, type FormEvent } from "react";

import type { Recommendation } from "../api/types";
import { useWords } from "../i18n/language";
import { useFeedback } from "./useFeedback";

interface Props {
  item: Recommendation;
  onChanged: (item: Recommendation) => void;
}

const open = ["open", "shown"];
const answered = ["accepted", "rejected"];

/** Accept, reject with a reason, and undo: what can be done depends on the state. */
export function Answer({ item, onChanged }: Props) {
  const { t } = useWords();
  const { send, isSending, problem } = useFeedback(item, onChanged);
  const [isRejecting, setRejecting] = useState(false);

  async function reject(reason: string) {
    if (await send("rejected", reason.trim() || undefined)) setRejecting(false);
  }
  return (
    <div className="answer-box" aria-busy={isSending}>
      {open.includes(item.state) && !isRejecting && (
        <div className="buttons">
          <button type="button" className="button accept" disabled={isSending} onClick={() => send("accepted")} data-testid="accept">
            {t("recommendations.accept")}
          </button>
          <button type="button" className="button reject" disabled={isSending} onClick={() => setRejecting(true)} data-testid="reject">
            {t("recommendations.reject")}
          </button>
        </div>
      )}
      {open.includes(item.state) && isRejecting && (
        <RejectForm isSending={isSending} onReject={reject} onCancel={() => setRejecting(false)} />
      )}
      {answered.includes(item.state) && (
        <button type="button" className="button small" disabled={isSending} onClick={() => send("reopened")} data-testid="undo">
          ↶ {t("recommendations.undo")}
        </button>
      )}
      {problem && (
        <p className="fine bad-text" role="alert" data-testid="answer-problem">
          {problem.status === 0 ? t("problem.unreachable") : [problem.details.title, problem.details.detail].filter(Boolean).join(": ")}
          {problem.details.trace_id && <code className="trace">{problem.details.trace_id}</code>}
        </p>
      )}
    </div>
  );
}

interface RejectFormProps {
  isSending: boolean;
  onReject: (reason: string) => void;
  onCancel: () => void;
}

function RejectForm({ isSending, onReject, onCancel }: RejectFormProps) {
  const { t } = useWords();
  const [reason, setReason] = useState("");
  function submit(event: FormEvent) {
    event.preventDefault();
    onReject(reason);
  }
  return (
    <form className="reject-form" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && onCancel()}>
      <input
        autoFocus
        value={reason}
        maxLength={200}
        placeholder={t("recommendations.reason")}
        aria-label={t("recommendations.reason")}
        onChange={(event) => setReason(event.target.value)}
        data-testid="reject-reason"
      />
      <div className="buttons">
        <button type="submit" className="button reject" disabled={isSending} data-testid="reject-confirm">
          {t("recommendations.reject")}
        </button>
        <button type="button" className="button quiet" onClick={onCancel}>
          {t("recommendations.cancel")}
        </button>
      </div>
    </form>
  );
}
