// What is collected while the page is open: of each queue once a queue page was seen, and of the
// supervisor once its page was.

import { useEffect, useSyncExternalStore } from "react";

import type { QueuesView, QueueView, SupervisorView } from "../api/types";
import { useLive } from "../live/context";
import { Collector } from "./collector";
import { spanMs } from "./figures";
import type { Sample, Series } from "./series";
import { readVitals, sum } from "./vitals";
import type { Seen } from "./health";

/** The fields of a queue's samples, by their place. */
export const QUEUE = {
  depth: 0,
  scheduled: 1,
  inProgress: 2,
  held: 3,
  oldestMs: 4,
  p50: 5,
  p99: 6,
  entered: 7,
  claimed: 8,
  ended: 9,
} as const;

const QUEUE_KINDS = ["gauge", "gauge", "gauge", "gauge", "gauge", "gauge", "gauge", "counter", "counter", "counter"] as const;

export function queueValues(queue: QueueView): (number | null)[] {
  const { claim_latency_ms: claimed, total } = queue;
  const measured = claimed.count > 0;
  return [
    queue.depth,
    queue.scheduled,
    queue.in_progress,
    queue.held,
    spanMs(queue.oldest_age) ?? 0,
    measured ? claimed.p50 : null,
    measured ? claimed.p99 : null,
    total.entered,
    total.claimed,
    total.ended,
  ];
}

export const queueSamples = new Collector<QueuesView>(
  "/v1/queues",
  QUEUE_KINDS,
  ({ queues }) => new Map(queues.map((queue) => [queue.queue, queueValues(queue)])),
);

/** The fields of the supervisor's samples, by their place. */
export const SUPERVISOR = {
  syncP50: 0,
  syncP99: 1,
  batchP50: 2,
  queued: 3,
  writeP50: 4,
  writeP99: 5,
  subscribers: 6,
  lagging: 7,
  commits: 8,
  events: 9,
  cut: 10,
  restarts: 11,
  bytesOut: 12,
  framesOut: 13,
} as const;

const SUPERVISOR_KINDS = [
  ...Array.from({ length: 8 }, () => "gauge" as const),
  ...Array.from({ length: 6 }, () => "counter" as const),
];

export const SERVER = "server";

export function supervisorValues(view: SupervisorView): (number | null)[] {
  const { journal, feed, restarts } = readVitals(view);
  const synced = journal.sync && journal.sync.count > 0 ? journal.sync : null;
  const written = feed.publishToWrite && feed.publishToWrite.count > 0 ? feed.publishToWrite : null;
  return [
    synced?.p50 ?? null,
    synced?.p99 ?? null,
    journal.batchP50,
    journal.queued,
    written?.p50 ?? null,
    written?.p99 ?? null,
    sum(feed.subscribers),
    feed.lagging,
    journal.commits,
    journal.events,
    feed.cut,
    restarts,
    feed.bytesOut,
    feed.framesOut,
  ];
}

export const supervisorSamples = new Collector<SupervisorView>(
  "/v1/supervisor",
  SUPERVISOR_KINDS,
  (view) => new Map([[SERVER, supervisorValues(view)]]),
);

/** How much a counter has grown over the samples; one that went back was begun anew. */
function grown(samples: readonly Sample[], field: number): number {
  let before: number | null = null;
  let total = 0;
  for (const sample of samples) {
    const value = sample.values[field] ?? null;
    if (value === null) continue;
    if (before !== null) total += value >= before ? value - before : value;
    before = value;
  }
  return total;
}

/** For how long appends have waited without a commit, up to the last sample. */
function stalled(samples: readonly Sample[]): number {
  const last = samples[samples.length - 1];
  const commits = last?.values[SUPERVISOR.commits] ?? null;
  if (!last || commits === null) return 0;
  let since = last.at;
  for (let index = samples.length - 1; index >= 0; index -= 1) {
    const sample = samples[index];
    const waiting = sample?.values[SUPERVISOR.queued] ?? null;
    if (!sample || !waiting || sample.values[SUPERVISOR.commits] !== commits) break;
    since = sample.at;
  }
  return last.at - since;
}

/** What the samples tell and one body does not. */
export function seenIn(samples: readonly Sample[]): Seen {
  return {
    stalledMs: stalled(samples),
    cut: grown(samples, SUPERVISOR.cut),
    restarts: grown(samples, SUPERVISOR.restarts),
  };
}

/** Keeps a collector at work from now on, and draws anew with every sample. */
export function useCollector<Body>(collector: Collector<Body>): number {
  const live = useLive();
  useEffect(() => collector.start(live), [collector, live]);
  return useSyncExternalStore(collector.onChange, collector.version);
}

/** The series of one name, reaching back as far as one can, drawn anew with every sample. */
export function useSeries<Body>(collector: Collector<Body>, name: string): Series | undefined {
  useCollector(collector);
  useEffect(() => void collector.want(name), [collector, name]);
  return collector.of(name);
}
