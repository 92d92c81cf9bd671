import { useCallback, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import type { Kind } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { save } from "../../shared/csv";
import { Loading, ProblemCard, ProblemLine } from "../../shared/States";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import { useNames } from "../names";

const ways = ["push", "pull", "drop"] as const;

/** How a source is connected, and a template to fill in for every kind. Open when there is no source yet. */
export function Connect({ isFirst }: { isFirst: boolean }) {
  const { t } = useWords();
  const [isOpen, setOpen] = useState(isFirst);
  return (
    <details className="connect" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)} data-testid="connect">
      <summary>{isFirst ? t("connect.first") : t("connect.title")}</summary>
      <ol className="ways">
        {ways.map((way) => (
          <li key={way}>
            <h3>{t(`connect.${way}`)}</h3>
            <p>{t(`connect.${way}.how`)}</p>
            <code>{examples[way]}</code>
          </li>
        ))}
      </ol>
      {isOpen && <Templates />}
    </details>
  );
}

const examples: Record<(typeof ways)[number], string> = {
  push: "POST /api/v1/records/KIND?source=NAME",
  pull: "connections/NAME.yaml: type, source, kind, options",
  drop: "connections/NAME.yaml: type: file_drop",
};

function Templates() {
  const { t } = useWords();
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.kinds(signal), [api]);
  const { data, problem, isLoading, reload } = useRemote(load);
  if (problem) return <ProblemCard problem={problem} onRetry={reload} />;
  if (isLoading || !data) return <Loading />;
  return (
    <section className="templates" aria-label={t("connect.templates")}>
      <h3>{t("connect.templates")}</h3>
      <p className="muted">{t("connect.templates.how")}</p>
      <ul>
        {data.items.map((kind) => (
          <Template key={kind.name} kind={kind} />
        ))}
      </ul>
    </section>
  );
}

function Template({ kind }: { kind: Kind }) {
  const { t } = useWords();
  const { api } = useSession();
  const names = useNames();
  const [problem, setProblem] = useState<Problem | null>(null);
  async function fetchFile(format: string) {
    setProblem(null);
    try {
      const file = await api.template(kind.name, format);
      save(file.name || `${kind.name}.${format}`, file.content);
    } catch (error) {
      setProblem(asProblem(error));
    }
  }
  return (
    <li data-testid="template" data-kind={kind.name}>
      <div>
        <b>{names.kind(kind.name)}</b> <span className="code">{kind.name}</span>
        <p className="fine muted">
          {t("connect.key")}: {kind.key_fields.map(names.field).join(" + ")}
        </p>
        {problem && <ProblemLine problem={problem} />}
      </div>
      <span className="buttons">
        {["xlsx", "csv"].map((format) => (
          <button
            key={format}
            type="button"
            className="button small"
            onClick={() => fetchFile(format)}
            aria-label={t("connect.download", { kind: names.kind(kind.name), format: format.toUpperCase() })}
          >
            ↓ {format.toUpperCase()}
          </button>
        ))}
      </span>
    </li>
  );
}
