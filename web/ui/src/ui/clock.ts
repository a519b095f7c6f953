// One clock for all that is shown relative to now: one timer a second, however many things tick. A thing
// whose text does not change with the second is not drawn again. It is the server's clock, as far as its
// answers tell: what is shown are the server's times, and this machine's clock may be minutes off.

import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let known: Ahead | undefined;

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

/** The bounds of how much the server's clock is ahead of this machine's, in milliseconds. */
export type Ahead = { readonly least: number; readonly most: number };

/** A `Date` header has whole seconds, and servers write one for up to half a second. */
const DATE_MS = 1_500;

/**
 * What an answer adds to what was known. It was stamped after it was asked for and before it came: the
 * longer that took, the less it tells. All times in milliseconds since the epoch, `date` by the server's
 * clock, the others by this machine's.
 */
export function learned(before: Ahead | undefined, date: number, asked: number, came: number): Ahead | undefined {
  const heard = { least: date - came, most: date + DATE_MS - asked };
  // This machine's clock was set back in between.
  if (heard.least > heard.most) return before;
  if (!before) return heard;
  const both = { least: Math.max(before.least, heard.least), most: Math.min(before.most, heard.most) };
  // Where they contradict each other a clock was set: the newer word counts.
  return both.least > both.most ? heard : both;
}

/** In milliseconds; none where the clocks may well agree. */
export function aheadBy({ least, most }: Ahead): number {
  return least <= 0 && most >= 0 ? 0 : (least + most) / 2;
}

/** Takes a server's word for what time it is (`learned`). */
export function learnServerTime(date: number, asked: number, came: number): void {
  known = learned(known, date, asked, came);
}

/** What this machine's clock said, by the server's. */
export function atServer(here: number): number {
  return here + (known ? aheadBy(known) : 0);
}

/** Now by the server's clock, in milliseconds since the epoch. */
export function serverNow(): number {
  return atServer(Date.now());
}

/** What `read` makes of now, drawn again when it changes and never more than once a second. */
export function useClock<T extends string | number | boolean | null>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(serverNow()));
}
