// Executions that belong to one, its children or its retries, as a live list tells of them. Pure: the
// page has the socket.

import type { Execution, ListFilter, Problem } from "../../api/types";
import type { ListChange } from "../../live/feeds";

export interface Found {
  /** Newest first; undefined until it is known which they are. */
  rows: readonly Execution[] | undefined;
  /** Whether there are older ones than these. */
  more: boolean;
  problem: Problem | undefined;
}

export const NOT_KNOWN: Found = { rows: undefined, more: false, problem: undefined };
export const NONE: Found = { rows: [], more: false, problem: undefined };

export const childrenOf = (id: string): ListFilter => ({ parent: id });
export const retriesOf = (id: string): ListFilter => ({ retry_of: id });

/** The rows come anew after each reconnect; those before stand until all of them have come. */
export class Relatives {
  private readonly rows = new Map<string, Execution>();
  /** Those of before that have not come again. */
  private old = new Set<string>();
  private listed = false;
  private more = false;
  private problem: Problem | undefined;

  begin(): void {
    this.old = new Set(this.rows.keys());
    this.problem = undefined;
  }

  take(changes: readonly ListChange[]): void {
    for (const change of changes) {
      if (change.turn === "leave") this.rows.delete(change.id);
      else {
        this.rows.set(change.execution.id, change.execution);
        this.old.delete(change.execution.id);
      }
    }
  }

  end(nextCursor: string | null): void {
    for (const id of this.old) this.rows.delete(id);
    this.old.clear();
    this.listed = true;
    this.more = nextCursor !== null;
  }

  fail(problem: Problem): void {
    this.problem = problem;
  }

  found(): Found {
    const rows = [...this.rows.values()].sort(newestFirst);
    // That there are none is known once all have been listed.
    return { rows: this.listed || rows.length > 0 ? rows : undefined, more: this.more, problem: this.problem };
  }
}

function newestFirst(a: Execution, b: Execution): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}
