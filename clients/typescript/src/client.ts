/** The person's side: create, look, watch, answer, cancel. Runs in Node and in browsers. */

import { ExecutionFailedError, HeartlineError } from "./errors.js";
import { Http, type Ask } from "./http.js";
import { milliseconds } from "./pause.js";
import type {
  Create,
  Created,
  Done,
  Event,
  EventPage,
  Execution,
  ExecutionWithState,
  Explanation,
  Filter,
  ListChange,
  Queue,
  RunnerStatus,
  Supervisor,
  Update,
  ViewName,
} from "./types.js";
import { watchChanges, watchEvents, type WatchEventsOptions, type WatchOptions } from "./watch.js";

/** How to reach a server. */
export interface ClientOptions {
  /**
   * Its address. In Node, HEARTLINE_SERVER unless said, and `http://127.0.0.1:7400` without both;
   * in a browser, the server of the page.
   */
  server?: string;
  /** The token to show; in Node, HEARTLINE_TOKEN unless said. */
  token?: string;
  /**
   * How long a request is repeated while the server is away, in milliseconds; 30,000 unless said.
   * Only what may be said twice is repeated; watching goes on for as long as it takes.
   */
  retryForMs?: number;
}

/** What every call takes. */
export interface CallOptions {
  /** Gives up with its reason. */
  signal?: AbortSignal;
}

const DEFAULT_SERVER = "http://127.0.0.1:7400";
const DEFAULT_RETRY_FOR_MS = 30_000;

/**
 * A Heartline server. Every method throws a {@link HeartlineError} where the server refuses
 * (`status` and `code` say why) and a `ConnectionError` where it is not reached for too long.
 *
 * ```ts
 * const client = new Client();
 * const { execution } = await client.create({ kind: "agent", name: "summarise" });
 * for await (const event of client.watch(execution.id)) console.log(event.seq, event.type);
 * ```
 */
export class Client {
  /** Requests to this server; the runner of this package uses it too. */
  readonly http: Http;

  constructor(options: ClientOptions = {}) {
    const server = options.server ?? environment("HEARTLINE_SERVER") ?? ownOrigin();
    const token = options.token ?? environment("HEARTLINE_TOKEN");
    const retryForMs = options.retryForMs ?? DEFAULT_RETRY_FOR_MS;
    this.http = new Http(server ?? DEFAULT_SERVER, token, retryForMs);
  }

  /**
   * Creates an execution; the reply also says who could take it now. It is sent under an
   * idempotency key, so a repeat after a lost answer finds the first one. The same `key` and body
   * give the same execution, also tomorrow; with another body it is refused (422). `traceparent`
   * is the W3C trace context that it belongs to, handed to whoever runs it.
   */
  async create(
    body: Create,
    options: CallOptions & { key?: string; traceparent?: string } = {},
  ): Promise<Created> {
    const headers: Record<string, string> = { "idempotency-key": options.key ?? randomKey() };
    if (options.traceparent !== undefined) headers.traceparent = options.traceparent;
    return this.#ask("POST", "/v1/executions", options, { body, headers, repeatable: true });
  }

  /** One execution, with its state. */
  async get(id: string, options: CallOptions = {}): Promise<ExecutionWithState> {
    return this.#ask("GET", execution(id), options);
  }

  /**
   * Executions, newest first, page by page as the iteration goes on. `pageSize` is at most 1,000.
   */
  async *list(
    filter: Filter = {},
    options: CallOptions & { pageSize?: number } = {},
  ): AsyncGenerator<Execution, void, undefined> {
    let cursor: string | null | undefined;
    do {
      const query = { ...filter, limit: options.pageSize, cursor };
      const page = await this.#ask<{ executions: Execution[]; next_cursor?: string | null }>(
        "GET",
        "/v1/executions",
        options,
        { query },
      );
      yield* page.executions;
      cursor = page.next_cursor;
    } while (cursor);
  }

  /** Asks it to stop. Its runner has `grace` (such as `30s`) before that is forced. */
  async cancel(
    id: string,
    options: CallOptions & { reason?: string; grace?: string } = {},
  ): Promise<Done> {
    const { reason, grace } = options;
    const body = { ...(reason === undefined ? {} : { reason }), ...(grace ? { grace } : {}) };
    return this.#ask("POST", `${execution(id)}/cancel`, options, { body, repeatable: true });
  }

  /**
   * Answers an execution that waits. `question` is the `waiting.seq` of the execution: where
   * another question is open by now, that is refused (412). It is not repeated by itself.
   */
  async resume(
    id: string,
    input?: unknown,
    options: CallOptions & { question?: number } = {},
  ): Promise<Done> {
    const { question } = options;
    const body = {
      ...(input === undefined ? {} : { input }),
      ...(question === undefined ? {} : { question }),
    };
    return this.#ask("POST", `${execution(id)}/resume`, options, { body });
  }

  /** A new execution of what a terminal one was asked to do. It is not repeated by itself. */
  async retry(id: string, options: CallOptions = {}): Promise<Created> {
    return this.#ask("POST", `${execution(id)}/retry`, options, { body: {} });
  }

  /** Why it is where it is, and what to do. */
  async explain(id: string, options: CallOptions = {}): Promise<Explanation> {
    return this.#ask("GET", `${execution(id)}/explain`, options);
  }

  /** Changes labels, priority or timeouts of a live one; `seq` refuses (412) where it moved on. */
  async update(
    id: string,
    changes: Update,
    options: CallOptions & { seq?: number } = {},
  ): Promise<Execution> {
    const headers = options.seq === undefined ? {} : { "if-match": `"${options.seq}"` };
    const ask = { body: changes, headers, repeatable: options.seq === undefined };
    return this.#ask("PATCH", execution(id), options, ask);
  }

  /** Removes a terminal execution for good. It is not repeated by itself. */
  async purge(id: string, options: CallOptions = {}): Promise<void> {
    return this.#ask("DELETE", execution(id), options);
  }

  /**
   * A page of its log: at most `limit` events after seq `after`. With `wait` (such as `30s`) the
   * server answers when there is one, or with an empty page after that time.
   */
  async events(
    id: string,
    options: CallOptions & {
      after?: number;
      limit?: number;
      view?: ViewName;
      wait?: string;
    } = {},
  ): Promise<EventPage> {
    const { after, limit, view, wait } = options;
    const ask = { query: { after, limit, view, wait }, waitMs: milliseconds(wait, 0) };
    return this.#ask("GET", `${execution(id)}/events`, options, ask);
  }

  /**
   * The events of an execution after seq `after`, each once and in order, as they happen, until
   * the last one. Lost connections and restarts of the server are resumed by seq; a slow reader
   * is caught up from the server's disk.
   *
   * @throws GapError when the log cannot be followed without a gap; the signal's reason.
   */
  watch(id: string, options: WatchEventsOptions = {}): AsyncGenerator<Event, void, undefined> {
    return watchEvents(this.http, id, options);
  }

  /**
   * A live list: its rows (`enter`, newest first, at most `limit`), `listed` when they have all
   * been shown, then whatever enters, changes and leaves. After `reset`, which also follows a
   * lost connection, forget what was shown: it comes anew. It goes on until it is left.
   */
  watchList(
    filter: Filter = {},
    options: WatchOptions & { limit?: number } = {},
  ): AsyncGenerator<ListChange, void, undefined> {
    return watchChanges(this.http, filter, options);
  }

  /**
   * The output of an execution, as soon as it is over.
   *
   * @throws ExecutionFailedError when it failed or was cancelled.
   */
  async result<Output = unknown>(id: string, options: CallOptions = {}): Promise<Output> {
    const events = this.watch(id, { ...options, view: "status" });
    while (!(await events.next()).done);
    const over = await this.get(id, options);
    if (over.phase !== "completed") throw new ExecutionFailedError(over);
    return over.output as Output;
  }

  /** Every queue that holds something or that a runner has asked. */
  async queues(options: CallOptions = {}): Promise<Queue[]> {
    return (await this.#ask<{ queues: Queue[] }>("GET", "/v1/queues", options)).queues;
  }

  /** Every runner known, freshest first. */
  async runners(options: CallOptions = {}): Promise<RunnerStatus[]> {
    return (await this.#ask<{ runners: RunnerStatus[] }>("GET", "/v1/runners", options)).runners;
  }

  /** How things stand with the server. */
  async supervisor(options: CallOptions = {}): Promise<Supervisor> {
    return this.#ask("GET", "/v1/supervisor", options);
  }

  async #ask<Reply>(
    method: string,
    path: string,
    { signal }: CallOptions,
    ask: Ask = {},
  ): Promise<Reply> {
    return this.http.ask<Reply>(method, path, { repeatable: method === "GET", ...ask, signal });
  }
}

function execution(id: string): string {
  if (id === "")
    throw new HeartlineError({ code: "invalid_id", detail: "an id must not be empty" });
  return `/v1/executions/${encodeURIComponent(id)}`;
}

/** 128 random bits. (`randomUUID` is not there in pages without TLS.) */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  const value = process?.env?.[name];
  return value === "" ? undefined : value;
}

/** The server of the page, where there is a page. */
function ownOrigin(): string | undefined {
  const { location } = globalThis as { location?: { origin?: string } };
  return location?.origin?.startsWith("http") ? location.origin : undefined;
}
