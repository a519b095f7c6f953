// How much time the charts show; the choice holds for all of them as long as the window is open.

import { useSyncExternalStore } from "react";

export interface Range {
  label: string;
  ms: number;
}

const MINUTE = 60_000;
const FIRST: Range = { label: "5 min", ms: 5 * MINUTE };
export const RANGES: readonly Range[] = [FIRST, { label: "20 min", ms: 20 * MINUTE }, { label: "1 hour", ms: 60 * MINUTE }];

let chosen = FIRST;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function choose(range: Range): void {
  chosen = range;
  for (const listener of [...listeners]) listener();
}

export function useRange(): [Range, (range: Range) => void, readonly Range[]] {
  return [useSyncExternalStore(subscribe, () => chosen), choose, RANGES];
}
