// Log lines, and the turns of the execution between them, out of its events; which of them a filter
// shows; and all of them as a text file.

import type { HeartlineEvent } from "../../api/types";
import { safeText } from "../../ui/text";
import { failure } from "./lifecycle";
import { fields, inner, text } from "./read";

export const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];
export const STREAMS = ["stdout", "stderr", "none"] as const;
export type Stream = (typeof STREAMS)[number];

export interface LogLine {
  readonly seq: number;
  readonly time: string;
  readonly attempt: number;
  /** Undefined for a turn of the execution, which no filter but the search hides. */
  readonly level: Level | undefined;
  readonly stream: Stream;
  /** What is shown, escape sequences taken out. */
  readonly message: string;
}

/** The line that an event is, if it is one. */
export function logLine(event: HeartlineEvent): LogLine | undefined {
  const data = fields(event.data) ?? {};
  const { seq, time, attempt } = event;
  if (event.type === "CUSTOM") {
    if (text(data, "name") !== "log") return undefined;
    const value = inner(data, "value");
    const level = LEVELS.find((each) => each === text(value, "level")) ?? "info";
    const stream = STREAMS.find((each) => each === text(value, "stream")) ?? "none";
    return { seq, time, attempt, level, stream, message: safeText(text(value, "message") ?? "") };
  }
  const turn = turnText(event);
  return turn === undefined
    ? undefined
    : { seq, time, attempt, level: undefined, stream: "none", message: safeText(turn) };
}

function turnText(event: HeartlineEvent): string | undefined {
  const data = fields(event.data) ?? {};
  switch (event.type) {
    case "execution.started":
      return `Attempt ${event.attempt} begins, with runner ${text(inner(data, "runner"), "id") ?? "?"}`;
    case "execution.attempt_failed":
      return `Attempt ${event.attempt} failed: ${failure(data)?.message ?? ""}`;
    case "execution.waiting":
      return `Waits for an answer: ${text(data, "prompt") ?? "no question was put"}`;
    case "execution.resumed":
      return "Answered";
    case "execution.runner_disconnected":
      return "The runner's connection closed";
    case "execution.runner_returned":
      return "The runner came back";
    case "execution.cancel_requested":
      return "Cancellation requested";
    case "execution.completed":
      return "Completed";
    case "execution.failed":
      return `Failed: ${failure(data)?.message ?? ""}`;
    case "execution.cancelled":
      return "Cancelled";
    default:
      return undefined;
  }
}

export interface LogFilter {
  search: string;
  /** This level and those above. */
  level: Level;
  stream: Stream | "all";
}

export const ALL_LOGS: LogFilter = { search: "", level: "trace", stream: "all" };

export function shownLines(lines: readonly LogLine[], filter: LogFilter): readonly LogLine[] {
  const search = filter.search.toLowerCase();
  const least = LEVELS.indexOf(filter.level);
  if (search === "" && least === 0 && filter.stream === "all") return lines;
  return lines.filter((line) => {
    if (line.level !== undefined) {
      if (LEVELS.indexOf(line.level) < least) return false;
      if (filter.stream !== "all" && line.stream !== filter.stream) return false;
    }
    return search === "" || line.message.toLowerCase().includes(search);
  });
}

/** As a file: one line each, or more where a message has more. */
export function logText(lines: readonly LogLine[]): string {
  const row = (line: LogLine) => {
    const what = line.level === undefined ? "--" : line.level.padEnd(5);
    const stream = line.stream === "none" ? "" : ` ${line.stream}`;
    return `${line.time} ${String(line.seq).padStart(6)} ${what}${stream} ${line.message}\n`;
  };
  return lines.map(row).join("");
}

/** The pieces of a text around what was searched for, matches at the odd places. */
export function matches(text: string, search: string): string[] {
  if (search === "") return [text];
  const low = text.toLowerCase();
  const wanted = search.toLowerCase();
  // Lower case may be longer than what it is of; then places do not agree, and nothing is marked.
  if (low.length !== text.length) return [text];
  const pieces: string[] = [];
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0 && pieces.length < 200; at = low.indexOf(wanted, from)) {
    pieces.push(text.slice(from, at), text.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  return [...pieces, text.slice(from)];
}
