// The content half of an execution, folded from a snapshot and the events after it by the same rules
// as the server's (execution/src/transcript): items are upserted by id, a new attempt begins anew what
// it starts again, and what an attempt leaves open is interrupted when it ends.
//
// Items change in place and their `version` goes up; `touched` collects the keys of what changed, so
// that a view redraws just that. Text grows by appending and is never copied.

import type { ExecutionState, HeartlineEvent } from "../../api/types";
import { Chunks, type Streamed } from "./chunks";
import { Entries, type Entry } from "./entries";
import { readCall, readMessage, type Agent, type Call, type Message, type Step } from "./items";
import { Ledger } from "./ledger";
import { applyPatch } from "./patch";
import { Runs } from "./runs";
import { fields, flag, inner, list, own, text, type Fields } from "./read";

/** The key of `touched` for the shared state. */
export const AGENT_STATE = "agent_state";

export class Transcript {
  readonly messages = new Map<string, Message>();
  readonly calls = new Map<string, Call>();
  readonly ledger: Ledger;
  readonly runs: Runs;
  agentState: unknown = undefined;
  /** What the conversation is made of, in order. */
  readonly entries: Entries;
  private attempt = 0;
  private readonly chunks: Chunks;

  constructor(private readonly touched: Set<string>) {
    this.entries = new Entries(touched);
    this.ledger = new Ledger(touched);
    this.runs = new Runs(touched, this.entries);
    this.chunks = new Chunks((kind, id) => this.complete(kind, id));
  }

  get agents(): ReadonlyMap<string, Agent> {
    return this.runs.agents;
  }

  get steps(): ReadonlyMap<string, Step> {
    return this.runs.steps;
  }

  /** Begins with what the server has folded. */
  load(state: ExecutionState, attempt: number): void {
    this.attempt = attempt;
    const every = <T>(map: unknown, into: Map<string, T>, read: (id: string, from: Fields) => T) => {
      for (const [id, from] of Object.entries(fields(map) ?? {})) into.set(id, read(id, fields(from) ?? {}));
    };
    every(state.messages, this.messages, readMessage);
    every(state.tool_calls, this.calls, readCall);
    this.runs.load(state);
    this.runs.attempt = attempt;
    this.ledger.load(state);
    this.agentState = (state.agent_state as unknown) ?? undefined;
    this.chunks.load(own(state as unknown as Fields, "open_chunks"));
    const all: Entry[] = [
      ...this.messages.values(),
      ...this.calls.values(),
      ...this.agents.values(),
      ...this.steps.values(),
    ];
    this.entries.load(all);
  }

  /** A new attempt writes from here on. */
  beginAttempt(attempt: number): void {
    this.interrupt(undefined);
    this.attempt = attempt;
    this.runs.attempt = attempt;
  }

  /** The attempt is over: nothing that it left open will go on. */
  interrupt(at: string | undefined): void {
    for (const message of this.messages.values()) {
      if (message.status === "streaming")
        this.mark(message, () => ((message.status = "interrupted"), (message.endedAt = at)));
    }
    for (const call of this.calls.values()) {
      if (call.status === "streaming" || call.status === "called") this.mark(call, () => (call.status = "interrupted"));
    }
    this.runs.interrupt();
    this.chunks.clear();
  }

  /** Moves it by one event that a runner posted. */
  apply(event: HeartlineEvent): void {
    const data = fields(event.data) ?? {};
    const owner = text(data, "subagentRunId") ?? "";
    this.chunks.step(event.type, owner, data);
    const id = text(data, "messageId") ?? "";
    const callId = text(data, "toolCallId") ?? "";
    const delta = text(data, "delta") ?? "";
    switch (event.type) {
      case "TEXT_MESSAGE_START":
        return this.startMessage(event, id, text(data, "role") ?? "assistant", text(data, "name"), owner);
      case "REASONING_MESSAGE_START":
        return this.startMessage(event, id, "reasoning", undefined, owner);
      case "TEXT_MESSAGE_CONTENT":
        return this.extendMessage(event, id, "assistant", delta, owner);
      case "REASONING_MESSAGE_CONTENT":
        return this.extendMessage(event, id, "reasoning", delta, owner);
      case "TEXT_MESSAGE_END":
        return this.endMessage(event, id, "assistant", owner);
      case "REASONING_MESSAGE_END":
        return this.endMessage(event, id, "reasoning", owner);
      case "TEXT_MESSAGE_CHUNK":
        return this.messageChunk(event, "text", text(data, "role") ?? "assistant", data, owner);
      case "REASONING_MESSAGE_CHUNK":
        return this.messageChunk(event, "reasoning", "reasoning", data, owner);
      case "TOOL_CALL_START":
        return this.startCall(event, callId, text(data, "toolCallName") ?? "", text(data, "parentMessageId"), owner);
      case "TOOL_CALL_ARGS":
        return this.extendCall(event, callId, delta, owner);
      case "TOOL_CALL_END":
        return this.endCall(event, callId, owner);
      case "TOOL_CALL_CHUNK":
        return this.callChunk(event, data, owner);
      case "TOOL_CALL_RESULT":
        return this.finishCall(event, callId, id, own(data, "content"), text(data, "error"), owner);
      case "STEP_STARTED":
        return this.runs.moveStep(event, text(data, "stepName") ?? "", "running", owner);
      case "STEP_FINISHED":
        return this.runs.moveStep(event, text(data, "stepName") ?? "", "done", owner);
      case "SUBAGENT_STARTED":
        return this.runs.start(event, data);
      case "SUBAGENT_FINISHED": {
        const suspended = text(inner(data, "outcome"), "type") === "suspended";
        return this.runs.stop(
          event,
          owner,
          suspended ? "suspended" : "done",
          own(data, "result") ?? undefined,
          undefined,
        );
      }
      case "SUBAGENT_ERROR":
        return this.runs.stop(event, owner, "error", undefined, {
          message: text(data, "message") ?? "",
          code: text(data, "code"),
        });
      case "STATE_SNAPSHOT":
        return this.setState(own(data, "snapshot"));
      case "STATE_DELTA":
        return this.setState(applyPatch(this.agentState ?? {}, list(data, "delta")));
      case "MESSAGES_SNAPSHOT":
        return this.replaceMessages(event, list(data, "messages"));
      case "ACTIVITY_SNAPSHOT":
        return this.setActivity(event, id, data, owner);
      case "ACTIVITY_DELTA":
        return this.patchActivity(event, id, data, owner);
      case "CUSTOM":
        return this.ledger.put(event, text(data, "name") ?? "", own(data, "value"));
    }
  }

  private mark(item: { key: string; version: number }, change: () => void): void {
    change();
    item.version += 1;
    this.touched.add(item.key);
  }

  private message(event: HeartlineEvent, id: string, role: string, owner: string): Message {
    const known = this.messages.get(id);
    if (known) return known;
    const made = readMessage(id, {
      role,
      status: "streaming",
      content: "",
      sub_agent_id: owner,
      attempt: this.attempt,
      seq: event.seq,
      time: event.time,
    });
    this.messages.set(id, made);
    this.entries.add(made);
    return made;
  }

  private startMessage(event: HeartlineEvent, id: string, role: string, name: string | undefined, owner: string): void {
    const known = this.messages.get(id);
    const message = this.message(event, id, role, owner);
    this.mark(message, () => {
      message.status = "streaming";
      message.endedAt = undefined;
      if (!known) message.name = name;
      if (!known || known.attempt === this.attempt) return;
      // An id of an earlier attempt begins anew.
      this.entries.move(message, () => {
        Object.assign(message, {
          role,
          name,
          text: "",
          json: undefined,
          activityType: undefined,
          owner,
          seq: event.seq,
          time: event.time,
        });
        message.attempt = this.attempt;
        message.epoch += 1;
      });
    });
  }

  private extendMessage(event: HeartlineEvent, id: string, role: string, delta: string, owner: string): void {
    const message = this.message(event, id, role, owner);
    if (message.json !== undefined) return;
    this.mark(message, () => {
      message.text += delta;
      message.status = "streaming";
    });
  }

  private endMessage(event: HeartlineEvent, id: string, role: string, owner: string): void {
    const message = this.message(event, id, role, owner);
    this.mark(message, () => {
      message.status = "done";
      message.endedAt = event.time;
    });
  }

  private messageChunk(event: HeartlineEvent, kind: Streamed, role: string, data: Fields, owner: string): void {
    const chunk = this.chunks.take(kind, text(data, "messageId"), owner);
    if (!chunk) return;
    if (chunk.opens) this.startMessage(event, chunk.id, role, text(data, "name"), owner);
    this.extendMessage(event, chunk.id, role === "reasoning" ? role : "assistant", text(data, "delta") ?? "", owner);
  }

  private call(event: HeartlineEvent, id: string, owner: string): Call {
    const known = this.calls.get(id);
    if (known) return known;
    const made = readCall(id, {
      status: "streaming",
      sub_agent_id: owner,
      attempt: this.attempt,
      seq: event.seq,
      started_at: event.time,
    });
    this.calls.set(id, made);
    this.entries.add(made);
    return made;
  }

  private startCall(event: HeartlineEvent, id: string, name: string, parent: string | undefined, owner: string): void {
    const call = this.call(event, id, owner);
    this.mark(call, () => {
      if (call.attempt !== this.attempt) {
        this.entries.move(call, () => {
          Object.assign(
            call,
            readCall(id, { status: "streaming", sub_agent_id: owner, seq: event.seq, started_at: event.time }),
            {
              attempt: this.attempt,
              version: call.version,
            },
          );
        });
      }
      call.name ||= name;
      call.parentMessageId ??= parent;
      reopen(call);
    });
  }

  private extendCall(event: HeartlineEvent, id: string, delta: string, owner: string): void {
    const call = this.call(event, id, owner);
    this.mark(call, () => {
      call.args += delta;
      reopen(call);
    });
  }

  private endCall(event: HeartlineEvent, id: string, owner: string): void {
    const call = this.call(event, id, owner);
    this.mark(call, () => {
      if (!hasResult(call)) call.status = "called";
    });
  }

  private callChunk(event: HeartlineEvent, data: Fields, owner: string): void {
    const chunk = this.chunks.take("tool_call", text(data, "toolCallId"), owner);
    if (!chunk) return;
    if (chunk.opens)
      this.startCall(event, chunk.id, text(data, "toolCallName") ?? "", text(data, "parentMessageId"), owner);
    this.extendCall(event, chunk.id, text(data, "delta") ?? "", owner);
  }

  private finishCall(
    event: HeartlineEvent,
    id: string,
    messageId: string,
    content: unknown,
    error: string | undefined,
    owner: string,
  ): void {
    const call = this.call(event, id, owner);
    this.mark(call, () => {
      call.status = error === undefined ? "done" : "error";
      call.result = content;
      call.error = error;
      if (call.resultMessageId !== messageId) {
        call.resultMessageId = messageId;
        call.finishedAt = event.time;
      }
    });
  }

  private complete(kind: Streamed, id: string): void {
    const message = kind === "tool_call" ? undefined : this.messages.get(id);
    if (message) this.mark(message, () => (message.status = "done"));
    const call = kind === "tool_call" ? this.calls.get(id) : undefined;
    if (call && !hasResult(call)) this.mark(call, () => (call.status = "called"));
  }

  private setState(state: unknown): void {
    this.agentState = state ?? undefined;
    this.touched.add(AGENT_STATE);
  }

  private setActivity(event: HeartlineEvent, id: string, data: Fields, owner: string): void {
    const known = this.messages.has(id);
    if (known && flag(data, "replace") === false) return;
    const message = this.message(event, id, "activity", owner);
    this.mark(message, () => {
      this.entries.move(message, () => (message.owner = owner));
      message.role = "activity";
      message.name = undefined;
      message.activityType = text(data, "activityType");
      message.json = own(data, "content") ?? {};
      message.status = "done";
      message.attempt = this.attempt;
    });
  }

  private patchActivity(event: HeartlineEvent, id: string, data: Fields, owner: string): void {
    if (!this.messages.has(id))
      this.setActivity(event, id, { activityType: text(data, "activityType"), content: {} }, owner);
    const message = this.message(event, id, "activity", owner);
    if (!fields(message.json)) return;
    this.mark(message, () => {
      message.json = fields(applyPatch(message.json, list(data, "patch"))) ?? {};
      message.activityType = text(data, "activityType") ?? message.activityType;
    });
  }

  /** What the snapshot leaves out goes, but for activities and reasoning where it has none of these. */
  private replaceMessages(event: HeartlineEvent, snapshot: readonly unknown[]): void {
    const given = snapshot.map((each) => fields(each) ?? {});
    const named = new Set(given.map((each) => text(each, "id") ?? ""));
    const keeps = (role: string) => !given.some((each) => text(each, "role") === role);
    const kept = new Set(["activity", "reasoning"].filter(keeps));
    for (const message of [...this.messages.values()]) {
      if (named.has(message.id) || kept.has(message.role)) continue;
      this.messages.delete(message.id);
      this.entries.remove(message);
    }
    for (const each of given) {
      const id = text(each, "id") ?? "";
      const callId = text(each, "toolCallId");
      if (text(each, "role") === "tool" && callId !== undefined) {
        this.finishCall(
          event,
          callId,
          id,
          own(each, "content"),
          text(each, "error"),
          text(each, "subagentRunId") ?? "",
        );
      } else this.putMessage(event, id, each);
    }
  }

  private putMessage(event: HeartlineEvent, id: string, from: Fields): void {
    const owner = text(from, "subagentRunId") ?? "";
    const role = text(from, "role") ?? "assistant";
    const message = this.message(event, id, role, owner);
    this.mark(message, () => {
      this.entries.move(message, () => (message.owner = owner));
      const content = own(from, "content");
      message.role = role;
      message.text = typeof content === "string" ? content : "";
      message.json = typeof content === "string" || content === undefined ? undefined : content;
      message.epoch += 1;
      message.name = text(from, "name");
      message.activityType = text(from, "activityType");
      message.status = "done";
    });
    for (const each of list(from, "toolCalls")) {
      const called = fields(each) ?? {};
      const of = inner(called, "function");
      const call = this.call(event, text(called, "id") ?? "", owner);
      this.mark(call, () => {
        this.entries.move(call, () => (call.owner = owner));
        call.name = text(of, "name") ?? "";
        call.args = text(of, "arguments") ?? "";
        call.parentMessageId = id;
        if (!hasResult(call)) call.status = "called";
      });
    }
  }
}

function hasResult(call: Call): boolean {
  return call.status === "done" || call.status === "error";
}

/** More arguments come, unless there is a result already. */
function reopen(call: Call): void {
  if (!hasResult(call)) call.status = "streaming";
}
