// For tests: logs that a server has written, and events made by hand.

import { readFileSync } from "node:fs";

import type { ExecutionWithState, HeartlineEvent } from "../../api/types";
import { Model } from "./model";
import type { Transcript } from "./transcript";

export interface Recorded {
  execution: ExecutionWithState;
  events: HeartlineEvent[];
}

/** An execution as a server had it at the end, and its whole log. */
export function recorded(name: string): Recorded {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), "utf8")) as Recorded;
}

const T0 = Date.parse("2026-01-01T00:00:00.000Z");

/** Events one after another, each `ms` after the one before where it says so. */
export class Log {
  readonly events: HeartlineEvent[] = [];
  private ms = 0;
  private attempt = 0;

  add(type: string, data: unknown = {}, after = 0): HeartlineEvent {
    this.ms += after;
    if (type === "execution.started") this.attempt += 1;
    const seq = this.events.length + 1;
    const time = new Date(T0 + this.ms).toISOString().replace("Z", "000Z");
    const event = {
      seq,
      prev: seq - 1,
      execution_id: "aex_0",
      attempt: this.attempt,
      time,
      type,
      data,
    } as HeartlineEvent;
    this.events.push(event);
    return event;
  }

  custom(name: string, value: unknown, after = 0): HeartlineEvent {
    return this.add("CUSTOM", { name, value }, after);
  }
}

const EMPTY = {
  messages: {},
  tool_calls: {},
  sub_agents: {},
  todos: {},
  tasks: {},
  artifacts: {},
  steps: {},
  custom: {},
  agent_state: null,
};

/** An execution before anything has happened to it. */
export function fresh(like: ExecutionWithState = recorded("agent").execution): ExecutionWithState {
  return {
    ...like,
    phase: "pending",
    reason: null,
    error: null,
    attempt: 0,
    runner: null,
    progress: null,
    output: null,
    cancel: null,
    waiting: null,
    answer: null,
    started_at: null,
    finished_at: null,
    seq: 0,
    state: EMPTY,
  };
}

export function modelOf(events: readonly HeartlineEvent[]): Model {
  const model = new Model(fresh(), 0);
  model.apply(events);
  return model;
}

/** What a transcript holds, without what only a page needs. */
export function held(transcript: Transcript) {
  const bare = (items: Iterable<object>) =>
    [...items]
      .map((item) => {
        const { version, epoch, endedAt, key, ...rest } = item as Record<string, unknown>;
        void [version, epoch, endedAt, key];
        return JSON.parse(JSON.stringify(rest)) as { seq: number };
      })
      .sort((a, b) => a.seq - b.seq);
  const { messages, calls, agents, steps, ledger } = transcript;
  return {
    messages: bare(messages.values()),
    calls: bare(calls.values()),
    agents: bare(agents.values()),
    steps: bare(steps.values()),
    todos: bare(ledger.todos.values()),
    tasks: bare(ledger.tasks.values()),
    artifacts: bare(ledger.artifacts.values()),
    custom: bare(ledger.custom.values()),
    agentState: transcript.agentState ?? null,
  };
}
