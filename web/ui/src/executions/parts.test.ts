// The smaller pure parts: JSON with a place, the create form's body, bulk runs, selection, views.

import { expect, test } from "vitest";

import { ApiError, localProblem } from "../api/http";
import type { Execution } from "../api/types";
import { eligible, runBulk, type Outcome } from "./bulk-run";
import { bodyOf, EMPTY, placeErrors } from "./create-form";
import { readJson } from "./json-check";
import { chooseAll, extend, NONE, toggle } from "./selection";
import { readViews } from "./views";

test.each([
  ['{"a": 1,}', 1, 8, "a comma stands before }"],
  ["{\n  'a': 1\n}", 2, 3, "a name in double quotes is expected"],
  ['{"a": \'x\'}', 1, 7, "double quotes"],
  ['{"a" 1}', 1, 6, "a colon is expected"],
  ["[1 2]", 1, 4, "a comma or ] is expected"],
  ['{"a": tru}', 1, 7, "a value is expected"],
  ['{"a": "x', 1, 7, "a string has no end"],
  ['["x\ny"]', 1, 4, "a string ends with its line"],
  ['["\\x"]', 1, 3, "this escape is none"],
  ['{"a": 1', 1, 8, "but the text ends"],
  ["{} {}", 1, 4, "the end is expected"],
  ["[01]", 1, 3, "a comma or ]"],
  ["", 1, 1, "a value is expected"],
])("%j is not JSON at line %i, column %i", (text, line, column, says) => {
  const read = readJson(text);
  expect(read).toMatchObject({ line, column });
  expect("message" in read && read.message).toContain(says);
});

test("what is JSON is read, and whatever JSON.parse refuses has a place", () => {
  expect(readJson('{"a":[1,-2.5e3,"\\u0041",true,null]}')).toEqual({ value: { a: [1, -2500, "A", true, null] } });
  const good = '{"a":[1,-2.5e3,"\\u0041",true,null],"b":{"c":""}}';
  for (let at = 0; at < good.length; at += 1) {
    for (const cut of [good.slice(0, at), `${good.slice(0, at)}@${good.slice(at)}`]) {
      const read = readJson(cut);
      if ("message" in read) expect(read.message).not.toBe("it is not JSON");
    }
  }
});

test("a draft makes a body with only what was typed", () => {
  expect(bodyOf({ ...EMPTY, name: " x " })).toEqual({ body: { kind: "agent", name: "x" } });
  expect(
    bodyOf({
      ...EMPTY,
      name: "x",
      queue: "q",
      input: '{"a":1}',
      labels: "team=search\n\nurl=a=b",
      priority: "-3",
      delay: "1h30m",
      maxAttempts: "3",
      factor: "1.5",
      timeouts: { heartbeat: "10s" },
    }),
  ).toEqual({
    body: {
      kind: "agent",
      name: "x",
      queue: "q",
      input: { a: 1 },
      labels: { team: "search", url: "a=b" },
      priority: -3,
      delay: "1h30m",
      retry: { max_attempts: 3, factor: 1.5 },
      timeouts: { heartbeat: "10s" },
    },
  });
});

test("what is wrong with a draft is said at its field", () => {
  const made = bodyOf({ ...EMPTY, input: "{", labels: "team", priority: "1.5", timeouts: { cancel: "soon" } });
  expect(made).toEqual({
    errors: {
      "/name": "A name is needed.",
      "/input": "Line 1, column 2: a name in double quotes is expected, but the text ends.",
      "/labels": "Line 1 is not written key=value.",
      "/priority": "A whole number is needed.",
      "/timeouts/cancel": "A duration is written 250ms, 30s, 5m or 1h30m.",
    },
  });
});

test("the server's errors go to their fields, and the rest is kept", () => {
  const { fields, rest } = placeErrors([
    { pointer: "/timeouts/heartbeat", message: "too short" },
    { pointer: "/labels/<b>x", message: "bad key" },
    { pointer: "/labels", message: "too many" },
    { pointer: "/retry", message: "odd" },
  ]);
  expect(fields).toEqual({ "/timeouts/heartbeat": "too short", "/labels": "<b>x: bad key; too many" });
  expect(rest).toEqual([{ pointer: "/retry", message: "odd" }]);
});

const execution = (id: string, phase: Execution["phase"] = "pending") => ({ id, phase }) as Execution;

test("a bulk run asks a few at a time, keeps refusals, and waits for a busy server", async () => {
  const all = Array.from({ length: 20 }, (_, at) => execution(`e${at}`));
  const outcomes: Outcome[] = [];
  let running = 0;
  let most = 0;
  let busy = 2;
  await runBulk("cancel", all, {
    reason: "r",
    signal: new AbortController().signal,
    sleep: async () => {},
    onOutcome: (outcome) => outcomes.push(outcome),
    perform: async (_, { id }, reason) => {
      expect(reason).toBe("r");
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      if (id === "e3") throw new ApiError(localProblem("execution_terminal", "t", "over", 409));
      if (id === "e5" && busy-- > 0) throw new ApiError(localProblem("overloaded", "t", "d", 503));
      return undefined;
    },
  });
  expect(outcomes).toHaveLength(20);
  expect(outcomes.filter((outcome) => outcome.problem).map((outcome) => outcome.execution.id)).toEqual(["e3"]);
  expect(most).toBeLessThanOrEqual(6);
});

test("a bulk run that is stopped asks no more", async () => {
  const abort = new AbortController();
  let asked = 0;
  await runBulk("retry", Array.from({ length: 50 }, (_, at) => execution(`e${at}`, "failed")), {
    signal: abort.signal,
    onOutcome: () => {},
    perform: async () => {
      asked += 1;
      if (asked === 10) abort.abort();
      return "new";
    },
  });
  expect(asked).toBeLessThan(17);
});

test("only live ones are cancelled and only ended ones retried", () => {
  const all = [execution("a", "pending"), execution("b", "failed"), execution("c", "waiting"), execution("d", "completed")];
  expect(eligible("cancel", all).map((each) => each.id)).toEqual(["a", "c"]);
  expect(eligible("retry", all).map((each) => each.id)).toEqual(["b", "d"]);
});

test("a range goes from the one that was chosen last, either way", () => {
  const ids = ["a", "b", "c", "d", "e"];
  const read = (id: string) => execution(id);
  const one = toggle(NONE, execution("d"));
  const range = extend(one, execution("b"), ids, read);
  expect([...range.chosen.keys()].sort()).toEqual(["b", "c", "d"]);
  expect([...extend(range, execution("e"), ids, read).chosen.keys()].sort()).toEqual(["b", "c", "d", "e"]);
  expect([...toggle(range, execution("c")).chosen.keys()].sort()).toEqual(["b", "d"]);
  expect([...extend(NONE, execution("b"), ids, read).chosen.keys()]).toEqual(["b"]);
  expect(chooseAll(ids, read).chosen.size).toBe(5);
});

test("views that are kept are read with care", () => {
  expect(readViews(null)).toEqual([]);
  expect(readViews("{")).toEqual([]);
  expect(readViews('[1,{"id":"a","name":"n","query":"phase=failed&x=1"},{"id":2}]')).toEqual([{ id: "a", name: "n", query: "phase=failed" }]);
});
