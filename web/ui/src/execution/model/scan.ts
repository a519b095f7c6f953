// Reads a log page by page, newest first, and keeps what a reader picks out of it: log lines, or the
// events that match a filter. Live events are picked as they come. A reader that has not come to the
// beginning says so, and can be told to go on.

import type { HeartlineEvent } from "../../api/types";
import { pageOf, PAGE, type EventPages } from "./pages";

/** Events that are read without being asked: more than this is a choice. */
export const SCAN_MOST = 60_000;

/** Who looks is told at most so often while it reads, in milliseconds. */
const TELL_MS = 120;

export interface Picked {
  readonly seq: number;
}

/**
 * How far a reader came. Only of the whole log can it be said that there is nothing in it; of a part a
 * person may have more read.
 */
export type ScanStage = "reading" | "failed" | "part" | "whole";

export class Scan<T extends Picked> {
  /** By seq. */
  readonly picked: T[] = [];
  /** Everything from here on has been read. */
  from: number;
  done = false;
  problem: unknown = undefined;
  running = false;
  private begun = false;
  private readonly listeners = new Set<() => void>();
  private version = 0;
  private toldAt = 0;
  private readonly controller = new AbortController();

  constructor(
    private readonly pages: EventPages,
    private readonly pick: (event: HeartlineEvent) => T | undefined,
  ) {
    this.from = pages.head + 1;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): number => this.version;

  get stage(): ScanStage {
    if (this.done) return "whole";
    if (this.problem !== undefined) return "failed";
    return this.running || !this.begun ? "reading" : "part";
  }

  /** Goes on towards the beginning, over at most so many events. */
  async run(most = SCAN_MOST): Promise<void> {
    if (this.running || this.done) return;
    this.begun = true;
    this.running = true;
    this.problem = undefined;
    this.tell();
    const until = this.from - most;
    try {
      while (this.from > this.pages.oldest && this.from > until && !this.controller.signal.aborted) {
        const index = pageOf(this.from - 1);
        const coming = this.pages.events(index, this.controller.signal);
        // The page before it is on its way while this one is read.
        if (index > pageOf(this.pages.oldest) && index * PAGE > until) this.pages.want(index * PAGE, index * PAGE);
        this.prepend(await coming);
        this.from = Math.min(this.from, index * PAGE + 1);
      }
      this.done = this.from <= this.pages.oldest;
    } catch (problem) {
      if (!this.controller.signal.aborted) this.problem = problem;
    } finally {
      this.running = false;
      this.changed();
    }
  }

  stop(): void {
    this.controller.abort();
  }

  /** Live events, in order. */
  push(events: readonly HeartlineEvent[]): void {
    const last = this.picked.at(-1)?.seq ?? 0;
    let some = false;
    for (const event of events) {
      const item = event.seq >= this.from && event.seq > last ? this.pick(event) : undefined;
      if (!item) continue;
      this.picked.push(item);
      some = true;
    }
    if (some) this.changed();
  }

  private prepend(events: readonly HeartlineEvent[]): void {
    const items: T[] = [];
    for (const event of events) {
      // Of the newest page some may have come live.
      const item = event.seq < this.from ? this.pick(event) : undefined;
      if (item) items.push(item);
    }
    if (items.length > 0) this.picked.splice(0, 0, ...items);
    if (performance.now() - this.toldAt >= TELL_MS) this.changed();
  }

  private changed(): void {
    this.toldAt = performance.now();
    this.tell();
  }

  private tell(): void {
    this.version += 1;
    for (const listener of this.listeners) listener();
  }
}
