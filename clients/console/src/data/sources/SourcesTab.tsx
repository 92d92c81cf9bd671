import { useCallback } from "react";

import type { QualityDay, Source } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { clock } from "../../shared/format";
import { groupBy } from "../../shared/group";
import { Heading } from "../../shared/Heading";
import { useReady } from "../../shared/ready";
import { Loading, ProblemCard } from "../../shared/States";
import { useRefreshed } from "../../shared/useRefreshed";
import { useRoute } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import { Connect } from "./Connect";
import { byNeed } from "./health";
import { SourceCard } from "./SourceCard";

const refreshMs = 10_000;

interface Feed {
  sources: Source[];
  /** None where they could not be loaded: the sources are shown without them. */
  days: Map<string, QualityDay[]>;
}

export function SourcesTab() {
  const { t, language } = useWords();
  const { api } = useSession();
  const wanted = useRoute().query.get("source");
  const load = useCallback(
    async (signal: AbortSignal): Promise<Feed> => {
      const days = api.qualityDays({}, signal).then(
        ({ items }) => groupBy(items, (day) => day.source),
        () => new Map<string, QualityDay[]>(),
      );
      return { sources: (await api.sources(signal)).items, days: await days };
    },
    [api],
  );
  const { data, problem, isLoading, at, reload } = useRefreshed(load, refreshMs);
  useReady(data !== null || problem !== null);
  const shown = data ? byNeed(data.sources, at).filter((source) => !wanted || source.name === wanted) : [];
  return (
    <div data-testid="sources-page">
      <Heading title={t("sources.title")} lead={t("sources.lead")}>
        <span className="muted fine" role="status" data-testid="sources-at">
          {data && problem ? t("sources.stale", { time: clock(at, language) }) : data && t("sources.at", { time: clock(at, language) })}
        </span>
        {wanted && (
          <a className="button" href="#/data/sources">
            {t("sources.all")}
          </a>
        )}
        <button type="button" className="button" onClick={reload} disabled={isLoading} data-testid="sources-reload">
          ↻ {t("state.refresh")}
        </button>
      </Heading>
      {problem && !data && <ProblemCard problem={problem} onRetry={reload} />}
      {isLoading && !data && <Loading />}
      {shown.length > 0 && (
        <ul className="sources" data-testid="sources-list">
          {shown.map((source) => (
            <SourceCard key={source.name} source={source} days={data?.days.get(source.name) ?? null} now={at} />
          ))}
        </ul>
      )}
      {data && <Connect isFirst={data.sources.length === 0} />}
    </div>
  );
}
