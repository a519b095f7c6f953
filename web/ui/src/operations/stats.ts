// What charts draw and say: lines out of samples, rates out of counters, and each line in words.

import type { Sample } from "./series";

/** One line of a chart; null is a gap. */
export type Values = (number | null)[];

/** The values of a field. */
export function column(samples: readonly Sample[], field: number): Values {
  return samples.map((sample) => sample.values[field] ?? null);
}

/** Milliseconds over which a rate is taken: long enough not to jump between 0 and 3 a second. */
export const RATE_MS = 10_000;
/** Over less than this a rate says nothing. */
const LEAST_RATE_MS = 2_500;

/**
 * How often a second, out of a counter: over the last ten seconds before each sample. A counter that
 * went back was begun anew (the server was restarted), which is a gap, as is what was not seen.
 */
export function rates(samples: readonly Sample[], field: number, over = RATE_MS): Values {
  let from = 0;
  return samples.map((sample, index) => {
    const value = sample.values[field] ?? null;
    const before = samples[index - 1]?.values[field] ?? null;
    if (value === null || before === null || value < before) {
      from = index;
      return null;
    }
    while (from + 1 < index && sample.at - (samples[from + 1]?.at ?? sample.at) >= over) from += 1;
    const first = samples[from];
    const base = first?.values[field] ?? null;
    const span = sample.at - (first?.at ?? sample.at);
    if (base === null || span < LEAST_RATE_MS) return null;
    return ((value - base) * 1_000) / span;
  });
}

export interface Summary {
  now: number | null;
  min: number | null;
  max: number | null;
}

/** The last value, the lowest and the highest; null where nothing was seen. */
export function summary(values: Values): Summary {
  let min: number | null = null;
  let max: number | null = null;
  for (const value of values) {
    if (value === null) continue;
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
  }
  return { now: values[values.length - 1] ?? null, min, max };
}

/** A summary in words, for who does not see the line. */
export function told(label: string, values: Values, format: (value: number) => string): string {
  const { now, min, max } = summary(values);
  if (min === null || max === null) return `${label}: nothing seen yet`;
  const current = now === null ? "unknown now" : `${format(now)} now`;
  return `${label}: ${current}, between ${format(min)} and ${format(max)}`;
}

/** Each n-th of the samples, the last one included: for the table beside a chart. */
export function thinned(samples: readonly Sample[], most: number): number[] {
  const last = samples.length - 1;
  if (last < most) return samples.map((_, index) => index);
  const step = last / (most - 1);
  const picked = Array.from({ length: most }, (_, n) => Math.round(n * step));
  return [...new Set(picked)];
}

export interface Spark {
  /** The `d` of an SVG path in a box of the given size; empty when there is nothing to draw. */
  line: string;
  /** The same, closed at the bottom. */
  area: string;
}

/** A small line without axes: the time goes over the whole width, the scale begins at nought. */
export function spark(samples: readonly Sample[], field: number, width: number, height: number): Spark {
  const seen = samples.filter((sample) => (sample.values[field] ?? null) !== null);
  const first = seen[0];
  const last = seen[seen.length - 1];
  if (!first || !last || last.at === first.at) return { line: "", area: "" };
  const top = Math.max(1, summary(column(seen, field)).max ?? 1);
  const x = (at: number): string => (((at - first.at) / (last.at - first.at)) * width).toFixed(1);
  // A pixel of air above and below, so that the stroke is whole.
  const y = (value: number): string => (height - 1 - (value / top) * (height - 2)).toFixed(1);
  const points = seen.map((sample) => `${x(sample.at)} ${y(sample.values[field] ?? 0)}`);
  const line = `M${points.join("L")}`;
  return { line, area: `${line}L${width} ${height}L0 ${height}Z` };
}
