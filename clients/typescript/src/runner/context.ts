/** What a handler is given: what it has to do, and every way to say how that goes. */

import type { Checkpoint, ExecutionWithState } from "../types.js";
import type { Attempt } from "./attempt.js";
import type { Question } from "./protocol.js";
import {
  message,
  reasoning,
  toolCall,
  type Emit,
  type MessageOptions,
  type ToolCall,
  type Writer,
} from "./writers.js";

/** How far a todo is. */
export type TodoStatus = "pending" | "in_progress" | "completed" | "cancelled";

/** A task of a workflow. Told again under the same `id`, it is updated. */
export interface Task {
  id: string;
  name: string;
  type?: string;
  status?: TodoStatus | "waiting" | "failed" | "skipped";
  input?: unknown;
  output?: unknown;
  error?: unknown;
}

/** Something that was made: where it is, or what it says. */
export type Artifact = { id: string; name: string; mime_type: string } & (
  { url: string } | { text: string }
);

/** How much a line of the log matters. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** An operation of JSON Patch (RFC 6902). */
export interface PatchOperation {
  op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  path: string;
  from?: string;
  value?: unknown;
}

/**
 * One attempt. What it says goes to the log in the order it is said, each thing once. Promises of
 * what is said resolve when there was room for it, not when it is in the log (that is
 * {@link Context.flush}); await them, so that memory stays bounded while the server is away.
 *
 * They reject once nothing can be said any more: `lease_revoked`, `attempt_over`, or what was
 * wrong with something said before (an event that the server refuses makes the attempt fail).
 */
export class Context<Input = unknown> {
  readonly #attempt: Attempt;
  readonly #emit: Emit;
  #ids = 0;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
    this.#emit = (type, data) => attempt.emit(type, data);
  }

  /** The execution as it was when the attempt began. */
  get execution(): ExecutionWithState {
    return this.#attempt.granted.execution;
  }

  /** Its id. */
  get id(): string {
    return this.execution.id;
  }

  /** What it was created with. */
  get input(): Input {
    return this.execution.input as Input;
  }

  /** Which attempt this is, from 1. */
  get attempt(): number {
    return this.#attempt.granted.attempt;
  }

  /**
   * What the attempts before left: the last progress (with its details) and the shared state.
   * `null` where there was none.
   */
  get checkpoint(): Checkpoint | null {
    return this.#attempt.granted.checkpoint ?? null;
  }

  /** The W3C trace context that the execution was created in, to go on with; `null` without one. */
  get traceparent(): string | null {
    return this.#attempt.granted.traceparent ?? null;
  }

  /** The last answer of a person; how an attempt after `wait` with `hold: false` gets it. */
  get answer(): unknown {
    return this.execution.answer;
  }

  /**
   * Aborted when the handler should stop. Its reason is a `CancelledError`, a `LeaseRevokedError`
   * or a `RunnerStoppedError`. Hand it to whatever waits.
   */
  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  /**
   * Any event of the vocabulary: an AG-UI 1.0 type and its fields, at most 256 KiB. What is not
   * named there goes as `CUSTOM` with a `name` and a `value`.
   */
  emit(type: string, data: object): Promise<void> {
    return this.#emit(type, data);
  }

  /** Begins a message that is written piece by piece. */
  message(options: MessageOptions = {}): Writer {
    return message(this.#emit, options.id ?? this.#id("message"), options);
  }

  /** Begins what a model thinks, piece by piece. */
  reasoning(): Writer {
    return reasoning(this.#emit, this.#id("reasoning"));
  }

  /** Says that a tool is called; say later how it went. */
  toolCall(name: string, args: unknown): ToolCall;
  /** Calls a tool: says so, runs `call`, and says what it answered or what it threw. */
  toolCall<Args, Result>(
    name: string,
    args: Args,
    call: (args: Args, signal: AbortSignal) => Promise<Result> | Result,
  ): Promise<Result>;
  toolCall<Args, Result>(
    name: string,
    args: Args,
    call?: (args: Args, signal: AbortSignal) => Promise<Result> | Result,
  ): ToolCall | Promise<Result> {
    const ids = { call: this.#id("call"), result: this.#id("result") };
    const told = toolCall(this.#emit, ids, name, args);
    if (!call) return told;
    const run = async () => {
      try {
        const result = await call(args, this.signal);
        await told.result(result);
        return result;
      } catch (error) {
        void told.error(error instanceof Error ? error.message : String(error));
        throw error;
      }
    };
    return run();
  }

  /** Runs `body` as a named step. */
  async step<Result>(name: string, body: () => Promise<Result> | Result): Promise<Result> {
    await this.#emit("STEP_STARTED", { stepName: name });
    const result = await body();
    // A step that threw stays open: the attempt's end interrupts it.
    await this.#emit("STEP_FINISHED", { stepName: name });
    return result;
  }

  /** Sets a line of the plan. */
  todo(id: string, content: string, status: TodoStatus = "pending"): Promise<void> {
    return this.#custom("todo", { id, content, status });
  }

  /** Sets a task of a workflow. */
  task(task: Task): Promise<void> {
    return this.#custom("task", task);
  }

  /**
   * How far it is: `fraction` from 0 to 1, a message of at most 1,000 characters, and details of
   * any JSON, which the next attempt finds in its checkpoint. The newest counts: it goes to the
   * log at most once a second, and before anything ends.
   *
   * @throws HeartlineError once nothing can be said any more.
   */
  progress(fraction: number | null, message?: string, details?: unknown): void {
    const progress = { fraction: fraction ?? undefined, message, details };
    this.#attempt.progress(progress);
  }

  /** Something that was made. */
  artifact(artifact: Artifact): Promise<void> {
    return this.#custom("artifact", artifact);
  }

  /** A line of the log. */
  log(level: LogLevel, text: string): Promise<void> {
    return this.#custom("log", { level, message: text });
  }

  /** The state that agent and watchers share; the next attempt finds it in its checkpoint. */
  readonly state = {
    /** Sets it. */
    snapshot: (snapshot: unknown): Promise<void> => this.#emit("STATE_SNAPSHOT", { snapshot }),
    /** Changes it by JSON Patch; a patch that does not fit makes the attempt fail. */
    patch: (operations: PatchOperation[]): Promise<void> =>
      this.#emit("STATE_DELTA", { delta: operations }),
  };

  /**
   * Asks a person, and resolves to the answer (checked against `schema`, where there is one).
   * With `hold: false` the lease ends instead: the call throws a `ParkedError`, which the handler
   * should let pass, and the next attempt finds the answer in {@link Context.answer}.
   *
   * @throws the signal's reason; HeartlineError where the question was refused.
   */
  wait<Answer = unknown>(question: Question): Promise<Answer> {
    return this.#attempt.ask(question) as Promise<Answer>;
  }

  /** Resolves when all that was said so far is in the log, on disk. */
  flush(): Promise<void> {
    return this.#attempt.flush();
  }

  #custom(name: string, value: object): Promise<void> {
    return this.#emit("CUSTOM", { name, value });
  }

  /** Unique within the execution: attempts do not share ids. */
  #id(what: string): string {
    this.#ids += 1;
    return `${what}-${this.attempt}-${this.#ids}`;
  }
}
