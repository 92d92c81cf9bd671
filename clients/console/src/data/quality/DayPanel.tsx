import { useState, type KeyboardEvent } from "react";

import { useWords } from "../../i18n/language";
import { count, isoDay } from "../../shared/format";
import { fates } from "./balance";
import { above, below, columnOf, peaksOf, type DayBalance, type Panel } from "./days";

interface Props {
  panel: Panel;
  title: string;
  chosen: string | null;
  onChoose: (day: string) => void;
}

// The lower part has its own scale and is drawn smaller: it is the exception.
const height = 100;
const upper = 66;
const lower = 28;
const line = upper + 2;

/** Days of one source or kind. One stop of the tab key: the arrows walk along the days, Enter chooses one. */
export function DayPanel({ panel, title, chosen, onChoose }: Props) {
  const { t, language } = useWords();
  const [pointed, setPointed] = useState<number | null>(null);
  const peaks = peaksOf(panel.days);
  const last = panel.days.length - 1;
  const told = pointed === null ? undefined : panel.days[pointed];

  function walk(event: KeyboardEvent) {
    const from = pointed ?? last + 1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (to !== undefined) setPointed(Math.min(last, Math.max(0, to)));
    else if ((event.key === "Enter" || event.key === " ") && pointed !== null) onChoose(panel.days[pointed]!.day);
    else return;
    event.preventDefault();
  }
  return (
    <div
      className="panel"
      role="group"
      tabIndex={0}
      aria-label={t("days.panel", { name: title })}
      onKeyDown={walk}
      onBlur={() => setPointed(null)}
      onPointerLeave={() => setPointed(null)}
      data-testid="day-panel"
      data-name={panel.name}
    >
      <header>
        <b title={panel.name}>{title}</b>
        <span className="muted">
          {count(panel.total.received, language)} {t("unit.records")}
        </span>
      </header>
      <div className="plot">
        {told && (
          <p className={`told fine ${panel.days.indexOf(told) > last / 2 ? "left" : "right"}`} data-testid="day-told">
            <Told day={told} />
          </p>
        )}
        <svg viewBox={`0 0 ${panel.days.length} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          {panel.days.map((day, i) => (
            <g
              key={day.day}
              className={`day ${day.day === chosen ? "chosen" : ""} ${i === pointed ? "pointed" : ""}`}
              onPointerEnter={() => setPointed(i)}
              onClick={() => onChoose(day.day)}
              data-testid="day"
              data-day={day.day}
            >
              <rect className="hit" x={i} y={0} width={1} height={height} />
              <Bars day={day} x={i + 0.13} peaks={peaks} />
            </g>
          ))}
          <line x1={0} x2={panel.days.length} y1={line - 1} y2={line - 1} className="ground" />
        </svg>
        <span className="scale top">{count(peaks.above, language)}</span>
        {peaks.below > 0 && <span className="scale bottom">{count(peaks.below, language)}</span>}
      </div>
      <footer>
        <span>{isoDay(panel.days[0]!.day, language, "short")}</span>
        <span>{isoDay(panel.days[last]!.day, language, "short")}</span>
      </footer>
      <p className="visually-hidden" aria-live="polite">
        {told && <Told day={told} />}
      </p>
    </div>
  );
}

function Bars({ day, x, peaks }: { day: DayBalance; x: number; peaks: { above: number; below: number } }) {
  const column = columnOf(day, peaks);
  let top = line - 2;
  let bottom = line;
  return (
    <>
      {above.map((fate) => {
        const size = column[fate] * upper;
        top -= size;
        return size > 0 && <rect key={fate} className={`fill-${fate}`} x={x} y={top} width={0.74} height={size} />;
      })}
      {below.map((fate) => {
        const size = column[fate] * lower;
        bottom += size;
        return size > 0 && <rect key={fate} className={`fill-${fate}`} x={x} y={bottom - size} width={0.74} height={size} />;
      })}
    </>
  );
}

function Told({ day }: { day: DayBalance }) {
  const { t, language } = useWords();
  return (
    <>
      <b>{isoDay(day.day, language)}</b>
      <span>
        {t("quality.received")} {count(day.received, language)}
      </span>
      {fates
        .filter((fate) => day[fate] !== 0)
        .map((fate) => (
          <span key={fate}>
            <span className={`swatch fate-${fate}`} aria-hidden="true" /> {t(`quality.${fate}`)} {count(day[fate], language)}
          </span>
        ))}
    </>
  );
}
