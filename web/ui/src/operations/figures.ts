// Figures in words: counts, latencies, rates and bytes, as the operations pages write them.

import { formatDuration, milliseconds } from "../ui/duration";

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

/** 12,340. */
export function count(value: number): string {
  return whole.format(value);
}

/** "1 runner", "3 runners"; for words that take an s, or with their plural. */
export function counted(value: number, word: string, plural = `${word}s`): string {
  return `${count(value)} ${value === 1 ? word : plural}`;
}

/** Figures that mean something: 0.42, 4.2, 42.1, 421. */
function short(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) < 0.1) return value.toFixed(2);
  const digits = Math.abs(value) < 100 ? 1 : 0;
  return value.toFixed(digits).replace(/\.0$/, "");
}

/** A measured latency: 0.42 ms, 4.1 ms, 412 ms, 1.3 s. */
export function latency(ms: number): string {
  return ms < 100 ? `${short(ms)} ms` : formatDuration(ms);
}

/** An age or a time left, in whole seconds so that it ticks evenly: 8 s, 3m 20s. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1_000);
}

/** Milliseconds of a span as the server writes it, or null for what is none. */
export function spanMs(text: string | null | undefined): number | null {
  return (text ? milliseconds(text) : undefined) ?? null;
}

/** How often a second, or a minute where that says more: 12/s, 0.3/s, 4/min. */
export function perSecond(value: number): string {
  if (value === 0 || value >= 0.1) return `${short(value)}/s`;
  return `${short(value * 60)}/min`;
}

/** 512 B, 1.4 KiB, 32 MiB. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? count(value) : short(value)} ${units[unit] ?? ""}`;
}

/** "a", "a and b", "a, b and c". */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1] ?? ""}`;
}

/** "mail-1, mail-2 and 7 more": at most so many names. */
export function some(words: readonly string[], most: number): string {
  if (words.length <= most) return listed(words);
  return `${words.slice(0, most).join(", ")} and ${count(words.length - most)} more`;
}
