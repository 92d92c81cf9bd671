import { useEffect, useState } from "react";

import { useWords } from "../i18n/language";
import { amount, unitName } from "../shared/format";
import { ForecastFacts, useForecasts } from "./ForecastFacts";
import type { RegionRow } from "./rows";

/** The region under the pointer, and where the pointer is on the stage, in pixels. */
export interface Pointed {
  region: string;
  x: number;
  y: number;
}

interface Props {
  row: RegionRow;
  pointed: Pointed;
  year: number | undefined;
}

/** How long the pointer must rest before the inputs are asked for. */
const restMs = 180;

export function RegionTooltip({ row, pointed, year }: Props) {
  const { t, language } = useWords();
  const [isResting, setResting] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setResting(true), restMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="tooltip" role="tooltip" style={placeAt(pointed)} data-testid="map-tooltip" data-region={row.region}>
      <header>
        <span className="swatch" style={{ background: row.color }} aria-hidden="true" />
        <b>{row.name}</b>
        <span className="code">{row.region}</span>
      </header>
      <p className="tooltip-value">
        {row.value === null ? (
          t("map.noValue")
        ) : (
          <>
            <b>{amount(row.value, language)}</b> {unitName(row.unit, language)}
            <span className="muted">{row.bandLabel}</span>
          </>
        )}
      </p>
      {isResting && row.value !== null && <Facts region={row.region} year={year} />}
    </div>
  );
}

function Facts({ region, year }: { region: string; year: number | undefined }) {
  const { data } = useForecasts(region, year);
  const main = data?.[0];
  return main ? <ForecastFacts forecast={main} /> : null;
}

/** Beside the pointer, on the side that has room. */
function placeAt({ x, y }: Pointed): React.CSSProperties {
  const isRight = x > window.innerWidth * 0.45;
  const isLow = y > window.innerHeight * 0.42;
  const left = isRight ? "calc(-100% - 16px)" : "16px";
  const top = isLow ? "calc(-100% - 8px)" : "14px";
  return { left: x, top: y, transform: `translate(${left}, ${top})` };
}
