import { describe, expect, it } from "vitest";

import { Model } from "./model";
import { SpanFold, type Span } from "./spans";
import { fit, place, rowsOf, spansOfModel, ticks, zoom } from "./timeline";
import { fresh, Log, recorded } from "./testing";

const foldOf = (events: Log["events"]): Span[] => {
  const fold = new SpanFold();
  for (const event of events) fold.apply(event);
  return fold.all;
};
const told = (spans: readonly Span[]) =>
  spans.map(
    (span) =>
      `${span.kind} ${span.label} ${span.status} ${span.end === undefined ? "…" : Math.round(span.end - span.start)}`,
  );

describe("spans", () => {
  it("are queue, attempts, backoffs and what happened in them", () => {
    const log = new Log();
    log.add("execution.created", { kind: "agent", name: "n", queue: "q" });
    log.add("execution.started", { attempt: 1, runner: { id: "r" } }, 100);
    log.add("STEP_STARTED", { stepName: "plan" }, 10);
    log.add("TOOL_CALL_START", { toolCallId: "c", toolCallName: "look" }, 10);
    log.add("TOOL_CALL_RESULT", { toolCallId: "c", messageId: "t", content: "x" }, 30);
    log.add("TOOL_CALL_START", { toolCallId: "d", toolCallName: "ask" }, 0);
    log.add(
      "execution.attempt_failed",
      { reason: "runner_error", error: { code: "c", message: "it broke", retryable: true } },
      50,
    );
    log.add("execution.retry_scheduled", { attempt: 2, at: "2026-01-01T00:00:00.500000Z", backoff: "300ms" });
    log.add("execution.started", { attempt: 2, runner: { id: "r" } }, 350);
    log.add("execution.waiting", { prompt: "ok?", until: "2026-01-02T00:00:00Z", hold: true }, 10);
    expect(told(foldOf(log.events))).toEqual([
      "queued Queued done 100",
      "attempt Attempt 1 failed 100",
      "step plan interrupted 90",
      "call look done 30",
      "call ask interrupted 50",
      "backoff Backing off done 300",
      "queued Queued done 50",
      "attempt Attempt 2 running …",
      "wait Waiting for an answer running …",
    ]);
  });

  it("end with the lease where a question gives it back", () => {
    const log = new Log();
    log.add("execution.created", {});
    log.add("execution.started", {}, 5);
    log.add("execution.waiting", { hold: false, until: "2026-01-02T00:00:00Z" }, 5);
    log.add("execution.resumed", { requeued: true }, 20);
    log.add("execution.started", {}, 7);
    log.add("execution.completed", {}, 3);
    expect(told(foldOf(log.events))).toEqual([
      "queued Queued done 5",
      "attempt Attempt 1 suspended 5",
      "wait Waiting for an answer answered 20",
      "queued Queued done 7",
      "attempt Attempt 2 done 3",
    ]);
  });

  it("say how a cancellation went", () => {
    const log = new Log();
    log.add("execution.created", {});
    log.add("execution.started", {}, 5);
    log.add("execution.cancel_requested", { deadline: "2026-01-01T00:00:30Z", reason: "enough" }, 5);
    log.add("execution.cancelled", { reason: "cancel_timeout" }, 30);
    expect(told(foldOf(log.events))).toEqual([
      "queued Queued done 5",
      "attempt Attempt 1 cancelled 35",
      "cancel Cancelling done 30",
    ]);
  });

  it("of the state are those of the log, where nothing was begun anew", () => {
    const { execution, events } = recorded("agent");
    const model = new Model(execution, execution.seq);
    model.fill(events);
    const key = (span: Span) => span.seq;
    const sorted = (spans: readonly Span[]) =>
      [...spans].sort((a, b) => key(a) - key(b)).map(({ note, ...span }) => (void note, span));
    expect(sorted(spansOfModel(model))).toEqual(sorted(foldOf(events)));
  });

  it("of a live model go on from its snapshot", () => {
    const { execution, events } = recorded("agent");
    const model = new Model(fresh(execution), 0);
    model.apply(events.slice(0, 53));
    expect(
      spansOfModel(model)
        .filter((span) => span.end === undefined)
        .map((span) => span.label),
    ).toEqual(["Attempt 1", "pager.timeline", "research"]);
  });
});

describe("rows", () => {
  it("stand below what they happened in", () => {
    const { events } = recorded("agent");
    expect(rowsOf(foldOf(events)).map(({ span, depth }) => `${"  ".repeat(depth)}${span.label}`)).toEqual([
      "Queued",
      "Attempt 1",
      "  plan",
      "  research",
      "    pager.timeline",
      "    deploys.list",
      "    deploy-historian",
      "      search",
      "        chat.search",
      "  answer",
    ]);
  });

  it("of each attempt stand below it", () => {
    const { events } = recorded("failed");
    const rows = rowsOf(foldOf(events)).map(({ span, depth }) => `${depth} ${span.label} ${span.status}`);
    expect(rows.filter((row) => row.startsWith("0 Attempt"))).toHaveLength(3);
    expect(rows.filter((row) => row === "2 sql.query interrupted")).toHaveLength(3);
  });
});

describe("the window", () => {
  const span = (start: number, end: number | undefined): Span => ({
    key: "k",
    kind: "call",
    label: "",
    start,
    end,
    status: "done",
    seq: 1,
    attempt: 1,
    owner: "",
    note: undefined,
  });

  it("fits everything, and what goes on ends now", () => {
    const view = fit([span(1000, 2000), span(1500, undefined)], 5000);
    expect(view.start).toBeLessThanOrEqual(1000);
    expect(view.end).toBeGreaterThanOrEqual(5000);
    expect(fit([], 5000)).toEqual({ start: 4000, end: 5000 });
  });

  it("says where a bar stands, cut at its edges", () => {
    const view = { start: 0, end: 100 };
    expect(place(span(25, 50), view, 0)).toEqual({ left: 0.25, width: 0.25 });
    expect(place(span(-50, 50), view, 0)).toEqual({ left: 0, width: 0.5 });
    expect(place(span(50, undefined), view, 75)).toEqual({ left: 0.5, width: 0.25 });
    expect(place(span(101, 110), view, 0)).toBeUndefined();
  });

  it("keeps the place it is zoomed around", () => {
    expect(zoom({ start: 0, end: 100 }, 0.5, 0.25)).toEqual({ start: 12.5, end: 62.5 });
  });

  it("has marks at round figures", () => {
    expect(ticks({ start: 1000, end: 2000 }, 1000, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(ticks({ start: 0, end: 3_600_000 }, 0, 6)).toEqual([
      0, 600_000, 1_200_000, 1_800_000, 2_400_000, 3_000_000, 3_600_000,
    ]);
    expect(ticks({ start: 0, end: 400 * 86_400_000 }, 0, 6).length).toBeLessThan(9);
  });
});
