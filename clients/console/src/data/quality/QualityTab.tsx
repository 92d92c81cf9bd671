import { useCallback } from "react";

import type { QualityDays, Rule } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { Heading } from "../../shared/Heading";
import { useReady } from "../../shared/ready";
import { Empty, Loading, ProblemCard } from "../../shared/States";
import { useRefreshed } from "../../shared/useRefreshed";
import { dataAddress, replaceAddress, useRoute } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import { BalanceTable, Totals } from "./BalanceTable";
import { sumOf } from "./days";
import { DaySection } from "./DaySection";
import { RuleTable } from "./RuleTable";

const refreshMs = 30_000;

export function QualityTab() {
  const { t } = useWords();
  const { api } = useSession();
  const source = useRoute().query.get("source") ?? "";
  const load = useCallback((signal: AbortSignal) => api.quality(signal), [api]);
  const { data, problem, isLoading, reload } = useRefreshed(load, refreshMs);
  const items = data?.items ?? [];
  const own = items.filter((item) => !source || item.source === source);
  const days = useRefreshed(useDays(source), refreshMs);
  useReady((data !== null || problem !== null) && (days.data !== null || days.problem !== null));
  return (
    <div className="quality-page" data-testid="quality-page">
      <Heading title={t("quality.title")} lead={t("quality.lead")}>
        <SourceFilter source={source} sources={items.map((item) => item.source)} />
        <button
          type="button"
          className="button"
          onClick={() => [reload, days.reload].forEach((again) => again())}
          disabled={isLoading}
          data-testid="quality-reload"
        >
          ↻ {t("state.refresh")}
        </button>
      </Heading>
      {problem && <ProblemCard problem={problem} onRetry={reload} />}
      {isLoading && !data && <Loading />}
      {data && items.length === 0 && <Empty title={t("quality.empty")}>{t("quality.empty.detail")}</Empty>}
      {data && items.length > 0 && (
        <>
          <Totals totals={source ? sumOf(own) : data.totals} />
          {days.problem && <ProblemCard problem={days.problem} onRetry={days.reload} />}
          {days.data && (
            <>
              <DaySection items={days.data.days.items} source={source} />
              <RuleTable counts={days.data.days.rules} rules={days.data.rules} />
            </>
          )}
          <section aria-labelledby="balance-title">
            <header className="section-head">
              <h2 id="balance-title">{t("quality.by")}</h2>
            </header>
            <BalanceTable items={own} />
          </section>
        </>
      )}
    </div>
  );
}

interface Days {
  days: QualityDays;
  rules: Rule[];
}

function useDays(source: string) {
  const { api } = useSession();
  return useCallback(
    async (signal: AbortSignal): Promise<Days> => {
      const [days, rules] = await Promise.all([api.qualityDays({ source }, signal), api.rules(signal)]);
      return { days, rules: rules.items };
    },
    [api, source],
  );
}

function SourceFilter({ source, sources }: { source: string; sources: string[] }) {
  const { t } = useWords();
  const choices = [...new Set(source ? [source, ...sources] : sources)].sort();
  return (
    <label className="control">
      <span>{t("quality.source")}</span>
      <select
        value={source}
        onChange={(event) => replaceAddress(dataAddress("quality", { source: event.target.value }))}
        data-testid="quality-source"
      >
        <option value="">{t("filter.all")}</option>
        {choices.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
