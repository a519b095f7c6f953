/** What handlers throw, what their signals are aborted with, and how that looks in the log. */

import { HeartlineError } from "../errors.js";
import { toJson, wellFormed } from "./json.js";
import type { Failed } from "./protocol.js";

/** Most bytes of a failure's message; the server takes 1,024. */
const MESSAGE_BYTES = 1_000;
/** Most bytes of a failure's detail; the server takes 65,536. */
const DETAIL_BYTES = 60_000;
/** What the server takes for a code. */
const CODE = /^[A-Za-z0-9_.:-]{1,128}$/;

/**
 * Throw this from a handler where another attempt could not go better. Any other error is
 * retried, where the execution has attempts left.
 */
export class NonRetryableError extends Error {
  /** Stable and machine-readable, at most 128 of `A-Za-z0-9_.:-`; `runner_error` unless said. */
  readonly code: string;
  readonly retryable = false;

  constructor(message: string, options: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.name = "NonRetryableError";
    this.code = options.code ?? "runner_error";
  }
}

/** The reason of `ctx.signal`: a person asked the execution to stop. */
export class CancelledError extends HeartlineError {
  /** When it is forced, RFC 3339. */
  readonly deadline: string | null;

  constructor(reason: string | null, deadline: string | null) {
    super({ code: "cancelled", detail: reason ?? "a cancellation was requested" });
    this.deadline = deadline;
  }
}

/** The reason of `ctx.signal`: the lease is another runner's, or nobody's. Nothing can be written. */
export class LeaseRevokedError extends HeartlineError {
  constructor(reason: string) {
    super({ code: "lease_revoked", detail: reason });
  }
}

/** The reason of `ctx.signal`: the runner was told to stop at once. */
export class RunnerStoppedError extends HeartlineError {
  constructor() {
    super({ code: "runner_stopped", detail: "the runner was stopped during the attempt" });
  }
}

/** Thrown by `ctx.wait` with `hold: false`, to leave the handler: the lease has ended. */
export class ParkedError extends HeartlineError {
  constructor() {
    super({ code: "parked", detail: "the answer comes with the next attempt" });
  }
}

/** What a thrown value says about the attempt. */
export function failureOf(thrown: unknown): Failed {
  if (!(thrown instanceof Error)) {
    const message = cut(`a handler threw ${describe(thrown)}`, MESSAGE_BYTES);
    return { code: "runner_error", message, retryable: true };
  }
  const { code, retryable } = thrown as { code?: unknown; retryable?: unknown };
  return {
    code: typeof code === "string" && CODE.test(code) ? code : "runner_error",
    message: cut(thrown.message || thrown.name, MESSAGE_BYTES),
    detail: cut(stacks(thrown), DETAIL_BYTES),
    retryable: retryable !== false,
  };
}

/** The stack, and those of the causes. */
function stacks(error: Error): string {
  const told: string[] = [];
  const seen = new Set<unknown>();
  for (let at: unknown = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    told.push(at.stack ?? `${at.name}: ${at.message}`);
  }
  return told.join("\ncaused by ");
}

function describe(thrown: unknown): string {
  try {
    return typeof thrown === "string" ? `"${thrown}"` : (toJson(thrown) ?? String(thrown));
  } catch {
    return String(thrown);
  }
}

/** At most `most` bytes of UTF-8, and no half characters. */
function cut(text: string, most: number): string {
  const whole = wellFormed(text);
  if (Buffer.byteLength(whole) <= most) return whole;
  // What is left of a character that was cut through is shown as U+FFFD: leave it out.
  return (
    Buffer.from(whole)
      .subarray(0, most - 3)
      .toString("utf8")
      .replace(/\ufffd+$/, "") + "…"
  );
}
