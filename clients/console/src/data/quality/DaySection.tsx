import { useMemo, useState } from "react";

import type { QualityDay } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { download, toCsv, type Column } from "../../shared/csv";
import { CsvButton } from "../../shared/States";
import { useNames } from "../names";
import { fates } from "./balance";
import { DayPanel } from "./DayPanel";
import { above, below, dayRows, daysUntil, lastDay, panelsOf } from "./days";
import { DayTable } from "./DayTable";

interface Props {
  items: QualityDay[];
  source: string;
}

/** Small multiples: one chart a source, of a single source one a kind; a chosen day narrows the table under them. */
export function DaySection({ items, source }: Props) {
  const { t } = useWords();
  const names = useNames();
  const [chosen, setChosen] = useState<string | null>(null);
  const days = useMemo(() => daysUntil(lastDay(items, new Date())), [items]);
  const by = source ? "kind" : "source";
  // The server counts 28 days back from today, which makes 29.
  const shown = useMemo(() => items.filter((item) => days.includes(item.day)), [items, days]);
  const panels = useMemo(() => panelsOf(shown, days, by), [shown, days, by]);
  const rows = useMemo(() => dayRows(shown, chosen), [shown, chosen]);
  return (
    <section className="days" aria-labelledby="days-title" data-testid="quality-days">
      <header className="section-head">
        <h2 id="days-title">{t("days.title")}</h2>
        <Key />
        <CsvButton disabled={rows.length === 0} onClick={() => download("quality-days.csv", toCsv(csvColumns, rows))} />
      </header>
      <p className="muted days-hint">{t("days.hint")}</p>
      <div className="panels">
        {panels.map((panel) => (
          <DayPanel
            key={panel.name}
            panel={panel}
            title={source ? names.kind(panel.name) : panel.name}
            chosen={chosen}
            onChoose={(day) => setChosen(day === chosen ? null : day)}
          />
        ))}
      </div>
      <DayTable rows={rows} chosen={chosen} onClear={() => setChosen(null)} />
    </section>
  );
}

function Key() {
  const { t } = useWords();
  return (
    <ul className="key">
      {[...above, ...below].map((fate) => (
        <li key={fate}>
          <span className={`swatch fate-${fate}`} aria-hidden="true" />
          {t(`quality.${fate}`)}
        </li>
      ))}
    </ul>
  );
}

const csvColumns: Column<QualityDay>[] = [
  ...(["day", "source", "kind", "received", ...fates] as const).map((name) => ({
    title: name,
    value: (row: QualityDay) => row[name],
  })),
];
