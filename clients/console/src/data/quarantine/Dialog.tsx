import { useEffect, useRef, type FormEvent, type ReactNode } from "react";

import type { Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { ProblemLine } from "../../shared/States";

interface Props {
  title: string;
  /** What the button says that does it. */
  action: string;
  isBusy: boolean;
  problem: Problem | null;
  onConfirm: () => void;
  onCancel: () => void;
  children: ReactNode;
}

/** Asks before something is done. The browser keeps the focus inside; Escape cancels. */
export function Dialog({ title, action, isBusy, problem, onConfirm, onCancel, children }: Props) {
  const { t } = useWords();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  function submit(event: FormEvent) {
    event.preventDefault();
    onConfirm();
  }
  return (
    <dialog
      ref={element}
      className="dialog"
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onCancel();
      }}
      data-testid="dialog"
    >
      <form onSubmit={submit}>
        <h2 id="dialog-title">{title}</h2>
        {children}
        {problem && <ProblemLine problem={problem} />}
        <div className="buttons">
          <button type="submit" className="button primary" disabled={isBusy} data-testid="dialog-confirm">
            {isBusy && <span className="spinner small" aria-hidden="true" />}
            {action}
          </button>
          <button type="button" className="button" onClick={onCancel} data-testid="dialog-cancel">
            {t("recommendations.cancel")}
          </button>
        </div>
      </form>
    </dialog>
  );
}
