// The one socket of the page. It keeps itself up, subscribes again to everything after a reconnect, and
// gives each subscription its frames. Where to resume is known by seq (feeds.ts), never by close code.

import type { ListFilter, Problem } from "../api/types";
import { milliseconds } from "../ui/duration";
import {
  ExecutionFeed,
  ListFeed,
  ResourceFeed,
  type Feed,
  type FeedHandlers,
  type Frame,
  type ListHandlers,
} from "./feeds";

export type { FeedHandlers, ListChange, ListHandlers } from "./feeds";

export type Status = {
  state: "connecting" | "live" | "reconnecting" | "offline";
  /** Milliseconds since the epoch. */
  since: number;
  /** Tries since it was last live. */
  attempt: number;
  why?: string;
  retryAt?: number;
};

/** The parts of WebSocket that are used, so that tests can be without one. */
export type SocketLike = {
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(text: string): void;
  close(code?: number): void;
};

export const SUBPROTOCOL = "heartline.v1.json";
/** The server's pings come so often until its hello says otherwise. */
const HEARTBEAT_MS = 25_000;
/** How long a connection may take to say hello. */
const HELLO_MS = 10_000;
/** Waits between tries double from the first to the last of these. */
const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 10_000;
/** A connection that lasted so long was a good one: the waits begin anew. */
const STABLE_MS = 5_000;
/** A feed that was refused for the moment is asked for again after this. */
const REFUSED_WAIT_MS = 3_000;
/** Frames are handed over at the latest after this, also when the screen draws nothing. */
const FLUSH_MS = 300;

type Entry = { feed: Feed; id: number; retry?: ReturnType<typeof setTimeout> };
type Shared = { listeners: Set<ResourceListener>; last: { body: unknown } | undefined; stop: () => void };
type ResourceListener = { onBody: (body: unknown) => void; onProblem: (problem: Problem) => void };

export class Live {
  private socket: SocketLike | undefined;
  private current: Status = { state: "connecting", since: Date.now(), attempt: 0 };
  private readonly listeners = new Set<() => void>();
  private readonly entries = new Map<number, Entry>();
  private readonly resources = new Map<string, Shared>();
  private readonly dirty = new Set<Feed>();
  private nextId = 1;
  private heartbeat = HEARTBEAT_MS;
  private heardAt = 0;
  private greeted = false;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private flushing: { frame: number; timer: ReturnType<typeof setTimeout> } | undefined;
  private comeBackAfter: number | undefined;
  private failures = 0;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly open: (url: string) => SocketLike = (url) => new WebSocket(url, SUBPROTOCOL),
  ) {
    if (typeof window !== "undefined") {
      window.addEventListener("online", this.hurry);
      window.addEventListener("offline", this.wentOffline);
      document.addEventListener("visibilitychange", this.seen);
    }
  }

  status(): Status {
    return this.current;
  }

  onStatus(listener: () => void): () => void {
    this.listeners.add(listener);
    this.start();
    return () => this.listeners.delete(listener);
  }

  /** Follows an execution; resumes by seq over reconnects by itself. */
  execution(id: string, options: { after?: number; snapshot?: boolean }, handlers: FeedHandlers): () => void {
    const shared = () => {
      let count = 0;
      for (const { feed } of this.entries.values()) if (feed.execution === id) count += 1;
      return count > 1;
    };
    return this.add(new ExecutionFeed(id, options, handlers, shared));
  }

  /** Follows a list. `limit` may be a function: it is asked again at each reconnect. */
  list(filter: ListFilter, limit: number | (() => number), handlers: ListHandlers): () => void {
    return this.add(new ListFeed(filter, typeof limit === "number" ? () => limit : limit, handlers));
  }

  /** A GET that keeps itself up to date; those who ask for the same path share it. */
  resource<T>(path: string, onBody: (body: T) => void, onProblem: (problem: Problem) => void): () => void {
    const listener: ResourceListener = { onBody: (body) => onBody(body as T), onProblem };
    let shared = this.resources.get(path);
    if (shared) {
      shared.listeners.add(listener);
      if (shared.last) listener.onBody(shared.last.body);
    } else {
      const mine: Shared = { listeners: new Set([listener]), last: undefined, stop: () => {} };
      shared = mine;
      this.resources.set(path, mine);
      mine.stop = this.add(
        new ResourceFeed(
          path,
          (body) => {
            mine.last = { body };
            for (const each of [...mine.listeners]) each.onBody(body);
          },
          (problem) => {
            // Whoever asks next asks the server again.
            if (this.resources.get(path) === mine) this.resources.delete(path);
            for (const each of [...mine.listeners]) each.onProblem(problem);
          },
        ),
      );
    }
    const of = shared;
    return () => {
      if (!of.listeners.delete(listener) || of.listeners.size > 0) return;
      if (this.resources.get(path) === of) this.resources.delete(path);
      of.stop();
    };
  }

  /** Tries to connect now rather than when its turn comes. */
  retryNow(): void {
    this.hurry();
  }

  /** Ends it for good. */
  close(): void {
    this.closed = true;
    this.drop();
    clearTimeout(this.retry);
    for (const entry of this.entries.values()) clearTimeout(entry.retry);
    this.entries.clear();
    if (typeof window !== "undefined") {
      window.removeEventListener("online", this.hurry);
      window.removeEventListener("offline", this.wentOffline);
      document.removeEventListener("visibilitychange", this.seen);
    }
  }

  private add(feed: Feed): () => void {
    const entry: Entry = { feed, id: this.nextId++ };
    this.entries.set(entry.id, entry);
    this.start();
    if (this.greeted) this.subscribe(entry);
    return () => {
      this.dirty.delete(feed);
      if (this.entries.get(entry.id) !== entry) return;
      clearTimeout(entry.retry);
      this.entries.delete(entry.id);
      if (this.greeted) this.send({ op: "unsubscribe", id: entry.id });
    };
  }

  private subscribe(entry: Entry): void {
    this.send({ op: "subscribe", id: entry.id, ...entry.feed.ask() });
  }

  /** Subscribes anew under a new id, from where the feed is. */
  private renew(entry: Entry): void {
    this.entries.delete(entry.id);
    if (this.greeted) this.send({ op: "unsubscribe", id: entry.id });
    entry.feed.cut();
    entry.id = this.nextId++;
    this.entries.set(entry.id, entry);
    if (this.greeted) this.subscribe(entry);
  }

  private send(frame: Readonly<Record<string, unknown>>): void {
    this.socket?.send(JSON.stringify(frame));
  }

  private start(): void {
    if (this.closed || this.socket || this.retry !== undefined) return;
    this.connect();
  }

  private connect(): void {
    this.retry = undefined;
    let socket: SocketLike;
    try {
      socket = this.open(this.url);
    } catch (error) {
      this.lost(error instanceof Error ? error.message : String(error));
      return;
    }
    this.socket = socket;
    this.greeted = false;
    this.comeBackAfter = undefined;
    this.heardAt = Date.now();
    socket.onmessage = (message) => this.heard(message.data);
    socket.onclose = (event) => this.lost(closeReason(event));
    this.watchSilence(HELLO_MS);
  }

  private heard(data: unknown): void {
    this.heardAt = Date.now();
    if (typeof data !== "string") return;
    let frame: Frame;
    try {
      frame = JSON.parse(data) as Frame;
    } catch {
      this.abandon("the server sent what is not JSON");
      return;
    }
    switch (frame.op) {
      case "hello":
        this.greet(frame);
        break;
      case "ping":
        this.send(frame.t === undefined ? { op: "pong" } : { op: "pong", t: frame.t });
        break;
      case "reconnect":
        this.comeBackAfter = milliseconds(String(frame.after)) ?? FIRST_WAIT_MS;
        break;
      case "error":
        this.refused(frame);
        break;
      default:
        this.route(frame);
    }
  }

  private greet(frame: Frame): void {
    this.heartbeat = milliseconds(String(frame.heartbeat)) ?? HEARTBEAT_MS;
    this.greeted = true;
    this.set({ state: "live", since: Date.now(), attempt: 0 });
    this.watchSilence(2 * this.heartbeat);
    for (const entry of [...this.entries.values()]) {
      if (entry.retry === undefined) this.subscribe(entry);
    }
  }

  private route(frame: Frame): void {
    if (typeof frame.id === "number") {
      const entry = this.entries.get(frame.id);
      if (!entry) return;
      if (frame.op === "subscribed") entry.feed.begun();
      else this.settle(entry, entry.feed.take(frame));
      this.mark(entry.feed);
      return;
    }
    const execution = frame.op === "event" ? (frame.event as { execution_id?: string }).execution_id : frame.execution;
    if (execution === undefined) return;
    for (const entry of [...this.entries.values()]) {
      if (entry.feed.execution !== execution) continue;
      this.settle(entry, entry.feed.take(frame));
      this.mark(entry.feed);
    }
  }

  private settle(entry: Entry, want: "nothing" | "again" | "over"): void {
    if (want === "again") this.renew(entry);
    else if (want === "over") this.entries.delete(entry.id);
  }

  private refused(frame: Frame): void {
    const problem = frame.problem as Problem;
    const entry = typeof frame.id === "number" ? this.entries.get(frame.id) : undefined;
    if (!entry) {
      // A subscription could not go on, and which one is not said: all of them resume on a new connection.
      if (frame.id === undefined) this.abandon(problem.detail || problem.title);
      return;
    }
    if (problem.status === 429 || problem.status === 503) {
      entry.feed.cut();
      entry.retry = setTimeout(() => {
        delete entry.retry;
        this.renew(entry);
      }, REFUSED_WAIT_MS);
      return;
    }
    this.entries.delete(entry.id);
    entry.feed.refused(problem);
    this.mark(entry.feed);
  }

  /** Gives up a connection that may hang: a close handshake would too. */
  private abandon(why: string): void {
    const socket = this.socket;
    this.lost(why);
    socket?.close(1000);
  }

  private drop(): void {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = undefined;
    this.greeted = false;
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    if (this.closed) socket.close(1000);
  }

  private lost(why: string): void {
    const wasLiveFor = this.greeted ? Date.now() - this.current.since : 0;
    this.drop();
    if (this.closed) return;
    for (const { feed } of this.entries.values()) feed.cut();
    this.failures = wasLiveFor >= STABLE_MS ? 0 : this.failures + 1;
    const most = Math.min(LAST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.failures, 10));
    const wait = this.comeBackAfter ?? most / 2 + Math.random() * (most / 2);
    this.comeBackAfter = undefined;
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    const before = this.current;
    const since = before.state === "live" ? Date.now() : before.since;
    const state = offline ? "offline" : "reconnecting";
    this.set({ state, since, attempt: before.attempt + 1, why, retryAt: Date.now() + wait });
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), wait);
  }

  private watchSilence(limit: number): void {
    clearTimeout(this.silence);
    const left = this.heardAt + limit - Date.now();
    if (left <= 0) {
      this.abandon(this.greeted ? "the server has fallen silent" : "the server did not say hello");
      return;
    }
    // Heard frames only move `heardAt`; this looks again when the time would be up.
    this.silence = setTimeout(() => this.watchSilence(this.greeted ? 2 * this.heartbeat : limit), left);
  }

  private readonly hurry = (): void => {
    if (this.closed || this.socket || this.retry === undefined) return;
    clearTimeout(this.retry);
    this.connect();
  };

  private readonly wentOffline = (): void => {
    if (!this.socket) this.set({ ...this.current, state: "offline" });
  };

  /** Timers of a hidden page sleep, so what they would have done is done when it is seen again. */
  private readonly seen = (): void => {
    if (document.visibilityState !== "visible") return;
    if (this.socket) this.watchSilence(this.greeted ? 2 * this.heartbeat : HELLO_MS);
    else this.hurry();
  };

  private mark(feed: Feed): void {
    this.dirty.add(feed);
    if (this.flushing) return;
    const flush = () => this.flush();
    const frame = typeof requestAnimationFrame === "function" ? requestAnimationFrame(flush) : 0;
    this.flushing = { frame, timer: setTimeout(flush, frame ? FLUSH_MS : 0) };
  }

  private flush(): void {
    if (!this.flushing) return;
    if (this.flushing.frame) cancelAnimationFrame(this.flushing.frame);
    clearTimeout(this.flushing.timer);
    this.flushing = undefined;
    const dirty = [...this.dirty];
    this.dirty.clear();
    for (const feed of dirty) feed.flush();
  }

  private set(status: Status): void {
    this.current = status;
    for (const listener of [...this.listeners]) listener();
  }
}

function closeReason(event: CloseEvent): string {
  if (event.reason) return event.reason;
  return event.code === 1006 ? "the connection was lost" : `the connection was closed (${event.code})`;
}

/** Where the socket of the server that this page came from is. */
export function socketUrl(location: Location): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/v1/ws`;
}

