import type { Rule, RuleCount } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { download, toCsv, type Column } from "../../shared/csv";
import { count } from "../../shared/format";
import { CsvButton } from "../../shared/States";
import { dataAddress } from "../../shell/route";
import { useNames } from "../names";
import { ruleRows, type RuleRow } from "./days";

const columns: Column<RuleCount>[] = (["rule", "severity", "source", "kind", "records"] as const).map((name) => ({
  title: name,
  value: (row) => row[name],
}));

const shownPlaces = 4;

/** How often each rule fired in these days, what it checks, and where. */
export function RuleTable({ counts, rules }: { counts: RuleCount[]; rules: Rule[] }) {
  const { t } = useWords();
  const rows = ruleRows(counts);
  const docs = new Map(rules.map((rule) => [rule.id, rule.doc]));
  const most = Math.max(1, ...rows.map((row) => row.records));
  return (
    <section className="rules" aria-labelledby="rules-title" data-testid="quality-rules">
      <header className="section-head">
        <h2 id="rules-title">{t("rules.title")}</h2>
        <CsvButton disabled={counts.length === 0} onClick={() => download("quality-rules.csv", toCsv(columns, counts))} />
      </header>
      {rows.length === 0 && <p className="muted nothing">{t("rules.none")}</p>}
      {rows.length > 0 && (
        <div className="table-frame">
          <table className="wide">
            <thead>
              <tr>
                <th scope="col">{t("rules.rule")}</th>
                <th scope="col">{t("rules.checks")}</th>
                <th scope="col">{t("rules.action")}</th>
                <th scope="col">{t("rules.where")}</th>
                <th scope="col" className="number">
                  {t("rules.records")}
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={`${row.rule}/${row.severity}`} row={row} doc={docs.get(row.rule)} most={most} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ row, doc, most }: { row: RuleRow; doc: string | undefined; most: number }) {
  const { t, known, language } = useWords();
  const names = useNames();
  const rest = row.places.length - shownPlaces;
  return (
    <tr data-testid="rule-row" data-rule={row.rule}>
      <th scope="row">
        <code>{row.rule}</code>
      </th>
      <td className="rule-text">{names.rule(row.rule, doc)}</td>
      <td data-label={t("rules.action")}>
        <span className={`badge severity-${row.severity}`}>{known(`severity.${row.severity}`, row.severity)}</span>
      </td>
      <td className="fine muted" data-label={t("rules.where")}>
        {row.places.slice(0, shownPlaces).map((place) => (
          <span key={`${place.source}/${place.kind}`} className="place">
            {place.source} · {names.kind(place.kind)} {count(place.records, language)}
          </span>
        ))}
        {rest > 0 && <span className="place">+{rest}</span>}
      </td>
      <td className="number" data-label={t("rules.records")}>
        {row.severity === "quarantine" ? (
          <a href={dataAddress("quarantine", { rule: row.rule })}>{count(row.records, language)}</a>
        ) : (
          count(row.records, language)
        )}
        <span className={`rule-bar severity-${row.severity}`} style={{ width: `${(100 * row.records) / most}%` }} />
      </td>
    </tr>
  );
}
