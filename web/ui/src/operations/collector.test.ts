import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Problem } from "../api/types";
import { Collector, type Source } from "./collector";

class Fake implements Source {
  state = "live";
  asked = 0;
  body: (body: unknown) => void = () => undefined;
  problem: (problem: Problem) => void = () => undefined;
  private readonly listeners = new Set<() => void>();

  status(): { state: string } {
    return { state: this.state };
  }
  onStatus(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  resource<T>(_: string, onBody: (body: T) => void, onProblem: (problem: Problem) => void): () => void {
    this.asked += 1;
    this.body = (body) => onBody(body as T);
    this.problem = onProblem;
    return () => undefined;
  }
  turn(state: string): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

type Body = Record<string, number>;
const problem = { type: "", title: "", status: 404, code: "x", detail: "", request_id: "" };

function collecting(): { fake: Fake; collector: Collector<Body> } {
  const collector = new Collector<Body>("/v1/x", ["gauge"], (body) => new Map(Object.entries(body).map(([k, v]) => [k, [v]])));
  const fake = new Fake();
  collector.start(fake);
  return { fake, collector };
}

const values = (collector: Collector<Body>, name: string): unknown[] =>
  (collector.of(name)?.read() ?? []).map((sample) => sample.values[0]);

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("collecting samples", () => {
  it("takes what is not sent again to be as it was, once a second", () => {
    const { fake, collector } = collecting();
    fake.body({ a: 1 });
    vi.advanceTimersByTime(5_000);
    fake.body({ a: 2 });
    expect(values(collector, "a")).toEqual([1, 1, 1, 1, 2]);
    const before = collector.version();
    vi.advanceTimersByTime(4_000);
    expect(collector.version()).toBe(before + 2);
  });

  it("takes what is sent once a second as it comes, and nothing in between", () => {
    const { fake, collector } = collecting();
    for (let n = 0; n < 5; n += 1) {
      fake.body({ a: n });
      vi.advanceTimersByTime(1_020);
    }
    expect(values(collector, "a")).toEqual([0, 1, 2, 3, 4]);
  });

  it("leaves a gap while there is no connection, and trusts nothing old after it", () => {
    const { fake, collector } = collecting();
    fake.body({ a: 1 });
    fake.turn("reconnecting");
    vi.advanceTimersByTime(5_000);
    fake.turn("live");
    vi.advanceTimersByTime(2_000);
    expect(values(collector, "a")).toEqual([1, null]);
    fake.body({ a: 3 });
    expect(values(collector, "a")).toEqual([1, null, 3]);
  });

  it("leaves a gap where a name is gone, and none in the others", () => {
    const { fake, collector } = collecting();
    fake.body({ a: 1, b: 1 });
    vi.advanceTimersByTime(1_000);
    fake.body({ b: 2 });
    expect(values(collector, "a")).toEqual([1, null]);
    expect(values(collector, "b").at(-1)).toBe(2);
  });

  it("asks again for what was refused", () => {
    const { fake, collector } = collecting();
    fake.problem(problem);
    expect(fake.asked).toBe(1);
    vi.advanceTimersByTime(10_000);
    expect(fake.asked).toBe(2);
    fake.body({ a: 1 });
    expect(values(collector, "a")).toEqual([1]);
  });

  it("begins once with the same connection, and changes to another", () => {
    const { fake, collector } = collecting();
    collector.start(fake);
    expect(fake.asked).toBe(1);
    const other = new Fake();
    collector.start(other);
    expect(other.asked).toBe(1);
    collector.stop();
    vi.advanceTimersByTime(5_000);
    expect(values(collector, "a")).toEqual([]);
  });

  it("keeps an hour of what was asked for, and bounds the rest", () => {
    const { fake, collector } = collecting();
    collector.want("q900");
    const body = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`q${n}`, n]));
    fake.body(body);
    expect(collector.of("q1200")).toBeUndefined();
    const reach = (name: string): number => collector.of(name)?.reach.keptMs ?? 0;
    expect(reach("q1")).toBe(3_600_000);
    expect(reach("q500")).toBe(120_000);
    expect(reach("q900")).toBe(3_600_000);
    collector.want("q500");
    expect(reach("q500")).toBe(3_600_000);
  });
});
