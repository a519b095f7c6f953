// The two clocks of an attempt. Alive: when its runner was last heard. Progressing: when it last did
// something that is seen. Signs of life are not in the log, so the explain answer has when they were; an
// event that has come since counts, too.

import type { Execution, Explanation } from "../../api/types";
import { milliseconds } from "../../ui/duration";
import { instant } from "./read";

export type ClockState = "ok" | "late" | "over" | "off" | "unknown";

export interface Clock {
  /** Milliseconds since 1970; undefined where it is not known. */
  at: number | undefined;
  /** How long it may be silent; undefined where there is no limit. */
  limit: number | undefined;
  /** When time is up. */
  until: number | undefined;
}

export interface Clocks {
  alive: Clock;
  progressing: Clock;
}

/** What is known from the answer, once it is there, and from the last event that counts as progress. */
export function clocksOf(
  execution: Execution,
  explanation: Explanation | undefined,
  lastProgress: string | undefined,
): Clocks {
  const heartbeat = limitOf(execution.timeouts.heartbeat);
  const progress = execution.phase === "in_progress" ? limitOf(execution.timeouts.progress) : undefined;
  const progressed = latest(instant(lastProgress), instant(explanation?.progressed_at));
  // What shows progress shows life, but to be called late it takes the server's word.
  const alive = explanation && latest(progressed, instant(explanation.alive_at));
  return { alive: clock(alive, heartbeat), progressing: clock(progressed, progress) };
}

/** In words: never by colour alone. Two thirds of a limit over without a word is late, as explain has it. */
export function stateOf({ at, limit }: Clock, now: number): ClockState {
  if (limit === undefined) return "off";
  if (at === undefined) return "unknown";
  const silent = now - at;
  if (silent >= limit) return "over";
  return silent >= (limit / 3) * 2 ? "late" : "ok";
}

function clock(at: number | undefined, limit: number | undefined): Clock {
  return { at, limit, until: at === undefined || limit === undefined ? undefined : at + limit };
}

function limitOf(duration: string | null | undefined): number | undefined {
  return duration ? milliseconds(duration) : undefined;
}

function latest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((time): time is number => time !== undefined && Number.isFinite(time));
  return known.length > 0 ? Math.max(...known) : undefined;
}
