// The execution's own fields, moved by its lifecycle events as the server moves them
// (execution/src/state.rs). What the server computes and does not log, such as the next deadline, is
// not here: the explain resource has it.

import type { CancelState, Execution, Failure, HeartlineEvent, Phase, RunnerInfo } from "../../api/types";
import { fields, flag, inner, number, own, text, type Fields } from "./read";

export function isLifecycle(event: HeartlineEvent): boolean {
  return event.type.startsWith("execution.");
}

/** Whether the lease, and with it all that the attempt left open, is over. */
export function endsAttempt(event: HeartlineEvent): boolean {
  switch (event.type) {
    case "execution.attempt_failed":
    case "execution.retry_scheduled":
    case "execution.completed":
    case "execution.failed":
    case "execution.cancelled":
      return true;
    case "execution.waiting":
      return flag(fields(event.data) ?? {}, "hold") === false;
    default:
      return false;
  }
}

/** A new object: the one before is still what was shown. */
export function moveExecution(before: Execution, event: HeartlineEvent): Execution {
  const data = fields(event.data) ?? {};
  const after: Execution = { ...before, seq: event.seq };
  switch (event.type) {
    case "execution.started":
      return {
        ...after,
        phase: "in_progress",
        reason: null,
        attempt: number(data, "attempt") ?? event.attempt,
        runner: own(data, "runner") as RunnerInfo,
        started_at: before.started_at ?? event.time,
      };
    case "execution.progress":
      return { ...after, progress: data as Execution["progress"] };
    case "execution.waiting":
      return {
        ...after,
        phase: "waiting",
        reason: null,
        waiting: {
          seq: event.seq,
          prompt: text(data, "prompt") ?? null,
          schema: own(data, "schema") ?? null,
          since: event.time,
          until: text(data, "until") ?? event.time,
          hold: flag(data, "hold") ?? true,
        },
      };
    case "execution.resumed": {
      const requeued = flag(data, "requeued") ?? false;
      return {
        ...after,
        phase: requeued ? "pending" : "in_progress",
        waiting: null,
        answer: own(data, "input") ?? null,
      };
    }
    case "execution.attempt_failed":
      return { ...after, reason: text(data, "reason") ?? null, error: failure(data), waiting: null };
    case "execution.retry_scheduled":
      return { ...after, phase: "pending", waiting: null };
    case "execution.cancel_requested":
      return { ...after, cancel: requested(before.cancel ?? undefined, event, data) };
    case "execution.cancel_delivered":
      return { ...after, cancel: stage(before, { delivered_at: before.cancel?.delivered_at ?? event.time }) };
    case "execution.cancel_acknowledged":
      return {
        ...after,
        cancel: stage(before, {
          delivered_at: before.cancel?.delivered_at ?? event.time,
          acknowledged_at: before.cancel?.acknowledged_at ?? event.time,
        }),
      };
    case "execution.updated":
      return {
        ...after,
        labels: (fields(own(data, "labels")) as Execution["labels"] | undefined) ?? before.labels,
        priority: number(data, "priority") ?? before.priority,
        timeouts: (fields(own(data, "timeouts")) as Execution["timeouts"] | undefined) ?? before.timeouts,
      };
    case "execution.completed": {
      const output = Object.hasOwn(data, "output") ? own(data, "output") : before.output;
      return { ...finished(after, "completed", event, null, null), output };
    }
    case "execution.failed":
      return finished(after, "failed", event, text(data, "reason") ?? null, failure(data));
    case "execution.cancelled": {
      const reason = text(data, "reason") ?? null;
      const over = finished(after, "cancelled", event, reason, failure(data));
      return reason === "cancel_timeout" ? { ...over, cancel: stage(over, { forced_at: event.time }) } : over;
    }
    case "CUSTOM":
      return text(data, "name") === "output" ? { ...after, output: own(data, "value") } : after;
    default:
      return after;
  }
}

export function failure(data: Fields): Failure | null {
  const error = inner(data, "error");
  const message = text(error, "message");
  if (message === undefined) return null;
  return {
    code: text(error, "code") ?? "",
    message,
    detail: text(error, "detail"),
    hint: text(error, "hint"),
    retryable: flag(error, "retryable") ?? false,
  };
}

function finished(
  after: Execution,
  phase: Phase,
  event: HeartlineEvent,
  reason: string | null,
  error: Failure | null,
): Execution {
  return { ...after, phase, reason, error, waiting: null, deadline: null, finished_at: event.time };
}

function requested(before: CancelState | undefined, event: HeartlineEvent, data: Fields): CancelState {
  return {
    reason: text(data, "reason") ?? null,
    requested_at: before?.requested_at ?? event.time,
    deadline: text(data, "deadline") ?? event.time,
    delivered_at: before?.delivered_at ?? null,
    acknowledged_at: before?.acknowledged_at ?? null,
    forced_at: null,
  };
}

function stage(before: Execution, change: Partial<CancelState>): CancelState | null {
  return before.cancel ? { ...before.cancel, ...change } : null;
}
