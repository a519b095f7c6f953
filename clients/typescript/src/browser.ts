/** What browsers get: everything but the runner, which needs threads. */

export { Client, type CallOptions, type ClientOptions } from "./client.js";
export {
  ConnectionError,
  ExecutionFailedError,
  GapError,
  HeartlineError,
  type ErrorParts,
} from "./errors.js";
export type * from "./types.js";
export type { WatchEventsOptions, WatchOptions, WatchStatus } from "./watch.js";
