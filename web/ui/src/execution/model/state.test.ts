import { describe, expect, it } from "vitest";

import type { EventPage, Execution, Explanation } from "../../api/types";
import { clocksOf, stateOf } from "./clocks";
import { logLine } from "./logs";
import { EventPages, PAGE } from "./pages";
import { applyPatch } from "./patch";
import { instant } from "./read";
import { Scan } from "./scan";
import { cancelStages } from "./stages";
import { Log, modelOf, recorded } from "./testing";

describe("a patch", () => {
  it("does what RFC 6902 says, on a copy", () => {
    const document = { a: { x: 1 }, l: [1, 2] };
    const patch = [
      { op: "add", path: "/l/-", value: 3 },
      { op: "add", path: "/l/0", value: 0 },
      { op: "remove", path: "/a/x" },
      { op: "copy", from: "/l/1", path: "/a/y" },
      { op: "move", from: "/a/y", path: "/b~1c" },
      { op: "replace", path: "/l/2", value: "two" },
    ];
    expect(applyPatch(document, patch)).toEqual({ a: {}, l: [0, 1, "two", 3], "b/c": 1 });
    expect(document).toEqual({ a: { x: 1 }, l: [1, 2] });
  });

  it("pollutes nothing", () => {
    const done = applyPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]) as object;
    expect(Object.keys(done)).toEqual(["__proto__"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(applyPatch({}, [{ op: "add", path: "/constructor/prototype/polluted", value: 1 }])).toEqual({});
  });
});

describe("a cancellation", () => {
  const begin = () => {
    const log = new Log();
    log.add("execution.started");
    log.add("execution.cancel_requested", { deadline: "2026-01-01T00:00:30Z", reason: "enough" });
    return log;
  };
  const told = (log: Log) =>
    cancelStages(modelOf(log.events).execution).map((stage) => `${stage.title} ${stage.state}`);

  it("goes through its stages", () => {
    const log = begin();
    expect(told(log)).toEqual(["Requested done", "Delivered waiting", "Acknowledged waiting", "Forced waiting"]);
    log.add("execution.cancel_delivered");
    expect(told(log)).toEqual(["Requested done", "Delivered done", "Acknowledged waiting", "Forced waiting"]);
    log.add("execution.cancel_acknowledged");
    log.add("execution.cancelled", { reason: "cancel_requested" });
    expect(told(log)).toEqual(["Requested done", "Delivered done", "Acknowledged done", "Stopped done"]);
  });

  it("may be forced, or come too late", () => {
    const forced = begin();
    forced.add("execution.cancelled", { reason: "cancel_timeout" });
    expect(told(forced)).toEqual(["Requested done", "Delivered skipped", "Acknowledged skipped", "Forced failed"]);
    const late = begin();
    late.add("execution.completed");
    expect(told(late).at(-1)).toBe("Completed first skipped");
  });
});

describe("the clocks", () => {
  const execution = {
    ...recorded("agent").execution,
    phase: "in_progress",
    timeouts: { heartbeat: "30s", progress: "1m" },
  } as unknown as Execution;
  const explanation = (alive_at?: string | null, progressed_at?: string | null) =>
    ({ evidence: ["Last sign of life 12s ago; a heartbeat is due every 30s."], alive_at, progressed_at }) as Explanation;
  const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, "0")}.000000Z`;
  const ms = (second: number) => instant(at(second));

  it("are what the server says, or what has come since", () => {
    const { alive, progressing } = clocksOf(execution, explanation(at(20), at(10)), at(5));
    expect(alive).toEqual({ at: ms(20), limit: 30_000, until: ms(50) });
    expect(progressing).toEqual({ at: ms(10), limit: 60_000, until: ms(10) + 60_000 });
    const later = clocksOf(execution, explanation(at(20), at(10)), at(25));
    expect([later.alive.at, later.progressing.at]).toEqual([ms(25), ms(25)]);
  });

  it("are not guessed: from no sentence, and not before the server has answered", () => {
    const before = clocksOf(execution, undefined, at(5));
    expect([before.alive.at, before.progressing.at]).toEqual([undefined, ms(5)]);
    expect(stateOf(before.alive, ms(59))).toBe("unknown");
    const begun = clocksOf(execution, explanation(null, null), undefined);
    expect([begun.alive.at, begun.progressing.at]).toEqual([undefined, undefined]);
  });

  it("of progress have no limit while a person is asked", () => {
    const waiting = { ...execution, phase: "waiting" } as Execution;
    const { progressing } = clocksOf(waiting, explanation(at(20), at(10)), undefined);
    expect(stateOf(progressing, ms(59) * 2)).toBe("off");
  });

  it("are late after two thirds of their limit", () => {
    const clock = { at: 0, limit: 30_000, until: 30_000 };
    expect([10_000, 20_000, 30_000].map((now) => stateOf(clock, now))).toEqual(["ok", "late", "over"]);
    expect(stateOf({ ...clock, limit: undefined }, 99_000)).toBe("off");
  });
});

describe("pages of a log", () => {
  const log = new Log();
  log.add("execution.created", {});
  for (let n = 2; n <= 1_234; n += 1) log.custom("log", { level: "info", message: `line ${n}` });
  /** As a server that gives at most `most` events. */
  const server = (most = 1_000) => {
    const asked: string[] = [];
    const fetch = async (after: number, limit: number): Promise<EventPage> => {
      asked.push(`${after}+${limit}`);
      return {
        events: log.events.slice(after, after + Math.min(limit, most)),
        head: log.events.length,
        terminal: true,
      };
    };
    return { asked, fetch };
  };

  it("come when they are looked at, once, also in parts", async () => {
    const { asked, fetch } = server(200);
    const pages = new EventPages(fetch, 1_234);
    pages.want(600, 610);
    pages.want(605, 620);
    expect(pages.get(600)).toBeUndefined();
    await pages.events(1);
    expect(pages.get(600)?.seq).toBe(600);
    expect(asked).toEqual(["500+500", "700+300", "900+100"]);
    expect(await pages.events(2)).toHaveLength(1_234 - 2 * PAGE);
  });

  it("take up what comes live", async () => {
    const { asked, fetch } = server();
    const pages = new EventPages(fetch, 1_230);
    await pages.events(2);
    pages.push(log.events.slice(1_230));
    expect(pages.head).toBe(1_234);
    expect(pages.get(1_234)?.seq).toBe(1_234);
    await pages.events(2);
    expect(asked).toHaveLength(1);
  });

  it("that failed are not asked for at once again", async () => {
    let asked = 0;
    const pages = new EventPages(() => ((asked += 1), Promise.reject(new Error("no"))), 10);
    await expect(pages.events(0)).rejects.toThrow("no");
    pages.want(1, 5);
    pages.want(1, 5);
    expect(asked).toBe(1);
    expect(pages.problem).toBeInstanceOf(Error);
  });

  it("are scanned from the end, with what comes live at the end", async () => {
    const pages = new EventPages(server().fetch, 1_230);
    const scan = new Scan(pages, logLine);
    await scan.run(300);
    expect([scan.stage, scan.from]).toEqual(["part", 501]);
    scan.push(log.events.slice(1_230));
    await scan.run();
    expect(scan.stage).toBe("whole");
    expect(scan.picked.map((line) => line.seq)).toEqual(log.events.slice(1).map((event) => event.seq));
  });

  it("are being read until they are, whoever has gone away meanwhile", async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const { fetch } = server();
    const pages = new EventPages(async (after, limit) => (await held, fetch(after, limit)), 400);
    const gone = new Scan(pages, logLine);
    const scan = new Scan(pages, logLine);
    expect(scan.stage).toBe("reading");
    const both = [gone.run(), scan.run()];
    gone.stop();
    expect(scan.stage).toBe("reading");
    goOn();
    await Promise.all(both);
    expect([scan.stage, scan.picked.length, gone.picked.length]).toEqual(["whole", 399, 0]);
  });

  it("that could not be read are read when asked again", async () => {
    let broken = true;
    const { fetch } = server();
    const pages = new EventPages(async (after, limit) => {
      if (broken) throw new Error("broken");
      return fetch(after, limit);
    }, 400);
    const scan = new Scan(pages, logLine);
    await scan.run();
    expect([scan.stage, pages.problem]).toEqual(["failed", new Error("broken")]);
    broken = false;
    pages.forgive();
    expect(pages.problem).toBeUndefined();
    await scan.run();
    expect(scan.stage).toBe("whole");
  });
});
