import { useMemo, useState } from "react";

import { useWords } from "../i18n/language";
import { download, toCsv } from "../shared/csv";
import { aligned, unitName } from "../shared/format";
import { CsvButton } from "../shared/States";
import { csvColumns, type RegionRow } from "./rows";

interface Props {
  rows: RegionRow[];
  selected: string | null;
  activeBand: string | null;
  year: number | undefined;
  onSelect: (region: string | null) => void;
}

type Order = "value" | "name";

/** The values of the map as a table: for the keyboard, for screen readers, and for those who want figures. */
export function RegionTable({ rows, selected, activeBand, year, onSelect }: Props) {
  const { t, language } = useWords();
  const [order, setOrder] = useState<Order>("value");
  const shown = useMemo(() => {
    const kept = activeBand === null ? rows : rows.filter((row) => row.bandKey === activeBand);
    return order === "value" ? kept : [...kept].sort((a, b) => a.name.localeCompare(b.name, language));
  }, [rows, activeBand, order, language]);
  const largest = Math.max(0, ...rows.map((row) => row.value ?? 0));
  const unit = unitName(rows[0]?.unit, language);
  return (
    <section className="region-table" aria-labelledby="region-table-title">
      <header>
        <h2 id="region-table-title">{t("map.table")}</h2>
        <CsvButton
          disabled={shown.length === 0}
          onClick={() => download(`annual-forecast-${year ?? "latest"}.csv`, toCsv(csvColumns, shown))}
        />
      </header>
      <div className="scroll">
        <table data-testid="region-table">
          <thead>
            <tr>
              <SortHeader name="name" order={order} onOrder={setOrder} label={t("map.column.region")} />
              <SortHeader name="value" order={order} onOrder={setOrder} label={`${t("map.column.value")} ${unit && `(${unit})`}`} />
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Row key={row.region} row={row} largest={largest} isSelected={row.region === selected} onSelect={onSelect} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function SortHeader(props: { name: Order; order: Order; label: string; onOrder: (order: Order) => void }) {
  const isSorted = props.order === props.name;
  const direction = props.name === "value" ? "descending" : "ascending";
  return (
    <th scope="col" aria-sort={isSorted ? direction : "none"} className={props.name === "value" ? "number" : ""}>
      <button type="button" onClick={() => props.onOrder(props.name)}>
        {props.label} {isSorted && <span aria-hidden="true">{props.name === "value" ? "↓" : "↑"}</span>}
      </button>
    </th>
  );
}

interface RowProps {
  row: RegionRow;
  largest: number;
  isSelected: boolean;
  onSelect: (region: string | null) => void;
}

function Row({ row, largest, isSelected, onSelect }: RowProps) {
  const { t, language } = useWords();
  const share = row.value === null || largest === 0 ? 0 : row.value / largest;
  return (
    <tr className={isSelected ? "selected" : ""} data-testid="region-row" data-region={row.region} data-band={row.bandKey}>
      <th scope="row">
        <button type="button" aria-pressed={isSelected} onClick={() => onSelect(isSelected ? null : row.region)}>
          <span className="swatch" style={{ background: row.color }} aria-hidden="true" />
          <span className="region-name">{row.name}</span>
          <span className="code">{row.region}</span>
          {row.isUnreliable && (
            <span className="flag" title={t("detail.unreliable")} aria-label={t("detail.unreliable")}>
              ⚑
            </span>
          )}
          <span className="visually-hidden">{row.bandLabel}</span>
        </button>
      </th>
      <td className="number">
        <span className="value-bar" style={{ width: `${share * 100}%`, background: row.color }} aria-hidden="true" />
        <span data-testid="region-value">{row.value === null ? "–" : aligned(row.value, language)}</span>
      </td>
    </tr>
  );
}
