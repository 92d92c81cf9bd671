import type { JsonObject } from "../api/dataTypes";
import type { TwinChange } from "../api/twinTypes";
import { numberOf } from "./values";

export interface Point {
  at: number;
  value: number;
}

const mostPoints = 120;

/** The values of a property that is a number, by the time at which they were true. */
export function pointsOf(changes: readonly TwinChange[], name: string): Point[] {
  const points = changes.flatMap((change): Point[] => {
    const value = numberOf((change.patch["properties"] as JsonObject | undefined)?.[name]);
    return value === null ? [] : [{ at: Date.parse(change.changed_at), value }];
  });
  return points.sort((a, b) => a.at - b.at).slice(-mostPoints);
}

/**
 * A line of steps in a box, one step a value: what comes in bursts would be a single stroke on a scale of time.
 * Null where there is nothing to compare.
 */
export function stepsOf(points: readonly Point[], width: number, height: number): string | null {
  if (points.length < 2) return null;
  const values = points.map((each) => each.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (value: number) => (high === low ? height / 2 : height - ((value - low) / (high - low)) * height);
  const steps = points.slice(1).map(({ value }, place) => `H${round(((place + 1) / points.length) * width)}V${round(y(value))}`);
  return `M0 ${round(y(points[0]!.value))}${steps.join("")}H${width}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
