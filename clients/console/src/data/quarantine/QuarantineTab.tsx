import { useCallback, useEffect, useMemo, useState } from "react";

import type { QuarantineFilter } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { Heading } from "../../shared/Heading";
import { useReady } from "../../shared/ready";
import { Empty, Loading, ProblemCard } from "../../shared/States";
import { dataAddress, replaceAddress, useRoute } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import { Confirmation, OutcomeNote, type Asked, type Outcome } from "./Confirmation";
import { Filters, states } from "./Filters";
import { ItemPanel } from "./ItemPanel";
import { isWaiting, mayMend } from "./mending";
import { QuarantineList } from "./QuarantineList";
import { useQuarantine } from "./useQuarantine";

/** Records set aside: found, mended, sent again, or given up. */
export function QuarantineTab() {
  const { t, language } = useWords();
  const { session } = useSession();
  const { filter, opened, setFilter } = useFilter();
  const list = useQuarantine(filter);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<Asked | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  useEffect(() => {
    setChosen(new Set());
    setOutcome(null);
  }, [filter]);
  useReady(!list.isLoading);

  const isMender = mayMend(session?.user.roles);
  const isFirstLoad = list.isLoading && list.items.length === 0;
  function done(result: Outcome) {
    setAsked(null);
    setOutcome(result);
    setChosen(new Set());
    list.reload();
  }
  return (
    <div className={`quarantine-page ${opened ? "with-item" : ""}`} data-testid="quarantine-page">
      <Heading title={t("quarantine.title")} lead={t("quarantine.lead")}>
        {!isMender && <span className="badge">{t("quarantine.readOnly")}</span>}
        <span className="muted" data-testid="quarantine-total" data-total={list.total ?? ""}>
          {list.total !== null && t("quarantine.total", { count: count(list.total, language) })}
        </span>
      </Heading>
      <Filters filter={filter} onFilter={setFilter} />
      {outcome && <OutcomeNote outcome={outcome} onClose={() => setOutcome(null)} />}
      <div className="columns">
        <section className="list" aria-label={t("quarantine.list")}>
          {isMender && list.items.length > 0 && (
            <BulkBar filter={filter} chosen={chosen} total={list.total} onAsk={setAsked} />
          )}
          {list.problem && <ProblemCard problem={list.problem} onRetry={list.reload} />}
          {isFirstLoad && <Loading />}
          {!list.isLoading && !list.problem && list.items.length === 0 && <Nothing filter={filter} />}
          {list.items.length > 0 && (
            <QuarantineList
              items={list.items}
              filter={filter}
              opened={opened}
              chosen={isMender ? chosen : null}
              onChosen={setChosen}
            />
          )}
          {list.cursor && (
            <button type="button" className="button more" onClick={list.loadMore} disabled={list.isLoading} data-testid="load-more">
              {list.isLoading ? t("state.loading") : t("recommendations.more")}
            </button>
          )}
        </section>
        {opened && <ItemPanel key={opened} id={opened} filter={filter} isMender={isMender} onChanged={list.reload} />}
      </div>
      {asked && <Confirmation asked={asked} onDone={done} onCancel={() => setAsked(null)} />}
    </div>
  );
}

/** The filter and the open item live in the address: a link shows a colleague the same. */
function useFilter() {
  const { query } = useRoute();
  const text = query.toString();
  const filter = useMemo(() => {
    const given = new URLSearchParams(text);
    const read = (name: string) => given.get(name) ?? "";
    const state = states.find((name) => name === given.get("state")) ?? "open";
    return { kind: read("kind"), source: read("source"), rule: read("rule"), state, search: read("search") };
  }, [text]);
  const setFilter = useCallback(
    (changes: QuarantineFilter) => replaceAddress(dataAddress("quarantine", { ...filter, ...changes })),
    [filter],
  );
  return { filter: useStable(filter), opened: query.get("id"), setFilter };
}

/** The same object as long as it says the same: opening an item does not load the list again. */
function useStable<T extends object>(value: T): T {
  const text = JSON.stringify(value);
  return useMemo(() => JSON.parse(text) as T, [text]);
}

interface BulkProps {
  filter: QuarantineFilter;
  chosen: ReadonlySet<string>;
  total: number | null;
  onAsk: (asked: Asked) => void;
}

function BulkBar({ filter, chosen, total, onAsk }: BulkProps) {
  const { t, language } = useWords();
  const ids = [...chosen];
  const number = { count: count(ids.length, language) };
  const { kind, source, rule, state = "open", search } = filter;
  if (state === "replayed") return null;
  if (state === "dropped")
    return (
      <div className="bulk">
        <button type="button" className="button" disabled={ids.length === 0} onClick={() => onAsk({ action: "reopen", ids })} data-testid="reopen-selected">
          {t("reopen.selected", number)}
        </button>
      </div>
    );
  return (
    <div className="bulk" data-testid="bulk">
      <button
        type="button"
        className="button accept"
        disabled={ids.length === 0}
        onClick={() => onAsk({ action: "replay", wanted: { ids }, count: ids.length })}
        data-testid="replay-selected"
      >
        {t("replay.selected", number)}
      </button>
      <button type="button" className="button reject" disabled={ids.length === 0} onClick={() => onAsk({ action: "drop", ids })} data-testid="drop-selected">
        {t("drop.selected", number)}
      </button>
      {isWaiting({ state }) && !search && (
        <button
          type="button"
          className="button all"
          onClick={() => onAsk({ action: "replay", wanted: { filter: { kind, source, rule } }, count: total })}
          data-testid="replay-all"
        >
          {t("replay.all")}
        </button>
      )}
    </div>
  );
}

function Nothing({ filter }: { filter: QuarantineFilter }) {
  const { t } = useWords();
  const isFiltered = Boolean(filter.kind || filter.source || filter.rule || filter.search || filter.state !== "open");
  if (isFiltered) return <Empty title={t("quarantine.noMatch")} />;
  return <Empty title={t("quarantine.empty")}>{t("quarantine.empty.detail")}</Empty>;
}
