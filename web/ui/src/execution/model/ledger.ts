// What an execution keeps beside its conversation: things to do, tasks of a workflow, what was made, and
// the application's own events. Each is replaced as a whole when an event changes it.

import type { ExecutionState, HeartlineEvent } from "../../api/types";
import { readArtifact, readTask, readTodo, type Artifact, type Custom, type Task, type Todo } from "./items";
import { fields, number, own, text, type Fields } from "./read";

/** Keys of what has changed. */
export const TODOS = "todos";
export const TASKS = "tasks";
export const ARTIFACTS = "artifacts";
export const CUSTOM = "custom";

export class Ledger {
  readonly todos = new Map<string, Todo>();
  readonly tasks = new Map<string, Task>();
  readonly artifacts = new Map<string, Artifact>();
  /** The latest value of each. */
  readonly custom = new Map<string, Custom>();

  constructor(private readonly touched: Set<string>) {}

  load(state: ExecutionState): void {
    const every = <T>(map: unknown, into: Map<string, T>, read: (id: string, from: Fields) => T) => {
      for (const [id, from] of Object.entries(fields(map) ?? {})) into.set(id, read(id, fields(from) ?? {}));
    };
    every(state.todos, this.todos, readTodo);
    every(state.tasks, this.tasks, readTask);
    every(state.artifacts, this.artifacts, readArtifact);
    every(state.custom, this.custom, (name, from) => ({
      name,
      value: own(from, "value"),
      seq: number(from, "seq") ?? 0,
      time: text(from, "time") ?? "",
    }));
  }

  /** A `CUSTOM` event. */
  put(event: HeartlineEvent, name: string, value: unknown): void {
    const given = fields(value) ?? {};
    const id = text(given, "id") ?? "";
    const at = { seq: event.seq, time: event.time };
    switch (name) {
      case "todo":
        this.todos.set(id, readTodo(id, { ...given, ...at }));
        this.touched.add(TODOS);
        return;
      case "artifact":
        this.artifacts.set(id, readArtifact(id, { ...given, ...at }));
        this.touched.add(ARTIFACTS);
        return;
      case "task":
        // What the event leaves out stays; a null takes away.
        this.tasks.set(id, readTask(id, { ...this.tasks.get(id), ...given, ...at }));
        this.touched.add(TASKS);
        return;
      // These are not kept here: the log has the lines, the execution the other two.
      case "log":
      case "output":
      case "progress":
        return;
      default:
        this.custom.set(name, { name, value, ...at });
        this.touched.add(CUSTOM);
    }
  }
}
