import { useCallback } from "react";

import type { QualityDays, Rule } from "../../api/dataTypes";
import type { Quality } from "../../api/types";
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

interface Feed {
  quality: Quality;
  days: QualityDays;
  rules: Rule[];
}

export function QualityTab() {
  const { t } = useWords();
  const { api } = useSession();
  const source = useRoute().query.get("source") ?? "";
  const load = useCallback(
    async (signal: AbortSignal): Promise<Feed> => {
      const [quality, days, rules] = await Promise.all([api.quality(signal), api.qualityDays({ source }, signal), api.rules(signal)]);
      return { quality, days, rules: rules.items };
    },
    [api, source],
  );
  const { data, problem, isLoading, reload } = useRefreshed(load, refreshMs);
  useReady(data !== null || problem !== null);
  return (
    <div className="quality-page" data-testid="quality-page">
      <Heading title={t("quality.title")} lead={t("quality.lead")}>
        <SourceFilter source={source} sources={data?.quality.items.map((item) => item.source) ?? []} />
        <button type="button" className="button" onClick={reload} disabled={isLoading} data-testid="quality-reload">
          ↻ {t("state.refresh")}
        </button>
      </Heading>
      {problem && <ProblemCard problem={problem} onRetry={reload} />}
      {isLoading && !data && <Loading />}
      {data && data.quality.items.length === 0 && <Empty title={t("quality.empty")}>{t("quality.empty.detail")}</Empty>}
      {data && data.quality.items.length > 0 && <Filled feed={data} source={source} />}
    </div>
  );
}

function Filled({ feed, source }: { feed: Feed; source: string }) {
  const { t } = useWords();
  const items = feed.quality.items.filter((item) => !source || item.source === source);
  return (
    <>
      <Totals totals={source ? sumOf(items) : feed.quality.totals} />
      <DaySection items={feed.days.items} source={source} />
      <RuleTable counts={feed.days.rules} rules={feed.rules} />
      <section aria-labelledby="balance-title">
        <header className="section-head">
          <h2 id="balance-title">{t("quality.by")}</h2>
        </header>
        <BalanceTable items={items} />
      </section>
    </>
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
