/**
 * Reads what a runner may have missed, from the log itself: a cancellation that was requested, or
 * an answer that was given, while it had no connection (or has none that anything is pushed over).
 */

import { HeartlineError } from "../errors.js";
import type { Http } from "../http.js";
import type { EventPage } from "../types.js";
import type { Held } from "./held.js";

/** Events of one page. */
const PAGE = 200;

/**
 * Reads on from where `held` has read to. With `waitMs` the server answers when there is something
 * to tell, or after that time.
 *
 * @throws HeartlineError where the log could not be read.
 */
export async function catchUp(http: Http, held: Held, waitMs = 0): Promise<void> {
  const path = `/v1/executions/${held.execution}/events`;
  for (let wait = waitMs; ; wait = 0) {
    const query = {
      after: held.seen,
      view: "status",
      limit: PAGE,
      wait: wait > 0 ? `${wait}ms` : undefined,
    };
    const page = await http.ask<EventPage>("GET", path, { query, waitMs: wait, repeatable: true });
    for (const { seq, type, data } of page.events) {
      held.seen = Math.max(held.seen, seq);
      const { reason, deadline, input } = data as Record<string, unknown>;
      if (type === "execution.cancel_requested") held.cancel(text(reason), text(deadline));
      if (type === "execution.resumed") held.answered(seq, input);
    }
    if (page.events.length < PAGE) {
      // Where its own last word is on the way, the answer to that tells.
      if (page.terminal && !held.ending) held.revoke("the execution is over");
      return;
    }
  }
}

/** As {@link catchUp}, for a glance that the next sign of the server makes up for. */
export function glance(http: Http, held: Held): void {
  catchUp(http, held).catch((error: unknown) => {
    if (!(error instanceof HeartlineError)) throw error;
  });
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
