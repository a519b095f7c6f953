// The words of a timeline.

import { formatDuration, safeText } from "../../ui";
import type { Span, SpanKind } from "../model/spans";

export const KIND_WORDS: Readonly<Record<SpanKind, string>> = {
  queued: "queued",
  backoff: "backing off",
  attempt: "attempt",
  step: "step",
  agent: "sub-agent",
  call: "tool call",
  wait: "waiting",
  disconnected: "disconnected",
  cancel: "cancelling",
};

/** The name of a bar. */
export function labelOf(span: Span): string {
  return safeText(span.label) || KIND_WORDS[span.kind];
}

/** What its place, length and colour say, in words. */
export function detailsOf(span: Span, ms: number, from: number): string {
  const parts = [
    ["step", "agent", "call"].includes(span.kind) ? KIND_WORDS[span.kind] : "",
    span.status,
    `${span.end === undefined ? "for" : "after"} ${formatDuration(ms)}`,
    `begun ${formatDuration(Math.max(0, from))} after creation`,
    span.attempt > 0 && span.kind !== "attempt" ? `attempt ${span.attempt}` : "",
    span.note ? safeText(span.note) : "",
  ];
  return parts.filter(Boolean).join(", ");
}
