import type { QualityDay } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { count, isoDay } from "../../shared/format";
import { daysUntil, lastDay, panelsOf } from "../quality/days";

interface Props {
  days: QualityDay[];
  partial: string[];
  now: number;
}

/** Records received on each of the last days; those with fewer than expected stand out. */
export function DayStrip({ days, partial, now }: Props) {
  const { t, language } = useWords();
  const shown = daysUntil(lastDay(days, new Date(now)));
  const all = panelsOf(days, shown, "source")[0]?.days ?? [];
  const peak = Math.max(1, ...all.map((day) => day.received));
  const label = t("sources.strip", {
    count: count(all.reduce((sum, day) => sum + day.received, 0), language),
    partial: partial.length,
  });
  return (
    <figure className="strip">
      <svg viewBox={`0 0 ${shown.length} 20`} preserveAspectRatio="none" role="img" aria-label={label}>
        {shown.map((day, i) => {
          const received = all[i]?.received ?? 0;
          const height = received === 0 ? 0.6 : Math.max(1.5, (20 * received) / peak);
          const tone = partial.includes(day) ? "partial" : received === 0 ? "none" : "full";
          return (
            <rect key={day} className={tone} x={i + 0.12} y={20 - height} width={0.76} height={height}>
              <title>{`${isoDay(day, language)}: ${count(received, language)}`}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption>
        <span>{isoDay(shown[0]!, language, "short")}</span>
        <span>{t("sources.perDay", { peak: count(peak, language) })}</span>
        <span>{isoDay(shown.at(-1)!, language, "short")}</span>
      </figcaption>
    </figure>
  );
}
