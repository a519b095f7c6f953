/** How the network's thread reaches the server: over a WebSocket, or over HTTP. Both mean the same. */

import { HeartlineError } from "../errors.js";
import type { Granted } from "../types.js";
import type { ConnectionStatus } from "./protocol.js";
import type { Held } from "./held.js";

/** Most bytes of a message unless the server says otherwise. */
export const MESSAGE_BYTES = 1024 * 1024;

/** @throws HeartlineError (413) for a message that the server would not take. */
export function checkSize(message: string, most: number): void {
  const bytes = Buffer.byteLength(message);
  if (bytes <= most) return;
  const detail = `the message has ${bytes} bytes; at most ${most} are allowed`;
  throw new HeartlineError({ code: "body_too_large", detail, status: 413 });
}

/** What a runner sends about a lease. */
export type Verb = "events" | "wait" | "complete" | "fail" | "cancelled" | "cancel_acknowledged";

/** A way to the server. */
export interface Transport {
  /**
   * Serves until nothing is left to do after {@link Transport.drain}.
   *
   * @throws HeartlineError when going on is pointless.
   */
  run: () => Promise<void>;
  /** Takes no more leases. */
  drain: () => void;
  /**
   * Says something once and waits for the answer: where the log ends after it. `members` are the
   * JSON members beside the lease, as text.
   *
   * @throws ConnectionError when the outcome is unknown; HeartlineError when it was refused.
   */
  post: (held: Held, verb: Verb, members: string) => Promise<number>;
  /** A question stands; see to it that {@link Held.answered} is called. */
  asked: (held: Held) => void;
}

/** What a transport tells. */
export interface Owner {
  /** The leases at work, by their token. */
  readonly held: ReadonlyMap<string, Held>;
  /** How many more leases may be taken. */
  free: () => number;
  granted: (granted: Granted) => void;
  status: (status: ConnectionStatus) => void;
}
