/**
 * A runner: takes executions from queues and hands them to handlers by name. Everything that goes
 * over the network is done by a thread of its own (`network.ts`), so a handler that blocks stops
 * neither heartbeats nor what it has said already.
 */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { Worker } from "node:worker_threads";

import type { Client } from "../client.js";
import { HeartlineError } from "../errors.js";
import type { Granted, RunnerInfo } from "../types.js";
import { Attempt, type OutboxLimits } from "./attempt.js";
import { Context } from "./context.js";
import { CancelledError, failureOf, RunnerStoppedError } from "./failure.js";
import { toJson } from "./json.js";
import type { ConnectionStatus, Ending, Setup, ToHandlers, ToNetwork } from "./protocol.js";

/** Does an attempt; what it returns is the output of the execution. */
export type Handler<Input = unknown, Output = unknown> = (
  ctx: Context<Input>,
) => Promise<Output> | Output;

/** How to run. */
export interface RunnerOptions {
  /** Queues to take from: 1 to 64 names. */
  queues: string[];
  /** Executions at work at once, from 1 (the default) to 1,000. */
  slots?: number;
  /**
   * `websocket`, the default, goes on over HTTP where the server has no runner WebSocket; `http`
   * uses long polls from the start.
   */
  transport?: "websocket" | "http";
  /** Who it is; id, host, pid and version are made up where they are left out. */
  runner?: Partial<RunnerInfo>;
  /** Bounds of what each attempt may have on the way; 5,000 events and 4 MiB unless said. */
  outbox?: Partial<OutboxLimits>;
  /** Told how the connection goes; prints a line to stderr unless said. */
  onStatus?: (status: ConnectionStatus) => void;
}

const OUTBOX: OutboxLimits = { events: 5_000, bytes: 4 * 1024 * 1024 };
/** The server grants no more leases at once. */
const MOST_SLOTS = 1_000;
const MOST_QUEUES = 64;
/** How long attempts that are stopped may take to tell the server, in milliseconds. */
const LAST_WORDS_MS = 3_000;
const VERSION = "heartline-typescript/0.1.0";
const NAME = /^[A-Za-z0-9_.:-]{1,128}$/;

/**
 * ```ts
 * const runner = new Runner(new Client(), { queues: ["agents"], slots: 4 });
 * runner.handle("summarise", async (ctx) => ({ summary: await summarise(ctx.input, ctx.signal) }));
 * await runner.run();
 * ```
 */
export class Runner {
  readonly #setup: Setup;
  readonly #outbox: OutboxLimits;
  readonly #onStatus: (status: ConnectionStatus) => void;
  readonly #handlers = new Map<string, Handler>();
  readonly #attempts = new Map<string, Attempt>();
  #default: Handler | undefined;
  #worker: Worker | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  #draining = false;
  #stopping = false;
  #stopped: (() => void) | undefined;

  /** @throws HeartlineError for options that no server would take. */
  constructor(client: Client, options: RunnerOptions) {
    const { queues, slots = 1, transport = "websocket", runner = {}, outbox = {} } = options;
    check(queues.length >= 1 && queues.length <= MOST_QUEUES, `queues: 1 to ${MOST_QUEUES} names`);
    for (const queue of queues) check(NAME.test(queue), `queues: "${queue}" is not a name`);
    check(
      Number.isInteger(slots) && slots >= 1 && slots <= MOST_SLOTS,
      `slots: 1 to ${MOST_SLOTS}`,
    );
    const id = runner.id ?? ownId();
    check(NAME.test(id), `runner.id: "${id}" is not a name`);
    const { server, token } = client.http;
    const info = { host: hostname(), pid: process.pid, version: VERSION, ...runner, id };
    this.#setup = { server, token, runner: info, queues, slots, transport };
    this.#outbox = { ...OUTBOX, ...outbox };
    this.#onStatus = options.onStatus ?? print;
  }

  /** The id that it shows to the server. */
  get id(): string {
    return this.#setup.runner.id;
  }

  /** Executions with this name go to this handler. */
  handle<Input = unknown, Output = unknown>(name: string, handler: Handler<Input, Output>): this {
    check(!this.#handlers.has(name), `"${name}" has a handler already`);
    this.#handlers.set(name, handler as Handler);
    return this;
  }

  /** Executions with a name that has no handler go to this one. */
  handleDefault<Input = unknown, Output = unknown>(handler: Handler<Input, Output>): this {
    check(this.#default === undefined, "there is a default handler already");
    this.#default = handler as Handler;
    return this;
  }

  /**
   * Runs until it is told to stop. The first SIGINT or SIGTERM, or `signal`, drains: it takes no
   * more and resolves when what it has is done. The second one stops: handlers are aborted, and
   * the server hears that their attempts failed and may be tried again.
   *
   * @throws HeartlineError when the server refuses this runner.
   */
  async run(options: { signal?: AbortSignal } = {}): Promise<void> {
    check(this.#worker === undefined, "the runner runs already");
    check(this.#handlers.size > 0 || this.#default !== undefined, "the runner has no handler");
    const onSignal = () => {
      if (this.#draining) this.stop();
      else this.drain();
    };
    const onAbort = () => {
      this.drain();
    };
    const worker = new Worker(new URL("./network.js", import.meta.url), {
      workerData: this.#setup,
      name: "heartline-network",
      // Loaders and inspectors are for the program, not for this thread.
      execArgv: [],
    });
    this.#worker = worker;
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    if (options.signal?.aborted) this.drain();
    try {
      await new Promise<void>((resolve, reject) => {
        this.#stopped = resolve;
        worker.on("message", (message: ToHandlers) => {
          if (message.op !== "over") this.#hear(message);
          else if (message.problem) reject(new HeartlineError(message.problem));
          else resolve();
        });
        worker.on("error", reject);
        worker.on("exit", (code) => {
          reject(new Error(`the network's thread ended with ${code}`));
        });
      });
    } finally {
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
      options.signal?.removeEventListener("abort", onAbort);
      // Whoever is still at work cannot write any more.
      for (const [lease, attempt] of this.#attempts) {
        attempt.hear({ op: "revoked", lease, reason: "the runner has ended" });
      }
      this.#attempts.clear();
      this.#worker = undefined;
      this.#draining = false;
      this.#stopping = false;
      clearTimeout(this.#late);
      worker.removeAllListeners().on("error", () => undefined);
      await worker.terminate();
    }
  }

  /** Takes no more; {@link Runner.run} resolves when what it has is done. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#send({ op: "drain" });
  }

  /** Stops now: aborts the handlers, and tells the server that their attempts may be retried. */
  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.drain();
    for (const attempt of this.#attempts.values()) stop(attempt);
    // The network's thread ends when the server has heard it all, or else is not waited for.
    this.#late = setTimeout(() => this.#stopped?.(), LAST_WORDS_MS);
  }

  #send(message: ToNetwork): void {
    this.#worker?.postMessage(message);
  }

  #hear(message: Exclude<ToHandlers, { op: "over" }>): void {
    switch (message.op) {
      case "lease":
        void this.#attempt(message.granted);
        break;
      case "status":
        this.#onStatus(message.status);
        break;
      default:
        this.#attempts.get(message.lease)?.hear(message);
    }
  }

  /** One attempt, from its lease to its last word. Never rejects. */
  async #attempt(granted: Granted): Promise<void> {
    const attempt = new Attempt(granted, this.#outbox, (message) => {
      this.#send(message);
    });
    this.#attempts.set(granted.lease, attempt);
    // It was on its way already.
    if (this.#stopping) stop(attempt);
    const ending = await this.#handled(attempt);
    await attempt.finish(
      attempt.fault && ending.op === "complete" ? failed(attempt.fault) : ending,
    );
    this.#attempts.delete(granted.lease);
  }

  async #handled(attempt: Attempt): Promise<Ending> {
    const { name } = attempt.granted.execution;
    const handler = this.#handlers.get(name) ?? this.#default;
    if (!handler) {
      const message = `Runner ${this.id} has no handler for "${name}".`;
      return { op: "fail", error: { code: "no_handler", message, retryable: true } };
    }
    const { signal } = attempt;
    try {
      const output = await handler(new Context(attempt));
      if (signal.reason instanceof CancelledError) return { op: "cancelled" };
      return { op: "complete", output: outputOf(output) };
    } catch (error) {
      if (signal.reason instanceof CancelledError) return { op: "cancelled" };
      return failed(error);
    }
  }
}

/** Aborts the handler, and tells the server, whatever the handler does. */
function stop(attempt: Attempt): void {
  const reason = new RunnerStoppedError();
  attempt.abort(reason);
  void attempt.end(failed(reason));
}

function failed(error: unknown): Ending {
  return { op: "fail", error: failureOf(error) };
}

function outputOf(value: unknown): string | undefined {
  try {
    return toJson(value);
  } catch (cause) {
    const detail = `what the handler returned is not JSON: ${String(cause)}`;
    throw new HeartlineError({ code: "output_invalid", detail, cause });
  }
}

function check(holds: boolean, detail: string): void {
  if (!holds) throw new HeartlineError({ code: "invalid_options", detail });
}

/** Of this process, and of this runner in it. */
function ownId(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9_.-]/g, "-")
    .slice(0, 80);
  return `${host}-${process.pid}-${randomBytes(3).toString("hex")}`;
}

function print(status: ConnectionStatus): void {
  const line =
    status.state === "connected"
      ? `connected over ${status.transport}`
      : `not connected, trying on: ${status.problem}`;
  console.error(`heartline runner: ${line}`);
}
