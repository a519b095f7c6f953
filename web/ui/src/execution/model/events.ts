// What kinds of events there are, for people; what an event says, in one line; and which events a filter
// shows.

import type { HeartlineEvent } from "../../api/types";
import { formatSpan } from "../../ui/duration";
import { fields, inner, list, number, own, text, type Fields } from "./read";

export type Group = "lifecycle" | "messages" | "reasoning" | "tools" | "steps" | "agents" | "state" | "logs" | "custom";

export const GROUPS: readonly { key: Group; label: string }[] = [
  { key: "lifecycle", label: "Lifecycle" },
  { key: "messages", label: "Messages" },
  { key: "reasoning", label: "Reasoning" },
  { key: "tools", label: "Tool calls" },
  { key: "steps", label: "Steps" },
  { key: "agents", label: "Sub-agents" },
  { key: "state", label: "State" },
  { key: "logs", label: "Logs" },
  { key: "custom", label: "Custom" },
];

const PREFIXES: readonly (readonly [string, Group])[] = [
  ["execution.", "lifecycle"],
  ["TEXT_MESSAGE_", "messages"],
  ["MESSAGES_", "messages"],
  ["REASONING_", "reasoning"],
  ["TOOL_CALL_", "tools"],
  ["STEP_", "steps"],
  ["SUBAGENT_", "agents"],
  ["STATE_", "state"],
  ["ACTIVITY_", "state"],
];

export function groupOf(event: HeartlineEvent): Group {
  const found = PREFIXES.find(([prefix]) => event.type.startsWith(prefix));
  if (found) return found[1];
  return event.type === "CUSTOM" && text(fields(event.data) ?? {}, "name") === "log" ? "logs" : "custom";
}

export interface EventFilter {
  groups: ReadonlySet<Group>;
  search: string;
}

export function isAll(filter: EventFilter): boolean {
  return filter.groups.size === 0 && filter.search === "";
}

/** Search looks at the type and at the JSON of the data. */
export function eventMatches(event: HeartlineEvent, filter: EventFilter): boolean {
  if (filter.groups.size > 0 && !filter.groups.has(groupOf(event))) return false;
  if (filter.search === "") return true;
  const wanted = filter.search.toLowerCase();
  if (event.type.toLowerCase().includes(wanted)) return true;
  return JSON.stringify(event.data).toLowerCase().includes(wanted);
}

/** What is said of an event in its row. */
export function summaryOf(event: HeartlineEvent): string {
  const data = fields(event.data) ?? {};
  const line = says(event, data).replaceAll(/\s+/g, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function says(event: HeartlineEvent, data: Fields): string {
  const say = (name: string) => text(data, name) ?? "";
  switch (event.type) {
    case "execution.created":
      return `${say("kind")} ${say("name")} in queue ${say("queue")}`;
    case "execution.started":
      return `attempt ${event.attempt} by runner ${text(inner(data, "runner"), "id") ?? "?"}`;
    case "execution.progress": {
      const fraction = number(data, "fraction");
      return [fraction === undefined ? "" : `${Math.round(fraction * 100)} %`, say("message")]
        .filter(Boolean)
        .join(" ");
    }
    case "execution.waiting":
      return say("prompt");
    case "execution.attempt_failed":
    case "execution.failed":
    case "execution.cancelled":
      return [say("reason"), text(inner(data, "error"), "message")].filter(Boolean).join(": ");
    case "execution.retry_scheduled":
      return `attempt ${number(data, "attempt") ?? "?"} in ${formatSpan(text(data, "backoff"))}`;
    case "execution.cancel_requested":
      return [say("reason"), `forced at ${say("deadline")}`].filter(Boolean).join(", ");
    case "TOOL_CALL_START":
      return `${say("toolCallName")} (${say("toolCallId")})`;
    case "TOOL_CALL_RESULT":
      return `${say("toolCallId")}: ${typeof own(data, "content") === "string" ? say("content") : json(own(data, "content"))}`;
    case "STEP_STARTED":
    case "STEP_FINISHED":
      return say("stepName");
    case "SUBAGENT_STARTED":
      return say("name");
    case "MESSAGES_SNAPSHOT":
      return `${list(data, "messages").length} messages`;
    case "CUSTOM":
      return custom(data);
    default:
      return typeof own(data, "delta") === "string" ? say("delta") : json(event.data);
  }
}

function custom(data: Fields): string {
  const name = text(data, "name") ?? "";
  const value = inner(data, "value");
  if (name === "log") return `${text(value, "level") ?? ""}: ${text(value, "message") ?? ""}`;
  return `${name} ${json(own(data, "value"))}`;
}

function json(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text === "{}" ? "" : text.slice(0, 400);
}
