// The execution that a page is about, for its parts: each is drawn again only when what it reads has
// changed.

import { createContext, useCallback, useContext, useSyncExternalStore } from "react";

import type { Execution } from "../api/types";
import { EXECUTION, type Model } from "./model/model";
import type { EventPages } from "./model/pages";
import { STATUS, type ExecutionStore } from "./store";

export interface Shown {
  store: ExecutionStore;
  model: Model;
  pages: EventPages;
  /** Opens an event in the tab of events. */
  openEvent(seq: number): void;
  /** Shows the events with none of them open. */
  closeEvent(): void;
  /** Where that is, for a link. */
  eventHref(seq: number): string;
}

const Context = createContext<Shown | undefined>(undefined);

export const ShownProvider = Context;

export function useShown(): Shown {
  const shown = useContext(Context);
  if (!shown) throw new Error("useShown outside of an execution's page");
  return shown;
}

/** Draws again when what has this key changes; the answer is its version. */
export function useVersion(key: string): number {
  const { store } = useShown();
  const subscribe = useCallback((listener: () => void) => store.subscribe(key, listener), [store, key]);
  return useSyncExternalStore(subscribe, () => store.version(key));
}

/** Whether more is on its way that was there before: then nothing is known to be missing. */
export function useReading(): boolean {
  useVersion(STATUS);
  const { store } = useShown();
  return store.past === "reading" || store.lag !== undefined;
}

/** The execution without its content. */
export function useExecution(): Execution {
  useVersion(EXECUTION);
  return useShown().model.execution;
}
