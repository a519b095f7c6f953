// What the supervisor says of the server, read into figures. Its description leaves the shape of most
// parts open, so each figure is read with care: one that is missing is null and does no harm.

import type { Quantiles, SupervisorView } from "../api/types";

type Parts = Readonly<Record<string, unknown>>;

/** Figures by name, such as deadlines by kind. */
export type Named = Readonly<Record<string, number>>;

export interface Vitals {
  startedAt: string;
  now: string;
  version: string;
  store: { healthy: boolean | null; error: string | null; format: number | null; epoch: number | null };
  actors: Named;
  restarts: number;
  deadlines: { armed: Named; fired: Named; lateness: Quantiles | null; epsilonMs: number | null };
  limbo: { checkedAt: string | null; live: number; violations: readonly string[] };
  journal: {
    batchP50: number | null;
    batchMax: number | null;
    sync: Quantiles | null;
    queued: number | null;
    commits: number | null;
    events: number | null;
  };
  feed: {
    subscribers: Named;
    live: number | null;
    catchingUp: number | null;
    lagging: number | null;
    cut: number | null;
    framesOut: number | null;
    bytesOut: number | null;
    feeds: number | null;
    publishToWrite: { p50: number; p99: number; count: number } | null;
  };
  boot: Named & { readonly [field: string]: number };
  bootSummary: string | null;
  executions: Named;
}

function parts(value: unknown): Parts {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Parts) : {};
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function named(value: unknown): Named {
  const read = Object.entries(parts(value)).map(([name, figure]) => [name, number(figure)] as const);
  return Object.fromEntries(read.filter((pair): pair is [string, number] => pair[1] !== null));
}

function quantiles(value: unknown): Quantiles | null {
  const { p50, p99, max, count } = parts(value);
  const read = { p50: number(p50), p99: number(p99), max: number(max), count: number(count) };
  if (read.p50 === null || read.p99 === null || read.max === null) return null;
  return { p50: read.p50, p99: read.p99, max: read.max, count: read.count ?? 0 };
}

function publishToWrite(value: unknown): Vitals["feed"]["publishToWrite"] {
  const latency = parts(value);
  const [p50, p99, count] = [number(latency.p50_ms), number(latency.p99_ms), number(latency.count)];
  return p50 === null || p99 === null ? null : { p50, p99, count: count ?? 0 };
}

export function readVitals(view: SupervisorView): Vitals {
  const [store, deadlines, limbo] = [parts(view.store), parts(view.deadlines), parts(view.limbo)];
  const [journal, feed] = [parts(view.journal), parts(view.feed)];
  const violations = Array.isArray(limbo.violations) ? limbo.violations : [];
  return {
    startedAt: view.started_at,
    now: view.now,
    version: view.version,
    store: {
      healthy: typeof store.healthy === "boolean" ? store.healthy : null,
      error: text(store.error),
      format: number(store.format),
      epoch: number(store.epoch),
    },
    actors: named(view.actors),
    restarts: number(view.restarts) ?? 0,
    deadlines: {
      armed: named(deadlines.armed),
      fired: named(deadlines.fired),
      lateness: quantiles(deadlines.lateness_ms),
      epsilonMs: number(deadlines.epsilon_ms),
    },
    limbo: {
      checkedAt: text(limbo.checked_at),
      live: number(limbo.live) ?? 0,
      violations: violations.filter((id): id is string => typeof id === "string"),
    },
    journal: {
      batchP50: number(journal.batch_p50),
      batchMax: number(journal.batch_max),
      sync: quantiles(journal.sync_ms),
      queued: number(journal.queued),
      commits: number(journal.commits),
      events: number(journal.events),
    },
    feed: {
      subscribers: named(feed.subscribers),
      live: number(feed.live),
      catchingUp: number(feed.catching_up),
      lagging: number(feed.lagging),
      cut: number(feed.cut),
      framesOut: number(feed.frames_out),
      bytesOut: number(feed.bytes_out),
      feeds: number(feed.feeds),
      publishToWrite: publishToWrite(feed.publish_to_write),
    },
    boot: named(view.boot),
    bootSummary: text(parts(view.boot).summary),
    executions: named(view.executions),
  };
}

export function sum(figures: Named): number {
  return Object.values(figures).reduce((total, figure) => total + figure, 0);
}

/** The kinds of deadlines, in the order of an execution's life, each with what it is for. */
export const DEADLINES: readonly { kind: string; word: string; means: string }[] = [
  { kind: "schedule_to_start", word: "Schedule to start", means: "due in its queue until a runner takes it" },
  { kind: "heartbeat", word: "Heartbeat", means: "between two signs of life of an attempt" },
  { kind: "progress", word: "Progress", means: "between two events or reports of progress" },
  { kind: "start_to_close", word: "Start to close", means: "one attempt" },
  { kind: "schedule_to_close", word: "Schedule to close", means: "all attempts and the waits between them" },
  { kind: "waiting", word: "Waiting", means: "for a person’s answer" },
  { kind: "cancel", word: "Cancel", means: "from a cancellation to its end" },
  { kind: "grace", word: "Grace", means: "for a runner whose connection was lost" },
];

/** All kinds that are known here or that the server names, in that order. */
export function deadlineKinds(armed: Named, fired: Named): { kind: string; word: string; means: string }[] {
  const known = new Set(DEADLINES.map(({ kind }) => kind));
  const more = [...new Set([...Object.keys(armed), ...Object.keys(fired)])].filter((kind) => !known.has(kind));
  return [...DEADLINES, ...more.sort().map((kind) => ({ kind, word: kind.replaceAll("_", " "), means: "" }))];
}
