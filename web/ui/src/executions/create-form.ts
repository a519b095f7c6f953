// The create form without its looks: what was typed, the body that it makes, and which field an error of
// the server belongs to. Pure.

import type { Create, FieldError, Kind } from "../api/types";
import { milliseconds } from "../ui/duration";
import { readJson } from "./json-check";

export const TIMEOUTS = [
  ["schedule_to_start", "Start within", "1m", "Due in its queue until a runner takes it."],
  ["heartbeat", "Sign of life every", "30s", "Longer silence, and the runner counts as lost."],
  ["progress", "Progress every", "none", "Between two events or progress reports."],
  ["start_to_close", "One attempt within", "none", "From start to end of an attempt."],
  ["schedule_to_close", "All within", "none", "The whole execution, retries included."],
  ["waiting", "Answer within", "7d", "How long a person may take."],
  ["cancel", "Stop within", "30s", "From a requested cancellation to a forced one."],
] as const;

export type TimeoutKey = (typeof TIMEOUTS)[number][0];

export type Draft = {
  kind: Kind;
  name: string;
  queue: string;
  input: string;
  /** `key=value`, one a line. */
  labels: string;
  priority: string;
  concurrencyKey: string;
  delay: string;
  timeouts: Readonly<Partial<Record<TimeoutKey, string>>>;
  maxAttempts: string;
  initialBackoff: string;
  factor: string;
  maxBackoff: string;
};

export const EMPTY: Draft = {
  kind: "agent",
  name: "",
  queue: "",
  input: "",
  labels: "",
  priority: "",
  concurrencyKey: "",
  delay: "",
  timeouts: {},
  maxAttempts: "",
  initialBackoff: "",
  factor: "",
  maxBackoff: "",
};

/** Errors by the pointer of what they are about, as the server would send them. */
export type Errors = Readonly<Record<string, string>>;

export function defaultQueue(kind: Kind): string {
  return kind === "agent" ? "agents" : "workflows";
}

/** Every pointer that has a field of its own. */
const OWN = new Set([
  "/kind",
  "/name",
  "/queue",
  "/input",
  "/labels",
  "/priority",
  "/concurrency_key",
  "/delay",
  "/retry/max_attempts",
  "/retry/initial_backoff",
  "/retry/factor",
  "/retry/max_backoff",
  ...TIMEOUTS.map(([key]) => `/timeouts/${key}`),
]);

/** The body, or what is wrong with it as far as this page can tell. */
export function bodyOf(draft: Draft): { body: Create } | { errors: Errors } {
  const errors: Record<string, string> = {};
  const body: Create = { kind: draft.kind, name: draft.name.trim() };
  if (body.name === "") errors["/name"] = "A name is needed.";
  if (draft.queue.trim()) body.queue = draft.queue.trim();
  if (draft.input.trim()) {
    const read = readJson(draft.input);
    if ("value" in read) body.input = read.value;
    else errors["/input"] = `Line ${read.line}, column ${read.column}: ${read.message}.`;
  }
  const labels = readLabels(draft.labels);
  if (labels.error) errors["/labels"] = labels.error;
  else if (Object.keys(labels.labels).length > 0) body.labels = labels.labels;
  const number = (text: string, pointer: string, whole: boolean): number | undefined => {
    if (text.trim() === "") return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && (!whole || Number.isInteger(value))) return value;
    errors[pointer] = whole ? "A whole number is needed." : "A number is needed.";
    return undefined;
  };
  const duration = (text: string, pointer: string): string | undefined => {
    const value = text.trim();
    if (value === "") return undefined;
    if (milliseconds(value) === undefined) errors[pointer] = "A duration is written 250ms, 30s, 5m or 1h30m.";
    return value;
  };
  const priority = number(draft.priority, "/priority", true);
  if (priority !== undefined) body.priority = priority;
  if (draft.concurrencyKey.trim()) body.concurrency_key = draft.concurrencyKey.trim();
  const delay = duration(draft.delay, "/delay");
  if (delay !== undefined) body.delay = delay;
  const timeouts: Record<string, string> = {};
  for (const [key] of TIMEOUTS) {
    const value = duration(draft.timeouts[key] ?? "", `/timeouts/${key}`);
    if (value !== undefined) timeouts[key] = value;
  }
  if (Object.keys(timeouts).length > 0) body.timeouts = timeouts as NonNullable<Create["timeouts"]>;
  const maxAttempts = number(draft.maxAttempts, "/retry/max_attempts", true);
  const factor = number(draft.factor, "/retry/factor", false);
  const initialBackoff = duration(draft.initialBackoff, "/retry/initial_backoff");
  const maxBackoff = duration(draft.maxBackoff, "/retry/max_backoff");
  const retry = {
    ...(maxAttempts !== undefined && { max_attempts: maxAttempts }),
    ...(initialBackoff !== undefined && { initial_backoff: initialBackoff }),
    ...(factor !== undefined && { factor }),
    ...(maxBackoff !== undefined && { max_backoff: maxBackoff }),
  };
  if (Object.keys(retry).length > 0) body.retry = retry;
  return Object.keys(errors).length > 0 ? { errors } : { body };
}

/** Labels as typed, one a line. */
export function readLabels(text: string): { labels: Record<string, string>; error?: string } {
  const labels: Record<string, string> = {};
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const equals = line.indexOf("=");
    const key = line.slice(0, equals).trim();
    if (equals < 1 || key === "") return { labels, error: `Line ${at + 1} is not written key=value.` };
    if (key in labels) return { labels, error: `Line ${at + 1}: ${key} stands there twice.` };
    labels[key] = line.slice(equals + 1).trim();
  }
  return { labels };
}

/** The server's errors at the fields they belong to, and those that have none. */
export function placeErrors(list: readonly FieldError[]): { fields: Errors; rest: FieldError[] } {
  const fields: Record<string, string> = {};
  const rest: FieldError[] = [];
  for (const error of list) {
    const pointer = ownerOf(error.pointer);
    if (pointer === undefined) rest.push(error);
    else {
      // Below the field, such as one label of all: say which.
      const below = error.pointer.slice(pointer.length + 1);
      const text = below ? `${below}: ${error.message}` : error.message;
      fields[pointer] = fields[pointer] ? `${fields[pointer]}; ${text}` : text;
    }
  }
  return { fields, rest };
}

function ownerOf(pointer: string): string | undefined {
  if (pointer === "/start_at") return "/delay";
  for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    if (OWN.has(at)) return at;
  }
  return undefined;
}

/** Whether one of them stands in the part that is folded away at first. */
export function concernsMore(errors: Errors): boolean {
  return Object.keys(errors).some((pointer) => !["/kind", "/name", "/queue", "/input", "/labels"].includes(pointer));
}
