/**
 * An attempt in the handlers' thread: it hands what the handler says to the network's thread and
 * keeps account of what is under way there, so that memory stays bounded while the server is away.
 */

import { HeartlineError } from "../errors.js";
import type { Granted } from "../types.js";
import { CancelledError, LeaseRevokedError, ParkedError } from "./failure.js";
import { toJson } from "./json.js";
import type { Ending, Question, ToHandlers, ToNetwork } from "./protocol.js";

/** Most bytes of an event's data; the server takes 256 KiB. */
const EVENT_BYTES = 256 * 1024;
/** Events that may wait for room although nobody awaits them; one more is refused. */
const IN_LINE = 1_000;

/** Least time between two reports of progress to the network's thread, in milliseconds. */
const PROGRESS_MS = 100;

/** How much of an attempt's events may be on the way at once. */
export interface OutboxLimits {
  events: number;
  bytes: number;
}

interface Waiting {
  json: string;
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

interface Settling<Value> {
  resolve: (value: Value) => void;
  reject: (error: Error) => void;
}

/** One attempt at an execution. */
export class Attempt {
  readonly granted: Granted;
  readonly #limits: OutboxLimits;
  readonly #send: (message: ToNetwork) => void;
  readonly #abort = new AbortController();
  readonly #flushes = new Map<number, Settling<undefined>>();
  readonly #questions = new Map<number, Settling<unknown>>();
  readonly #line: Waiting[] = [];
  #events = 0;
  #bytes = 0;
  #nextId = 1;
  #progress: string | undefined;
  #progressAt = Number.NEGATIVE_INFINITY;
  #progressTimer: ReturnType<typeof setTimeout> | undefined;
  #fault: HeartlineError | undefined;
  #over: Error | undefined;
  #ended: (() => void) | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(granted: Granted, limits: OutboxLimits, send: (message: ToNetwork) => void) {
    this.granted = granted;
    this.#limits = limits;
    this.#send = send;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What was lost of what the handler said: the attempt must not be called a success. */
  get fault(): HeartlineError | undefined {
    return this.#fault;
  }

  // ---- from the handler ------------------------------------------------------------------

  /**
   * Hands on one event; resolves when there was room for it. A rejection needs no one to catch
   * it: the attempt remembers that something was lost.
   */
  emit(type: string, data: object): Promise<void> {
    const emitted = this.#emit(type, data);
    emitted.catch(() => undefined);
    return emitted;
  }

  async #emit(type: string, data: object): Promise<void> {
    this.#check();
    const json = this.#json(data, `the data of ${type}`);
    const bytes = Buffer.byteLength(json);
    if (bytes > EVENT_BYTES) {
      const detail = `the data of ${type} has ${bytes} bytes; at most ${EVENT_BYTES} are allowed`;
      throw this.#lose("event_too_large", detail);
    }
    const event = { json: `{"type":${JSON.stringify(type)},"data":${json}}`, bytes };
    if (this.#line.length === 0 && this.#hasRoom(bytes)) {
      this.#post(event.json, bytes);
      return;
    }
    if (this.#line.length >= IN_LINE) {
      const detail = `${IN_LINE} events wait for room already: await what you emit`;
      throw this.#lose("outbox_full", detail);
    }
    await new Promise<void>((resolve, reject) => this.#line.push({ ...event, resolve, reject }));
  }

  /** Only the newest counts, so a loop that reports every step costs no memory. */
  progress(value: object): void {
    this.#check();
    this.#progress = this.#json(value, "the progress");
    if (performance.now() - this.#progressAt >= PROGRESS_MS) this.#sendProgress();
    else {
      this.#progressTimer ??= setTimeout(() => {
        this.#sendProgress();
      }, PROGRESS_MS);
    }
  }

  /** Resolves when all that was said is in the log. */
  async flush(): Promise<void> {
    this.#check();
    await this.#emptied();
    this.#check();
    this.#sendProgress();
    const id = this.#id();
    await new Promise<undefined>((resolve, reject) => {
      this.#flushes.set(id, { resolve, reject });
      this.#send({ op: "flush", lease: this.#lease, id });
    });
    if (this.#fault) throw this.#fault;
  }

  /** The answer to a question. */
  async ask(question: Question): Promise<unknown> {
    this.#check();
    await this.#emptied();
    this.#check();
    if (this.signal.aborted) throw this.#reason();
    this.#sendProgress();
    const id = this.#id();
    const text = this.#json(question, "the question");
    const asked = JSON.parse(text) as Question;
    return new Promise<unknown>((resolve, reject) => {
      const aborted = () => {
        reject(this.#reason());
      };
      this.signal.addEventListener("abort", aborted, { once: true });
      const settle = () => {
        this.#questions.delete(id);
        this.signal.removeEventListener("abort", aborted);
      };
      this.#questions.set(id, {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      this.#send({ op: "wait", lease: this.#lease, id, question: asked });
    });
  }

  // ---- from the runner -------------------------------------------------------------------

  /** The handler's last word; resolves when the lease is no more. */
  async finish(ending: Ending): Promise<void> {
    if (this.#over) return;
    await this.#emptied();
    await this.end(ending);
  }

  /** As {@link finish}, without waiting for what is in line. */
  async end(ending: Ending): Promise<void> {
    if (this.#over) return;
    this.#sendProgress();
    const ended = new Promise<void>((resolve) => (this.#ended = resolve));
    this.#fence(new HeartlineError({ code: "attempt_over", detail: "the attempt has ended" }));
    this.#send({ op: "finish", lease: this.#lease, ending });
    await ended;
  }

  /** Tells the handler to stop. */
  abort(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** What the network's thread says of this lease. */
  hear(message: Extract<ToHandlers, { lease: string }>): void {
    switch (message.op) {
      case "room":
        this.#events -= message.events;
        this.#bytes -= message.bytes;
        this.#moveUp();
        break;
      case "flushed":
        this.#flushes.get(message.id)?.resolve(undefined);
        this.#flushes.delete(message.id);
        break;
      case "refused":
        this.#fault ??= new HeartlineError(message.problem);
        break;
      case "answer":
        this.#questions.get(message.id)?.resolve(message.input);
        break;
      case "unanswered":
        this.#questions.get(message.id)?.reject(new HeartlineError(message.problem));
        break;
      case "parked":
        for (const { reject } of this.#questions.values()) reject(new ParkedError());
        this.#fence(new ParkedError());
        break;
      case "cancel":
        this.abort(new CancelledError(message.reason, message.deadline));
        this.#send({ op: "cancel_seen", lease: this.#lease });
        break;
      case "revoked":
        this.#revoked(message.reason);
        break;
      case "finished":
        this.#ended?.();
        break;
    }
  }

  // ---- account ---------------------------------------------------------------------------

  #revoked(reason: string): void {
    const error = new LeaseRevokedError(reason);
    this.#fence(error);
    this.abort(error);
    this.#ended?.();
  }

  /** From here on nothing is taken; what waits is told. */
  #fence(why: Error): void {
    if (this.#over) return;
    this.#over = why;
    clearTimeout(this.#progressTimer);
    for (const { reject } of this.#line.splice(0)) reject(why);
    for (const { reject } of this.#flushes.values()) reject(why);
    this.#flushes.clear();
    this.#lineIsEmpty();
  }

  #sendProgress(): void {
    clearTimeout(this.#progressTimer);
    this.#progressTimer = undefined;
    const json = this.#progress;
    if (json === undefined) return;
    this.#progress = undefined;
    this.#progressAt = performance.now();
    this.#send({ op: "progress", lease: this.#lease, json });
  }

  #check(): void {
    if (this.#over) throw this.#over;
    if (this.#fault) throw this.#fault;
  }

  #hasRoom(bytes: number): boolean {
    const { events, bytes: most } = this.#limits;
    // One event goes on its own, however large.
    return this.#events === 0 || (this.#events < events && this.#bytes + bytes <= most);
  }

  #post(json: string, bytes: number): void {
    this.#events += 1;
    this.#bytes += bytes;
    this.#send({ op: "event", lease: this.#lease, json, bytes });
  }

  #moveUp(): void {
    for (let next; (next = this.#line[0]) && this.#hasRoom(next.bytes);) {
      this.#line.shift();
      this.#post(next.json, next.bytes);
      next.resolve();
    }
    if (this.#line.length === 0) this.#lineIsEmpty();
  }

  #lineIsEmpty(): void {
    for (const go of this.#whenEmpty.splice(0)) go();
  }

  /** Resolves when nothing waits for room. */
  async #emptied(): Promise<void> {
    while (this.#line.length > 0) {
      await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    }
  }

  #json(value: object, what: string): string {
    let json: string | undefined;
    try {
      json = toJson(value);
    } catch (error) {
      throw this.#lose("event_invalid", `${what} is not JSON: ${String(error)}`);
    }
    if (!json?.startsWith("{")) throw this.#lose("event_invalid", `${what} must be an object`);
    return json;
  }

  #lose(code: string, detail: string): HeartlineError {
    const error = new HeartlineError({ code, detail });
    this.#fault ??= error;
    return error;
  }

  #reason(): Error {
    return this.signal.reason as Error;
  }

  #id(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  get #lease(): string {
    return this.granted.lease;
  }
}
