import { describe, expect, it } from "vitest";
import { BRIEF, COARSE_MS, FINE_MS, FULL, KEPT_MS, Series } from "./series";

const START = 1_800_000_000_000;
const second = (n: number): number => START + n * 1_000;

function filled(seconds: number): Series {
  const series = new Series(["gauge", "counter"]);
  for (let n = 0; n < seconds; n += 1) series.push(second(n), [n % 100 === 0 ? 1_000 : 1, n]);
  return series;
}

describe("a series of samples", () => {
  it("keeps ten minutes as they came", () => {
    const series = filled(300);
    expect(series.length).toBe(300);
    expect(series.since()).toBe(START);
    expect(series.read(second(290)).map((s) => s.values[1])).toEqual([
      290, 291, 292, 293, 294, 295, 296, 297, 298, 299,
    ]);
  });

  it("is bounded, and keeps peaks of gauges and the last of counters", () => {
    const series = filled(3 * 3_600);
    const most = FINE_MS / 1_000 + KEPT_MS / COARSE_MS + 40;
    expect(series.length).toBeLessThan(most);
    const samples = series.read();
    const newest = second(3 * 3_600 - 1);
    expect(newest - (samples[0]?.at ?? 0)).toBeLessThan(KEPT_MS + 300_000);
    const old = samples.filter((s) => newest - s.at > FINE_MS);
    expect(old.filter((s) => s.values[0] === 1_000).length).toBeGreaterThan(25);
    for (const [index, sample] of samples.entries()) {
      const before = samples[index - 1];
      if (!before) continue;
      expect(sample.at).toBeGreaterThan(before.at);
      expect(sample.values[1] ?? 0).toBeGreaterThan(before.values[1] ?? 0);
      // The value of a counter is that of its instant, so that rates are right over the seam.
      expect(sample.values[1]).toBe((sample.at - START) / 1_000);
    }
  });

  it("reaches back less far where that is enough, and further once that is wanted", () => {
    const series = new Series(["gauge"], BRIEF);
    for (let n = 0; n < 600; n += 1) series.push(second(n), [n]);
    expect(series.length).toBeLessThan(160);
    series.reach = FULL;
    for (let n = 600; n < 1_000; n += 1) series.push(second(n), [n]);
    expect(series.length).toBeGreaterThan(500);
  });

  it("marks a gap once, and keeps it when it grows old", () => {
    const series = new Series(["gauge", "counter"]);
    series.gap(START);
    expect(series.length).toBe(0);
    series.push(second(0), [1, 1]);
    series.gap(second(1));
    series.gap(second(2));
    series.push(second(3), [2, 2]);
    expect(series.read().map((s) => s.values[0])).toEqual([1, null, 2]);
    for (let n = 4; n < 900; n += 1) series.push(second(n), [2, n]);
    expect(series.read().filter((s) => s.values[0] === null)).toHaveLength(1);
  });

  it("starts anew when the clock is set back", () => {
    const series = filled(10);
    series.push(START - 5_000, [7, 7]);
    expect(series.read()).toEqual([{ at: START - 5_000, values: [7, 7] }]);
  });
});
