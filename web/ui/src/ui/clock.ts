// One clock for all that is shown relative to now: one timer a second, however many things tick. A thing
// whose text does not change with the second is not drawn again.

import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
/** How much the server's clock is ahead of this machine's, where that was noticed. */
let ahead = 0;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of [...listeners]) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Now by the server's clock, in milliseconds since the epoch. */
export function serverNow(): number {
  return Date.now() + ahead;
}

/** Takes the server's word for what time it is; small differences are the network's. */
export function learnServerTime(server: number): void {
  const difference = server - Date.now();
  ahead = Math.abs(difference) < 1_500 ? 0 : difference;
}

/** What `read` makes of now, drawn again when it changes and never more than once a second. */
export function useClock<T extends string | number | boolean | null>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(serverNow()));
}
