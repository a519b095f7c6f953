import { describe, expect, it } from "vitest";

import { threadKey, type Entry } from "./entries";
import { messageKey } from "./items";
import { EXECUTION, HEAD, Model } from "./model";
import { fresh, held, Log, modelOf, recorded } from "./testing";

const said = (entries: readonly Entry[]) =>
  entries.map((entry) =>
    entry.kind === "turn" ? entry.type : `${entry.kind} ${"name" in entry && entry.name ? entry.name : ""}`.trim(),
  );

describe("a log folded here is what the server folded", () => {
  for (const name of ["agent", "failed", "hostile"]) {
    it(name, () => {
      const { execution, events } = recorded(name);
      const model = new Model(fresh(execution), 0);
      model.apply(events);
      const snapshot = new Model(execution, execution.seq);
      expect(held(model.transcript)).toEqual(held(snapshot.transcript));
      expect({ ...model.execution, seq: model.head, deadline: null }).toEqual({
        ...snapshot.execution,
        deadline: null,
      });
    });

    it(`${name}, from a snapshot anywhere in it`, () => {
      const { execution, events } = recorded(name);
      const whole = held(new Model(execution, execution.seq).transcript);
      // A fold of the first part stands in for the server's snapshot.
      for (const at of [5, Math.floor(events.length / 2), events.length - 1]) {
        const model = new Model(fresh(execution), 0);
        model.apply(events.slice(0, at));
        model.apply(events.slice(at - 2));
        expect(held(model.transcript)).toEqual(whole);
      }
    });
  }
});

describe("the conversation", () => {
  it("is in the order of its events, with the turns of the execution between", () => {
    const { execution, events } = recorded("failed");
    const snapshot = new Model(execution, execution.seq);
    snapshot.fill(events);
    const entries = snapshot.transcript.entries.of("");
    expect(entries.map((entry) => entry.seq)).toEqual([...entries.map((entry) => entry.seq)].sort((a, b) => a - b));
    const turns = entries.filter((entry) => entry.kind === "turn").map((entry) => entry.kind === "turn" && entry.type);
    expect(turns).toEqual([
      "execution.created",
      "execution.started",
      "execution.attempt_failed",
      "execution.retry_scheduled",
      "execution.started",
      "execution.attempt_failed",
      "execution.retry_scheduled",
      "execution.started",
      "execution.attempt_failed",
      "execution.failed",
    ]);
  });

  it("has a thread for each sub-agent, where its parent stands", () => {
    const { execution } = recorded("agent");
    const { entries, agents } = new Model(execution, execution.seq).transcript;
    expect(said(entries.of(""))).toContain("agent deploy-historian");
    expect(said(entries.of("sa1"))).toEqual(["message", "step search", "call chat.search"]);
    expect(entries.orphans(agents)).toEqual([]);
  });

  it("keeps what a sub-agent says that nothing has begun", () => {
    const log = new Log();
    log.add("execution.started");
    log.add("TEXT_MESSAGE_CONTENT", { messageId: "m", delta: "hi", subagentRunId: "ghost" });
    const { entries, agents } = modelOf(log.events).transcript;
    expect(entries.orphans(agents)).toEqual(["ghost"]);
    expect(said(entries.of("ghost"))).toEqual(["message"]);
  });

  it("shows each round of a step", () => {
    const log = new Log();
    log.add("execution.started");
    for (let round = 0; round < 3; round += 1) {
      log.add("STEP_STARTED", { stepName: "turn" });
      log.add("STEP_FINISHED", { stepName: "turn" });
    }
    const model = modelOf(log.events);
    expect(said(model.transcript.entries.of("")).filter((entry) => entry === "step turn")).toHaveLength(3);
    expect(model.transcript.steps.size).toBe(1);
  });

  it("moves what a new attempt begins anew to where it begins", () => {
    const log = new Log();
    log.add("execution.started");
    log.add("TEXT_MESSAGE_START", { messageId: "m" });
    log.add("TEXT_MESSAGE_CONTENT", { messageId: "m", delta: "first" });
    log.add("execution.retry_scheduled", { attempt: 2, at: "2026-01-01T00:00:00Z", backoff: "0s" });
    log.add("execution.started", { attempt: 2 });
    log.add("TEXT_MESSAGE_START", { messageId: "m" });
    log.add("TEXT_MESSAGE_CONTENT", { messageId: "m", delta: "second" });
    const model = modelOf(log.events);
    const entries = model.transcript.entries.of("");
    expect(said(entries)).toEqual(["execution.started", "execution.retry_scheduled", "execution.started", "message"]);
    expect(model.transcript.messages.get("m")).toMatchObject({
      text: "second",
      attempt: 2,
      epoch: 1,
      status: "streaming",
    });
  });
});

describe("what has changed", () => {
  it("is only what an event touches", () => {
    const log = new Log();
    log.add("execution.started");
    log.add("TEXT_MESSAGE_START", { messageId: "a" });
    log.add("TEXT_MESSAGE_START", { messageId: "b" });
    const model = modelOf(log.events);
    model.take();
    model.apply([log.add("TEXT_MESSAGE_CONTENT", { messageId: "b", delta: "x" })]);
    expect([...model.take()].sort()).toEqual([HEAD, messageKey("b")].sort());
    model.apply([log.add("TEXT_MESSAGE_START", { messageId: "c" })]);
    expect(model.take()).toContain(threadKey(""));
    model.apply([log.add("execution.completed", {})]);
    expect(model.take()).toContain(EXECUTION);
  });

  it("is nothing for what has been seen", () => {
    const { execution, events } = recorded("agent");
    const model = new Model(execution, execution.seq);
    const before = held(model.transcript);
    model.take();
    model.apply(events);
    expect(held(model.transcript)).toEqual(before);
  });
});

describe("names that mean something to the language", () => {
  it("are names like others", () => {
    const { execution, events } = recorded("hostile");
    const model = new Model(fresh(execution), 0);
    model.apply(events);
    expect(model.transcript.messages.get("__proto__")?.text).toContain("<script>");
    expect(model.transcript.calls.get("constructor")?.status).toBe("done");
    expect(model.transcript.ledger.todos.get("__proto__")?.status).toBe("pending");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("chunks", () => {
  it("continue what is open, and anything else ends them", () => {
    const log = new Log();
    log.add("execution.started");
    log.add("TEXT_MESSAGE_CHUNK", { messageId: "m", delta: "a" });
    log.custom("log", { level: "info", message: "between" });
    log.add("TEXT_MESSAGE_CHUNK", { delta: "b" });
    log.add("TOOL_CALL_CHUNK", { toolCallId: "c", toolCallName: "look", delta: "{" });
    log.add("TOOL_CALL_CHUNK", { delta: "}" });
    log.add("STEP_STARTED", { stepName: "s" });
    const { messages, calls } = modelOf(log.events).transcript;
    expect(messages.get("m")).toMatchObject({ text: "ab", status: "done" });
    expect(calls.get("c")).toMatchObject({ args: "{}", name: "look", status: "called" });
  });
});

describe("twenty thousand tokens", () => {
  it("are folded without a word being copied again and again", () => {
    const log = new Log();
    log.add("execution.started");
    log.add("TEXT_MESSAGE_START", { messageId: "m" });
    for (let n = 0; n < 20_000; n += 1) log.add("TEXT_MESSAGE_CONTENT", { messageId: "m", delta: `word${n} ` });
    const model = new Model(fresh(), 0);
    const begin = performance.now();
    for (let n = 0; n < log.events.length; n += 50) {
      model.apply(log.events.slice(n, n + 50));
      model.take();
    }
    const ms = performance.now() - begin;
    expect(model.transcript.messages.get("m")?.text.length).toBeGreaterThan(180_000);
    expect(ms).toBeLessThan(3_000);
  });
});
