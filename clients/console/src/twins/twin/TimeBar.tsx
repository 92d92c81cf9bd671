import { useId, useMemo } from "react";

import type { TwinChange } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { moment as momentText } from "../../shared/format";
import { lateRevisions } from "../differences";
import { isPresent, localText, neighbour, present, spanOf, timeOf, type Moment } from "./timeline";

interface Props {
  moment: Moment;
  changes: readonly TwinChange[];
  revision: number;
  now: number;
  isLoading: boolean;
  onMoment: (moment: Moment) => void;
}

const steps = 1000;

/** Through the past by time or by revision, and by what was known at another time. */
export function TimeBar({ moment, changes, revision, now, isLoading, onMoment }: Props) {
  const { t } = useWords();
  const [from, to] = useMemo(() => spanOf(changes, now), [changes, now]);
  const before = neighbour(changes, moment, -1);
  const after = neighbour(changes, moment, 1);
  return (
    <div className={`time-bar ${isPresent(moment) ? "" : "in-past"}`} data-testid="time-bar">
      <div className="control-row">
        <span className="switch" role="group" aria-label={t("twins.past.by")}>
          {(["time", "revision"] as const).map((by) => (
            <button key={by} type="button" aria-pressed={moment.by === by} onClick={() => onMoment({ ...present, by })} data-testid={`by-${by}`}>
              {t(`twins.past.${by}`)}
            </button>
          ))}
        </span>
        <button type="button" className="button small" disabled={!before} onClick={() => before && onMoment(before)} aria-label={t("twins.past.before")} title={t("twins.past.before")} data-testid="past-before">
          ◀
        </button>
        <button type="button" className="button small" disabled={!after} onClick={() => after && onMoment(after)} aria-label={t("twins.past.after")} title={t("twins.past.after")} data-testid="past-after">
          ▶
        </button>
        <Shown moment={moment} revision={revision} onMoment={onMoment} />
        {isLoading && <span className="spinner small" aria-hidden="true" />}
        {!isPresent(moment) && (
          <button type="button" className="button small primary" onClick={() => onMoment({ ...present, by: moment.by })} data-testid="to-now">
            {t("twins.past.toNow")}
          </button>
        )}
      </div>
      {moment.by === "revision" ? (
        <Slider
          label={t("twins.past.revision")}
          min={1}
          max={Math.max(1, revision)}
          value={moment.revision ?? revision}
          text={String(moment.revision ?? revision)}
          onValue={(value) => onMoment({ ...moment, revision: value === revision ? null : value })}
          testid="revision-slider"
        />
      ) : (
        <>
          <Ticks changes={changes} from={from} to={to} />
          <TimeSlider label={t("twins.past.time")} at={moment.at} from={from} to={to} onAt={(at) => onMoment({ ...moment, at })} testid="time-slider" />
          <KnownAt moment={moment} from={from} to={to} onMoment={onMoment} />
        </>
      )}
    </div>
  );
}

function Shown({ moment, revision, onMoment }: Pick<Props, "moment" | "revision" | "onMoment">) {
  const { t } = useWords();
  if (moment.by === "revision")
    return (
      <label className="control">
        <span>{t("twins.past.revision")}</span>
        <input
          type="number"
          min={1}
          max={revision}
          value={moment.revision ?? revision}
          onChange={(event) => {
            const wanted = Math.trunc(Number(event.target.value));
            if (wanted >= 1 && wanted <= revision) onMoment({ ...moment, revision: wanted === revision ? null : wanted });
          }}
          data-testid="revision-entry"
        />
        <span className="muted">/ {revision}</span>
      </label>
    );
  return (
    <label className="control">
      <span>{t("twins.past.at")}</span>
      {moment.at === null ? (
        <b data-testid="shown-now">{t("twins.past.now")}</b>
      ) : (
        <TimeEntry at={moment.at} onAt={(at) => onMoment({ ...moment, at })} testid="time-entry" />
      )}
    </label>
  );
}

function TimeEntry({ at, onAt, testid }: { at: number; onAt: (at: number) => void; testid: string }) {
  return (
    <input
      type="datetime-local"
      step={1}
      value={localText(at)}
      onChange={(event) => {
        const typed = timeOf(event.target.value);
        if (typed !== null) onAt(typed);
      }}
      data-testid={testid}
    />
  );
}

function KnownAt({ moment, from, to, onMoment }: { moment: Moment; from: number; to: number; onMoment: Props["onMoment"] }) {
  const { t } = useWords();
  const isOn = moment.knownAt !== null;
  return (
    <div className="known-at">
      <label className="control" title={t("twins.past.known.help")}>
        <input type="checkbox" checked={isOn} onChange={() => onMoment({ ...moment, knownAt: isOn ? null : (moment.at ?? to) })} data-testid="known-toggle" />
        <span>{t("twins.past.known")}</span>
      </label>
      {moment.knownAt !== null && (
        <>
          <TimeEntry at={moment.knownAt} onAt={(knownAt) => onMoment({ ...moment, knownAt })} testid="known-entry" />
          <TimeSlider label={t("twins.past.known")} at={moment.knownAt} from={from} to={to} onAt={(knownAt) => onMoment({ ...moment, knownAt: knownAt ?? to })} testid="known-slider" />
        </>
      )}
    </div>
  );
}

interface TimeSliderProps {
  label: string;
  at: number | null;
  from: number;
  to: number;
  onAt: (at: number | null) => void;
  testid: string;
}

function TimeSlider({ label, at, from, to, onAt, testid }: TimeSliderProps) {
  const { t, language } = useWords();
  const place = at === null ? steps : Math.round(((at - from) / (to - from)) * steps);
  return (
    <Slider
      label={label}
      min={0}
      max={steps}
      value={Math.min(steps, Math.max(0, place))}
      text={at === null ? t("twins.past.now") : momentText(new Date(at).toISOString(), language)}
      onValue={(value) => onAt(value === steps ? null : Math.ceil(from + ((to - from) * value) / steps))}
      testid={testid}
    />
  );
}

interface SliderProps {
  label: string;
  min: number;
  max: number;
  value: number;
  text: string;
  onValue: (value: number) => void;
  testid: string;
}

function Slider({ label, min, max, value, text, onValue, testid }: SliderProps) {
  const id = useId();
  return (
    <>
      <label htmlFor={id} className="visually-hidden">
        {label}
      </label>
      <input id={id} type="range" className="slider" min={min} max={max} value={value} aria-valuetext={text} onChange={(event) => onValue(Number(event.target.value))} data-testid={testid} />
    </>
  );
}

/** When something changed, above the slider; what came late stands out. */
function Ticks({ changes, from, to }: { changes: readonly TwinChange[]; from: number; to: number }) {
  const late = useMemo(() => lateRevisions(changes), [changes]);
  return (
    <svg className="ticks" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
      {changes.map(({ revision, changed_at }) => {
        const x = ((Date.parse(changed_at) - from) / (to - from)) * steps;
        return <line key={revision} x1={x} x2={x} y1={late.has(revision) ? 0 : 3} y2={10} className={late.has(revision) ? "late" : ""} />;
      })}
    </svg>
  );
}
