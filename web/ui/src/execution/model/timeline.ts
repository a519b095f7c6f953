// Spans as rows of a chart: their order, their depth, the window of time that is shown, and where the
// marks of the axis stand. Pure; the chart draws what this says.

import type { Agent, Call, Step } from "./items";
import type { Model } from "./model";
import { instant } from "./read";
import { SpanFold, type Span, type SpanStatus } from "./spans";

export interface Row {
  span: Span;
  depth: number;
}

const DEPTH_MAX = 6;

/** The rows of a chart: below an attempt what it did, below a step or a sub-agent what happened in it. */
export function rowsOf(spans: readonly Span[]): Row[] {
  const ordered = spans.filter((span) => !isNothing(span)).sort((a, b) => a.start - b.start || a.seq - b.seq);
  const children = new Map<Span | undefined, Span[]>();
  const attempts = new Map<number, Span>();
  const agents = new Map<string, Span>();
  /** The steps of an agent that have begun, the innermost last. */
  const steps = new Map<string, Span[]>();
  for (const span of ordered) {
    const parent = parentOf(span, attempts, agents, steps);
    const siblings = children.get(parent);
    if (siblings) siblings.push(span);
    else children.set(parent, [span]);
    if (span.kind === "attempt") attempts.set(span.attempt, span);
    if (span.kind === "agent" && span.agent !== undefined) agents.set(span.agent, span);
    if (span.kind === "step") steps.set(span.owner, [...(steps.get(span.owner) ?? []), span]);
  }
  const rows: Row[] = [];
  const walk = (of: Span | undefined, depth: number) => {
    for (const span of children.get(of) ?? []) {
      rows.push({ span, depth: Math.min(depth, DEPTH_MAX) });
      walk(span, depth + 1);
    }
  };
  walk(undefined, 0);
  return rows;
}

function parentOf(
  span: Span,
  attempts: ReadonlyMap<number, Span>,
  agents: ReadonlyMap<string, Span>,
  steps: Map<string, Span[]>,
): Span | undefined {
  if (["queued", "backoff", "attempt", "cancel"].includes(span.kind)) return undefined;
  const open = (steps.get(span.owner) ?? []).filter(
    (step) =>
      step.attempt === span.attempt && (step.end === undefined || step.end > span.start || step.start === span.start),
  );
  steps.set(span.owner, open);
  return open.at(-1) ?? agents.get(span.owner) ?? attempts.get(span.attempt);
}

/** A queue that was left at once says nothing. */
function isNothing(span: Span): boolean {
  return (span.kind === "queued" || span.kind === "backoff") && span.end !== undefined && span.end - span.start < 1;
}

/** The spans that a model's lifecycle and its items tell; earlier rounds of a step are not among them. */
export function spansOfModel(model: Model): Span[] {
  const fold = new SpanFold();
  for (const event of model.lifecycle) fold.apply(event);
  const ends = new Map<number, number>();
  for (const span of fold.all) if (span.kind === "attempt" && span.end !== undefined) ends.set(span.attempt, span.end);
  const { calls, steps, agents } = model.transcript;
  const put = (item: Call | Step | Agent, owner: string, note: string | undefined) => {
    const kind = item.kind;
    const label = item.name;
    const start = instant(item.startedAt);
    const over = !["streaming", "called", "running"].includes(item.status);
    const end = instant(item.finishedAt);
    fold.put(`${kind}:${item.key}`, {
      ...(item.kind === "agent" && { agent: item.id }),
      key: `${kind}:${item.seq}`,
      kind,
      label,
      start,
      end: Number.isFinite(end) ? end : over ? (ends.get(item.attempt) ?? start) : undefined,
      status: STATUS[item.status] ?? "done",
      seq: item.seq,
      attempt: item.attempt,
      owner,
      note,
    });
  };
  for (const call of calls.values()) put(call, call.owner, call.error);
  for (const step of steps.values()) put(step, step.owner, undefined);
  for (const agent of agents.values()) put(agent, agent.parent, agent.error?.message ?? agent.description);
  return fold.all;
}

const STATUS: Readonly<Record<string, SpanStatus>> = {
  streaming: "running",
  called: "running",
  running: "running",
  done: "done",
  error: "failed",
  interrupted: "interrupted",
  suspended: "suspended",
};

/** A window of time. */
export interface View {
  start: number;
  end: number;
}

/** Everything there is, with a little air; `now` is where what goes on ends. */
export function fit(spans: readonly Span[], now: number): View {
  let start = Infinity;
  let end = -Infinity;
  for (const span of spans) {
    start = Math.min(start, span.start);
    end = Math.max(end, span.end ?? now, span.start);
  }
  if (!Number.isFinite(start)) return { start: now - 1000, end: now };
  const air = Math.max((end - start) * 0.02, 1);
  return { start: start - air / 4, end: end + air };
}

/** Nearer (below 1) or farther, around a place of the window (0 is its left edge). */
export function zoom(view: View, factor: number, around = 0.5): View {
  const width = view.end - view.start;
  const wanted = Math.max(1, width * factor);
  const fixed = view.start + width * around;
  return { start: fixed - wanted * around, end: fixed + wanted * (1 - around) };
}

export function pan(view: View, parts: number): View {
  const by = (view.end - view.start) * parts;
  return { start: view.start + by, end: view.end + by };
}

/** Where a bar stands in the window, in parts of its width; undefined where it is outside. */
export function place(span: Span, view: View, now: number): { left: number; width: number } | undefined {
  const width = view.end - view.start;
  const from = (span.start - view.start) / width;
  const to = ((span.end ?? Math.max(now, span.start)) - view.start) / width;
  if (to < 0 || from > 1) return undefined;
  const left = Math.max(from, 0);
  return { left, width: Math.min(to, 1) - left };
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3,
  7200e3, 21600e3, 43200e3, 86400e3,
];

/** The marks of the axis, in milliseconds since `origin`: round figures, about `count` of them. */
export function ticks(view: View, origin: number, count: number): number[] {
  const wanted = (view.end - view.start) / Math.max(1, count);
  const step = STEPS.find((each) => each >= wanted) ?? Math.ceil(wanted / 86_400e3) * 86_400e3;
  const marks: number[] = [];
  for (let at = Math.ceil((view.start - origin) / step) * step; at <= view.end - origin; at += step) marks.push(at);
  return marks;
}
