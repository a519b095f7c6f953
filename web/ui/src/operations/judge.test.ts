import { describe, expect, it } from "vitest";

import type { QueueView, RunnerView } from "../api/types";
import { heldSentence, judgeQueue, judgeRunner, messageBesidePause, queueTrouble, reachedBy, runnersSentence, runnerSentence, runnerTone, runnerTrouble, slotsOf, worst } from "./judge";

function queue(verdict: string, more: Partial<QueueView> = {}): QueueView {
  const quantiles = { p50: 0, p99: 0, max: 0, count: 0 };
  const none = { entered: 0, claimed: 0, ended: 0 };
  return {
    queue: "q",
    paused: verdict === "paused",
    pause: null,
    limits: {},
    depth: 0,
    scheduled: 0,
    in_progress: 0,
    held: 0,
    claims_waiting: 0,
    oldest_age: null,
    claim_latency_ms: quantiles,
    last_minute: none,
    total: none,
    busiest_keys: [],
    runners_live: 0,
    runners_known: 0,
    dispatch: { verdict, runners_live: 0, slots_free: 0, message: "…" },
    ...more,
  };
}

function runner(status: string, more: Partial<RunnerView> = {}): RunnerView {
  return {
    id: "r",
    status,
    connected: false,
    queues: {},
    slots: 1,
    slots_free: 0,
    leases: [],
    first_seen: "",
    last_seen: "",
    ...more,
  };
}

describe("how a queue is", () => {
  it("is bad where work waits that nobody can take, and less so where none waits", () => {
    const tone = (verdict: string, more?: Partial<QueueView>): string => judgeQueue(queue(verdict, more)).tone;
    expect(tone("no_runner_ever")).toBe("note");
    expect(tone("no_runner_ever", { depth: 1 })).toBe("bad");
    expect(tone("all_lost")).toBe("warn");
    expect(tone("all_lost", { in_progress: 1 })).toBe("bad");
    expect(tone("all_full", { depth: 3 })).toBe("warn");
    expect(tone("paused")).toBe("warn");
    expect(tone("ready", { depth: 3 })).toBe("good");
    expect(tone("something_new")).toBe("note");
  });

  it("does not call a queue ready whose waiting keys are all held", () => {
    const held = queue("ready", { depth: 8, held: 8 });
    expect(judgeQueue(held).word).toBe("Keys at their limit");
    expect(heldSentence(held)).toBe("All 8 that wait are held by the limits of their concurrency keys.");
    expect(judgeQueue(queue("ready", { depth: 8, held: 1 })).word).toBe("Ready");
    expect(heldSentence(queue("ready", { depth: 8, held: 1 }))).toBe(
      "Of the 8 that wait, 1 is held by the limits of their concurrency keys.",
    );
    expect(heldSentence(queue("limit_held", { depth: 1, held: 1 }))).toBe("The one that waits is held by a limit.");
    expect(heldSentence(queue("paused", { depth: 1, held: 1 }))).toBeNull();
  });

  it("does not tell of a pause twice", () => {
    const pause = { since: "2026-11-22T10:31:53Z", by: "ann", reason: "deploy" };
    const message = "Queue 'q' is paused since 2026-11-22T10:31:53Z by ann: deploy. No runner has asked queue 'q'.";
    const paused = queue("paused", { pause, dispatch: { verdict: "paused", runners_live: 0, slots_free: 0, message } });
    expect(messageBesidePause(paused)).toBe("No runner has asked queue 'q'.");
    expect(messageBesidePause({ ...paused, pause: { ...pause, by: "bob" } })).toBe(message);
    expect(messageBesidePause(queue("ready"))).toBe("…");
  });

  it("puts trouble first, then what has most waiting", () => {
    const lost = queueTrouble(queue("all_lost", { depth: 1 }));
    const full = queueTrouble(queue("all_full", { depth: 5_000 }));
    const fuller = queueTrouble(queue("all_full", { depth: 5_001 }));
    expect(lost).toBeGreaterThan(fuller);
    expect(fuller).toBeGreaterThan(full);
    const paused = queueTrouble(queue("paused"));
    expect(paused).toBeGreaterThan(fuller);
    expect(lost).toBeGreaterThan(paused);
  });

  it("counts no more runners alive than there are", () => {
    expect(runnersSentence(queue("ready", { runners_live: 10, runners_known: 3, claims_waiting: 3 }))).toBe(
      "3 runners live, 3 waiting for work",
    );
    expect(runnersSentence(queue("all_full", { runners_live: 1, runners_known: 2 }))).toBe(
      "1 of 2 runners live, 0 waiting for work",
    );
    expect(runnersSentence(queue("no_runner_ever"))).toBe("No runner");
  });
});

describe("how a runner is", () => {
  it("is told with what it holds", () => {
    expect(runnerSentence(runner("lost", { leases: ["a", "b"] }), "2 min")).toContain("It still holds 2 executions");
    expect(runnerSentence(runner("lost"), "2 min")).toContain("will be forgotten");
    expect(runnerSentence(runner("late"), "20 s")).toContain("20 s ago");
    expect(runnerSentence(runner("live", { slots_free: 3 }), "")).toBe("It holds nothing, and would take 3 more.");
    expect(judgeRunner(runner("odd"))).toEqual({ tone: "note", word: "odd" });
  });

  it("knows slots also of one that polls for one at a time", () => {
    expect(slotsOf(runner("live", { slots: 1, slots_free: 3, leases: ["a", "b"] }))).toEqual({ used: 2, of: 5 });
    expect(slotsOf(runner("live", { slots: 8, slots_free: 0, leases: ["a"] }))).toEqual({ used: 1, of: 8 });
    expect(reachedBy(runner("live", { connected: true }))).toBe("socket");
    expect(reachedBy(runner("live", { connected: false }))).toBe("poll");
    expect(reachedBy(runner("lost", { connected: false }))).toBe("–");
    expect(slotsOf(runner("lost", { slots: 2, slots_free: 2, leases: ["a", "b"] }))).toEqual({ used: 2, of: 2 });
  });

  it("puts the lost with most leases first", () => {
    const order = [
      runner("lost", { leases: ["a", "b"] }),
      runner("lost"),
      runner("late", { leases: ["a"] }),
      runner("live", { leases: ["a", "b", "c"] }),
    ].map(runnerTrouble);
    expect([...order].sort((a, b) => b - a)).toEqual(order);
    expect(runnerTone(runner("lost"))).toBe("note");
    expect(runnerTone(runner("lost", { leases: ["a"] }))).toBe("bad");
    expect(worst(["good", "warn", "note"])).toBe("warn");
  });
});
