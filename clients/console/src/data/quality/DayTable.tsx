import { useState } from "react";

import type { QualityDay } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { isoDay } from "../../shared/format";
import { useNames } from "../names";
import { CountCells, CountHeads } from "./BalanceTable";

const firstRows = 14;

interface Props {
  rows: QualityDay[];
  chosen: string | null;
  onClear: () => void;
}

/** The same numbers as the charts, row by row. */
export function DayTable({ rows, chosen, onClear }: Props) {
  const { t, language } = useWords();
  const names = useNames();
  const [isAll, setAll] = useState(false);
  const shown = isAll ? rows : rows.slice(0, firstRows);
  return (
    <>
      {chosen && (
        <p className="chosen-day">
          {t("days.only", { day: isoDay(chosen, language) })}{" "}
          <button type="button" className="button small" onClick={onClear} data-testid="day-clear">
            {t("days.all")}
          </button>
        </p>
      )}
      <div className="table-frame">
        <table className="wide quality" data-testid="day-table">
          <thead>
            <tr>
              <th scope="col">{t("days.day")}</th>
              <th scope="col">{t("quality.source")}</th>
              <th scope="col">{t("quality.kind")}</th>
              <CountHeads />
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={`${row.day}/${row.source}/${row.kind}`} data-testid="day-row">
                <th scope="row">{isoDay(row.day, language)}</th>
                <td>{row.source}</td>
                <td>{names.kind(row.kind)}</td>
                <CountCells balance={row} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > firstRows && (
        <button type="button" className="button small more" onClick={() => setAll(!isAll)} aria-expanded={isAll} data-testid="day-more">
          {isAll ? t("days.fewer") : t("days.more", { count: rows.length - firstRows })}
        </button>
      )}
      {rows.length === 0 && <p className="muted nothing">{t("days.none")}</p>}
    </>
  );
}
