// The items of an execution's state, as `state` holds them on the wire, read defensively into
// objects that change in place. `version` goes up with every change: views compare it.

import type { Fields } from "./read";
import { fields, instant, number, own, text } from "./read";

/** A status that the wire may extend is shown as it stands. */
export type MessageStatus = "streaming" | "done" | "interrupted";
export type CallStatus = "streaming" | "called" | "done" | "error" | "interrupted";
export type RunStatus = "running" | "done" | "suspended" | "error" | "interrupted";

interface Item {
  /** Unique among everything that is shown of one execution. */
  readonly key: string;
  version: number;
  /** The event that began it. */
  seq: number;
  attempt: number;
}

export interface Message extends Item {
  readonly kind: "message";
  id: string;
  role: string;
  /** The words, where they are text. */
  text: string;
  /** Content parts, or an activity; undefined where `text` is what there is. */
  json: unknown;
  /** Goes up when `text` begins anew instead of growing. */
  epoch: number;
  status: MessageStatus;
  name: string | undefined;
  activityType: string | undefined;
  owner: string;
  time: string;
  /** When it was complete; only known of what was seen live. */
  endedAt: string | undefined;
}

export interface Call extends Item {
  readonly kind: "call";
  id: string;
  name: string;
  args: string;
  result: unknown;
  error: string | undefined;
  status: CallStatus;
  parentMessageId: string | undefined;
  resultMessageId: string | undefined;
  owner: string;
  startedAt: string;
  finishedAt: string | undefined;
}

export interface Agent extends Item {
  readonly kind: "agent";
  id: string;
  name: string;
  description: string | undefined;
  parent: string;
  parentCallId: string | undefined;
  status: RunStatus;
  result: unknown;
  error: { message: string; code: string | undefined } | undefined;
  startedAt: string;
  finishedAt: string | undefined;
}

export interface Step extends Item {
  readonly kind: "step";
  name: string;
  owner: string;
  status: RunStatus;
  startedAt: string;
  finishedAt: string | undefined;
}

export interface Todo {
  id: string;
  content: string;
  status: string;
  seq: number;
  time: string;
}

export interface Task {
  id: string;
  name: string;
  type: string | undefined;
  status: string;
  input: unknown;
  output: unknown;
  error: unknown;
  seq: number;
  time: string;
}

export interface Artifact {
  id: string;
  name: string;
  mimeType: string;
  url: string | undefined;
  text: string | undefined;
  seq: number;
  time: string;
}

export interface Custom {
  name: string;
  value: unknown;
  seq: number;
  time: string;
}

const orUndefined = (value: unknown): unknown => (value === null ? undefined : value);
const maybe = (from: Fields, name: string): string | undefined => text(from, name);

function item(from: Fields) {
  return { version: 0, seq: number(from, "seq") ?? 0, attempt: number(from, "attempt") ?? 0 };
}

export const messageKey = (id: string): string => `message:${id}`;
export const callKey = (id: string): string => `call:${id}`;
export const agentKey = (id: string): string => `agent:${id}`;

export function readMessage(id: string, from: Fields): Message {
  const content = own(from, "content");
  return {
    ...item(from),
    kind: "message",
    key: messageKey(id),
    id,
    role: text(from, "role") ?? "assistant",
    text: typeof content === "string" ? content : "",
    json: typeof content === "string" ? undefined : content,
    epoch: 0,
    status: (text(from, "status") ?? "done") as MessageStatus,
    name: maybe(from, "name"),
    activityType: maybe(from, "activity_type"),
    owner: text(from, "sub_agent_id") ?? "",
    time: text(from, "time") ?? "",
    endedAt: undefined,
  };
}

export function readCall(id: string, from: Fields): Call {
  return {
    ...item(from),
    kind: "call",
    key: callKey(id),
    id,
    name: text(from, "name") ?? "",
    args: text(from, "args") ?? "",
    result: orUndefined(own(from, "result")),
    error: maybe(from, "error"),
    status: (text(from, "status") ?? "called") as CallStatus,
    parentMessageId: maybe(from, "parent_message_id"),
    resultMessageId: maybe(from, "result_message_id"),
    owner: text(from, "sub_agent_id") ?? "",
    startedAt: text(from, "started_at") ?? "",
    finishedAt: maybe(from, "finished_at"),
  };
}

export function readAgent(id: string, from: Fields): Agent {
  const error = fields(own(from, "error"));
  return {
    ...item(from),
    kind: "agent",
    key: agentKey(id),
    id,
    name: text(from, "name") ?? "",
    description: maybe(from, "description"),
    parent: text(from, "parent_id") ?? "",
    parentCallId: maybe(from, "parent_tool_call_id"),
    status: (text(from, "status") ?? "running") as RunStatus,
    result: orUndefined(own(from, "result")),
    error: error && { message: text(error, "message") ?? "", code: maybe(error, "code") },
    startedAt: text(from, "started_at") ?? "",
    finishedAt: maybe(from, "finished_at"),
  };
}

export function readStep(key: string, from: Fields): Step {
  const seq = number(from, "seq") ?? 0;
  return {
    ...item(from),
    kind: "step",
    key: `step:${key}:${seq}`,
    name: text(from, "name") ?? key,
    owner: text(from, "sub_agent_id") ?? "",
    status: (text(from, "status") ?? "running") as RunStatus,
    startedAt: text(from, "started_at") ?? "",
    finishedAt: maybe(from, "finished_at"),
  };
}

export function readTodo(id: string, from: Fields): Todo {
  return {
    id,
    content: text(from, "content") ?? "",
    status: text(from, "status") ?? "pending",
    seq: number(from, "seq") ?? 0,
    time: text(from, "time") ?? "",
  };
}

export function readTask(id: string, from: Fields): Task {
  return {
    id,
    name: text(from, "name") ?? "",
    type: maybe(from, "type"),
    status: text(from, "status") ?? "pending",
    input: orUndefined(own(from, "input")),
    output: orUndefined(own(from, "output")),
    error: orUndefined(own(from, "error")),
    seq: number(from, "seq") ?? 0,
    time: text(from, "time") ?? "",
  };
}

export function readArtifact(id: string, from: Fields): Artifact {
  return {
    id,
    name: text(from, "name") ?? "",
    mimeType: text(from, "mime_type") ?? "",
    url: maybe(from, "url"),
    text: maybe(from, "text"),
    seq: number(from, "seq") ?? 0,
    time: text(from, "time") ?? "",
  };
}

/** How long it took; undefined where an end is not known. */
export function took(startedAt: string, finishedAt: string | undefined): number | undefined {
  const span = instant(finishedAt) - instant(startedAt);
  return Number.isFinite(span) ? Math.max(0, span) : undefined;
}
