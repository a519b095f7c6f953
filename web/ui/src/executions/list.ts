// A live list: the model, kept by one subscription, and the pages before it, fetched while scrolling.

import { useEffect, useSyncExternalStore } from "react";

import { api, problemOf } from "../api/http";
import type { ExecutionPage, ListFilter, Problem } from "../api/types";
import type { Live } from "../live/socket";
import { ListModel } from "./model";

/** Rows of the first view. */
const FIRST = 100;
/** Rows of a page, and the most that the socket sends anew after a reconnect. */
const PAGE = 500;

export type ListView = {
  /** Changes with every change, so that readers of `model` know. */
  readonly version: number;
  readonly model: ListModel;
  /** `first`: nothing to show yet. `more`: a page is under way. */
  readonly loading: "first" | "more" | "none";
  readonly problem: Problem | undefined;
};

type Fetch = (filter: ListFilter, cursor: string, signal: AbortSignal) => Promise<ExecutionPage>;

const fetchPage: Fetch = (filter, cursor, signal) =>
  api.get<ExecutionPage>("/v1/executions", { ...filter, limit: PAGE, cursor }, { signal });

/** Where the reader of a list is, for when he comes back to it. */
export type ReadingPlace = {
  scrolled: number;
  /** Newer ones are not shown yet. */
  held?: { created_at: string; id: string } | undefined;
  cursor?: { id: string; index: number } | undefined;
};

export class ListStore {
  readonly place: ReadingPlace = { scrolled: 0 };
  private view: ListView;
  private readonly listeners = new Set<() => void>();
  private stop: (() => void) | undefined;
  private abort: AbortController | undefined;

  constructor(
    private readonly live: Live,
    private filter: ListFilter,
    private readonly fetch: Fetch = fetchPage,
  ) {
    this.view = { version: 0, model: new ListModel(), loading: "first", problem: undefined };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): ListView => this.view;

  open(): void {
    this.stop ??= this.live.list(this.filter, () => this.limit(), {
      onBegin: () => {
        this.abort?.abort();
        this.view.model.begin();
      },
      onChanges: (changes) => {
        if (this.view.model.apply(changes) && !this.view.model.listing) this.show({});
      },
      onListed: (cursor) => {
        this.view.model.listed(cursor);
        this.show({ loading: "none", problem: undefined });
        this.refresh();
      },
      onProblem: (problem) => this.show({ loading: "none", problem }),
    });
  }

  close(): void {
    this.stop?.();
    this.stop = undefined;
    this.abort?.abort();
    this.abort = undefined;
  }

  /** Goes on with a filter that differs in its times alone: what is shown stays until it is known better. */
  refilter(filter: ListFilter): void {
    this.filter = filter;
    if (!this.stop) return;
    this.close();
    this.open();
  }

  /** Subscribes anew, after a problem. */
  readonly retry = (): void => {
    this.close();
    this.show({ loading: this.view.model.ids.length > 0 ? "none" : "first", problem: undefined });
    this.open();
  };

  /** Loads the next older page, unless one is under way or there is none. */
  readonly more = async (): Promise<void> => {
    const { model } = this.view;
    const cursor = model.cursor;
    if (this.abort || model.listing || !cursor || !this.stop) return;
    const abort = new AbortController();
    this.abort = abort;
    model.fetchBegins();
    this.show({ loading: "more", problem: undefined });
    try {
      const page = await this.fetch(this.filter, cursor, abort.signal);
      if (abort.signal.aborted) throw new DOMException("no longer wanted", "AbortError");
      model.page(page.executions, page.next_cursor ?? null);
      this.abort = undefined;
      this.show({ loading: "none" });
    } catch (error) {
      model.fetchFailed();
      if (this.abort === abort) this.abort = undefined;
      const problem = abort.signal.aborted ? this.view.problem : problemOf(error);
      this.show({ loading: model.listing && model.ids.length === 0 ? "first" : "none", problem });
      return;
    }
    this.refresh();
  };

  /** After a reconnect: confirms the rows that the socket did not send anew. */
  private refresh(): void {
    if (this.view.model.stale) void this.more();
  }

  private limit(): number {
    return Math.max(FIRST, Math.min(PAGE, this.view.model.ids.length));
  }

  private show(change: Partial<ListView>): void {
    this.view = { ...this.view, ...change, version: this.view.version + 1 };
    for (const listener of [...this.listeners]) listener();
  }
}

/** The view of a store that is open as long as the component is there. */
export function useListView(store: ListStore): ListView {
  useEffect(() => {
    store.open();
    return () => store.close();
  }, [store]);
  return useSyncExternalStore(store.subscribe, store.snapshot);
}

