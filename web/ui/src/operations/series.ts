// Samples over time: what was seen once a second, for up to an hour, in bounded memory.
//
// The last ten minutes are kept as they came; what is older is kept for each six seconds: of a gauge
// the highest, so that a peak does not disappear, and of a counter the last. Where nothing could be
// seen (the connection was away) there is a gap, and no line is drawn over it.

/** A gauge is a state (a depth); a counter only grows (claims since the start). */
export type Kind = "gauge" | "counter";

/** One instant: milliseconds since the epoch, and a value for each field; null where unknown. */
export interface Sample {
  at: number;
  values: readonly (number | null)[];
}

/** What is kept as it came. */
export const FINE_MS = 10 * 60_000;
/** What is kept at all. */
export const KEPT_MS = 60 * 60_000;
/** What is older than the fine part is kept once for each of these. */
export const COARSE_MS = 6_000;

/** How long a series reaches back: fine, and at all. */
export interface Reach {
  fineMs: number;
  keptMs: number;
}

export const FULL: Reach = { fineMs: FINE_MS, keptMs: KEPT_MS };
/** Enough for a small line in a table. */
export const BRIEF: Reach = { fineMs: 2 * 60_000, keptMs: 2 * 60_000 };

export class Series {
  private coarse: Sample[] = [];
  private fine: Sample[] = [];
  /** Where the fine part begins in its array: dropped in one go from time to time. */
  private from = 0;

  constructor(
    readonly kinds: readonly Kind[],
    /** May be widened at any time; what was dropped before does not come back. */
    public reach: Reach = FULL,
  ) {}

  /** Adds what was seen. A clock that was set back starts the series anew. */
  push(at: number, values: readonly (number | null)[]): void {
    const last = this.last();
    if (last && at < last.at) this.clear();
    this.fine.push({ at, values });
    this.age(at);
  }

  /** Nothing can be seen from here on. */
  gap(at: number): void {
    const last = this.last();
    if (!last || last.values.every((value) => value === null)) return;
    this.push(Math.max(at, last.at), this.kinds.map(() => null));
  }

  last(): Sample | undefined {
    return this.fine[this.fine.length - 1];
  }

  /** The first instant that is still there. */
  since(): number | undefined {
    return (this.coarse[0] ?? this.fine[this.from])?.at;
  }

  get length(): number {
    return this.coarse.length + this.fine.length - this.from;
  }

  /** All samples, oldest first, not older than `after`. */
  read(after = 0): Sample[] {
    const from = this.coarse.findIndex((sample) => sample.at >= after);
    const old = from < 0 ? [] : this.coarse.slice(from);
    const fresh = this.fine.slice(this.from);
    const start = fresh.findIndex((sample) => sample.at >= after);
    return old.concat(start < 0 ? [] : fresh.slice(start));
  }

  private clear(): void {
    this.coarse = [];
    this.fine = [];
    this.from = 0;
  }

  private age(now: number): void {
    for (;;) {
      const oldest = this.fine[this.from];
      if (!oldest || this.from >= this.fine.length - 1 || now - oldest.at <= this.reach.fineMs) break;
      this.from += 1;
      this.merge(oldest);
    }
    if (this.from > 256) {
      this.fine = this.fine.slice(this.from);
      this.from = 0;
    }
    let gone = 0;
    while (gone < this.coarse.length && now - (this.coarse[gone]?.at ?? now) > this.reach.keptMs) gone += 1;
    if (gone > 32 || gone === this.coarse.length) this.coarse = this.coarse.slice(gone);
  }

  private merge(sample: Sample): void {
    const into = this.coarse[this.coarse.length - 1];
    const same =
      into && Math.floor(into.at / COARSE_MS) === Math.floor(sample.at / COARSE_MS);
    const isGap = (s: Sample): boolean => s.values.every((value) => value === null);
    // A gap stays one, as what is on its two sides must not become one line.
    if (!into || !same || isGap(into) || isGap(sample)) {
      this.coarse.push(sample);
      return;
    }
    const values = sample.values.map((value, field) => {
      const before = into.values[field] ?? null;
      if (value === null || before === null) return value ?? before;
      return this.kinds[field] === "gauge" ? Math.max(value, before) : value;
    });
    this.coarse[this.coarse.length - 1] = { at: sample.at, values };
  }
}
