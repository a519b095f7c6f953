// Durations, countdowns, and text from outside.

import { expect, test } from "vitest";

import { formatAge, formatDuration, milliseconds } from "./duration";
import { safeHref, safeText } from "./text";
import { countdownText } from "./time";
import { attemptOf, shortId } from "./words";

test("durations are read as the server spells them", () => {
  expect(milliseconds("250ms")).toBe(250);
  expect(milliseconds("1h30m")).toBe(5_400_000);
  expect(milliseconds("1d12h")).toBe(129_600_000);
  expect(milliseconds("1.5s")).toBe(1_500);
  expect(milliseconds("soon")).toBeUndefined();
  expect(milliseconds("30")).toBeUndefined();
  expect(milliseconds("")).toBeUndefined();
});

test("durations are written in two units at most", () => {
  expect([0.5, 850, 4_200, 59_400, 200_000, 7_500_000, 529_200_000].map(formatDuration)).toEqual([
    "0.5 ms",
    "850 ms",
    "4.2 s",
    "59 s",
    "3m 20s",
    "2h 5m",
    "6d 3h",
  ]);
  expect([59_600, 3_599_700, 86_399_999].map(formatDuration)).toEqual(["1m", "1h", "1d"]);
  expect([400, 12_000, 240_000, 7_200_000, 172_800_000].map(formatAge)).toEqual(["now", "12 s", "4 min", "2 h", "2 d"]);
});

test("a countdown says what is left, and then that it is overdue", () => {
  expect([42_000, 41_001, 723_000, 11_100_000, 0, -999, -20_000].map(countdownText)).toEqual([
    "0:42",
    "0:42",
    "12:03",
    "3h 5m",
    "0:00",
    "0:00",
    "overdue 20 s",
  ]);
});

test("escape sequences go and tricks with the direction of writing are seen", () => {
  expect(safeText("\u001b[31mred\u001b[0m")).toBe("red");
  expect(safeText("\u001b]8;;http://x\u0007link\u001b]8;;\u0007")).toBe("link");
  expect(safeText("a\u202egnp.exe")).toBe("a⟦U+202E⟧gnp.exe");
  expect(safeText("tab\tline\nnul\u0000bell\u0007")).toBe("tab\tline\nnul\ufffdbell\ufffd");
  expect(safeText("<b>שלום</b>")).toBe("<b>שלום</b>");
});

test("only http and https are links", () => {
  expect(safeHref("https://example.org/a")).toBe("https://example.org/a");
  const script = ["java", "script:alert(1)"].join("");
  for (const href of [script, `\u0001${script}`, "data:text/html,x", "/relative", "file:///etc"]) expect(safeHref(href)).toBeUndefined();
});

test("ids are shown by their ends", () => {
  expect([2, 3].map((attempt) => attemptOf({ attempt, max_attempts: 2 }))).toEqual(["2 of 2", "3"]);
  expect(shortId("aex_01981fd2c3b47968878695a4b3c2d1ef")).toBe("aex_…b3c2d1ef");
});
