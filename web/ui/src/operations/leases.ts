// The executions that a runner holds, live: of two lists, as it may be working or waiting for a person.

import { useEffect, useState } from "react";

import type { Execution, Phase, Problem } from "../api/types";
import type { ListHandlers } from "../live/feeds";
import { useLive } from "../live/context";

/** Rows of each list; further leases are shown by their id alone. */
const MOST = 500;
const PHASES: readonly Phase[] = ["in_progress", "waiting"];

export type Rows = ReadonlyMap<string, Execution>;

/** Keeps the rows of one list, and tells when they are other ones. */
export function rowsOf(changed: (rows: Rows) => void, onProblem: (problem: Problem) => void): ListHandlers {
  let rows = new Map<string, Execution>();
  /** Those that have come again since the list began anew. */
  let fresh: Set<string> | null = null;
  return {
    onBegin: () => {
      fresh = new Set();
    },
    onChanges: (changes) => {
      rows = new Map(rows);
      for (const change of changes) {
        if (change.turn === "leave") {
          rows.delete(change.id);
        } else {
          rows.set(change.execution.id, change.execution);
          fresh?.add(change.execution.id);
        }
      }
      changed(rows);
    },
    onListed: () => {
      const came = fresh;
      fresh = null;
      if (came) rows = new Map([...rows].filter(([id]) => came.has(id)));
      changed(rows);
    },
    onProblem,
  };
}

export interface Held {
  /** By id. */
  rows: Rows;
  problem: Problem | undefined;
}

/** What a runner has in progress or waiting. */
export function useHeldBy(runner: string): Held {
  const live = useLive();
  const [lists, setLists] = useState<Partial<Record<Phase, Rows>>>({});
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    setLists({});
    setProblem(undefined);
    const stops = PHASES.map((phase) =>
      live.list(
        { runner, phase },
        MOST,
        rowsOf((rows) => setLists((before) => ({ ...before, [phase]: rows })), setProblem),
      ),
    );
    return () => stops.forEach((stop) => stop());
  }, [live, runner]);
  return { rows: new Map(PHASES.flatMap((phase) => [...(lists[phase] ?? [])])), problem };
}
