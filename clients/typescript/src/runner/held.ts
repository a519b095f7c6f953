/**
 * A lease in the network's thread: what its handler said waits here in order, and each piece is
 * repeated until the server has answered it. One piece is under way at a time; a batch keeps its
 * number and its content for as long as it is repeated, so nothing is written twice.
 */

import { ConnectionError, HeartlineError } from "../errors.js";
import { Backoff, milliseconds, sleep } from "../pause.js";
import type { Granted } from "../types.js";
import type { Ending, Question, ToHandlers } from "./protocol.js";
import type { Transport, Verb } from "./transport.js";

/** Most events of a batch; the server takes 1,000. */
const BATCH_EVENTS = 500;
/** Most bytes of a batch with more than one event; the server takes messages of 1 MiB. */
const BATCH_BYTES = 512 * 1024;
/** Least time between two progress events, in milliseconds. */
const PROGRESS_MS = 1_000;
/** The longest wait before something is repeated, in milliseconds. */
const LONGEST_WAIT_MS = 2_000;
/** The server's default, in milliseconds. */
const HEARTBEAT_MS = 30_000;

interface Batch {
  op: "events";
  /** Each as JSON text. */
  events: string[];
  bytes: number;
  /** How many of them the handlers' thread keeps account of, and their bytes. */
  counted: { events: number; bytes: number };
}

type Item =
  | Batch
  | { op: "wait"; id: number; question: Question }
  | { op: "flush"; id: number }
  | { op: "finish"; ending: Ending };

/** Thrown where a lease is over: nothing may be written any more. */
class Over extends Error {}

/** One lease. */
export class Held {
  readonly lease: string;
  readonly execution: string;
  /** Its heartbeat timeout, in milliseconds. */
  readonly heartbeatMs: number;
  /** The last lifecycle event that was read from the log. */
  seen: number;
  /** The handler was told of a cancellation. */
  cancelled = false;
  /** Its last word is on the way: the answer to that says how the lease ends. */
  ending = false;
  /** It is no more. */
  over = false;

  /** The seq of the last answer that was told; 0 while there was none. */
  answersKnown = 0;

  readonly #transport: Transport;
  readonly #say: (message: ToHandlers) => void;
  readonly #gone: () => void;
  readonly #queue: Item[] = [];
  #pumping = false;
  /** Something the handler said that the server would not take. */
  #refused: HeartlineError | undefined;
  #batch = 0;
  #progress: string | undefined;
  #progressAt = Number.NEGATIVE_INFINITY;
  #progressTimer: ReturnType<typeof setTimeout> | undefined;
  #question: { id: number; seq: number } | undefined;
  #early: { seq: number; input: unknown } | undefined;

  constructor(
    granted: Granted,
    transport: Transport,
    say: (message: ToHandlers) => void,
    gone: () => void,
  ) {
    this.lease = granted.lease;
    this.execution = granted.execution.id;
    this.heartbeatMs = milliseconds(granted.heartbeat, HEARTBEAT_MS);
    this.seen = granted.execution.seq;
    this.#transport = transport;
    this.#say = say;
    this.#gone = gone;
  }

  /** A person's answer is awaited. */
  get asking(): boolean {
    return this.#question !== undefined && !this.over;
  }

  // ---- from the handler ------------------------------------------------------------------

  event(json: string, bytes: number): void {
    this.#append(json, bytes, true);
  }

  /** Sent now, or a second after the last one; only the newest is. */
  progress(json: string): void {
    this.#progress = json;
    if (this.#progressTimer) return;
    const inMs = this.#progressAt + PROGRESS_MS - performance.now();
    if (inMs <= 0) this.#sendProgress();
    else {
      this.#progressTimer = setTimeout(() => {
        this.#sendProgress();
      }, inMs);
    }
  }

  flush(id: number): void {
    this.#sendProgress();
    this.#push({ op: "flush", id });
  }

  wait(id: number, question: Question): void {
    this.#sendProgress();
    this.#push({ op: "wait", id, question });
  }

  finish(ending: Ending): void {
    this.#sendProgress();
    this.#push({ op: "finish", ending });
  }

  /** The handler's signal was aborted for a cancellation. */
  cancelSeen(): void {
    // Whatever is wrong with it, the end of the attempt says more.
    this.#repeat("cancel_acknowledged", "").catch(() => undefined);
  }

  // ---- from the server -------------------------------------------------------------------

  cancel(reason: string | null, deadline: string | null): void {
    if (this.cancelled || this.over) return;
    this.cancelled = true;
    this.#say({ op: "cancel", lease: this.lease, reason, deadline });
  }

  revoke(reason: string): void {
    if (this.over) return;
    this.#end();
    this.#say({ op: "revoked", lease: this.lease, reason });
  }

  /** The answer at `seq` of the log; it may come before the question's own seq is known. */
  answered(seq: number, input: unknown): void {
    this.answersKnown = Math.max(this.answersKnown, seq);
    const question = this.#question;
    if (!question) {
      this.#early = { seq, input };
    } else if (seq > question.seq) {
      this.#question = undefined;
      this.#say({ op: "answer", lease: this.lease, id: question.id, input });
    }
  }

  // ---- the outbox ------------------------------------------------------------------------

  #sendProgress(): void {
    clearTimeout(this.#progressTimer);
    this.#progressTimer = undefined;
    const value = this.#progress;
    if (value === undefined) return;
    this.#progress = undefined;
    this.#progressAt = performance.now();
    const json = `{"type":"CUSTOM","data":{"name":"progress","value":${value}}}`;
    this.#append(json, Buffer.byteLength(json), false);
  }

  #append(json: string, bytes: number, counted: boolean): void {
    if (this.over) return;
    let batch = this.#queue.at(-1);
    if (
      batch?.op !== "events" ||
      batch.events.length >= BATCH_EVENTS ||
      batch.bytes + bytes > BATCH_BYTES
    ) {
      batch = { op: "events", events: [], bytes: 0, counted: { events: 0, bytes: 0 } };
      this.#queue.push(batch);
    }
    batch.events.push(json);
    batch.bytes += bytes;
    if (counted) {
      batch.counted.events += 1;
      batch.counted.bytes += bytes;
    }
    this.#pump();
  }

  #push(item: Item): void {
    if (this.over) return;
    this.#queue.push(item);
    this.#pump();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const pump = async () => {
      try {
        for (let item; !this.over && (item = this.#queue.shift());) await this.#deliver(item);
      } finally {
        this.#pumping = false;
      }
    };
    pump().catch((error: unknown) => {
      if (!(error instanceof Over)) this.revoke(`the runner failed: ${String(error)}`);
    });
  }

  async #deliver(item: Item): Promise<void> {
    switch (item.op) {
      case "events":
        return this.#deliverEvents(item);
      case "flush":
        this.#say({ op: "flushed", lease: this.lease, id: item.id });
        return;
      case "wait":
        return this.#deliverWait(item.id, item.question);
      case "finish":
        return this.#deliverEnding(item.ending);
    }
  }

  async #deliverEvents({ events, counted }: Batch): Promise<void> {
    this.#batch += 1;
    while (events.length > 0) {
      try {
        await this.#repeat("events", `"batch":${this.#batch},"events":[${events.join()}]`);
        break;
      } catch (error) {
        if (!(error instanceof HeartlineError)) throw error;
        // None of the batch was taken. The handler is told; what is not at fault goes again,
        // under the number that is still free.
        this.#refused ??= error;
        this.#say({ op: "refused", lease: this.lease, problem: error.parts() });
        const faulty = indexes(error);
        events = faulty.size === 0 ? [] : events.filter((_, index) => !faulty.has(index));
      }
    }
    this.#say({ op: "room", lease: this.lease, ...counted });
  }

  async #deliverWait(id: number, question: Question): Promise<void> {
    this.#batch += 1;
    const hold = question.hold ?? true;
    const members = JSON.stringify({ batch: this.#batch, ...question, hold }).slice(1, -1);
    this.ending = !hold;
    let seq: number;
    try {
      seq = await this.#repeat("wait", members);
    } catch (error) {
      if (!(error instanceof HeartlineError)) throw error;
      this.ending = false;
      this.#say({ op: "unanswered", lease: this.lease, id, problem: error.parts() });
      return;
    }
    if (!hold) {
      this.#end();
      this.#say({ op: "parked", lease: this.lease });
      return;
    }
    this.#question = { id, seq };
    const early = this.#early;
    this.#early = undefined;
    if (early) this.answered(early.seq, early.input);
    if (this.asking) this.#transport.asked(this);
  }

  async #deliverEnding(ending: Ending): Promise<void> {
    this.ending = true;
    // The log lacks something of it, so it was no success.
    if (ending.op === "complete" && this.#refused) ending = refusedBy(this.#refused);
    try {
      await this.#repeat(ending.op, membersOf(ending));
    } catch (error) {
      if (!(error instanceof HeartlineError)) throw error;
      if (ending.op !== "complete") {
        this.revoke(`the server refused its end: ${error.message}`);
        return;
      }
      await this.#deliverEnding(refusedBy(error));
      return;
    }
    this.#end();
    this.#say({ op: "finished", lease: this.lease });
  }

  /** Says it until it is answered. */
  async #repeat(verb: Verb, members: string): Promise<number> {
    const backoff = new Backoff(LONGEST_WAIT_MS);
    for (;;) {
      if (this.over) throw new Over();
      try {
        return await this.#transport.post(this, verb, members);
      } catch (error) {
        if (!(error instanceof HeartlineError)) throw error;
        if (isOver(error)) {
          this.revoke(error.detail);
          throw new Over();
        }
        if (!(error instanceof ConnectionError) && !mayPass(error.status)) throw error;
        await sleep(Math.max(error.retryAfterMs ?? 0, backoff.next()));
      }
    }
  }

  #end(): void {
    this.over = true;
    this.#queue.length = 0;
    clearTimeout(this.#progressTimer);
    this.#gone();
  }
}

function isOver({ status, code }: HeartlineError): boolean {
  const gone = ["lease_superseded", "execution_terminal", "execution_not_found"];
  return (status === 409 || status === 404) && gone.includes(code);
}

function mayPass(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** Which events of a batch a problem points at. */
function indexes(problem: HeartlineError): Set<number> {
  const found = problem.errors.map(({ pointer }) => /^\/events\/(\d+)/.exec(pointer)?.[1]);
  return new Set(found.flatMap((index) => (index === undefined ? [] : [Number(index)])));
}

/** The end of an attempt that said something the server will never take. */
function refusedBy({ code, detail }: HeartlineError): Ending {
  const message = `The server refused what the handler said: ${detail}`.slice(0, 300);
  return { op: "fail", error: { code, message, retryable: false } };
}

function membersOf(ending: Ending): string {
  switch (ending.op) {
    case "complete":
      return ending.output === undefined ? "" : `"output":${ending.output}`;
    case "fail":
      return `"error":${JSON.stringify(ending.error)}`;
    case "cancelled":
      return "";
  }
}
