import type { MapFeed } from "../api/types";
import { useWords } from "../i18n/language";
import { amount, count, unitName } from "../shared/format";
import type { RegionRow } from "./rows";

interface Props {
  feed: MapFeed | null;
  rows: RegionRow[];
  year: number | undefined;
  level: string;
  isLoading: boolean;
  onYear: (year: number) => void;
  onLevel: (level: string) => void;
  onReload: () => void;
}

export function MapControls({ feed, rows, year, level, isLoading, onYear, onLevel, onReload }: Props) {
  const { t, known } = useWords();
  const levels = feed?.levels.length ? feed.levels : [level];
  return (
    <div className="map-controls">
      <h1>{t("map.title")}</h1>
      <div className="control-row">
        <YearStepper years={feed?.years ?? []} year={year} onYear={onYear} />
        <label className="control">
          <span>{t("map.level")}</span>
          <select value={level} onChange={(event) => onLevel(event.target.value)} data-testid="level-select">
            {levels.map((name) => (
              <option key={name} value={name}>
                {known(`level.${name}`, name)}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          className={`button icon ${isLoading ? "busy" : ""}`}
          onClick={onReload}
          title={t("state.refresh")}
          aria-label={t("state.refresh")}
          data-testid="map-reload"
        >
          ↻
        </button>
      </div>
      {rows.some((row) => row.value !== null) && <Figures rows={rows} />}
    </div>
  );
}

function YearStepper({ years, year, onYear }: { years: number[]; year: number | undefined; onYear: (year: number) => void }) {
  const { t } = useWords();
  const ordered = [...new Set(year === undefined ? years : [...years, year])].sort((a, b) => a - b);
  const place = year === undefined ? -1 : ordered.indexOf(year);
  const before = ordered[place - 1];
  const after = place < 0 ? undefined : ordered[place + 1];
  return (
    <div className="control">
      <label htmlFor="year">{t("map.year")}</label>
      <span className="stepper">
        <button
          type="button"
          disabled={before === undefined}
          onClick={() => before !== undefined && onYear(before)}
          aria-label={before === undefined ? "−" : String(before)}
        >
          ‹
        </button>
        <select
          id="year"
          value={year ?? ""}
          onChange={(event) => onYear(Number(event.target.value))}
          disabled={ordered.length === 0}
          data-testid="year-select"
        >
          {ordered.length === 0 && <option value="">–</option>}
          {ordered.toReversed().map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
        <button
          type="button"
          disabled={after === undefined}
          onClick={() => after !== undefined && onYear(after)}
          aria-label={after === undefined ? "+" : String(after)}
        >
          ›
        </button>
      </span>
    </div>
  );
}

function Figures({ rows }: { rows: RegionRow[] }) {
  const { t, language } = useWords();
  const valued = rows.filter((row) => row.value !== null);
  const total = valued.reduce((sum, row) => sum + (row.value ?? 0), 0);
  const flagged = rows.filter((row) => row.isUnreliable).length;
  return (
    <dl className="figures">
      <div>
        <dt>{t("map.total")}</dt>
        <dd data-testid="map-total">
          {amount(total, language)} <small>{unitName(valued[0]?.unit, language)}</small>
        </dd>
      </div>
      <div>
        <dt>{t("map.regions")}</dt>
        <dd data-testid="map-region-count">{count(valued.length, language)}</dd>
      </div>
      <div title={t("map.unreliable.help")}>
        <dt>{t("map.unreliable")}</dt>
        <dd className={flagged > 0 ? "warn-text" : ""}>{count(flagged, language)}</dd>
      </div>
    </dl>
  );
}
