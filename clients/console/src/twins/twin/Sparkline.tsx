import { useMemo } from "react";

import type { TwinChange } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import type { Property } from "../models";
import { pointsOf, stepsOf } from "../sparkline";
import { useModels } from "../useModels";
import { valueText } from "../values";

interface Props {
  name: string;
  property: Property | undefined;
  changes: readonly TwinChange[];
}

const [width, height] = [84, 20];

/** How a number went over the lines of the history that are loaded. */
export function Sparkline({ name, property, changes }: Props) {
  const words = useWords();
  const { names } = useModels();
  const isNumber = !property || property.kind === "whole" || property.kind === "decimal" || property.isSpeltNumber;
  const points = useMemo(() => (isNumber ? pointsOf(changes, name) : []), [isNumber, changes, name]);
  const path = stepsOf(points, width, height);
  if (!path) return null;
  const values = points.map((each) => each.value);
  const text = (value: number) => valueText(value, undefined, words, names);
  const label = words.t("twins.trend.of", {
    name: names.property(name, property),
    low: text(Math.min(...values)),
    high: text(Math.max(...values)),
    count: points.length,
  });
  return (
    <svg className="spark" viewBox={`-1 -2 ${width + 4} ${height + 4}`} width={width + 4} height={height + 4} role="img" aria-label={label} data-testid="sparkline">
      <title>{label}</title>
      <path d={`${path}V${height + 2}H0Z`} className="under" />
      <path d={path} className="line" />
    </svg>
  );
}
