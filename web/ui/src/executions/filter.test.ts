// Filters to and from the URL, and as typed.

import { expect, test } from "vitest";

import { atTime, filterOfQuery, moves, queryOfFilter, readTyped, wholeId, type Filter } from "./filter";

test("a filter comes back from the URL as it went there", () => {
  const filter: Filter = {
    phase: "failed",
    reason: "heartbeat_timeout",
    kind: "agent",
    queue: "a/b c",
    name: "nightly & weekly report",
    runner: "r:1",
    label: "team:x:y=z",
    id_prefix: "aex_0198",
    since: "24h",
    until: "2026-01-02T03:04:05Z",
  };
  expect(filterOfQuery(queryOfFilter(filter))).toEqual(filter);
  expect(queryOfFilter(filterOfQuery(`?${queryOfFilter(filter)}`))).toBe(queryOfFilter(filter));
});

test("the same filter has one address, whatever the order it was made in", () => {
  expect(queryOfFilter(filterOfQuery("queue=q&phase=failed"))).toBe("phase=failed&queue=q");
});

test("what no filter has is left out of it", () => {
  expect(filterOfQuery("phase=exploded&kind=robot&label=x&since=soon&page=3&name=&queue=%20")).toEqual({});
});

test("relative times are turned into moments for the server", () => {
  const now = new Date("2026-03-04T12:00:00Z");
  expect(atTime({ since: "1h30m", phase: "failed" }, now)).toEqual({ since: "2026-03-04T10:30:00.000Z", phase: "failed" });
  const midnight = atTime({ since: "today" }, now).since ?? "";
  expect(new Date(midnight).getHours()).toBe(0);
  expect(atTime({ until: "2026-01-01T00:00:00+02:00" }, now)).toEqual({ until: "2025-12-31T22:00:00.000Z" });
  expect(moves({ until: "30s" })).toBe(true);
  expect(moves({ until: "2026-01-01T00:00:00Z" })).toBe(false);
});

test("what is typed is read as tokens, ids and names", () => {
  expect(readTyped("aex_0198")).toEqual({ filter: { id_prefix: "aex_0198" }, slips: [] });
  expect(readTyped("queue:agents label:team:x phase:failed").filter).toEqual({ queue: "agents", label: "team:x", phase: "failed" });
  expect(readTyped("nightly-report").filter).toEqual({ name: "nightly-report" });
  expect(readTyped("nightly report kind:agent").filter).toEqual({ name: "nightly report", kind: "agent" });
  expect(readTyped('name:"nightly report" runner:r-1').filter).toEqual({ name: "nightly report", runner: "r-1" });
  expect(readTyped("http://x").filter).toEqual({ name: "http://x" });
  expect(readTyped("  ").filter).toEqual({});
});

test("a token that cannot be is said, not searched for", () => {
  expect(readTyped("phase:done").slips).toEqual(["phase is one of pending, in_progress, waiting, failed, completed, cancelled"]);
  expect(readTyped("label:x").slips).toEqual(["label is written label:key:value"]);
  expect(readTyped("queue:").slips).toEqual(["queue needs a value"]);
});

test("only a whole id opens an execution", () => {
  expect(wholeId(" aex_01981fd2-c3b4-7968-8786-95a4b3c2d1ef ")).toBe("aex_01981fd2-c3b4-7968-8786-95a4b3c2d1ef");
  expect(wholeId("wex_01981fd2c3b47968878695a4b3c2d1ef")).toBe("wex_01981fd2c3b47968878695a4b3c2d1ef");
  expect(wholeId("aex_0198")).toBeUndefined();
});
