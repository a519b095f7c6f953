// Names for the generated types, so that the rest of the code reads like the contract.

import type { components as frames } from "../../../../clients/typescript/src/generated/frames";
import type { components as http } from "../../../../clients/typescript/src/generated/http";

type Http = http["schemas"];
type Frames = frames["schemas"];

export type Phase = Http["Phase"];
export type Kind = Http["Kind"];
/** Why a phase was entered. */
export type Reason = Http["Reason"];
export type Execution = Http["Execution"];
export type ExecutionState = Http["State"];
export type ExecutionWithState = Http["ExecutionWithState"];
export type HeartlineEvent = Http["Event"];
export type EventPage = Http["EventPage"];
export type Failure = Http["Failure"];
export type Deadline = Http["Deadline"];
export type CancelState = Http["CancelState"];
export type Question = Http["Question"];
export type Progress = Http["Progress"];
export type RunnerInfo = Http["RunnerInfo"];
export type Retry = Http["Retry"];
export type Timeouts = Http["Timeouts"];
export type Explanation = Http["Explanation"];
export type Dispatch = Http["Dispatch"];
export type Create = Http["Create"];
export type Created = Http["Created"];
export type ExecutionPage = Http["Listed"];
export type QueueView = Http["Queue"];
export type QueuesView = Http["Queues"];
export type QueueUpdate = Http["QueueUpdate"];
export type Quantiles = Http["Quantiles"];
export type RunnerView = Http["RunnerStatus"];
export type RunnersView = Http["Runners"];
export type SupervisorView = Http["Supervisor"];
export type Problem = Http["Problem"];
export type FieldError = Http["FieldError"];

/** Which executions a list is of; everything named must match. */
export type ListFilter = { [Key in keyof Frames["Filter"]]?: NonNullable<Frames["Filter"][Key]> } & {
  phase?: Phase;
  reason?: Reason;
  kind?: Kind;
};

/** How many there are by phase. `exact` false: at least so many. */
export type Counts = Http["Counted"];

export type EnterFrame = Frames["Enter"];
export type LeaveFrame = Frames["Leave"];

export const PHASES: readonly Phase[] = ["pending", "in_progress", "waiting", "failed", "completed", "cancelled"];

const FINAL: ReadonlySet<Phase> = new Set<Phase>(["completed", "failed", "cancelled"]);

/** Whether an execution in this phase is over for good. */
export function isFinal(phase: Phase): boolean {
  return FINAL.has(phase);
}
