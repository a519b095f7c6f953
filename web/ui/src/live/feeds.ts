// What is watched over the socket, each as a small machine that reads the frames about it and says what
// to subscribe to next. No socket, no clock: socket.ts has those.

import type {
  Execution,
  ExecutionWithState,
  HeartlineEvent,
  ListFilter,
  Phase,
  Problem,
} from "../api/types";

/** A frame of the server, read no further than its `op`. */
export type Frame = { op: string; id?: unknown; execution?: string } & Readonly<Record<string, unknown>>;

export interface FeedHandlers {
  onSnapshot(execution: ExecutionWithState, seq: number): void;
  /** In order, without gap or repeat, and at most once a frame of the screen. */
  onEvents(events: HeartlineEvent[]): void;
  /** What was shown counts no more; events go on from `oldest`. */
  onReset(oldest: number, reason: string): void;
  /** Behind: what follows is read from disk, until `onLive`. */
  onLag(at: number, head: number): void;
  onLive(seq: number): void;
  /** The log has ended and everything was shown. */
  onEnd(seq: number, phase: Phase): void;
  onProblem(problem: Problem): void;
}

export type ListChange =
  | { turn: "enter" | "change"; execution: Execution; seq: number }
  /** `phase` is where it is now; null when it was purged. */
  | { turn: "leave"; id: string; seq: number; phase: Phase | null };

export interface ListHandlers {
  /** The rows come anew: those that have not come again by `onListed` have left. */
  onBegin(): void;
  /** In order, at most once a frame of the screen. */
  onChanges(changes: ListChange[]): void;
  /** The rows that stood at the beginning have come; `nextCursor` is where GET goes on with older ones. */
  onListed(nextCursor: string | null): void;
  onProblem(problem: Problem): void;
}

/** What the machine wants of the socket after a frame. */
export type Want = "nothing" | "again" | "over";

/** One thing that is watched. */
export interface Feed {
  /** The frame that subscribes, without op and id. */
  ask(): Readonly<Record<string, unknown>>;
  /** The server has taken the subscription: what it says from now on is meant for this feed. */
  begun(): void;
  /** The connection is gone, or the subscription is renewed: nothing counts until `begun`. */
  cut(): void;
  /** The execution whose frames carry no subscription id. */
  readonly execution?: string;
  take(frame: Frame): Want;
  refused(problem: Problem): void;
  /** Hands over what has come since the last time. */
  flush(): void;
}

/** Follows one execution's log by seq. */
export class ExecutionFeed implements Feed {
  /** Seq of the last thing handed over; undefined until a snapshot says where to begin. */
  private at: number | undefined;
  private active = false;
  /** The next event's `prev` is not checked: the log was cut before it. */
  private afterCut = false;
  private pending: (HeartlineEvent[] | (() => void))[] = [];

  constructor(
    readonly execution: string,
    options: { after?: number; snapshot?: boolean },
    private readonly handlers: FeedHandlers,
    /** Whether other feeds of this execution share the connection: then its frames come more than once. */
    private readonly shared: () => boolean,
  ) {
    this.at = options.snapshot ? undefined : (options.after ?? 0);
  }

  ask() {
    return this.at === undefined
      ? { execution: this.execution, snapshot: true }
      : { execution: this.execution, after: this.at };
  }

  begun() {
    this.active = true;
  }

  cut() {
    this.active = false;
  }

  take(frame: Frame): Want {
    if (!this.active) return "nothing";
    switch (frame.op) {
      case "event":
        return this.event(frame.event as HeartlineEvent);
      case "snapshot": {
        if (this.at !== undefined) return "nothing";
        const seq = frame.seq as number;
        this.at = seq;
        this.then(() => this.handlers.onSnapshot(frame.state as ExecutionWithState, seq));
        return "nothing";
      }
      case "reset": {
        const oldest = frame.oldest as number;
        this.at = oldest - 1;
        this.afterCut = true;
        this.then(() => this.handlers.onReset(oldest, String(frame.reason)));
        return "nothing";
      }
      case "lag":
        this.then(() => this.handlers.onLag(frame.at as number, frame.head as number));
        return "nothing";
      case "live":
        this.then(() => this.handlers.onLive(frame.seq as number));
        return "nothing";
      case "end": {
        const seq = frame.seq as number;
        // Of another feed of the same execution that is further than this one; or events are missing.
        if (this.at === undefined || this.at < seq) return this.shared() ? "nothing" : "again";
        this.then(() => this.handlers.onEnd(seq, frame.phase as Phase));
        return "over";
      }
      default:
        return "nothing";
    }
  }

  refused(problem: Problem) {
    this.then(() => this.handlers.onProblem(problem));
  }

  flush() {
    const pending = this.pending;
    this.pending = [];
    for (const next of pending) {
      if (Array.isArray(next)) this.handlers.onEvents(next);
      else next();
    }
  }

  private event(event: HeartlineEvent): Want {
    if (this.at === undefined || event.seq <= this.at) return "nothing";
    if (event.prev !== this.at && !this.afterCut) return this.shared() ? "nothing" : "again";
    this.afterCut = false;
    this.at = event.seq;
    const last = this.pending.at(-1);
    if (Array.isArray(last)) last.push(event);
    else this.pending.push([event]);
    return "nothing";
  }

  private then(call: () => void) {
    this.pending.push(call);
  }
}

/** Follows a list of executions. A list cannot be resumed: its rows come anew. */
export class ListFeed implements Feed {
  private active = false;
  private pending: (ListChange[] | (() => void))[] = [];

  constructor(
    private readonly filter: ListFilter,
    private readonly limit: () => number,
    private readonly handlers: ListHandlers,
  ) {}

  ask() {
    return { filter: this.filter, limit: this.limit() };
  }

  begun() {
    this.active = true;
    this.pending.push(() => this.handlers.onBegin());
  }

  cut() {
    this.active = false;
  }

  take(frame: Frame): Want {
    if (!this.active) return "nothing";
    switch (frame.op) {
      case "enter":
      case "change":
        this.change({ turn: frame.op, execution: frame.state as Execution, seq: frame.seq as number });
        break;
      case "leave":
        this.change({
          turn: "leave",
          id: frame.execution as string,
          seq: frame.seq as number,
          phase: (frame.phase as Phase | null | undefined) ?? null,
        });
        break;
      case "listed": {
        const next = (frame.next_cursor as string | null | undefined) ?? null;
        this.pending.push(() => this.handlers.onListed(next));
        break;
      }
      case "reset":
        this.pending.push(() => this.handlers.onBegin());
        break;
    }
    return "nothing";
  }

  refused(problem: Problem) {
    this.pending.push(() => this.handlers.onProblem(problem));
  }

  flush() {
    const pending = this.pending;
    this.pending = [];
    for (const next of pending) {
      if (Array.isArray(next)) this.handlers.onChanges(next);
      else next();
    }
  }

  private change(change: ListChange) {
    const last = this.pending.at(-1);
    if (Array.isArray(last)) last.push(change);
    else this.pending.push([change]);
  }
}

/** A GET that keeps itself up to date. Of several bodies only the last one matters. */
export class ResourceFeed implements Feed {
  private body: { value: unknown } | undefined;
  private problem: Problem | undefined;

  constructor(
    private readonly path: string,
    private readonly onBody: (body: unknown) => void,
    private readonly onProblem: (problem: Problem) => void,
  ) {}

  ask() {
    return { resource: this.path };
  }

  begun() {}

  cut() {}

  take(frame: Frame): Want {
    if (frame.op === "resource") this.body = { value: frame.body };
    return "nothing";
  }

  refused(problem: Problem) {
    this.problem = problem;
  }

  flush() {
    const { body, problem } = this;
    this.body = undefined;
    this.problem = undefined;
    if (body) this.onBody(body.value);
    if (problem) this.onProblem(problem);
  }
}
