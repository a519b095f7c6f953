// What took how long: the spans of a timeline, folded from events in order. Attempts, the waits between
// them, steps, tool calls, sub-agents, questions to a person, and times without a connection.

import type { HeartlineEvent } from "../../api/types";
import { endsAttempt, failure } from "./lifecycle";
import { fields, flag, inner, instant, own, text, type Fields } from "./read";

export type SpanKind =
  "queued" | "backoff" | "attempt" | "step" | "agent" | "call" | "wait" | "disconnected" | "cancel";

/** In words, as shown. */
export type SpanStatus = "running" | "done" | "failed" | "interrupted" | "suspended" | "cancelled" | "answered";

export interface Span {
  readonly key: string;
  readonly kind: SpanKind;
  label: string;
  /** Milliseconds since 1970. */
  start: number;
  /** Undefined while it goes on. */
  end: number | undefined;
  status: SpanStatus;
  /** The event that began it. */
  readonly seq: number;
  attempt: number;
  /** The sub-agent it belongs to; the empty string for the parent agent. */
  owner: string;
  /** More about it, in one line. */
  note: string | undefined;
  /** Of a sub-agent: its id. */
  agent?: string;
}

export class SpanFold {
  readonly all: Span[] = [];
  private readonly open = new Map<string, Span>();

  apply(event: HeartlineEvent): void {
    const data = fields(event.data) ?? {};
    if (event.type.startsWith("execution.")) this.lifecycle(event, data);
    else this.content(event, data);
  }

  /** Takes up a span that is known from elsewhere, such as a snapshot. */
  put(id: string, span: Span): void {
    this.all.push(span);
    if (span.end === undefined) this.open.set(id, span);
  }

  private begin(id: string, kind: SpanKind, label: string, event: HeartlineEvent, more: Partial<Span> = {}): Span {
    this.end(id, event, "interrupted");
    const span: Span = {
      key: `${kind}:${event.seq}`,
      kind,
      label,
      start: instant(event.time),
      end: undefined,
      status: "running",
      seq: event.seq,
      attempt: event.attempt,
      owner: "",
      note: undefined,
      ...more,
    };
    this.put(id, span);
    return span;
  }

  private end(id: string, event: HeartlineEvent, status: SpanStatus, note?: string): void {
    const span = this.open.get(id);
    if (!span) return;
    this.open.delete(id);
    span.end = Math.max(span.start, instant(event.time));
    span.status = status;
    if (note !== undefined) span.note = note;
  }

  private lifecycle(event: HeartlineEvent, data: Fields): void {
    if (endsAttempt(event)) this.endAttempt(event, data);
    switch (event.type) {
      case "execution.created":
        this.begin("queue", "queued", "Queued", event, later(event, text(data, "start_at")));
        break;
      case "execution.started": {
        const runner = text(inner(data, "runner"), "id");
        this.end("queue", event, "done");
        this.begin("attempt", "attempt", `Attempt ${event.attempt}`, event, { note: runner && `runner ${runner}` });
        break;
      }
      case "execution.retry_scheduled": {
        const at = text(data, "at");
        const backoff = this.begin("backoff", "backoff", "Backing off", event);
        // It is over by the clock, not by an event.
        this.open.delete("backoff");
        backoff.end = Math.max(backoff.start, instant(at) || backoff.start);
        backoff.status = "done";
        this.begin("queue", "queued", "Queued", event, later(event, at));
        break;
      }
      case "execution.waiting":
        this.begin("wait", "wait", "Waiting for an answer", event, { note: text(data, "prompt") });
        break;
      case "execution.resumed":
        this.end("wait", event, "answered");
        if (flag(data, "requeued")) this.begin("queue", "queued", "Queued", event);
        break;
      case "execution.runner_disconnected":
        this.begin("connection", "disconnected", "Disconnected", event, { note: text(data, "detail") });
        break;
      case "execution.runner_returned":
        this.end("connection", event, "done");
        break;
      case "execution.cancel_requested":
        if (!this.open.has("cancel"))
          this.begin("cancel", "cancel", "Cancelling", event, { note: text(data, "reason") });
        break;
    }
  }

  private endAttempt(event: HeartlineEvent, data: Fields): void {
    const ended: Readonly<Record<string, SpanStatus>> = {
      "execution.completed": "done",
      "execution.waiting": "suspended",
      "execution.cancelled": "cancelled",
      "execution.attempt_failed": "failed",
      "execution.failed": "failed",
    };
    const final = ["execution.completed", "execution.failed", "execution.cancelled"].includes(event.type);
    const status = ended[event.type] ?? "interrupted";
    for (const id of [...this.open.keys()]) {
      if (id === "attempt") this.end(id, event, status, failure(data)?.message);
      else if (id === "queue") this.end(id, event, event.type === "execution.failed" ? "failed" : "interrupted");
      else if (id === "cancel") {
        if (final) this.end(id, event, event.type === "execution.cancelled" ? "done" : "interrupted");
      } else this.end(id, event, "interrupted");
    }
  }

  private content(event: HeartlineEvent, data: Fields): void {
    const owner = text(data, "subagentRunId") ?? "";
    const call = `call:${text(data, "toolCallId") ?? ""}`;
    const step = `step:${owner}:${text(data, "stepName") ?? ""}`;
    const agent = `agent:${owner}`;
    switch (event.type) {
      case "TOOL_CALL_START":
      case "TOOL_CALL_CHUNK": {
        const name = text(data, "toolCallName");
        if (name === undefined || text(data, "toolCallId") === undefined) break;
        if (event.type === "TOOL_CALL_START" || !this.open.has(call)) this.begin(call, "call", name, event, { owner });
        break;
      }
      case "TOOL_CALL_RESULT":
        this.end(call, event, text(data, "error") === undefined ? "done" : "failed", text(data, "error"));
        break;
      case "STEP_STARTED":
        if (!this.open.has(step)) this.begin(step, "step", text(data, "stepName") ?? "", event, { owner });
        break;
      case "STEP_FINISHED":
        this.end(step, event, "done");
        break;
      case "SUBAGENT_STARTED":
        if (!this.open.has(agent)) {
          const parent = text(data, "parentSubagentRunId") ?? "";
          const note = text(data, "description");
          this.begin(agent, "agent", text(data, "name") ?? "", event, { owner: parent, note, agent: owner });
        }
        break;
      case "SUBAGENT_FINISHED": {
        const suspended = text(inner(data, "outcome"), "type") === "suspended";
        this.end(agent, event, suspended ? "suspended" : "done");
        break;
      }
      case "SUBAGENT_ERROR":
        this.end(agent, event, "failed", text(data, "message"));
        break;
      case "MESSAGES_SNAPSHOT":
        for (const each of Array.isArray(own(data, "messages")) ? (own(data, "messages") as unknown[]) : []) {
          const message = fields(each) ?? {};
          if (text(message, "role") === "tool") this.end(`call:${text(message, "toolCallId") ?? ""}`, event, "done");
        }
        break;
    }
  }
}

/** What is asked to start later is not queued before. */
function later(event: HeartlineEvent, at: string | undefined): Partial<Span> {
  const due = instant(at);
  return Number.isFinite(due) && due > instant(event.time) ? { start: due } : {};
}
