import { describe, expect, it } from "vitest";
import { count } from "./figures";
import type { Sample } from "./series";
import { column, rates, spark, summary, thinned, told } from "./stats";

const at = (n: number, ...values: (number | null)[]): Sample => ({ at: n * 1_000, values });

describe("lines out of samples", () => {
  it("takes rates out of counters over ten seconds", () => {
    const samples = Array.from({ length: 30 }, (_, n) => at(n, n < 15 ? n * 2 : 30));
    const seen = rates(samples, 0);
    expect(seen[0]).toBeNull();
    expect(seen[2]).toBeNull();
    expect(seen[3]).toBe(2);
    expect(seen[14]).toBe(2);
    expect(seen[20]).toBe(1);
    expect(seen[29]).toBe(0);
  });

  it("shows no rate over a gap or a counter that was begun anew", () => {
    const seen = rates([at(0, 10), at(4, 50), at(5, null), at(6, 60), at(10, 80), at(11, 1), at(15, 9)], 0);
    expect(seen).toEqual([null, 10, null, null, 5, null, 2]);
  });

  it("keeps rates right where samples are far apart", () => {
    const seen = rates([at(0, 0), at(60, 120), at(120, 120), at(121, 130)], 0);
    expect(seen[1]).toBe(2);
    expect(seen[2]).toBe(0);
    expect(seen[3]).toBeCloseTo(10 / 61);
  });

  it("tells now, lowest and highest, and says when there is nothing", () => {
    const values = column([at(0, 5), at(1, null), at(2, 1), at(3, 3)], 0);
    expect(summary(values)).toEqual({ now: 3, min: 1, max: 5 });
    expect(told("Depth", values, count)).toBe("Depth: 3 now, between 1 and 5");
    expect(told("Depth", [4, null], count)).toBe("Depth: unknown now, between 4 and 4");
    expect(told("Depth", [], count)).toBe("Depth: nothing seen yet");
  });

  it("thins samples out, with the first and the last", () => {
    const samples = Array.from({ length: 100 }, (_, n) => at(n, n));
    expect(thinned(samples, 5)).toEqual([0, 25, 50, 74, 99]);
    expect(thinned(samples.slice(0, 3), 5)).toEqual([0, 1, 2]);
    expect(thinned([], 5)).toEqual([]);
  });

  it("draws a spark within its box, and none of a single sample", () => {
    expect(spark([at(0, 0), at(1, 10), at(2, 5)], 0, 100, 22).line).toBe("M0.0 21.0L50.0 1.0L100.0 11.0");
    expect(spark([at(0, 3)], 0, 100, 22).line).toBe("");
    expect(spark([], 0, 100, 22).area).toBe("");
  });
});
