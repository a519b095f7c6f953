// The wire's words as people read them.

import type { Phase } from "../api/types";

const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  pending: "Pending",
  in_progress: "In progress",
  waiting: "Waiting",
  failed: "Failed",
  completed: "Completed",
  cancelled: "Cancelled",
};

export function phaseWord(phase: Phase): string {
  return PHASE_WORDS[phase] ?? String(phase);
}

/** `schedule_to_start_timeout` as `schedule to start timeout`. */
export function plainWords(code: string): string {
  return code.replaceAll("_", " ");
}

const DEADLINES: Readonly<Record<string, string>> = {
  schedule_to_start: "must start",
  heartbeat: "next sign of life",
  progress: "next progress",
  start_to_close: "attempt must end",
  schedule_to_close: "must end",
  waiting: "answer due",
  cancel: "cancel forced",
  grace: "runner may return",
};

/** What is due at a deadline, in two or three words. */
export function deadlineWord(kind: string): string {
  return DEADLINES[kind] ?? plainWords(kind);
}

/** `1 row`, `2 rows`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en-GB")} ${n === 1 ? one : many}`;
}

/**
 * Which attempt it is, and of how many: `2 of 3`. An attempt that parked or came back unused was none
 * that failed, so there may be more of them than may fail; then the number alone.
 */
export function attemptOf({ attempt, max_attempts: most }: { attempt: number; max_attempts: number }): string {
  return attempt > most ? `${attempt}` : `${attempt} of ${most}`;
}

/** The end of an id, which is what tells ids of one minute apart: `aex_…c3d4e5f6`. */
export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 4)}…${id.slice(-8)}` : id;
}
