import { useEffect, useRef } from "react";

import { useWords } from "../i18n/language";
import { amount, unitName } from "../shared/format";
import { Loading, ProblemCard } from "../shared/States";
import { ForecastFacts, Reliability, useForecasts } from "./ForecastFacts";
import type { RegionRow } from "./rows";

interface Props {
  row: RegionRow;
  year: number | undefined;
  onClose: () => void;
}

/** The chosen region: its value and everything the value was made from. */
export function RegionDetail({ row, year, onClose }: Props) {
  const { t, language } = useWords();
  const { data: forecasts, problem, reload } = useForecasts(row.region, year);
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    section.current?.scrollIntoView({ block: "nearest" });
  }, [row.region, forecasts]);
  const main = forecasts?.[0];
  const products = forecasts?.filter((forecast) => forecast.sku && forecast !== main) ?? [];
  return (
    <section ref={section} className="detail" aria-label={t("detail.label")} data-testid="region-detail" data-region={row.region}>
      <header>
        <span className="swatch" style={{ background: row.color }} aria-hidden="true" />
        <h2>{row.name}</h2>
        <span className="code">{row.region}</span>
        <button type="button" className="button icon quiet" onClick={onClose} aria-label={t("detail.close")}>
          ×
        </button>
      </header>
      <p className="big-figure">
        <b data-testid="detail-value">{row.value === null ? "–" : amount(row.value, language)}</b>{" "}
        {unitName(row.unit, language)}
        <span className="muted">{[row.bandLabel, year].filter(Boolean).join(" · ")}</span>
      </p>
      {problem && <ProblemCard problem={problem} onRetry={reload} />}
      {!problem && !forecasts && <Loading />}
      {forecasts && !main && <p className="muted">{t("detail.none")}</p>}
      {main && <Reliability forecast={main} />}
      {main && <ForecastFacts forecast={main} />}
      {products.length > 0 && (
        <>
          <h3>{t("detail.products")}</h3>
          <dl className="facts">
            {products.slice(0, 8).map((forecast) => (
              <div key={forecast.sku}>
                <dt>{forecast.sku}</dt>
                <dd>
                  {forecast.value === null ? "–" : amount(forecast.value, language)} {unitName(forecast.unit, language)}
                </dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </section>
  );
}
