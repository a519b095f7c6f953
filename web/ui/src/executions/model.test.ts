// The list's rows: what comes over the socket and what comes in pages, in every order.

import { expect, test } from "vitest";

import type { Execution } from "../api/types";
import { compare, indexOf, ListModel } from "./model";

/** An execution that was created at second `at`. */
function execution(at: number, seq = 1, name = ""): Execution {
  const created_at = new Date(1_700_000_000_000 + at * 1_000).toISOString();
  return { id: `aex_${String(at).padStart(4, "0")}`, created_at, seq, name, phase: "pending" } as Execution;
}

const enter = (at: number, seq = 1, name = "") => ({ turn: "enter" as const, execution: execution(at, seq, name), seq });
const change = (at: number, seq: number, name = "") => ({ turn: "change" as const, execution: execution(at, seq, name), seq });
const leave = (at: number, seq: number) => ({ turn: "leave" as const, id: execution(at).id, seq, phase: null });
const places = (model: ListModel) => model.ids.map((id) => Number(id.slice(4)));

function listed(cursor: string | null, ...at: number[]): ListModel {
  const model = new ListModel();
  model.begin();
  model.apply(at.map((each) => enter(each)));
  model.listed(cursor);
  return model;
}

test("rows stand newest first, of the same moment by id downwards", () => {
  const model = listed(null, 3, 1, 2);
  expect(places(model)).toEqual([3, 2, 1]);
  const same = { ...execution(2), id: "aex_0002b" };
  expect(compare(same, execution(2))).toBeLessThan(0);
});

test("changes replace rows and never go back", () => {
  const model = listed(null, 1, 2);
  const row = model.rows.get("aex_0001");
  expect(model.apply([change(1, 5, "new")])).toBe(true);
  expect(model.apply([change(1, 4, "old")])).toBe(false);
  expect(model.rows.get("aex_0001")?.execution.name).toBe("new");
  expect(row?.execution.name).toBe("");
});

test("rows that leave go, and may come back", () => {
  const model = listed(null, 1, 2, 3);
  model.apply([leave(2, 5)]);
  expect(places(model)).toEqual([3, 1]);
  model.apply([enter(2, 6)]);
  expect(places(model)).toEqual([3, 2, 1]);
  model.apply([leave(2, 7), enter(2, 8), enter(4)]);
  expect(places(model)).toEqual([4, 3, 2, 1]);
});

test("pages are merged by id, and what is known better stays", () => {
  const model = listed("c", 9, 8, 7);
  model.apply([change(7, 9, "live")]);
  model.fetchBegins();
  model.page([execution(7, 3, "stale"), execution(6), execution(5)], "d");
  expect(places(model)).toEqual([9, 8, 7, 6, 5]);
  expect(model.rows.get("aex_0007")?.execution.name).toBe("live");
  expect(model.cursor).toBe("d");
});

test("older than what is loaded is not shown before its page comes", () => {
  const model = listed("c", 9, 8);
  expect(model.apply([enter(2)])).toBe(false);
  expect(places(model)).toEqual([9, 8]);
  model.fetchBegins();
  model.page([execution(7), execution(2)], null);
  expect(places(model)).toEqual([9, 8, 7, 2]);
  // With everything loaded, anything may enter anywhere.
  model.apply([enter(1), enter(5)]);
  expect(places(model)).toEqual([9, 8, 7, 5, 2, 1]);
});

test("what changes while its page is under way is not overwritten by it", () => {
  const model = listed("c", 9, 8);
  model.fetchBegins();
  model.apply([change(6, 7, "newer"), leave(5, 7), enter(4, 2)]);
  model.page([execution(6, 3, "older"), execution(5, 3), execution(3)], "d");
  expect(places(model)).toEqual([9, 8, 6, 4, 3]);
  expect(model.rows.get("aex_0006")?.execution.name).toBe("newer");
});

test("after a reconnect what has not come again has left", () => {
  const model = listed(null, 4, 3, 2, 1);
  model.begin();
  model.apply([enter(5), enter(4, 2), enter(2)]);
  expect(places(model)).toEqual([5, 4, 3, 2, 1]);
  model.listed(null);
  expect(places(model)).toEqual([5, 4, 2]);
  expect(model.stale).toBe(false);
});

test("rows beyond what came again stay until their pages confirm them", () => {
  const model = listed("c", 9, 8);
  model.fetchBegins();
  model.page([execution(7), execution(6), execution(5), execution(4)], null);
  model.begin();
  model.apply([enter(10), enter(9)]);
  model.listed("e");
  expect(places(model)).toEqual([10, 9, 8, 7, 6, 5, 4]);
  expect(model.stale).toBe(true);
  model.fetchBegins();
  model.page([execution(8), execution(6)], "f");
  // 7 was not in the page that covers it.
  expect(places(model)).toEqual([10, 9, 8, 6, 5, 4]);
  expect(model.stale).toBe(true);
  model.fetchBegins();
  model.page([execution(4)], null);
  expect(places(model)).toEqual([10, 9, 8, 6, 4]);
  expect(model.stale).toBe(false);
});

test("a list that is empty now drops everything", () => {
  const model = listed(null, 2, 1);
  model.begin();
  model.listed(null);
  expect(places(model)).toEqual([]);
});

test("the index of a place is the number of newer rows, also where its row is gone", () => {
  const model = listed(null, 9, 7, 5, 3);
  expect(indexOf(model, execution(9))).toBe(0);
  expect(indexOf(model, execution(5))).toBe(2);
  expect(indexOf(model, execution(4))).toBe(3);
  expect(indexOf(model, execution(1))).toBe(4);
});

test("ten thousand rows and a thousand changes take well under a frame each", () => {
  const model = new ListModel();
  model.begin();
  model.apply(Array.from({ length: 9_999 }, (_, at) => enter(9_999 - at)));
  model.listed(null);
  const begin = performance.now();
  for (let round = 2; round < 102; round += 1) {
    model.apply(Array.from({ length: 10 }, (_, at) => change(at * 900 + 1, round)));
  }
  expect((performance.now() - begin) / 100).toBeLessThan(8);
  expect(model.ids).toHaveLength(9_999);
});
