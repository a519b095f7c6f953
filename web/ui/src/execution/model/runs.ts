// What runs: steps and sub-agents, folded as the server does. Items change in place.

import type { ExecutionState, HeartlineEvent } from "../../api/types";
import type { Entries } from "./entries";
import { readAgent, readStep, type Agent, type RunStatus, type Step } from "./items";
import { fields, text, type Fields } from "./read";

export class Runs {
  readonly agents = new Map<string, Agent>();
  /** The latest round of each. */
  readonly steps = new Map<string, Step>();
  attempt = 0;

  constructor(
    private readonly touched: Set<string>,
    private readonly entries: Entries,
  ) {}

  load(state: ExecutionState): void {
    for (const [id, from] of Object.entries(state.sub_agents)) this.agents.set(id, readAgent(id, fields(from) ?? {}));
    for (const [key, from] of Object.entries(state.steps)) this.steps.set(key, readStep(key, fields(from) ?? {}));
  }

  interrupt(): void {
    for (const run of [...this.agents.values(), ...this.steps.values()]) {
      if (run.status === "running") this.mark(run, () => (run.status = "interrupted"));
    }
  }

  moveStep(event: HeartlineEvent, name: string, status: RunStatus, owner: string): void {
    const key = owner ? `${owner}/${name}` : name;
    let step = this.steps.get(key);
    // Each round is an entry of its own; the map keeps the latest, as the server does.
    if (!step || (status === "running" && step.status !== "running")) {
      step = readStep(key, {
        name,
        status,
        sub_agent_id: owner,
        attempt: this.attempt,
        seq: event.seq,
        started_at: event.time,
      });
      this.steps.set(key, step);
      this.entries.add(step);
    }
    const moved = step;
    this.mark(moved, () => {
      // A start of what has begun already counts from here on.
      if (status === "running" && moved.seq !== event.seq) {
        this.entries.move(moved, () =>
          Object.assign(moved, { seq: event.seq, attempt: this.attempt, startedAt: event.time }),
        );
      }
      moved.status = status;
      moved.finishedAt = status === "running" ? undefined : event.time;
    });
  }

  private agent(event: HeartlineEvent, id: string, parent: string): Agent {
    const known = this.agents.get(id);
    if (known) return known;
    const made = readAgent(id, { attempt: this.attempt, parent_id: parent, seq: event.seq, started_at: event.time });
    this.agents.set(id, made);
    this.entries.add(made);
    return made;
  }

  start(event: HeartlineEvent, data: Fields): void {
    const id = text(data, "subagentRunId") ?? "";
    const parent = text(data, "parentSubagentRunId");
    const agent = this.agent(event, id, parent ?? "");
    this.mark(agent, () => {
      this.entries.move(agent, () => {
        if (agent.attempt !== this.attempt) {
          agent.attempt = this.attempt;
          agent.seq = event.seq;
          agent.startedAt = event.time;
        }
        agent.parent = parent ?? agent.parent;
      });
      agent.name = text(data, "name") ?? agent.name;
      agent.description = text(data, "description") ?? agent.description;
      agent.parentCallId = text(data, "parentToolCallId") ?? agent.parentCallId;
      agent.status = "running";
      agent.result = agent.error = agent.finishedAt = undefined;
    });
  }

  stop(event: HeartlineEvent, id: string, status: RunStatus, result: unknown, error: Agent["error"]): void {
    const agent = this.agent(event, id, "");
    this.mark(agent, () => Object.assign(agent, { status, result, error, finishedAt: event.time }));
  }

  private mark(item: Agent | Step, change: () => void): void {
    change();
    item.version += 1;
    this.touched.add(item.key);
  }
}
