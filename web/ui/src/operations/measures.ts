// What a chart's figures are: how they are written, how tall the axis is at least, and which steps it
// may take, so that small figures are not drawn as large ones and no label stands twice.

import { age, bytes, count, latency, perSecond } from "./figures";

export interface Measure {
  format: (value: number) => string;
  /** The top of the axis when everything is below it. */
  least: number;
  /** Steps between labels; any where left out. */
  steps?: readonly number[];
}

function tens(from: number, to: number): number[] {
  const steps: number[] = [];
  for (let unit = from; unit <= to; unit *= 10) steps.push(unit, 2 * unit, 5 * unit);
  return steps;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const COUNTS: Measure = { format: count, least: 4, steps: tens(1, 1e12) };
export const AGES: Measure = {
  format: age,
  least: 10 * SECOND,
  steps: [
    ...[1, 2, 5, 10, 20, 30].map((n) => n * SECOND),
    ...[1, 2, 5, 10, 20, 30].map((n) => n * MINUTE),
    ...[1, 2, 6, 12].map((n) => n * HOUR),
    ...tens(1, 1_000).map((n) => n * DAY),
  ],
};
export const LATENCIES: Measure = { format: latency, least: 1 };
export const RATES: Measure = { format: perSecond, least: 1, steps: [0.5, ...tens(1, 1e9)] };
export const BYTE_RATES: Measure = {
  format: (value) => `${bytes(value)}/s`,
  least: 1_024,
  steps: Array.from({ length: 30 }, (_, power) => 256 * 2 ** power),
};
