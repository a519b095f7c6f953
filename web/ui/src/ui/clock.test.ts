// What time it is at the server, from answers that come soon, late, and after clocks were set.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { aheadBy, atServer, learned, learnServerTime, serverNow, type Ahead } from "./clock";

const MINUTE = 60_000;
const NOW = Date.parse("2026-11-22T12:00:00.400Z");

/** The `Date` header of a server whose clock is so far ahead, when it is `here` on this machine. */
const dateOf = (here: number, ahead: number) => Math.floor((here + ahead) / 1_000) * 1_000;

/** An answer that was stamped so long after it was asked for, and came so long after that. */
const answer = (before: Ahead | undefined, ahead: number, there: number, back: number, asked = NOW) =>
  learned(before, dateOf(asked + there, ahead), asked, asked + there + back);

const off = (bounds: Ahead | undefined) => (bounds ? aheadBy(bounds) : Number.NaN);

test("clocks that agree are taken to agree, however long the answer takes", () => {
  for (const delay of [0, 20, 400, 5 * MINUTE]) {
    expect(off(answer(undefined, 0, delay, 0))).toBe(0);
    expect(off(answer(undefined, 0, 0, delay))).toBe(0);
  }
});

test("a clock that is minutes off either way is known to within a second", () => {
  for (const ahead of [5 * MINUTE, -5 * MINUTE, 3_333, -3_333, 24 * 60 * MINUTE]) {
    for (let phase = 0; phase < 1_000; phase += 50) {
      expect(Math.abs(off(answer(undefined, ahead, 10, 10, NOW + phase)) - ahead)).toBeLessThan(1_000);
    }
  }
});

test("a late answer does not spoil what is known better", () => {
  for (const ahead of [0, 5 * MINUTE, -5 * MINUTE]) {
    for (const [there, back] of [[10, 30_000], [30_000, 10], [15_000, 15_000]] as const) {
      const known = answer(answer(undefined, ahead, 10, 10), ahead, there, back, NOW + MINUTE);
      expect(Math.abs(off(known) - ahead)).toBeLessThan(1_000);
    }
  }
});

test("what a late answer left open, the next one narrows", () => {
  const late = answer(undefined, 5 * MINUTE, 0, 20_000);
  expect(Math.abs(off(late) - 5 * MINUTE)).toBeLessThan(20_000);
  expect(Math.abs(off(answer(late, 5 * MINUTE, 10, 10, NOW + MINUTE)) - 5 * MINUTE)).toBeLessThan(1_000);
});

test("many answers come closer than one", () => {
  let known: Ahead | undefined;
  for (let at = 0; at < 20; at += 1) known = answer(known, 5 * MINUTE, 5, 5, NOW + at * 1_051);
  expect(Math.abs(off(known) - 5 * MINUTE)).toBeLessThan(350);
});

test("after a clock was set, or another server has come, the newer word counts", () => {
  const known = answer(undefined, 5 * MINUTE, 10, 10);
  const then = answer(known, -2 * MINUTE, 10, 10, NOW + MINUTE);
  expect(Math.abs(off(then) + 2 * MINUTE)).toBeLessThan(1_000);
  expect(off(answer(then, 0, 10, 10, NOW + 2 * MINUTE))).toBe(0);
});

test("an answer during which this machine's clock was set back says nothing", () => {
  const known = answer(undefined, 5 * MINUTE, 10, 10);
  expect(learned(known, dateOf(NOW, 0), NOW + 10 * MINUTE, NOW)).toEqual(known);
});

beforeEach(() => vi.useFakeTimers({ now: NOW }));
afterEach(() => vi.useRealTimers());

test("now is the server's, and so is what this machine's clock said before", () => {
  expect(serverNow()).toBe(NOW);
  learnServerTime(dateOf(NOW, 5 * MINUTE), NOW - 20, NOW);
  expect(Math.abs(serverNow() - NOW - 5 * MINUTE)).toBeLessThan(1_000);
  expect(atServer(NOW - MINUTE)).toBe(serverNow() - MINUTE);
});
