// Which rows are selected, and the row from which a range goes. Pure.

import type { Execution } from "../api/types";

export type Selection = {
  /** As they were when they were selected: they may leave the list before something is done with them. */
  readonly chosen: ReadonlyMap<string, Execution>;
  /** Where the last one was chosen by itself: the other end of a range. */
  readonly anchor: string | undefined;
};

export const NONE: Selection = { chosen: new Map(), anchor: undefined };

/** Chooses it, or no longer. */
export function toggle(before: Selection, execution: Execution): Selection {
  const chosen = new Map(before.chosen);
  if (!chosen.delete(execution.id)) chosen.set(execution.id, execution);
  return { chosen, anchor: execution.id };
}

/** Chooses everything from the anchor to it, in the order of `ids`; nothing that is chosen is dropped. */
export function extend(
  before: Selection,
  to: Execution,
  ids: readonly string[],
  read: (id: string) => Execution | undefined,
): Selection {
  const from = before.anchor === undefined ? -1 : ids.indexOf(before.anchor);
  const end = ids.indexOf(to.id);
  if (from < 0 || end < 0) return toggle(before, to);
  const chosen = new Map(before.chosen);
  for (const id of ids.slice(Math.min(from, end), Math.max(from, end) + 1)) {
    const execution = read(id);
    if (execution) chosen.set(id, execution);
  }
  return { chosen, anchor: before.anchor };
}

export function chooseAll(ids: readonly string[], read: (id: string) => Execution | undefined): Selection {
  const chosen = new Map<string, Execution>();
  for (const id of ids) {
    const execution = read(id);
    if (execution) chosen.set(id, execution);
  }
  return { chosen, anchor: undefined };
}
