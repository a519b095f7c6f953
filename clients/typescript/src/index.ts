/** What Node gets: the client, and the runner. */

export * from "./browser.js";
export {
  Context,
  type Artifact,
  type LogLevel,
  type PatchOperation,
  type Task,
  type TodoStatus,
} from "./runner/context.js";
export type { OutboxLimits } from "./runner/attempt.js";
export {
  CancelledError,
  LeaseRevokedError,
  NonRetryableError,
  ParkedError,
  RunnerStoppedError,
} from "./runner/failure.js";
export type { ConnectionStatus, Question } from "./runner/protocol.js";
export { Runner, type Handler, type RunnerOptions } from "./runner/runner.js";
export type { MessageOptions, ToolCall, Writer } from "./runner/writers.js";
