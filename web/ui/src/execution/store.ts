// What the page of one execution holds: the model, fed over the socket; the pages of its log, fetched
// when they are looked at; and who wants to know of which change.
//
// It opens with a snapshot, so that a long log costs nothing until somebody reads it. The lifecycle
// before the snapshot comes after the first view.

import { api, executionPath, problemOf } from "../api/http";
import { isFinal, type EventPage, type ExecutionWithState, type HeartlineEvent, type Problem } from "../api/types";
import type { Live } from "../live/socket";
import { EXECUTION, Model } from "./model/model";
import { EventPages } from "./model/pages";

/** Keys of changes beside those of the model. */
export const STATUS = "status";

/** Lifecycle events that are fetched at once, and the most of them at all. */
const LIFECYCLE_PAGE = 1_000;
const LIFECYCLE_MOST = 20_000;
/** Events before the snapshot that tell when there was progress last. */
const TAIL = 20;

export type StoreStatus =
  { state: "loading" } | { state: "ready"; model: Model; pages: EventPages } | { state: "failed"; problem: Problem };

type Listener = () => void;

export class ExecutionStore {
  status: StoreStatus = { state: "loading" };
  /** How far behind what is shown is, while the server reads from disk. */
  lag: { at: number; head: number } | undefined;
  /** What is known of the lifecycle before the snapshot; cut where it is too long to show all of it. */
  past: "reading" | "read" | "cut" | "failed" = "reading";
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly versions = new Map<string, number>();
  private readonly taps = new Set<(events: readonly HeartlineEvent[]) => void>();
  private unfollow: () => void = () => {};
  private controller = new AbortController();

  constructor(
    private readonly live: Live,
    readonly id: string,
  ) {}

  /** Begins to follow; the answer ends it. */
  start(): () => void {
    this.controller = new AbortController();
    this.follow();
    return () => {
      this.unfollow();
      this.controller.abort();
    };
  }

  retry(): void {
    this.unfollow();
    this.set({ state: "loading" });
    this.follow();
  }

  subscribe(key: string, listener: Listener): () => void {
    let all = this.listeners.get(key);
    if (!all) this.listeners.set(key, (all = new Set()));
    all.add(listener);
    return () => all.delete(listener);
  }

  version(key: string): number {
    return this.versions.get(key) ?? 0;
  }

  /** Every live event, for those who look for something in them. */
  tap(on: (events: readonly HeartlineEvent[]) => void): () => void {
    this.taps.add(on);
    return () => this.taps.delete(on);
  }

  private follow(): void {
    this.unfollow = this.live.execution(
      this.id,
      { snapshot: true },
      {
        onSnapshot: (execution, seq) => this.begin(execution, seq),
        onEvents: (events) => this.take(events),
        // What was folded counts no more; a snapshot says what does.
        onReset: () => this.retry(),
        onLag: (at, head) => this.setLag({ at, head }),
        onLive: () => this.setLag(undefined),
        onEnd: () => this.setLag(undefined),
        onProblem: (problem) => {
          // An execution that is shown is still worth seeing.
          if (this.status.state !== "ready" || problem.status === 404) this.set({ state: "failed", problem });
        },
      },
    );
  }

  private begin(execution: ExecutionWithState, seq: number): void {
    const model = new Model(execution, seq);
    model.take();
    this.past = "reading";
    this.set({ state: "ready", model, pages: new EventPages(this.page, seq) });
    void this.fillIn(model);
  }

  private take(events: readonly HeartlineEvent[]): void {
    if (this.status.state !== "ready") return;
    const { model, pages } = this.status;
    model.apply(events);
    pages.push(events);
    for (const tap of this.taps) tap(events);
    this.changed(model);
  }

  /** What was before the snapshot, as far as it is shown anywhere. */
  private async fillIn(model: Model): Promise<void> {
    const { signal } = this.controller;
    const current = () => !signal.aborted && this.status.state === "ready" && this.status.model === model;
    try {
      if (!isFinal(model.execution.phase)) {
        const tail = await this.page(Math.max(0, model.base - TAIL), TAIL);
        if (!current()) return;
        model.fill(tail.events);
        this.changed(model);
      }
      let after = 0;
      for (let count = 0; count < LIFECYCLE_MOST; count += LIFECYCLE_PAGE) {
        const page = await api.get<EventPage>(
          executionPath(this.id, "events"),
          { view: "status", after, limit: LIFECYCLE_PAGE },
          { signal },
        );
        if (!current()) return;
        model.fill(page.events);
        this.changed(model);
        after = page.events.at(-1)?.seq ?? model.base;
        if (page.events.length === 0 || after >= model.base || page.events.length < LIFECYCLE_PAGE)
          return this.setPast("read");
      }
      this.setPast("cut");
    } catch (error) {
      // The page stands without it; attempts of long ago are then not in the timeline.
      if (!current()) return;
      console.warn("the lifecycle could not be read", problemOf(error));
      this.setPast("failed");
    }
  }

  private readonly page = (after: number, limit: number): Promise<EventPage> =>
    api.get<EventPage>(executionPath(this.id, "events"), { after, limit }, { signal: this.controller.signal });

  private changed(model: Model): void {
    for (const key of model.take()) this.notify(key);
  }

  private set(status: StoreStatus): void {
    this.status = status;
    this.lag = undefined;
    this.notify(STATUS);
    this.notify(EXECUTION);
  }

  private setPast(past: ExecutionStore["past"]): void {
    this.past = past;
    this.notify(STATUS);
  }

  private setLag(lag: ExecutionStore["lag"]): void {
    this.lag = lag;
    this.notify(STATUS);
  }

  private notify(key: string): void {
    this.versions.set(key, this.version(key) + 1);
    for (const listener of [...(this.listeners.get(key) ?? [])]) listener();
  }
}
