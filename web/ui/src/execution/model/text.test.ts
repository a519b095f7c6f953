import { describe, expect, it } from "vitest";

import { curlEvent, curlPost, plainJson, quoted } from "./curl";
import { eventMatches, groupOf, summaryOf } from "./events";
import { ALL_LOGS, logLine, logText, matches, shownLines } from "./logs";
import { adviceRows, pieces } from "./prose";
import { StreamText } from "./stream-text";
import { Log, recorded } from "./testing";

describe("text that comes in pieces", () => {
  const whole = "a \u001b[31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007 \u202eevil\u0000 end";
  it("is the same however it is cut", () => {
    const expected = new StreamText().push(whole);
    expect(expected).toBe("a red link ⟦U+202E⟧evil\ufffd end");
    for (let size = 1; size < whole.length; size += 1) {
      const stream = new StreamText();
      let shown = "";
      for (let at = 0; at < whole.length; at += size) shown += stream.push(whole.slice(at, at + size));
      expect(shown + stream.end()).toBe(expected);
    }
  });

  it("does not wait for ever for the end of a sequence", () => {
    const stream = new StreamText();
    stream.push("\u001b]");
    expect(stream.push("x".repeat(2_000)).length).toBeLessThanOrEqual(2_000);
    expect(stream.push("y")).toContain("y");
  });
});

describe("commands", () => {
  it("hold anything in one word of the shell", () => {
    expect(quoted("it's; rm -rf $HOME `x`")).toBe(String.raw`'it'\''s; rm -rf $HOME ` + "`x`'");
    expect(plainJson({ a: "\u202e\u001b\u2028" })).toBe('{"a":"\\u202e\\u001b\\u2028"}');
    expect(curlPost("http://h", "/p", { a: "'" })).toBe(
      String.raw`curl -s 'http://h/p' -H 'content-type: application/json' -d '{"a":"'\''"}'`,
    );
    expect(curlEvent("http://h", "aex_1", 5)).toBe("curl -s 'http://h/v1/executions/aex_1/events?after=4&limit=1'");
  });
});

describe("advice", () => {
  const rows = (sentence: string) =>
    adviceRows(sentence).map((row) => (row.kind === "command" ? `$ ${row.text}` : row.pieces.map((piece) => piece.text).join("").trim()));
  it("has each command on a line of its own, and the rest of the sentence together", () => {
    expect(rows("Wait until 2026-11-22T14:24:04Z, or cancel: heartline cancel aex_1")).toEqual([
      "Wait until 2026-11-22T14:24:04Z, or cancel:",
      "$ heartline cancel aex_1",
    ]);
    expect(rows("See the runners: heartline runners; or cancel: heartline cancel aex_1.")).toEqual([
      "See the runners:",
      "$ heartline runners",
      "Cancel:",
      "$ heartline cancel aex_1",
    ]);
    expect(rows("Wait.")).toEqual(["Wait."]);
  });
});

describe("sentences", () => {
  it("are cut into what can be shown better, and nothing is lost", () => {
    const id = `aex_${"0".repeat(32)}`;
    for (const [sentence, kinds] of [
      ["The next deadline is heartbeat, at 2026-11-22T10:43:49.286337Z (in 9m47s).", ["text", "time", "text"]],
      [`See the runners: heartline runners; or cancel: heartline cancel ${id}`, ["text", "command", "text", "command"]],
      ["Start a runner: heartline runner --queue q -- CMD", ["text", "command"]],
      [`In progress longest: ${id} with runner r.`, ["text", "execution", "text"]],
      ["Wait, raise the limit (heartline queues limit q --help), or cancel.", ["text", "command", "text"]],
      ["No word of it.", ["text"]],
    ] as const) {
      const found = pieces(sentence);
      expect(found.map((piece) => piece.kind)).toEqual(kinds);
      expect(found.map((piece) => piece.text).join("")).toBe(sentence);
    }
    expect(pieces("Where it is paused, see heartline queues get q; or raise it.")).toContainEqual({
      kind: "command",
      text: "heartline queues get q",
    });
    expect(pieces('Resume it with "heartline queues resume q".')).toContainEqual({
      kind: "command",
      text: "heartline queues resume q",
    });
  });
});

describe("log lines", () => {
  const { events } = recorded("failed");
  const lines = events.flatMap((event) => logLine(event) ?? []);

  it("are the log events, with the turns between", () => {
    expect(lines.filter((line) => line.level === undefined).map((line) => line.message)[0]).toBe(
      "Attempt 1 begins, with runner seed-runner",
    );
    expect(lines.some((line) => line.message.includes("\u001b"))).toBe(false);
  });

  it("are shown by level, stream and search", () => {
    const shown = (filter: Partial<typeof ALL_LOGS>) => shownLines(lines, { ...ALL_LOGS, ...filter });
    expect(shown({})).toBe(lines);
    expect(shown({ level: "error" }).filter((line) => line.level)).toHaveLength(3);
    expect(shown({ stream: "stderr" }).filter((line) => line.level)).toHaveLength(3);
    expect(shown({ search: "CONNECTING TO DB-2" })).toHaveLength(3);
  });

  it("make a file", () => {
    expect(logText(lines).split("\n").length).toBe(lines.length + 1);
  });

  it("mark what was searched for", () => {
    expect(matches("aXbxc", "x")).toEqual(["a", "X", "b", "x", "c"]);
    expect(matches("abc", "")).toEqual(["abc"]);
  });
});

describe("events", () => {
  it("are of a group, say something, and match what they say", () => {
    const log = new Log();
    const call = log.add("TOOL_CALL_START", { toolCallId: "c", toolCallName: "look" });
    const line = log.custom("log", { level: "warn", message: "over\nhere" });
    expect(groupOf(call)).toBe("tools");
    expect(groupOf(line)).toBe("logs");
    expect(summaryOf(line)).toBe("warn: over here");
    expect(eventMatches(call, { groups: new Set(["tools"]), search: "LOOK" })).toBe(true);
    expect(eventMatches(call, { groups: new Set(["logs"]), search: "" })).toBe(false);
    for (const event of [...recorded("hostile").events, ...recorded("agent").events])
      expect(typeof summaryOf(event)).toBe("string");
  });
});
