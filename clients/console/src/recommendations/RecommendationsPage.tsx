import { useMemo, useState } from "react";

import type { Recommendation } from "../api/types";
import { useWords } from "../i18n/language";
import { download, toCsv } from "../shared/csv";
import { useReady } from "../shared/ready";
import { CsvButton, Empty, Loading, ProblemCard } from "../shared/States";
import { useSession } from "../signin/SessionProvider";
import { csvColumns } from "./csvColumns";
import { RecommendationRow } from "./RecommendationRow";
import { useRecommendations } from "./useRecommendations";

const states = ["open", "shown", "accepted", "rejected", "done", "expired", "withdrawn"];

/** Who sees the recommendations of all account managers. */
const wideRoles = ["admin", "analyst"];

export function RecommendationsPage() {
  const { t, pick } = useWords();
  const { session } = useSession();
  const roles = session?.user.roles ?? [];
  const seesAll = roles.some((role) => wideRoles.includes(role));
  const [manager, setManager] = useState(seesAll && !roles.includes("account_manager") ? "" : "me");
  const [state, setState] = useState("");
  const [text, setText] = useState("");
  const list = useRecommendations(state, manager);
  const shown = useMemo(() => list.items.filter((item) => matches(item, text)), [list.items, text]);
  useReady(!list.isLoading);
  const isFirstLoad = list.isLoading && list.items.length === 0;
  return (
    <div className="sheet" data-testid="recommendations-page">
      <header className="sheet-head">
        <div>
          <h1>{t("recommendations.title")}</h1>
          <p className="muted">{t(manager ? "recommendations.lead" : "recommendations.lead.all")}</p>
        </div>
        <Filters state={state} text={text} onState={setState} onText={setText}>
          {seesAll && <Whose manager={manager} onManager={setManager} />}
          <CsvButton
            disabled={shown.length === 0}
            onClick={() => download("recommendations.csv", toCsv(csvColumns(pick), shown))}
          />
        </Filters>
      </header>
      {list.problem && <ProblemCard problem={list.problem} onRetry={list.items.length ? list.loadMore : list.reload} />}
      {isFirstLoad && <Loading />}
      {!list.isLoading && !list.problem && shown.length === 0 && <Nothing isFiltered={text !== "" || state !== ""} isOwn={manager !== ""} />}
      {shown.length > 0 && (
        <>
          <RecommendationTable items={shown} hasManager={manager === ""} onChanged={list.replace} />
          <footer className="sheet-foot">
            <span className="muted" data-testid="recommendation-count">
              {t("recommendations.count", { shown: shown.length, loaded: list.items.length })}
              {!list.cursor && ` · ${t("recommendations.all")}`}
            </span>
            {list.cursor && (
              <button type="button" className="button" onClick={list.loadMore} disabled={list.isLoading} data-testid="load-more">
                {list.isLoading ? t("state.loading") : t("recommendations.more")}
              </button>
            )}
          </footer>
        </>
      )}
    </div>
  );
}

interface FilterProps {
  state: string;
  text: string;
  onState: (state: string) => void;
  onText: (text: string) => void;
  children: React.ReactNode;
}

function Filters({ state, text, onState, onText, children }: FilterProps) {
  const { t, known } = useWords();
  return (
    <div className="control-row">
      <label className="control">
        <span>{t("recommendations.filter")}</span>
        <input
          type="search"
          value={text}
          placeholder={t("recommendations.filter.hint")}
          onChange={(event) => onText(event.target.value)}
          data-testid="filter-retailer"
        />
      </label>
      <label className="control">
        <span>{t("recommendations.state")}</span>
        <select value={state} onChange={(event) => onState(event.target.value)} data-testid="filter-state">
          <option value="">{t("recommendations.state.all")}</option>
          {states.map((name) => (
            <option key={name} value={name}>
              {known(`state.${name}`, name)}
            </option>
          ))}
        </select>
      </label>
      {children}
    </div>
  );
}

interface TableProps {
  items: Recommendation[];
  hasManager: boolean;
  onChanged: (item: Recommendation) => void;
}

function RecommendationTable({ items, hasManager, onChanged }: TableProps) {
  const { t } = useWords();
  return (
    <div className="table-frame">
      <table className="wide recommendations" data-testid="recommendations-table">
        <thead>
          <tr>
            <th scope="col">{t("recommendations.retailer")}</th>
            <th scope="col">{t("recommendations.product")}</th>
            <th scope="col" className="number">
              {t("recommendations.quantity")}
            </th>
            <th scope="col">{t("recommendations.score")}</th>
            <th scope="col">{t("recommendations.why")}</th>
            <th scope="col">{t("recommendations.state")}</th>
            <th scope="col">{t("recommendations.answer")}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <RecommendationRow key={item.id} item={item} hasManager={hasManager} onChanged={onChanged} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Whose({ manager, onManager }: { manager: string; onManager: (manager: string) => void }) {
  const { t } = useWords();
  return (
    <label className="control">
      <span>{t("recommendations.manager")}</span>
      <select value={manager} onChange={(event) => onManager(event.target.value)} data-testid="filter-manager">
        <option value="">{t("recommendations.manager.all")}</option>
        <option value="me">{t("recommendations.manager.me")}</option>
      </select>
    </label>
  );
}

function Nothing({ isFiltered, isOwn }: { isFiltered: boolean; isOwn: boolean }) {
  const { t } = useWords();
  if (isFiltered) return <Empty title={t("recommendations.noMatch")} />;
  return <Empty title={t(isOwn ? "recommendations.empty" : "recommendations.empty.all")}>{t("recommendations.empty.detail")}</Empty>;
}

function matches(item: Recommendation, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return `${item.retailer} ${item.retailer_name ?? ""}`.toLowerCase().includes(wanted);
}
