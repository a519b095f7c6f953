// The two clocks of an attempt. Alive: when its runner was last heard. Progressing: when it last did
// something that is seen. Signs of life are not in the log, so the first is read off the explain
// answer: the heartbeat deadline where that is next, else its sentence.

import type { Execution, Explanation } from "../../api/types";
import { milliseconds } from "../../ui/duration";
import { instant } from "./read";

export type ClockState = "ok" | "late" | "over" | "off";

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

/** What is known at the time of the answer, which came at `heardAt` by the page's clock. */
export function clocksOf(
  execution: Execution,
  explanation: Explanation | undefined,
  heardAt: number | undefined,
  lastProgress: string | undefined,
): Clocks {
  const heartbeat = limitOf(execution.timeouts.heartbeat);
  const progress = execution.phase === "in_progress" ? limitOf(execution.timeouts.progress) : undefined;
  const next = explanation?.next_deadline;
  const evidence = explanation?.evidence ?? [];
  const due = (kind: string, limit: number | undefined) =>
    next?.kind === kind && limit !== undefined ? instant(next.at) - limit : undefined;
  const progressed = latest(
    instant(lastProgress),
    due("progress", progress),
    told(evidence, /^Last event or progress (\S+) ago/, heardAt),
  );
  // What shows progress shows life.
  const alive = latest(
    progressed,
    due("heartbeat", heartbeat),
    told(evidence, /^Last sign of life (\S+) ago/, heardAt),
  );
  return { alive: clock(alive, heartbeat), progressing: clock(progressed, progress) };
}

/** In words: never by colour alone. Two thirds of a limit over without a word is late, as explain has it. */
export function stateOf({ at, limit }: Clock, now: number): ClockState {
  if (at === undefined || limit === undefined) return "off";
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

/** "Last sign of life 12s ago" at the time of hearing it. */
function told(evidence: readonly string[], pattern: RegExp, heardAt: number | undefined): number | undefined {
  if (heardAt === undefined) return undefined;
  for (const sentence of evidence) {
    const ago = pattern.exec(sentence)?.[1];
    const ms = ago === undefined ? undefined : milliseconds(ago);
    if (ms !== undefined) return heardAt - ms;
  }
  return undefined;
}

function latest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((time): time is number => time !== undefined && Number.isFinite(time));
  return known.length > 0 ? Math.max(...known) : undefined;
}
