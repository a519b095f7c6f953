/**
 * Watching: a log from any seq, and lists, over as many connections as it takes. What a reader
 * sees has no gap, no repeat and no disorder, or it ends with an error that says so.
 */

import { GapError, HeartlineError } from "./errors.js";
import { Frames, mayPass } from "./frames.js";
import type { Http } from "./http.js";
import { Backoff, milliseconds, reasonOf, sleep } from "./pause.js";
import type { Event, Filter, ListChange, ViewName, WatchFrame } from "./types.js";

/** The longest wait between two connections, in milliseconds. */
const LONGEST_WAIT_MS = 5_000;

/** How a watcher's connection goes. */
export type WatchStatus =
  /** It shows what happens as it happens, up to `seq` where it is one execution. */
  | { state: "live"; seq?: number }
  /** It reads what was missed from the server's disk: it is at seq `at` of `head`. */
  | { state: "behind"; at: number; head: number }
  /** The connection is gone; the next one begins in `retryInMs`. */
  | { state: "disconnected"; error: HeartlineError; retryInMs: number };

/** How to watch. */
export interface WatchOptions {
  /** Ends the iteration with its reason. */
  signal?: AbortSignal;
  /** Told how the connection goes; for people, nothing depends on it. */
  onStatus?: (status: WatchStatus) => void;
}

/** How to watch one execution. */
export interface WatchEventsOptions extends WatchOptions {
  /** Shows the events after this seq; 0, the default, is the beginning. */
  after?: number;
  /** `full` (the default), `status` (lifecycle only) or `agui` (valid AG-UI 1.0). */
  view?: ViewName;
}

/** The events of an execution; see `Client.watch`. */
export async function* watchEvents(
  http: Http,
  execution: string,
  options: WatchEventsOptions,
): AsyncGenerator<Event, void, undefined> {
  const { after = 0, view = "full" } = options;
  const chain = new Chain(execution, after, view);
  const open = () => new Frames(http, { execution, after: chain.seq, view });
  for await (const frame of connections(open, options)) {
    switch (frame.op) {
      case "subscribed":
        if ("head" in frame && frame.head === chain.seq) tellLive(options, chain.seq);
        break;
      case "event":
        yield chain.take(frame.event);
        break;
      case "lag":
        options.onStatus?.({ state: "behind", at: frame.at, head: frame.head });
        break;
      case "live":
        tellLive(options, frame.seq);
        break;
      case "reset":
        throw new GapError(
          "reset",
          `${frame.reason}: the log begins at ${frame.oldest}`,
          frame.oldest,
        );
      case "end":
        return;
      default: // Nothing for a reader; and later servers may say more.
    }
  }
}

function tellLive(options: WatchOptions, seq: number): void {
  options.onStatus?.({ state: "live", seq });
}

/** The changes of a list; see `Client.watchList`. */
export async function* watchChanges(
  http: Http,
  filter: Filter,
  options: WatchOptions & { limit?: number },
): AsyncGenerator<ListChange, void, undefined> {
  let shown = false;
  const open = () => new Frames(http, {});
  for await (const frame of connections(open, options, (frames) => {
    const { limit } = options;
    frames.send({ op: "subscribe", id: 1, filter, ...(limit === undefined ? {} : { limit }) });
  })) {
    switch (frame.op) {
      case "subscribed":
        if (shown) yield { op: "reset", reason: "reconnected" };
        shown = true;
        break;
      case "listed":
        options.onStatus?.({ state: "live" });
        yield frame;
        break;
      case "enter":
      case "change":
      case "leave":
        yield frame;
        break;
      case "reset":
        yield { op: "reset", reason: frame.reason };
        break;
      default: // As above.
    }
  }
}

/**
 * The frames of one connection after the other, until the reader stops or something is wrong that
 * another connection would not put right.
 */
async function* connections(
  open: () => Frames,
  { signal, onStatus }: WatchOptions,
  greet?: (frames: Frames) => void,
): AsyncGenerator<WatchFrame, never, undefined> {
  const backoff = new Backoff(LONGEST_WAIT_MS);
  for (;;) {
    if (signal?.aborted) throw reasonOf(signal);
    const frames = open();
    const abort = () => {
      frames.end();
    };
    signal?.addEventListener("abort", abort, { once: true });
    let atLeastMs = 0;
    let [got, subscribedAt] = [false, Number.POSITIVE_INFINITY];
    try {
      for await (const frame of frames) {
        if (frame.op === "hello") greet?.(frames);
        if (frame.op === "reconnect") atLeastMs = milliseconds(frame.after, 0);
        if (frame.op === "error") throw HeartlineError.of(frame.problem);
        if (frame.op === "subscribed") subscribedAt = performance.now();
        got ||= frame.op === "event" || frame.op === "listed";
        yield frame;
      }
    } catch (error) {
      if (signal?.aborted) throw reasonOf(signal);
      if (!(error instanceof HeartlineError) || !mayPass(error)) throw error;
      if (frames.overrun) continue;
      // That it was opened says nothing yet: the server may refuse right after.
      if (got || performance.now() - subscribedAt > LONGEST_WAIT_MS) backoff.reset();
      const retryInMs = Math.max(atLeastMs, error.retryAfterMs ?? 0, backoff.next());
      onStatus?.({ state: "disconnected", error, retryInMs });
      await sleep(retryInMs, signal);
    } finally {
      signal?.removeEventListener("abort", abort);
      frames.end();
    }
  }
}

/** Holds each event against the one before. */
class Chain {
  /** The last event shown, or where the reader began. */
  seq: number;
  readonly #execution: string;
  readonly #view: ViewName;
  #begun = false;

  constructor(execution: string, after: number, view: ViewName) {
    this.seq = after;
    this.#execution = execution;
    this.#view = view;
  }

  /** @throws GapError when it does not follow the last one. */
  take(event: Event): Event {
    // A view that hides events names the last one it shows, which may be before `after`.
    const exact = this.#begun || this.#view === "full";
    const follows = exact ? event.prev === this.seq : event.prev <= this.seq;
    if (!follows || event.seq <= this.seq) {
      const detail = `after seq ${this.seq} of ${this.#execution} came ${event.seq}, which follows ${event.prev}`;
      throw new GapError("gap", detail);
    }
    this.seq = event.seq;
    this.#begun = true;
    return event;
  }
}
