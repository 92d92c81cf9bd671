import type { QualityDay, Source } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { ago, count, duration, isoDay, moment } from "../../shared/format";
import { dataAddress } from "../../shell/route";
import { useNames } from "../names";
import { Connections } from "./Connections";
import { DayStrip } from "./DayStrip";
import { healthOf } from "./health";

interface Props {
  source: Source;
  days: QualityDay[] | null;
  now: number;
}

/** One source: how it is doing, its figures, its last four weeks, and what fetches it. */
export function SourceCard({ source, days, now }: Props) {
  const { t } = useWords();
  const names = useNames();
  const health = healthOf(source, now);
  const kinds = [...new Set([...source.mapped_kinds, ...(days ?? []).map((day) => day.kind)])].sort();
  const connections = source.connections ?? [];
  return (
    <li className="source" data-testid="source-row" data-source={source.name} data-health={health}>
      <header>
        <h2>{source.name}</h2>
        <span className={`badge health ${health}`}>{t(`health.${health}`)}</span>
        <span className="kinds">
          {kinds.map((kind) => (
            <span key={kind} title={kind}>
              {names.kind(kind)}
            </span>
          ))}
        </span>
        <span className="links">
          <a href={dataAddress("quality", { source: source.name })}>{t("data.quality")}</a>
          <a href={dataAddress("quarantine", { source: source.name })}>{t("data.quarantine")}</a>
        </span>
      </header>
      <div className="source-body">
        <Figures source={source} now={now} />
        {days && <DayStrip days={days} partial={source.partial_days ?? []} now={now} />}
      </div>
      {connections.length > 0 && <Connections connections={connections} now={now} />}
    </li>
  );
}

function Figures({ source, now }: { source: Source; now: number }) {
  const { t, language } = useWords();
  const { open_quarantine: aside, partial_days: partial } = source;
  const none = <span className="muted">–</span>;
  return (
    <dl className="figures">
      <div title={t("sources.newest.help")}>
        <dt>{t("sources.newest")}</dt>
        <dd data-testid="source-newest">{source.newest_biz_date ? isoDay(source.newest_biz_date, language) : none}</dd>
      </div>
      <div>
        <dt>{t("sources.seen")}</dt>
        <dd title={source.last_seen_at ? moment(source.last_seen_at, language) : undefined}>
          {source.last_seen_at ? ago(source.last_seen_at, now, language) : none}
        </dd>
      </div>
      <div title={t("sources.lag.help")}>
        <dt>{t("sources.lag")}</dt>
        <dd data-testid="source-lag">
          {source.lag_s === null || source.lag_s === undefined ? none : duration(source.lag_s, language)}
        </dd>
      </div>
      <div>
        <dt>{t("sources.received")}</dt>
        <dd data-testid="source-received">
          {count(source.received, language)} <small>{t("unit.records")}</small>
        </dd>
      </div>
      <div>
        <dt>{t("sources.aside")}</dt>
        <dd>
          {!aside ? (
            <span className="muted">{aside ?? "–"}</span>
          ) : (
            <a href={dataAddress("quarantine", { source: source.name })} className="warn-text">
              {count(aside, language)}
            </a>
          )}
        </dd>
      </div>
      <div title={partial?.map((day) => isoDay(day, language)).join(", ") || t("sources.partial.help")}>
        <dt>{t("sources.partial")}</dt>
        <dd className={partial?.length ? "warn-text" : "muted"}>{partial ? count(partial.length, language) : "–"}</dd>
      </div>
    </dl>
  );
}
