import { describe, expect, it } from "vitest";

import type { SupervisorView } from "../api/types";
import { judgeHealth, NOTHING_SEEN } from "./health";
import { deadlineKinds, readVitals, sum, type Vitals } from "./vitals";

const NOW = "2026-11-22T10:30:40.000000Z";

/** As a server may say it, also one that says less. */
function body(more: object = {}): SupervisorView {
  const said: unknown = {
    started_at: "2026-11-22T10:00:00Z",
    now: NOW,
    version: "0.1.0",
    store: { healthy: true, error: null, format: 2, epoch: 1 },
    actors: { executions: 3 },
    restarts: 0,
    deadlines: {
      armed: { heartbeat: 3 },
      fired: { heartbeat: 1 },
      lateness_ms: { p50: 2, p99: 4, max: 12, count: 54 },
    },
    limbo: { checked_at: "2026-11-22T10:30:38Z", live: 76, violations: [] },
    journal: { batch_p50: 1, batch_max: 3, sync_ms: { p50: 3.1, p99: 5, max: 8, count: 9 }, queued: 0, commits: 9, events: 9 },
    feed: { subscribers: { websocket: 1 }, live: 1, catching_up: 0, lagging: 0, cut: 0, frames_out: 1, bytes_out: 1, publish_to_write: { p50_ms: 1, p99_ms: 2, count: 3 }, feeds: 1 },
    boot: { recovered: 2, took_ms: 5, summary: "Start 1." },
    executions: { pending: 1 },
    ...more,
  };
  return said as SupervisorView;
}

const vitals = (more?: object): Vitals => readVitals(body(more));

describe("the supervisor's figures", () => {
  it("are read, and missing ones do no harm", () => {
    const read = vitals();
    expect(read.deadlines.lateness?.max).toBe(12);
    expect(read.feed.publishToWrite).toEqual({ p50: 1, p99: 2, count: 3 });
    expect(read.boot).toEqual({ recovered: 2, took_ms: 5 });
    expect(read.bootSummary).toBe("Start 1.");
    const bare = vitals({ store: null, deadlines: {}, limbo: [], journal: 5, feed: undefined, boot: "x" });
    expect(bare.store.healthy).toBeNull();
    expect(bare.deadlines.lateness).toBeNull();
    expect(bare.limbo.violations).toEqual([]);
    expect(judgeHealth(bare).tone).toBe("good");
  });

  it("name every kind of deadline once, those of newer servers too", () => {
    const kinds = deadlineKinds({ heartbeat: 1, lunch_break: 2 }, { lunch_break: 1 });
    expect(kinds.map(({ kind }) => kind)).toContain("heartbeat");
    expect(kinds.at(-1)).toEqual({ kind: "lunch_break", word: "lunch break", means: "" });
    expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(kinds.length);
    expect(sum({ a: 1, b: 2 })).toBe(3);
  });
});

describe("whether all is well", () => {
  it("is one sentence", () => {
    const health = judgeHealth(vitals());
    expect(health.tone).toBe("good");
    expect(health.sentence).toBe(
      "All is well: the store is healthy, none of 76 live executions is in limbo, deadlines fire on time (99 of 100 within 4 ms) and the journal keeps up (a sync takes 3.1 ms).",
    );
    expect(health.findings).toEqual([]);
  });

  it("is not, when the store fails or something is in limbo, and the worst comes first", () => {
    const health = judgeHealth(
      vitals({
        restarts: 2,
        store: { healthy: false, error: "disk full" },
        limbo: { checked_at: "2026-11-22T10:20:00Z", live: 5, violations: ["aex_1", "aex_2"] },
      }),
      { ...NOTHING_SEEN, restarts: 1 },
    );
    expect(health.tone).toBe("bad");
    expect(health.sentence).toBe(
      "The store refuses writes, 2 executions are in limbo, the limbo audit is overdue and 2 actors were restarted.",
    );
    expect(health.findings[0]?.told).toContain("disk full");
  });

  it("tells a deadline that once fired late from deadlines that do", () => {
    const late = (p99: number, max: number, epsilon_ms?: number): string => {
      const deadlines = { lateness_ms: { p50: 1, p99, max, count: 100 }, epsilon_ms };
      return judgeHealth(vitals({ deadlines })).tone;
    };
    expect(late(10, 900)).toBe("good");
    expect(late(10, 1_500)).toBe("warn");
    expect(late(1_200, 1_500)).toBe("bad");
    expect(late(10, 900, 500)).toBe("warn");
  });

  it("sees a journal that is behind, slow, or stands still", () => {
    const sync_ms = { p50: 90, p99: 250, max: 300, count: 250 };
    const few = { queued: 0, sync_ms: { ...sync_ms, count: 9 } };
    expect(judgeHealth(vitals({ journal: few })).tone).toBe("good");
    const journal = { queued: 5_000, sync_ms };
    expect(judgeHealth(vitals({ journal })).sentence).toBe("The journal is behind and the disk syncs slowly.");
    const still = judgeHealth(vitals({ journal }), { ...NOTHING_SEEN, stalledMs: 8_000 });
    expect(still.sentence).toBe("The journal stands still.");
    expect(still.tone).toBe("bad");
  });

  it("mentions what is no trouble, and stays well", () => {
    const feed = { subscribers: {}, lagging: 2 };
    const health = judgeHealth(vitals({ feed, restarts: 1 }), { ...NOTHING_SEEN, cut: 1 });
    expect(health.tone).toBe("good");
    expect(health.findings.map(({ brief }) => brief)).toEqual([
      "1 actor was restarted",
      "1 reader was cut off",
      "2 readers lag",
    ]);
  });

  it("waits longer for an audit of many executions", () => {
    const limbo = { checked_at: "2026-11-22T10:29:40Z", violations: [] };
    expect(judgeHealth(vitals({ limbo: { ...limbo, live: 10 } })).tone).toBe("warn");
    expect(judgeHealth(vitals({ limbo: { ...limbo, live: 1_000_000 } })).tone).toBe("good");
  });
});
