/** Waiting: with an end, with jitter, and in the wire's spelling of durations. */

/** Why `signal` was aborted, as something that can be thrown. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new DOMException("Aborted", "AbortError");
}

/**
 * Resolves after `ms` milliseconds.
 *
 * @throws the signal's reason, as soon as it is aborted.
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(reasonOf(signal));
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      if (signal) reject(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** The first wait between two tries, in milliseconds. */
const FIRST_MS = 100;

/**
 * Growing waits with jitter, so that clients that lost the same server do not come back at once:
 * each is between a half and the whole of 100 ms, 200 ms, 400 ms, … up to the longest.
 */
export class Backoff {
  readonly #longestMs: number;
  #tries = 0;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /** The next wait, in milliseconds. */
  next(): number {
    const whole = Math.min(this.#longestMs, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    return whole * (0.5 + Math.random() / 2);
  }

  /** It went well: the next wait is short again. */
  reset(): void {
    this.#tries = 0;
  }
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `250ms`, `30s` or `1h30m`; `otherwise` for anything else. */
export function milliseconds(duration: string | null | undefined, otherwise: number): number {
  const parts = [...(duration ?? "").matchAll(/([0-9.]+)(ms|s|m|h|d)/g)];
  if (parts.length === 0) return otherwise;
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNIT_MS[unit ?? ""] ?? 0), 0);
}
