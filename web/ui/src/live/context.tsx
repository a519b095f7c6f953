// The live connection for components: the one socket, its status, and resources that keep themselves
// up to date.

import { createContext, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";

import type { Problem } from "../api/types";
import type { Live, Status } from "./socket";

const Context = createContext<Live | undefined>(undefined);

export function LiveProvider({ live, children }: { live: Live; children: ReactNode }) {
  return <Context value={live}>{children}</Context>;
}

export function useLive(): Live {
  const live = useContext(Context);
  if (!live) throw new Error("useLive outside of LiveProvider");
  return live;
}

export function useStatus(): Status {
  const live = useLive();
  return useSyncExternalStore(
    (listener) => live.onStatus(listener),
    () => live.status(),
  );
}

export type Resource<T> = {
  data: T | undefined;
  problem: Problem | undefined;
  /** When `data` came, in milliseconds since the epoch. */
  at: number | undefined;
};

const NOTHING = { data: undefined, problem: undefined, at: undefined };

/** The body of a GET, kept up to date by the server; nothing while the path is null. */
export function useResource<T>(path: string | null): Resource<T> {
  const live = useLive();
  const [held, hold] = useState<{ path: string | null; resource: Resource<T> }>({ path: null, resource: NOTHING });
  useEffect(() => {
    if (path === null) return;
    return live.resource<T>(
      path,
      (data) => hold({ path, resource: { data, problem: undefined, at: Date.now() } }),
      (problem) =>
        hold((before) => ({
          path,
          resource: { ...(before.path === path ? before.resource : (NOTHING as Resource<T>)), problem },
        })),
    );
  }, [live, path]);
  // What belongs to the path before is not shown under this one.
  return held.path === path ? held.resource : NOTHING;
}
