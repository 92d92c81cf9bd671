import type { ReactNode } from "react";

import type { Problem } from "../api/problem";
import { useWords } from "../i18n/language";

export function Loading() {
  const { t } = useWords();
  return (
    <div className="state" role="status" data-testid="loading">
      <span className="spinner" aria-hidden="true" />
      <p>{t("state.loading")}</p>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state" data-testid="empty">
      <h2>{title}</h2>
      <p>{children}</p>
    </div>
  );
}

/** The server's own title and detail, and the trace id that a colleague can look up. */
export function ProblemCard({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const { t } = useWords();
  const { title, detail, trace_id: trace, errors } = problem.details;
  const isUnreachable = problem.status === 0;
  return (
    <div className="state problem" role="alert" data-testid="problem">
      <h2 data-testid="problem-title">{isUnreachable ? t("problem.unreachable") : title || t("problem.failed")}</h2>
      <p data-testid="problem-detail">{isUnreachable ? t("problem.unreachable.detail") : detail}</p>
      {errors?.map((error, index) => (
        <p key={index} className="muted">
          <code>{error.pointer}</code> {error.message}
        </p>
      ))}
      <dl className="facts">
        {problem.status > 0 && (
          <div>
            <dt>{t("problem.status")}</dt>
            <dd>{problem.status}</dd>
          </div>
        )}
        {trace && (
          <div>
            <dt>{t("problem.trace")}</dt>
            <dd>
              <code data-testid="problem-trace">{trace}</code>
            </dd>
          </div>
        )}
      </dl>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry} data-testid="retry">
          {t("state.retry")}
        </button>
      )}
    </div>
  );
}

/** A problem beside the thing it is about. */
export function ProblemLine({ problem }: { problem: Problem }) {
  const { t } = useWords();
  const { title, detail, trace_id: trace, errors } = problem.details;
  return (
    <div className="fine bad-text problem-line" role="alert" data-testid="problem-line">
      {problem.status === 0 ? t("problem.unreachable") : [title, detail].filter(Boolean).join(": ") || t("problem.failed")}
      {errors?.map((error, index) => (
        <p key={index}>
          <code>{error.pointer}</code> {error.message}
        </p>
      ))}
      {trace && <code className="trace">{trace}</code>}
    </div>
  );
}

export function CsvButton({ onClick, disabled }: { onClick: () => void; disabled?: boolean }) {
  const { t } = useWords();
  return (
    <button
      type="button"
      className="button small"
      onClick={onClick}
      disabled={disabled}
      title={t("csv.label")}
      aria-label={t("csv.label")}
      data-testid="csv-download"
    >
      ↓ {t("csv")}
    </button>
  );
}
