/**
 * A runner over one WebSocket, on which leases, cancellations and answers are pushed. A lost
 * connection is made anew, and what was at work goes on: the runner shows its session and leases.
 */

import { connect } from "#websocket";

import { ConnectionError, HeartlineError } from "../errors.js";
import type { Http } from "../http.js";
import { Backoff, milliseconds, sleep } from "../pause.js";
import type { RunnerFrame } from "../types.js";
import type { Socket } from "../websocket.js";
import type { Held } from "./held.js";
import { glance } from "./lifecycle.js";
import type { Setup } from "./protocol.js";
import { checkSize, MESSAGE_BYTES, type Owner, type Transport, type Verb } from "./transport.js";

const PROTOCOL = "heartline.runner.v1.json";
/** The longest wait between two connections, in milliseconds: well within a server's grace. */
const LONGEST_WAIT_MS = 1_500;
/** Between two heartbeats unless the server says otherwise, in milliseconds. */
const BEAT_MS = 10_000;
/** How long the answer to a heartbeat, or to a registration, may take, in milliseconds. */
const ANSWER_MS = 10_000;
/** Most leases of one heartbeat frame. */
const BEAT_LEASES = 1_000;

/** The server has no runner WebSocket. */
export class NoSuchRoute extends Error {}

type Of<Op extends RunnerFrame["op"]> = Extract<RunnerFrame, { op: Op }>;

interface Pending {
  resolve: (seq: number) => void;
  reject: (error: HeartlineError) => void;
}

export class WebSocketTransport implements Transport {
  readonly #http: Http;
  readonly #setup: Setup;
  readonly #owner: Owner;
  readonly #backoff = new Backoff(LONGEST_WAIT_MS);
  readonly #pending = new Map<unknown, Pending>();
  #socket: Socket | undefined;
  /** Settled by the end of the connection. */
  #lost: ((error?: Error) => void) | undefined;
  #registered = false;
  #whenRegistered: (() => void)[] = [];
  #session: string | undefined;
  #nextId = 1;
  #beatMs = BEAT_MS;
  #beatAt = 0;
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #messageBytes = MESSAGE_BYTES;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #comeBackMs = 0;
  #draining = false;
  readonly #stop = new AbortController();

  constructor(http: Http, setup: Setup, owner: Owner) {
    this.#http = http;
    this.#setup = setup;
    this.#owner = owner;
  }

  async run(): Promise<void> {
    for (;;) {
      try {
        await this.#connection();
        return; // Drained.
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        if (this.#stop.signal.aborted) return;
        if (this.#draining && this.#owner.held.size === 0) return;
        const retryInMs = Math.max(this.#comeBackMs, this.#backoff.next());
        this.#comeBackMs = 0;
        this.#owner.status({ state: "disconnected", problem: error.detail });
        await sleep(retryInMs, this.#stop.signal).catch(() => undefined);
      }
    }
  }

  drain(): void {
    this.#draining = true;
    if (this.#registered) this.#send({ op: "drain" });
    // Without a connection and without a lease there is nothing to come back for.
    else if (this.#owner.held.size === 0) {
      this.#stop.abort();
      this.#lost?.(new ConnectionError("it was ended here"));
    }
  }

  async post(held: Held, verb: Verb, members: string): Promise<number> {
    while (!this.#registered) {
      await new Promise<void>((resolve) => this.#whenRegistered.push(resolve));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const { execution, lease } = held;
    const rest = members === "" ? "" : `,${members}`;
    const frame = `{"op":"${verb}","id":${id},"execution":"${execution}","lease":"${lease}"${rest}}`;
    // A larger one would cost the connection, every time anew.
    checkSize(frame, this.#messageBytes);
    this.#socket?.send(frame);
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  asked(): void {
    // The answer is pushed, or found when the connection is made anew.
  }

  /** One connection, from its beginning to its end. */
  async #connection(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#lost = (error) => {
          if (error) reject(error);
          else resolve();
        };
        this.#socket = connect(
          {
            url: this.#http.socket("/v1/runner"),
            protocol: PROTOCOL,
            token: this.#http.token,
            ticket: () => Promise.reject(new Error("runners show their token")),
          },
          {
            open: () => {
              this.#register();
            },
            message: (text) => {
              this.#read(text);
            },
            close: (code, reason, status) => {
              this.#lost?.(this.#closed(code, reason, status));
            },
          },
        );
        this.#expect(ANSWER_MS);
      });
    } finally {
      this.#registered = false;
      this.#lost = undefined;
      this.#socket?.end();
      this.#stopBeating();
      clearTimeout(this.#silence);
      const lost = new ConnectionError("the connection was lost before the answer");
      for (const { reject } of this.#pending.values()) reject(lost);
      this.#pending.clear();
    }
  }

  /** What a close means; nothing where it is the end of a drain. */
  #closed(code: number, reason: string, status: number | undefined): Error | undefined {
    if (code === 1000 && this.#draining && this.#owner.held.size === 0) return undefined;
    if (status === 404 && this.#session === undefined) return new NoSuchRoute();
    const why = reason === "" ? `the connection was closed with ${code}` : reason;
    const refused = status ?? (code >= 4400 && code < 4500 ? code - 4000 : 0);
    // Wrong once is wrong again; but another session of this runner (4409) may end.
    if ([400, 401, 403].includes(refused)) {
      return new HeartlineError({ code: "runner_refused", detail: why, status: refused });
    }
    return new ConnectionError(why);
  }

  #register(): void {
    const { runner, queues, slots } = this.#setup;
    this.#send({ op: "register", runner, queues, slots, ...this.#returning() });
  }

  /** What a runner that returns shows; nothing the first time. */
  #returning(): { session?: string; leases?: { execution: string; lease: string }[] } {
    if (this.#session === undefined) return {};
    // Those that have not ended first: the server takes no more than there are slots.
    const held = [...this.#owner.held.values()].sort((a, b) => Number(a.ending) - Number(b.ending));
    const leases = held
      .slice(0, this.#setup.slots)
      .map(({ execution, lease }) => ({ execution, lease }));
    // Also where there are none: without them the server keeps a lease that never came here.
    return { session: this.#session, leases };
  }

  #read(text: string): void {
    try {
      this.#take(JSON.parse(text) as RunnerFrame);
    } catch (error) {
      this.#lost?.(new ConnectionError(`a frame could not be read: ${String(error)}`, error));
    }
  }

  #take(frame: RunnerFrame): void {
    // Whatever is heard is a sign of life.
    this.#expect(this.#beatMs + ANSWER_MS);
    switch (frame.op) {
      case "hello":
        this.#messageBytes = frame.limits.message_bytes;
        break;
      case "registered":
        this.#isRegistered(frame);
        break;
      case "lease":
        this.#owner.granted(frame);
        this.#scheduleBeat();
        break;
      case "ack":
        this.#settle(frame.id)?.resolve(frame.seq ?? 0);
        break;
      case "error":
        this.#failed(frame);
        break;
      case "cancel":
        this.#of(frame)?.cancel(frame.reason ?? null, frame.deadline);
        break;
      case "revoked": {
        const held = this.#of(frame);
        // Where its last word is on the way, the answer to that tells.
        if (held && !held.ending) held.revoke(frame.reason);
        break;
      }
      case "resumed":
        this.#of(frame)?.answered(frame.seq, frame.input);
        break;
      case "ping":
        this.#send({ op: "pong", t: frame.t });
        break;
      case "reconnect":
        this.#comeBackMs = milliseconds(frame.after, 0);
        break;
      default: // Later servers may say more.
    }
  }

  #isRegistered({ session, heartbeat, leases }: Of<"registered">): void {
    this.#session = session;
    if (leases.some(({ lease }) => !this.#owner.held.has(lease))) {
      // Nobody works on it: it goes back by not being named the next time.
      this.#lost?.(new ConnectionError("the server kept a lease that is not held here"));
      return;
    }
    this.#beatMs = milliseconds(heartbeat, BEAT_MS);
    this.#registered = true;
    this.#backoff.reset();
    const kept = new Set(leases.map(({ lease }) => lease));
    for (const held of [...this.#owner.held.values()]) {
      if (kept.has(held.lease)) glance(this.#http, held);
      else if (!held.ending) held.revoke("the server did not keep it while the runner was away");
    }
    this.#owner.status({ state: "connected", transport: "websocket" });
    if (this.#draining) this.#send({ op: "drain" });
    this.#beat();
    const waiting = this.#whenRegistered;
    this.#whenRegistered = [];
    for (const go of waiting) go();
  }

  #failed({ id, problem }: Of<"error">): void {
    const error = HeartlineError.of(problem);
    const pending = this.#settle(id);
    if (pending) pending.reject(error);
    // The registration was refused. What comes with a status that may pass is tried again.
    else if (!this.#registered) {
      const passes = problem.status === 409 || problem.status === 429 || problem.status >= 500;
      this.#lost?.(passes ? new ConnectionError(error.message) : error);
    }
  }

  #settle(id: unknown): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #of({ lease }: { lease: string }): Held | undefined {
    return this.#owner.held.get(lease);
  }

  /** Signs of life for all leases, and of the runner itself. */
  #beat(): void {
    const alive = [...this.#owner.held.values()].map(({ execution, lease }) => ({
      execution,
      lease,
    }));
    let at = 0;
    do {
      const executions = alive.slice(at, at + BEAT_LEASES);
      // With an id it is answered: that is how a dead connection is noticed.
      this.#send({ op: "heartbeat", id: this.#nextId, executions });
      this.#nextId += 1;
      at += BEAT_LEASES;
    } while (at < alive.length);
    this.#stopBeating();
    this.#scheduleBeat();
  }

  #stopBeating(): void {
    clearTimeout(this.#beatTimer);
    this.#beatTimer = undefined;
  }

  /** The next beat: three to a timeout of the shortest lease. */
  #scheduleBeat(): void {
    const shortest = Math.min(...[...this.#owner.held.values()].map((held) => held.heartbeatMs));
    const inMs = Math.min(this.#beatMs, shortest / 3);
    const at = performance.now() + inMs;
    // A lease that was just taken hurries the beat; it never puts it off.
    if (this.#beatTimer && this.#beatAt <= at) return;
    clearTimeout(this.#beatTimer);
    this.#beatAt = at;
    this.#beatTimer = setTimeout(() => {
      this.#beat();
    }, inMs);
  }

  #expect(withinMs: number): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#lost?.(new ConnectionError(`nothing was heard for ${withinMs} ms`));
    }, withinMs);
  }

  #send(frame: object): void {
    this.#socket?.send(JSON.stringify(frame));
  }
}
