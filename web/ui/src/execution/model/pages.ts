// An execution's log as pages that are fetched when they are looked at. Seqs are dense, so the place of
// an event in the list is known before the event is: a list of any length can be scrolled anywhere.
//
// What comes over the socket is put in as it comes. Pages that were not looked at for longest are let
// go.

import type { EventPage, HeartlineEvent } from "../../api/types";

export type FetchPage = (after: number, limit: number) => Promise<EventPage>;

/** Events of a page; the server gives 1,000 at most. */
export const PAGE = 500;
/** Pages that are kept: 40,000 events. */
const KEPT = 80;
/** A page that could not be fetched is not asked for again before this, in milliseconds. */
const RETRY_MS = 3_000;
/** Who looks is told of live events at most so often, in milliseconds. */
const TELL_MS = 100;

interface Page {
  events: (HeartlineEvent | undefined)[];
  count: number;
  fetching: Promise<void> | undefined;
  /** Not before. */
  retryAt: number;
}

export class EventPages {
  private readonly pages = new Map<number, Page>();
  private readonly listeners = new Set<() => void>();
  private version = 0;
  private telling: ReturnType<typeof setTimeout> | undefined;
  /** What went wrong with the last page; undefined where it came. */
  problem: unknown = undefined;

  constructor(
    private readonly fetchPage: FetchPage,
    public head: number,
    /** The first event there is; those before it are gone. */
    public oldest = 1,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): number => this.version;

  get(seq: number): HeartlineEvent | undefined {
    return this.pages.get(pageOf(seq))?.events[(seq - 1) % PAGE];
  }

  /** Live events, in order. */
  push(events: readonly HeartlineEvent[]): void {
    for (const event of events) {
      this.head = Math.max(this.head, event.seq);
      const page = this.pages.get(pageOf(event.seq));
      // A page that nobody has looked at is fetched when somebody does.
      if (page) put(page, event);
      else if ((event.seq - 1) % PAGE === 0) put(this.page(pageOf(event.seq)), event);
    }
    // Nobody reads sixty screens a second.
    this.telling ??= setTimeout(() => this.changed(), TELL_MS);
  }

  /** Sees to it that these are there, and those that belong to their pages. */
  want(first: number, last: number): void {
    const to = pageOf(Math.min(last, this.head));
    for (let index = pageOf(Math.max(first, 1)); index <= to; index += 1) {
      // What went wrong is in `problem`.
      if ((this.pages.get(index)?.retryAt ?? 0) <= Date.now()) void this.load(index).catch(() => {});
    }
  }

  /** Asks anew for what could not be fetched, once it is wanted. */
  forgive(): void {
    this.problem = undefined;
    for (const page of this.pages.values()) page.retryAt = 0;
    this.changed();
  }

  /**
   * All events of a page, fetched where they are not there. A reader that goes away gives up its own
   * waiting and not the request, for which others may wait as well.
   */
  async events(index: number, signal?: AbortSignal): Promise<HeartlineEvent[]> {
    await this.load(index);
    signal?.throwIfAborted();
    return (this.pages.get(index)?.events ?? []).filter((event) => event !== undefined);
  }

  private load(index: number): Promise<void> {
    const page = this.page(index);
    if (page.fetching) return page.fetching;
    if (this.whole(index, page)) return Promise.resolve();
    const fetching = this.fetchAll(index, page)
      .then(() => {
        this.problem = undefined;
      })
      .catch((problem: unknown) => {
        this.problem = problem;
        page.retryAt = Date.now() + RETRY_MS;
        throw problem;
      })
      .finally(() => {
        page.fetching = undefined;
        this.changed();
      });
    page.fetching = fetching;
    return fetching;
  }

  private async fetchAll(index: number, page: Page): Promise<void> {
    const end = (index + 1) * PAGE;
    let after = Math.max(index * PAGE, this.oldest - 1);
    // A page of large events comes in parts.
    while (after < Math.min(end, this.head)) {
      const got = await this.fetchPage(after, end - after);
      this.head = Math.max(this.head, got.head);
      const last = got.events.at(-1);
      if (!last) {
        page.retryAt = Date.now() + RETRY_MS;
        break;
      }
      const first = got.events[0];
      if (first && first.seq > after + 1) this.oldest = Math.max(this.oldest, first.seq);
      for (const event of got.events) if (event.seq <= end) put(page, event);
      after = last.seq;
    }
  }

  private whole(index: number, page: Page): boolean {
    const first = Math.max(index * PAGE + 1, this.oldest);
    const last = Math.min((index + 1) * PAGE, this.head);
    return page.count >= last - first + 1;
  }

  private page(index: number): Page {
    const known = this.pages.get(index);
    // The newest in use is the last in the map.
    if (known) this.pages.delete(index);
    const page = known ?? { events: [], count: 0, fetching: undefined, retryAt: 0 };
    this.pages.set(index, page);
    for (const [oldest, held] of this.pages) {
      if (this.pages.size <= KEPT) break;
      if (!held.fetching) this.pages.delete(oldest);
    }
    return page;
  }

  private changed(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.version += 1;
    for (const listener of this.listeners) listener();
  }
}

export function pageOf(seq: number): number {
  return Math.floor((seq - 1) / PAGE);
}

function put(page: Page, event: HeartlineEvent): void {
  const at = (event.seq - 1) % PAGE;
  if (!page.events[at]) page.count += 1;
  page.events[at] = event;
}
