/**
 * The words of the wire, under the names this package uses. All come from `generated/`, which is
 * written from the server's own description; nothing here restates a shape.
 */

import type * as frames from "./generated/frames.js";
import type * as http from "./generated/http.js";

export type {
  Checkpoint,
  Create,
  Created,
  Deadline,
  Dispatch,
  Event,
  EventPage,
  Execution,
  ExecutionWithState,
  Explanation,
  Failure,
  FieldError,
  Kind,
  Phase,
  Problem,
  Progress,
  Queue,
  RunnerStatus,
  State,
  Supervisor,
  Timeouts,
  Update,
  ViewName,
} from "./generated/http.js";

/** Where the log ends after what was asked, and whether a cancellation is under way. */
export type Done = http.Done;

/** As above, and the answer to the runner's question where it did not know it. */
export type Beat = http.Beat;

/** Which executions a list is of: all that is named must match. */
export type Filter = {
  [Name in keyof frames.Filter]?: Exclude<frames.Filter[Name], null> | undefined;
} & { phase?: http.Phase | undefined; kind?: http.Kind | undefined };

/** What a live list shows, one change at a time. `reset`: forget what was shown, it comes anew. */
export type ListChange =
  | frames.Enter
  | frames.Change
  | frames.Leave
  | frames.Listed
  | Pick<frames.ResetList, "op" | "reason">;

/** A frame that the server sends to watchers. */
export type WatchFrame =
  | frames.Hello
  | frames.Subscribed
  | frames.EventFrame
  | frames.Lag
  | frames.Live
  | frames.Reset
  | frames.End
  | frames.Error
  | frames.Ping
  | frames.Pong
  | frames.Reconnect
  | frames.Enter
  | frames.Change
  | frames.Leave
  | frames.Listed;

/** A frame that the server sends to runners. */
export type RunnerFrame =
  | frames.Hello
  | frames.Registered
  | frames.Lease
  | frames.Ack
  | frames.Error
  | frames.CancelFrame
  | frames.Revoked
  | frames.Resumed
  | frames.Ping
  | frames.Pong
  | frames.Reconnect;

/** A lease, as granted. */
export type Granted = http.Lease;

/** A runner, as it describes itself. */
export type RunnerInfo = http.Runner;
