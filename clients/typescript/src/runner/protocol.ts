/**
 * What the two threads of a runner say to each other. The handlers' thread never touches the
 * network; the network's thread never runs a handler. JSON made by handlers crosses as text.
 */

import type { ErrorParts } from "../errors.js";
import type { Granted, RunnerInfo } from "../types.js";

/** How the network's thread is started. */
export interface Setup {
  server: string;
  token: string | undefined;
  runner: RunnerInfo;
  queues: string[];
  slots: number;
  transport: "websocket" | "http";
}

/** A question to a person. */
export interface Question {
  /** What the person is asked. */
  prompt?: string;
  /** JSON Schema of the answer. */
  schema?: object;
  /** How long, such as `1h`; the execution's own timeout unless said. */
  timeout?: string;
  /** Whether the lease is kept meanwhile. */
  hold?: boolean;
}

/** What went wrong, as a failure of the attempt. */
export interface Failed {
  code: string;
  message: string;
  detail?: string;
  retryable: boolean;
}

/** How an attempt ends. `output` is JSON text. */
export type Ending =
  | { op: "complete"; output: string | undefined }
  | { op: "fail"; error: Failed }
  | { op: "cancelled" };

/** From the handlers' thread. All but the last are about one lease. */
export type ToNetwork =
  /** `json` is `{"type":…,"data":…}` and `bytes` its length. */
  | { op: "event"; lease: string; json: string; bytes: number }
  /** The newest progress: it replaces one that has not been sent. */
  | { op: "progress"; lease: string; json: string }
  /** Answered by `flushed` once all that was said before is in the log. */
  | { op: "flush"; lease: string; id: number }
  | { op: "wait"; lease: string; id: number; question: Question }
  | { op: "cancel_seen"; lease: string }
  | { op: "finish"; lease: string; ending: Ending }
  | { op: "drain" };

/** From the network's thread. */
export type ToHandlers =
  | { op: "lease"; granted: Granted }
  /** So much of what was said is in the log, or was refused: there is room again. */
  | { op: "room"; lease: string; events: number; bytes: number }
  | { op: "flushed"; lease: string; id: number }
  /** The server will never take what was said. */
  | { op: "refused"; lease: string; problem: ErrorParts }
  | { op: "answer"; lease: string; id: number; input: unknown }
  /** The question was refused. */
  | { op: "unanswered"; lease: string; id: number; problem: ErrorParts }
  /** The question stands and the lease has ended, as was asked. */
  | { op: "parked"; lease: string }
  | { op: "cancel"; lease: string; reason: string | null; deadline: string | null }
  | { op: "revoked"; lease: string; reason: string }
  /** The ending is in the log. */
  | { op: "finished"; lease: string }
  | { op: "status"; status: ConnectionStatus }
  /** Nothing is left to do, or `problem` makes going on pointless. */
  | { op: "over"; problem?: ErrorParts };

/** How a runner's connection goes. */
export type ConnectionStatus =
  | { state: "connected"; transport: "websocket" | "http" }
  | { state: "disconnected"; problem: string };
