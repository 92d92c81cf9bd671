import type { Band } from "../api/types";
import { useWords } from "../i18n/language";
import { amount, unitName } from "../shared/format";
import { bandText, colorsByKey, noValueColor, orderedBands } from "./bands";
import type { RegionRow } from "./rows";

interface Props {
  bands: Band[];
  rows: RegionRow[];
  active: string | null;
  onActive: (band: string | null) => void;
}

/** The bands from the highest to the lowest; choosing one dims the regions of the others. */
export function Legend({ bands, rows, active, onActive }: Props) {
  const { t, pick, language } = useWords();
  const colors = colorsByKey(bands);
  const unit = rows.find((row) => row.value !== null)?.unit ?? rows[0]?.unit;
  const without = rows.filter((row) => row.value === null).length;
  return (
    <div className="legend" data-testid="map-legend">
      <p>
        {t("map.legend")} <small>{unitName(unit, language)}</small>
      </p>
      <ul>
        {orderedBands(bands)
          .reverse()
          .map((band) => (
            <li key={band.band}>
              <button
                type="button"
                aria-pressed={active === band.band}
                onClick={() => onActive(active === band.band ? null : band.band)}
                title={pick(band.label_zh, band.label_en)}
                data-testid="legend-band"
                data-band={band.band}
              >
                <span className="swatch" style={{ background: colors.get(String(band.color_key)) }} />
                <span>{bandText(band, (value) => amount(value, language))}</span>
                <span className="legend-count">{rows.filter((row) => row.bandKey === band.band).length}</span>
              </button>
            </li>
          ))}
        {without > 0 && (
          <li className="legend-none">
            <span className="swatch" style={{ background: noValueColor }} />
            <span>{t("map.noValue")}</span>
            <span className="legend-count">{without}</span>
          </li>
        )}
      </ul>
    </div>
  );
}
