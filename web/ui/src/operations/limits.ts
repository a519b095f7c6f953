// The form of a queue's limits: what stands in its fields, what is wrong with it, and the change it
// asks for. A limit left empty is no limit; only what was changed is sent.

import type { FieldError, QueueUpdate, QueueView } from "../api/types";
import { count } from "./figures";

export type Limits = QueueView["limits"];
export type Rate = NonNullable<Limits["rate"]>;
export type Unit = "s" | "m" | "h" | "d";

/** A rate as it stands in its three fields. */
export interface RateText {
  count: string;
  unit: Unit;
  /** Empty: what a second brings, and one at least. */
  burst: string;
}

export interface LimitsText {
  max_in_progress: string;
  rate: RateText;
  key_max_in_progress: string;
  key_rate: RateText;
}

export const UNITS: readonly { unit: Unit; word: string; seconds: number }[] = [
  { unit: "s", word: "second", seconds: 1 },
  { unit: "m", word: "minute", seconds: 60 },
  { unit: "h", word: "hour", seconds: 3_600 },
  { unit: "d", word: "day", seconds: 86_400 },
];

/** The bounds of the server. */
const MOST_IN_PROGRESS = 1_000_000;
const LEAST_RATE = 0.000_01;
const MOST_RATE = 100_000;
const MOST_BURST = 100_000;

function seconds(unit: Unit): number {
  return UNITS.find((known) => known.unit === unit)?.seconds ?? 1;
}

/** Without the noise of binary fractions: 0.1 * 3 is 0.3. */
function plain(value: number): string {
  return String(Number(value.toPrecision(12)));
}

/** What comes at once unless it is said. */
export function usualBurst(perSecond: number): number {
  return Math.min(MOST_BURST, Math.max(1, Math.ceil(perSecond)));
}

/** A rate by the smallest unit that gives a handy number: 10 a second, 90 a minute, 36 an hour. */
export function rateText(rate: Rate | null | undefined): RateText {
  if (!rate) return { count: "", unit: "s", burst: "" };
  const whole = (value: number): boolean => value >= 1 && Math.abs(value - Math.round(value)) < 1e-6;
  const { unit } = UNITS.find((known) => whole(rate.per_second * known.seconds)) ?? { unit: "s" as const };
  const burst = rate.burst === usualBurst(rate.per_second) ? "" : String(rate.burst);
  return { count: plain(rate.per_second * seconds(unit)), unit, burst };
}

/** What stands in the form when nobody has typed. */
export function limitsText(limits: Limits): LimitsText {
  const number = (value: number | null | undefined): string => (value == null ? "" : String(value));
  return {
    max_in_progress: number(limits.max_in_progress),
    rate: rateText(limits.rate),
    key_max_in_progress: number(limits.key_max_in_progress),
    key_rate: rateText(limits.key_rate),
  };
}

/** What is wrong, by the JSON pointer of what is sent, as the server points, too. */
export type Wrong = Readonly<Record<string, string>>;

type Read<T> = { value: T } | { wrong: Wrong };

function readWhole(text: string, pointer: string): Read<number | null> {
  const trimmed = text.trim();
  if (trimmed === "") return { value: null };
  const value = /^\d+$/.test(trimmed) ? Number(trimmed) : Number.NaN;
  if (value >= 1 && value <= MOST_IN_PROGRESS) return { value };
  const why =
    value === 0
      ? "A limit is at least 1. To let nothing through, pause the queue."
      : `A whole number from 1 to ${count(MOST_IN_PROGRESS)}, or empty for no limit.`;
  return { wrong: { [pointer]: why } };
}

function readRate(text: RateText, pointer: string): Read<Rate | null> {
  const often = text.count.trim();
  const burst = text.burst.trim();
  if (often === "") {
    if (burst === "") return { value: null };
    return { wrong: { [`${pointer}/per_second`]: "Say how often, or empty both fields for no limit." } };
  }
  const wrong: Record<string, string> = {};
  const perSecond = /^\d*\.?\d+$|^\d+\.$/.test(often) ? Number(often) / seconds(text.unit) : Number.NaN;
  if (!(perSecond >= LEAST_RATE && perSecond <= MOST_RATE)) {
    wrong[`${pointer}/per_second`] = `A number above nought: at most ${count(MOST_RATE)} a second, at least about one a day.`;
  }
  const atOnce = burst === "" ? usualBurst(perSecond) : /^\d+$/.test(burst) ? Number(burst) : Number.NaN;
  if (burst !== "" && !(atOnce >= 1 && atOnce <= MOST_BURST)) {
    wrong[`${pointer}/burst`] = `A whole number from 1 to ${count(MOST_BURST)}, or empty.`;
  }
  if (Object.keys(wrong).length > 0) return { wrong };
  return { value: { per_second: perSecond, burst: atOnce } };
}

function sameRate(a: Rate | null | undefined, b: Rate | null): boolean {
  if (!a || !b) return !a && !b;
  return Math.abs(a.per_second - b.per_second) <= a.per_second * 1e-9 && a.burst === b.burst;
}

/** The change that the form asks for, with nothing in it where nothing is to change; or what is wrong. */
export function readLimits(text: LimitsText, now: Limits): Read<QueueUpdate> {
  const whole = {
    max_in_progress: readWhole(text.max_in_progress, "/max_in_progress"),
    key_max_in_progress: readWhole(text.key_max_in_progress, "/key_max_in_progress"),
  };
  const rates = {
    rate: readRate(text.rate, "/rate"),
    key_rate: readRate(text.key_rate, "/key_rate"),
  };
  const wrong: Record<string, string> = {};
  const change: QueueUpdate = {};
  for (const field of ["max_in_progress", "key_max_in_progress"] as const) {
    const read = whole[field];
    if ("wrong" in read) Object.assign(wrong, read.wrong);
    else if (read.value !== (now[field] ?? null)) change[field] = read.value;
  }
  for (const field of ["rate", "key_rate"] as const) {
    const read = rates[field];
    if ("wrong" in read) Object.assign(wrong, read.wrong);
    else if (!sameRate(now[field], read.value)) change[field] = read.value;
  }
  return Object.keys(wrong).length > 0 ? { wrong } : { value: change };
}

const POINTERS = [
  "/max_in_progress",
  "/rate/per_second",
  "/rate/burst",
  "/key_max_in_progress",
  "/key_rate/per_second",
  "/key_rate/burst",
];

/** The server's errors at the form's fields; `rest` are those that belong to none. */
export function placeErrors(errors: readonly FieldError[]): { wrong: Wrong; rest: string[] } {
  const wrong: Record<string, string> = {};
  const rest: string[] = [];
  for (const { pointer, message } of errors) {
    const place = POINTERS.find((known) => known === pointer) ?? POINTERS.find((known) => known.startsWith(`${pointer}/`));
    if (place) wrong[place] ??= message;
    else rest.push(`${pointer}: ${message}`);
  }
  return { wrong, rest };
}

/** A rate in words: "10 a second, 20 at once". */
export function rateWords(rate: Rate): string {
  const text = rateText(rate);
  const word = UNITS.find((known) => known.unit === text.unit)?.word ?? "second";
  const article = word === "hour" ? "an" : "a";
  const often = `${text.count} ${article} ${word}`;
  return rate.burst > 1 ? `${often}, up to ${count(rate.burst)} at once` : often;
}

/** All limits, each in words; empty when there is none. */
export function limitWords(limits: Limits): string[] {
  const words: string[] = [];
  if (limits.max_in_progress != null) words.push(`at most ${count(limits.max_in_progress)} in progress`);
  if (limits.rate) words.push(`claimed ${rateWords(limits.rate)}`);
  if (limits.key_max_in_progress != null) words.push(`at most ${count(limits.key_max_in_progress)} in progress of each key`);
  if (limits.key_rate) words.push(`each key claimed ${rateWords(limits.key_rate)}`);
  return words;
}
