// What a conversation is made of, in the order of its events: one thread for the parent agent (the
// empty string) and one for each sub-agent.

import type { Agent, Call, Message, Step } from "./items";

/** A turn in the life of the execution, between what its runner said. */
export interface Turn {
  readonly kind: "turn";
  readonly key: string;
  readonly seq: number;
  readonly type: string;
  readonly time: string;
  readonly attempt: number;
  readonly data: Readonly<Record<string, unknown>>;
}

export type Entry = Message | Call | Agent | Step | Turn;

const NONE: readonly Entry[] = [];
export const threadKey = (owner: string): string => `thread:${owner}`;

function threadOf(entry: Entry): string {
  if (entry.kind === "turn") return "";
  // A sub-agent stands in the thread of the one that spawned it, and never within itself.
  if (entry.kind === "agent") return entry.parent === entry.id ? "" : entry.parent;
  return entry.owner;
}

export class Entries {
  private readonly threads = new Map<string, Entry[]>();

  constructor(private readonly touched: Set<string>) {}

  /** The entries of a thread, by seq. The array changes in place; `touched` says when. */
  of(owner: string): readonly Entry[] {
    return this.threads.get(owner) ?? NONE;
  }

  /** Sub-agents that something belongs to, though no event has begun them. */
  orphans(known: ReadonlyMap<string, Agent>): string[] {
    return [...this.threads.keys()].filter((owner) => owner !== "" && !known.has(owner));
  }

  load(entries: Entry[]): void {
    for (const entry of entries) this.thread(entry).push(entry);
    for (const thread of this.threads.values()) thread.sort((a, b) => a.seq - b.seq);
  }

  add(entry: Entry): void {
    const thread = this.thread(entry);
    let at = thread.length;
    // Nearly always the last one; what is filled in from before the snapshot is not.
    if (at > 0 && (thread[at - 1]?.seq ?? 0) > entry.seq) {
      let low = 0;
      while (low < at) {
        const middle = (low + at) >> 1;
        if ((thread[middle]?.seq ?? 0) <= entry.seq) low = middle + 1;
        else at = middle;
      }
    }
    thread.splice(at, 0, entry);
  }

  remove(entry: Entry): void {
    const thread = this.thread(entry);
    const at = thread.lastIndexOf(entry);
    if (at >= 0) thread.splice(at, 1);
  }

  /** Changes what an entry is ordered by. */
  move(entry: Entry, change: () => void): void {
    const before = threadOf(entry);
    const seq = entry.seq;
    this.remove(entry);
    change();
    this.add(entry);
    if (threadOf(entry) === before && entry.seq === seq) return;
    this.touched.add(threadKey(before));
  }

  private thread(entry: Entry): Entry[] {
    const owner = threadOf(entry);
    this.touched.add(threadKey(owner));
    let thread = this.threads.get(owner);
    if (!thread) this.threads.set(owner, (thread = []));
    return thread;
  }
}
