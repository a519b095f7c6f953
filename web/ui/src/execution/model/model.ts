// One execution as the page shows it: a snapshot, the events after it, and the lifecycle before it.
//
// It is told events in order; `take` answers which parts have changed, so that a view redraws just
// those.

import type { Execution, ExecutionWithState, HeartlineEvent } from "../../api/types";
import type { Turn } from "./entries";
import { endsAttempt, isLifecycle, moveExecution } from "./lifecycle";
import { fields, text } from "./read";
import { Transcript } from "./transcript";

/** Keys of what changes as a whole. */
export const EXECUTION = "execution";
export const LIFECYCLE = "lifecycle";
/** The last event: moves with each. */
export const HEAD = "head";

export class Model {
  execution: Execution;
  readonly transcript: Transcript;
  /** Lifecycle events by seq, as far as they are known. */
  readonly lifecycle: HeartlineEvent[] = [];
  /** The seq of the snapshot that it began with. */
  readonly base: number;
  /** The seq of the last event. */
  head: number;
  /** The last event that was seen. */
  last: HeartlineEvent | undefined;
  /** The last event that counts as progress of its runner. */
  lastProgress: HeartlineEvent | undefined;
  private readonly touched = new Set<string>();

  constructor(snapshot: ExecutionWithState, seq: number) {
    const { state, ...execution } = snapshot;
    this.execution = execution;
    this.base = seq;
    this.head = seq;
    this.transcript = new Transcript(this.touched);
    this.transcript.load(state, execution.attempt);
  }

  apply(events: readonly HeartlineEvent[]): void {
    for (const event of events) {
      if (event.seq <= this.head) continue;
      this.head = event.seq;
      this.see(event);
      if (!isLifecycle(event)) {
        this.transcript.apply(event);
        if (event.type === "CUSTOM" && text(fields(event.data) ?? {}, "name") === "output") this.move(event);
        continue;
      }
      this.move(event);
      this.record(event);
      if (event.type === "execution.started") this.transcript.beginAttempt(this.execution.attempt);
      else if (endsAttempt(event)) this.transcript.interrupt(event.time);
    }
    if (events.length > 0) this.touched.add(HEAD);
  }

  /** Takes up what was before the snapshot: its lifecycle, and the newest events for the clocks. */
  fill(events: readonly HeartlineEvent[]): void {
    for (const event of events) {
      if (event.seq > this.base) continue;
      this.see(event);
      if (isLifecycle(event)) this.record(event);
    }
    this.touched.add(HEAD);
  }

  /** The keys of what has changed since the last time. */
  take(): ReadonlySet<string> {
    const taken = new Set(this.touched);
    this.touched.clear();
    return taken;
  }

  private see(event: HeartlineEvent): void {
    if (event.seq > (this.last?.seq ?? 0)) this.last = event;
    if (isProgress(event) && event.seq > (this.lastProgress?.seq ?? 0)) this.lastProgress = event;
  }

  private move(event: HeartlineEvent): void {
    this.execution = moveExecution(this.execution, event);
    this.touched.add(EXECUTION);
  }

  private record(event: HeartlineEvent): void {
    let at = this.lifecycle.length;
    while (at > 0 && (this.lifecycle[at - 1]?.seq ?? 0) > event.seq) at -= 1;
    if (this.lifecycle[at - 1]?.seq === event.seq) return;
    this.lifecycle.splice(at, 0, event);
    this.touched.add(LIFECYCLE);
    // Progress is shown in the header; as a turn each second it would drown the rest.
    if (event.type === "execution.progress") return;
    const turn: Turn = {
      kind: "turn",
      key: `turn:${event.seq}`,
      seq: event.seq,
      type: event.type,
      time: event.time,
      attempt: event.attempt,
      data: fields(event.data) ?? {},
    };
    this.transcript.entries.add(turn);
  }
}

/** What resets the progress clock: what a runner posts, its progress, its questions and their answers. */
export function isProgress(event: HeartlineEvent): boolean {
  if (!isLifecycle(event)) return true;
  return ["execution.started", "execution.progress", "execution.waiting", "execution.resumed"].includes(event.type);
}
