/**
 * Requests to the server: JSON in, JSON out, problems as {@link HeartlineError}. Whatever may be
 * said twice without harm is said again while the server is away.
 */

import { ConnectionError, HeartlineError } from "./errors.js";
import { Backoff, reasonOf, sleep } from "./pause.js";
import type { Problem } from "./types.js";

/** The longest wait between two tries of a request, in milliseconds. */
const LONGEST_WAIT_MS = 2_000;
/** How long an answer may take beyond what the request asks the server to wait, in milliseconds. */
const ANSWER_MS = 30_000;

/** One request. */
export interface Ask {
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** Asking twice does no harm, so it is asked again where the outcome is unknown. */
  repeatable?: boolean;
  /** How long it is asked again, in milliseconds; the whole connection's setting unless said. */
  retryForMs?: number;
  /** How long the answer may take, in milliseconds; 30 s and `waitMs` unless said. */
  withinMs?: number;
  /** How long the server is asked to wait before it answers, in milliseconds. */
  waitMs?: number;
}

/** A server, and the token it is shown. */
export class Http {
  /** Without a slash at its end. */
  readonly server: string;
  readonly token: string | undefined;
  readonly #retryForMs: number;

  constructor(server: string, token: string | undefined, retryForMs: number) {
    const url = URL.canParse(server) ? new URL(server) : undefined;
    if (!url || !["http:", "https:"].includes(url.protocol)) {
      const detail = `"${server}" is not the address of a server, such as http://127.0.0.1:7400`;
      throw new HeartlineError({ code: "invalid_server", detail });
    }
    this.server = url.origin + url.pathname.replace(/\/+$/, "");
    this.token = token;
    this.#retryForMs = retryForMs;
  }

  /** The address of a WebSocket route. */
  socket(path: string, query: NonNullable<Ask["query"]> = {}): string {
    return this.server.replace(/^http/, "ws") + path + search(query);
  }

  /**
   * Asks, and answers with the JSON of the reply (`undefined` where there is none).
   *
   * @throws HeartlineError what the server refused; ConnectionError where it was not reached;
   * the signal's reason once that is aborted.
   */
  async ask<Reply>(method: string, path: string, ask: Ask = {}): Promise<Reply> {
    const until = Date.now() + (ask.retryForMs ?? this.#retryForMs);
    const backoff = new Backoff(LONGEST_WAIT_MS);
    for (;;) {
      try {
        return (await this.#once(method, path, ask)) as Reply;
      } catch (error) {
        if (!(error instanceof HeartlineError) || !mayRepeat(error, ask.repeatable ?? false)) {
          throw error;
        }
        const wait = Math.max(error.retryAfterMs ?? 0, backoff.next());
        if (Date.now() + wait > until) throw error;
        await sleep(wait, ask.signal);
      }
    }
  }

  async #once(method: string, path: string, ask: Ask): Promise<unknown> {
    if (ask.signal?.aborted) throw reasonOf(ask.signal);
    const headers: Record<string, string> = { accept: "application/json", ...ask.headers };
    if (this.token) headers["authorization"] = `Bearer ${this.token}`;
    const init: RequestInit = { method, headers };
    if (ask.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = typeof ask.body === "string" ? ask.body : JSON.stringify(ask.body);
    }
    const stop = new AbortController();
    const abort = () => {
      stop.abort();
    };
    ask.signal?.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(abort, ask.withinMs ?? ANSWER_MS + (ask.waitMs ?? 0));
    try {
      const url = this.server + path + search(ask.query ?? {});
      const response = await fetch(url, { ...init, signal: stop.signal });
      const text = await response.text();
      if (!response.ok) throw problemOf(response, text);
      return text === "" ? undefined : (JSON.parse(text) as unknown);
    } catch (error) {
      if (error instanceof HeartlineError) throw error;
      if (ask.signal?.aborted) throw reasonOf(ask.signal);
      if (stop.signal.aborted) {
        throw new ConnectionError(`${this.server} has not answered in time`, error);
      }
      throw new ConnectionError(`${this.server} could not be reached: ${says(error)}`, error);
    } finally {
      clearTimeout(timer);
      ask.signal?.removeEventListener("abort", abort);
    }
  }
}

function search(query: NonNullable<Ask["query"]>): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

/** Why `fetch` failed: Node keeps that in the cause. */
function says(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}

/** `interrupted` is the one refusal after which the thing may have been done all the same. */
function mayRepeat(error: HeartlineError, repeatable: boolean): boolean {
  if (error.status === 429) return true;
  if (error.status === 503) return repeatable || error.code !== "interrupted";
  return repeatable && (error.status === 0 || error.status === 502 || error.status === 504);
}

function problemOf(response: Response, text: string): HeartlineError {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined;
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.code === "string") return HeartlineError.of(problem, retryAfterMs);
  } catch {
    // Not of the server: something between it and here answers in other words.
  }
  const { status } = response;
  const detail = `${response.url} was answered with ${status} ${response.statusText}`.trimEnd();
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new HeartlineError({ code: `http_${status}`, detail, status, ...wait });
}
