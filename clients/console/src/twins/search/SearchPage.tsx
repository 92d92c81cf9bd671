import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { useOnHeard } from "../../live/LiveProvider";
import { count } from "../../shared/format";
import { useReady } from "../../shared/ready";
import { Empty, Loading, ProblemCard } from "../../shared/States";
import { modelAddress, replaceAddress, searchAddress, useRoute } from "../../shell/route";
import { columnsFor, commonModel } from "../columns";
import { areWords, byWords, modelIn, placeOf } from "../rql";
import { useModels } from "../useModels";
import { ExportButtons } from "./ExportButtons";
import { Figures } from "./Figures";
import { ModelChips } from "./ModelChips";
import { QueryBox } from "./QueryBox";
import { QueryHelp } from "./QueryHelp";
import { ResultTable } from "./ResultTable";
import { useSearch } from "./useSearch";

const typedMs = 350;

/** Twins by query: the address holds all that was asked, so that a link shows a colleague the same. */
export function SearchPage() {
  const { t } = useWords();
  const asked = useAsked();
  const [isHelpOpen, setHelpOpen] = useState(false);
  const wanted = useMemo(
    () => ({ filter: areWords(asked.query) ? byWords(asked.query.trim()) : asked.query, model: asked.model, sort: asked.sort }),
    [asked.query, asked.model, asked.sort],
  );
  const search = useSearch(wanted);
  const total = totalOf(search, asked.model);
  useReady(!search.isLoading);
  const isQueryWrong = placeOf(search.problem, "filter", asked.typed) !== null;
  const isFirstLoad = search.isLoading && search.of === null;
  // Who comes with a query that cannot be read has nothing to look at but what it could be.
  const isHelpShown = isHelpOpen || (isQueryWrong && search.of === null);
  return (
    <div className="twin-search" data-testid="search-page">
      <h1 className="visually-hidden">{t("twins.title")}</h1>
      <div className="query-row">
        <QueryBox
          text={asked.typed}
          model={asked.model}
          problem={asked.isTyping || areWords(asked.query) ? null : search.problem}
          isChecking={search.isLoading && !isFirstLoad}
          onText={asked.type}
          onSearch={asked.commit}
        />
        <button type="button" className="button" aria-expanded={isHelpShown} onClick={() => setHelpOpen(!isHelpShown)} data-testid="help-toggle">
          {t("twins.help")}
        </button>
      </div>
      {isHelpShown && <QueryHelp model={asked.model || modelIn(asked.query)} onQuery={asked.take} onField={asked.append} />}
      {(search.of || !search.problem) && <ModelChips counts={search.counts} chosen={asked.model} onChosen={(model) => asked.set({ model, sort: "" })} />}
      {search.problem && !isQueryWrong && <ProblemCard problem={search.problem} onRetry={search.reload} />}
      {isFirstLoad && !search.problem && <Loading />}
      {search.of && <Results search={search} total={total} asked={asked} onHelp={() => setHelpOpen(true)} />}
    </div>
  );
}

interface ResultsProps {
  search: ReturnType<typeof useSearch>;
  total: number | null;
  asked: ReturnType<typeof useAsked>;
  onHelp: () => void;
}

function Results({ search, total, asked, onHelp }: ResultsProps) {
  const { t, language } = useWords();
  const { models } = useModels();
  const { items, cursor, isLoading, of } = search;
  const model = asked.model || modelIn(of?.filter ?? "") || commonModel(items);
  const columns = useMemo(() => columnsFor(commonModel(items) ? models.get(model) : undefined, items), [models, model, items]);
  const now = useMemo(() => Date.now(), [items]);
  if (items.length === 0 && !search.problem) return <Nothing isFiltered={asked.query !== "" || asked.model !== ""} model={asked.query === "" ? asked.model : ""} onHelp={onHelp} onAll={asked.clear} />;
  return (
    <section aria-label={t("twins.results")} className={isLoading || search.problem ? "aging" : ""}>
      <div className="search-line">
        <strong role="status" data-testid="total" data-total={total ?? ""}>
          {total === null ? "…" : t("twins.total", { count: count(total, language) })}
        </strong>
        <Figures filter={of?.filter ?? ""} model={model} items={items} />
        <Outdated items={items} onReload={search.reload} />
        <ExportButtons wanted={of!} total={total} />
      </div>
      <ResultTable items={items} columns={columns} hasModel={columns.length === 0} sort={asked.sort} now={now} onSort={(sort) => asked.set({ sort })} />
      <footer className="sheet-foot">
        <span className="muted" data-testid="loaded">
          {t("twins.loaded", { count: count(items.length, language) })}
        </span>
        {cursor && (
          <button type="button" className="button" onClick={search.loadMore} disabled={isLoading} data-testid="load-more">
            {isLoading ? t("state.loading") : t("recommendations.more")}
          </button>
        )}
      </footer>
    </section>
  );
}

/** Rows do not move under the reader's eyes: how many have changed is told, and they are loaded when asked for. */
function Outdated({ items, onReload }: { items: readonly WholeTwin[]; onReload: () => void }) {
  const { t, language } = useWords();
  const onHeard = useOnHeard();
  const [changed, setChanged] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    setChanged(new Set());
    return onHeard(({ revisions }) => {
      // What was read may be newer than what is heard, and what is heard may be the state at which listening began.
      const own = items.filter(({ id, revision }) => (revisions.get(id) ?? 0) > revision);
      if (own.length > 0) setChanged((before) => new Set([...before, ...own.map(({ id }) => id)]));
    });
  }, [items, onHeard]);
  if (changed.size === 0) return null;
  return (
    <button type="button" className="button small" onClick={onReload} data-testid="outdated">
      ↻ {t("twins.outdated", { count: count(changed.size, language) })}
    </button>
  );
}

interface NothingProps {
  isFiltered: boolean;
  /** The type of which there is nothing at all; empty: a query finds nothing. */
  model: string;
  onHelp: () => void;
  onAll: () => void;
}

function Nothing({ isFiltered, model, onHelp, onAll }: NothingProps) {
  const { t } = useWords();
  const { names } = useModels();
  if (!isFiltered) return <Empty title={t("twins.empty")}>{t("twins.empty.detail")}</Empty>;
  return (
    <div className="state" data-testid="empty">
      <h2>{t(model ? "models.empty.title" : "twins.noMatch")}</h2>
      <p>{t(model ? "twins.empty.detail" : "twins.noMatch.detail")}</p>
      <p className="buttons">
        <button type="button" className="button" onClick={onAll} data-testid="show-all">
          {t("twins.all")}
        </button>
        {model ? (
          <a href={modelAddress(model)} className="button">
            {t("twins.model")}: {names.model(model)}
          </a>
        ) : (
          <button type="button" className="button" onClick={onHelp}>
            {t("twins.help")}
          </button>
        )}
      </p>
    </div>
  );
}

/** How many there are of the chosen type, or of all. */
function totalOf({ counts }: ReturnType<typeof useSearch>, model: string): number | null {
  if (!counts) return null;
  const of = model ? counts.filter(({ key }) => key["model"] === model) : counts;
  return of.reduce((sum, { values }) => sum + Number(values["count"] ?? 0), 0);
}

/** What the address asks for, and what is being typed and becomes the address when typing pauses. */
function useAsked() {
  const { query: address } = useRoute();
  const [query, model, sort] = ["q", "model", "sort"].map((name) => address.get(name) ?? "") as [string, string, string];
  const [typed, setTyped] = useState(query);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const own = useRef(query);
  useEffect(() => {
    // The address follows what is typed: what was typed meanwhile must not be undone by it.
    if (query !== own.current) setTyped(query);
    own.current = query;
  }, [query]);
  useEffect(() => () => clear(timer), []);

  const set = useCallback(
    (changes: { q?: string; model?: string; sort?: string }) => replaceAddress(searchAddress({ q: query, model, sort, ...changes })),
    [query, model, sort],
  );
  const latest = useRef(set);
  latest.current = set;
  function type(text: string) {
    setTyped(text);
    clear(timer);
    timer.current = setTimeout(() => ask(text), typedMs);
  }
  function take(text: string) {
    clear(timer);
    setTyped(text);
    ask(text);
  }
  function ask(text: string) {
    own.current = text;
    latest.current({ q: text });
  }
  return {
    query,
    model,
    sort,
    typed,
    isTyping: typed !== query,
    set,
    type,
    take,
    commit: () => take(typed),
    append: (field: string) => setTyped(typed + field),
    clear: () => replaceAddress(searchAddress({})),
  };
}

function clear(timer: React.RefObject<ReturnType<typeof setTimeout> | null>): void {
  if (timer.current !== null) clearTimeout(timer.current);
  timer.current = null;
}
