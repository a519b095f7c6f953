import { describe, expect, it } from "vitest";

import { age, bytes, count, counted, latency, listed, perSecond, some, spanMs } from "./figures";

describe("figures", () => {
  it("reads spans as the server writes them, and refuses what is none", () => {
    expect(spanMs("7s570ms961µs")).toBeCloseTo(7570.961);
    expect(spanMs("0s")).toBe(0);
    for (const wrong of [null, undefined, "", "5", "soon"]) expect(spanMs(wrong)).toBeNull();
  });

  it("writes latencies with as many figures as mean something", () => {
    expect(latency(0)).toBe("0 ms");
    expect(latency(0.042)).toBe("0.04 ms");
    expect(latency(4.144)).toBe("4.1 ms");
    expect(latency(412.4)).toBe("412 ms");
    expect(latency(1_300)).toBe("1.3 s");
  });

  it("writes ages in whole seconds", () => {
    expect(age(-5)).toBe("0 s");
    expect(age(8_999)).toBe("8 s");
    expect(age(200_900)).toBe("3m 20s");
  });

  it("writes counts, rates and bytes", () => {
    expect(count(12340)).toBe("12,340");
    expect(counted(1, "runner")).toBe("1 runner");
    expect(counted(2, "runner")).toBe("2 runners");
    expect(counted(0, "is", "are")).toBe("0 are");
    expect(perSecond(12)).toBe("12/s");
    expect(perSecond(0.31)).toBe("0.3/s");
    expect(perSecond(1 / 60)).toBe("1/min");
    expect(bytes(512)).toBe("512 B");
    expect(bytes(1434)).toBe("1.4 KiB");
    expect(bytes(32 * 1_048_576)).toBe("32 MiB");
  });

  it("lists words, not too many of them", () => {
    expect(listed([])).toBe("");
    expect(listed(["a", "b", "c"])).toBe("a, b and c");
    expect(some(["a", "b", "c", "d"], 2)).toBe("a, b and 2 more");
    expect(some(["a", "b"], 2)).toBe("a and b");
  });
});
