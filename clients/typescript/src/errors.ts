/**
 * Every error of this package is a {@link HeartlineError}: look at its `code`. Where the server
 * refused something, `status` and `errors` are those of its problem details (RFC 9457).
 */

import type { Execution, FieldError, Problem } from "./types.js";

/** What {@link HeartlineError} is made of. */
export interface ErrorParts {
  /** Stable and machine-readable, such as `invalid` or `lease_superseded`. */
  code: string;
  /** What is wrong this time, in one sentence. */
  detail: string;
  /** The HTTP status; 0 where no answer of the server is behind it. */
  status?: number;
  /** Broken rules, with pointers (RFC 6901) into what was sent. */
  errors?: readonly FieldError[];
  /** Names the request in the server's log. */
  requestId?: string;
  /** How long the server asks to wait, in milliseconds. */
  retryAfterMs?: number;
  cause?: unknown;
}

/** Something could not be done. `message` is the code and the detail. */
export class HeartlineError extends Error {
  readonly code: string;
  readonly detail: string;
  readonly status: number;
  readonly errors: readonly FieldError[];
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(parts: ErrorParts) {
    super(
      `${parts.code}: ${parts.detail}`,
      parts.cause === undefined ? {} : { cause: parts.cause },
    );
    this.name = new.target.name;
    this.code = parts.code;
    this.detail = parts.detail;
    this.status = parts.status ?? 0;
    this.errors = parts.errors ?? [];
    this.requestId = parts.requestId;
    this.retryAfterMs = parts.retryAfterMs;
  }

  /** Of a problem that the server told. */
  static of(problem: Problem, retryAfterMs?: number): HeartlineError {
    const told = problem.retry_after;
    const after = retryAfterMs ?? (typeof told === "number" ? told * 1000 : undefined);
    return new HeartlineError({
      code: problem.code,
      detail: problem.detail,
      status: problem.status,
      errors: problem.errors ?? [],
      requestId: problem.request_id,
      ...(after === undefined ? {} : { retryAfterMs: after }),
    });
  }

  /** All but the stack, as data that can go to another thread. */
  parts(): ErrorParts {
    const { code, detail, status, errors, requestId, retryAfterMs } = this;
    return {
      code,
      detail,
      status,
      errors,
      ...(requestId === undefined ? {} : { requestId }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
}

/** The server was not reached, or the connection broke before its answer. Code `unreachable`. */
export class ConnectionError extends HeartlineError {
  constructor(detail: string, cause?: unknown) {
    super({ code: "unreachable", detail, cause });
  }
}

/**
 * A log could not be followed without a gap: an event does not name the one before it (`gap`), or
 * the server has another log than the one that was watched (`reset`, and `oldest` is the first seq
 * it has). What was shown until then stands; begin anew with `watch`.
 */
export class GapError extends HeartlineError {
  /** The first seq that the server has, where it said so. */
  readonly oldest: number | undefined;

  constructor(code: "gap" | "reset", detail: string, oldest?: number) {
    super({ code, detail });
    this.oldest = oldest;
  }
}

/** An execution whose result was asked for has failed or was cancelled. Its reason is the code. */
export class ExecutionFailedError extends HeartlineError {
  readonly execution: Execution;

  constructor(execution: Execution) {
    const detail = execution.error?.message ?? `execution ${execution.id} is ${execution.phase}`;
    super({ code: execution.reason ?? execution.phase, detail });
    this.execution = execution;
  }
}
