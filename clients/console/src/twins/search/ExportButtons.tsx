import { useEffect, useRef, useState } from "react";

import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { save } from "../../shared/csv";
import { count } from "../../shared/format";
import { ProblemLine } from "../../shared/States";
import { useSession } from "../../signin/SessionProvider";
import { allOf, csvOf, jsonOf, mostExported } from "./exporting";
import type { Wanted } from "./useSearch";

interface Props {
  wanted: Wanted;
  total: number | null;
}

/** The whole result as a file, not only the rows on the page. */
export function ExportButtons({ wanted, total }: Props) {
  const { t, language } = useWords();
  const { api } = useSession();
  const [loaded, setLoaded] = useState<number | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  async function write(format: "csv" | "json") {
    const aborting = new AbortController();
    running.current = aborting;
    setProblem(null);
    setLoaded(0);
    try {
      const twins = await allOf(api, wanted, setLoaded, aborting.signal);
      const [text, type] = format === "csv" ? [csvOf(twins), "text/csv;charset=utf-8"] : [jsonOf(twins), "application/json"];
      save(`twins.${format}`, new Blob([text], { type }));
    } catch (error) {
      if (!aborting.signal.aborted) setProblem(asProblem(error));
    }
    setLoaded(null);
  }
  const isCut = total !== null && total > mostExported;
  const hint = isCut ? t("twins.export.first", { count: count(mostExported, language) }) : t("twins.export");
  if (loaded !== null)
    return (
      <span className="buttons" role="status">
        <span className="spinner small" aria-hidden="true" /> {count(loaded, language)}
        <button type="button" className="button small" onClick={() => running.current?.abort()}>
          {t("recommendations.cancel")}
        </button>
      </span>
    );
  return (
    <span className="buttons">
      {(["csv", "json"] as const).map((format) => (
        <button
          key={format}
          type="button"
          className="button small"
          disabled={total === 0}
          onClick={() => void write(format)}
          title={hint}
          aria-label={`${hint}: ${format.toUpperCase()}`}
          data-testid={`export-${format}`}
        >
          ↓ {format.toUpperCase()}
        </button>
      ))}
      {problem && <ProblemLine problem={problem} />}
    </span>
  );
}
