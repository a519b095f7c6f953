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

/** A bar in words: all that its place, length and colour say. */
export function nameOf(span: Span, ms: number, from: number): string {
  const kind = ["step", "agent", "call"].includes(span.kind) ? `${KIND_WORDS[span.kind]} ` : "";
  const label = safeText(span.label) || (kind === "" ? KIND_WORDS[span.kind] : "without a name");
  const goes = span.end === undefined ? `running for ${formatDuration(ms)}` : `${span.status} after ${formatDuration(ms)}`;
  const when = `begun ${formatDuration(Math.max(0, from))} after creation`;
  const parts = [`${kind}${label}`, goes, when, span.attempt > 0 && span.kind !== "attempt" ? `attempt ${span.attempt}` : "", span.note ? safeText(span.note) : ""];
  return parts.filter(Boolean).join(", ");
}
