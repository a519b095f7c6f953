// Collects samples out of a live resource once a second, for as long as the page is open and whatever
// page is shown. What the server sends only when it changes is taken to stay as it is while the
// connection is live; without a connection there is a gap.

import type { Problem } from "../api/types";
import { BRIEF, FULL, Series, type Kind } from "./series";

/** The parts of the live connection that are used. */
export interface Source {
  status(): { state: string };
  onStatus(listener: () => void): () => void;
  resource<T>(path: string, onBody: (body: T) => void, onProblem: (problem: Problem) => void): () => void;
}

/** Values by name, such as those of each queue. */
export type Reading = ReadonlyMap<string, readonly (number | null)[]>;

const TICK_MS = 1_000;
/** A tick may come a little early. */
const SLACK_MS = 100;
/** What changes is sent about once a second: after so long without a word it has not changed. */
const UNCHANGED_MS = 2_500;
/** So many series reach back an hour without anybody having asked for them. */
const FULL_SERIES = 50;
/** More names than that have no series. */
const MOST_SERIES = 1_000;
/** A resource that was refused is asked for again. */
const AGAIN_MS = 10_000;

export class Collector<Body> {
  private readonly series = new Map<string, Series>();
  private readonly wanted = new Set<string>();
  private readonly listeners = new Set<() => void>();
  private source: Source | undefined;
  private stops: (() => void)[] = [];
  private latest: { reading: Reading; came: number; sampled: number } | undefined;
  private seen = 0;

  constructor(
    private readonly path: string,
    private readonly kinds: readonly Kind[],
    private readonly read: (body: Body) => Reading,
  ) {}

  /** Begins to collect from this connection, and from no other any more. */
  start(source: Source): void {
    if (this.source === source) return;
    this.stop();
    this.source = source;
    const timer = setInterval(() => this.tick(), TICK_MS);
    this.stops.push(() => clearInterval(timer), source.onStatus(() => this.turned()));
    this.subscribe(source);
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.stops = [];
    this.source = undefined;
    this.latest = undefined;
  }

  /** The series of a name; from now on it reaches back as far as one can. */
  want(name: string): Series | undefined {
    this.wanted.add(name);
    const series = this.series.get(name);
    if (series) series.reach = FULL;
    return series;
  }

  of(name: string): Series | undefined {
    return this.series.get(name);
  }

  /** Whether the resource names it now. */
  has(name: string): boolean {
    return this.latest?.reading.has(name) ?? false;
  }

  /** For useSyncExternalStore: a number that grows with every sample. */
  readonly version = (): number => this.seen;

  readonly onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private subscribe(source: Source): void {
    let again: ReturnType<typeof setTimeout> | undefined;
    let leave: () => void = () => undefined;
    const join = (): void => {
      leave = source.resource<Body>(
        this.path,
        (body) => {
          this.latest = { reading: this.read(body), came: Date.now(), sampled: 0 };
          this.record();
        },
        () => {
          this.latest = undefined;
          this.gap();
          clearTimeout(again);
          again = setTimeout(() => {
            leave();
            join();
          }, AGAIN_MS);
        },
      );
    };
    join();
    this.stops.push(() => {
      clearTimeout(again);
      leave();
    });
  }

  private turned(): void {
    if (this.source?.status().state === "live") return;
    // What is sent after a reconnect is new; until then nothing is known.
    this.latest = undefined;
    this.gap();
  }

  private tick(): void {
    if (this.source?.status().state !== "live" || !this.latest) return;
    const now = Date.now();
    // A sample in between would show counters at rest that are not.
    if (now - this.latest.came < UNCHANGED_MS || now - this.latest.sampled < TICK_MS - SLACK_MS) return;
    this.record();
  }

  private record(): void {
    if (!this.latest) return;
    const now = Date.now();
    const { reading } = this.latest;
    this.latest.sampled = now;
    for (const [name, values] of reading) this.named(name)?.push(now, values);
    for (const [name, series] of this.series) {
      if (reading.has(name)) continue;
      series.gap(now);
      if (now - (series.last()?.at ?? now) > FULL.keptMs) this.series.delete(name);
    }
    this.changed();
  }

  private gap(): void {
    const now = Date.now();
    for (const series of this.series.values()) series.gap(now);
    this.changed();
  }

  private named(name: string): Series | undefined {
    let series = this.series.get(name);
    if (series) return series;
    const wanted = this.wanted.has(name);
    if (!wanted && this.series.size >= MOST_SERIES) return undefined;
    series = new Series(this.kinds, wanted || this.series.size < FULL_SERIES ? FULL : BRIEF);
    this.series.set(name, series);
    return series;
  }

  private changed(): void {
    this.seen += 1;
    for (const listener of [...this.listeners]) listener();
  }
}
