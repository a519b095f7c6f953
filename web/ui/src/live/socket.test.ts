// The socket under a fake server and a fake clock.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { HeartlineEvent, Problem } from "../api/types";
import type { ListChange } from "./feeds";
import { Live, type FeedHandlers, type ListHandlers, type SocketLike } from "./socket";

class FakeSocket implements SocketLike {
  onopen = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  sent: Record<string, unknown>[] = [];
  closed = false;

  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close() {
    this.closed = true;
  }
  /** The server says this. */
  says(...frames: object[]) {
    for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) } as MessageEvent);
  }
  /** The connection ends. */
  ends(code = 1006, reason = "") {
    this.onclose?.({ code, reason } as CloseEvent);
  }
  hello() {
    this.says({ op: "hello", connection: "c", heartbeat: "25s", limits: {} });
  }
  asked(op = "subscribe") {
    return this.sent.filter((frame) => frame.op === op);
  }
}

const ID = "aex_1";
const OTHER = "aex_2";

let sockets: FakeSocket[];
let live: Live;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  live = new Live("ws://test/v1/ws", () => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket;
  });
});

afterEach(() => {
  live.close();
  vi.useRealTimers();
});

const last = () => sockets.at(-1) as FakeSocket;
const event = (seq: number, prev = seq - 1, execution_id = ID): object => ({
  op: "event",
  event: { seq, prev, execution_id, attempt: 1, time: "t", type: "CUSTOM", data: {} },
});

type Seen = { log: string[]; seqs: number[]; batches: number; handlers: FeedHandlers };

function watcher(): Seen {
  const seen: Seen = {
    log: [],
    seqs: [],
    batches: 0,
    handlers: {
      onSnapshot: (_, seq) => seen.log.push(`snapshot ${seq}`),
      onEvents: (events: HeartlineEvent[]) => {
        seen.batches += 1;
        seen.seqs.push(...events.map((each) => each.seq));
        seen.log.push(`events ${events.map((each) => each.seq).join(",")}`);
      },
      onReset: (oldest, reason) => seen.log.push(`reset ${oldest} ${reason}`),
      onLag: (at, head) => seen.log.push(`lag ${at} ${head}`),
      onLive: (seq) => seen.log.push(`live ${seq}`),
      onEnd: (seq, phase) => seen.log.push(`end ${seq} ${phase}`),
      onProblem: (problem: Problem) => seen.log.push(`problem ${problem.code}`),
    },
  };
  return seen;
}

const flush = () => vi.advanceTimersByTime(1);
const reconnected = () => {
  const before = sockets.length;
  for (let waited = 0; sockets.length === before && waited < 60; waited += 1) vi.advanceTimersByTime(500);
  expect(sockets.length).toBe(before + 1);
  last().hello();
  return last();
};
const begun = (socket: FakeSocket, id = socket.asked().at(-1)?.id, execution = ID) =>
  socket.says({ op: "subscribed", id, execution, head: 0, oldest: 1 });

test("a snapshot is followed by the events after it, in one batch", () => {
  const seen = watcher();
  live.execution(ID, { snapshot: true }, seen.handlers);
  last().hello();
  expect(last().asked()).toEqual([{ op: "subscribe", id: 1, execution: ID, snapshot: true }]);
  begun(last());
  last().says({ op: "snapshot", execution: ID, seq: 7, state: { id: ID } }, event(8), event(9), event(10));
  expect(seen.log).toEqual([]);
  flush();
  expect(seen.log).toEqual(["snapshot 7", "events 8,9,10"]);
});

test("after a reconnect it goes on after the last event, and repeats are dropped", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1), event(2), event(3));
  last().ends();
  expect(live.status().state).toBe("reconnecting");
  const socket = reconnected();
  expect(socket.asked()).toEqual([{ op: "subscribe", id: 1, execution: ID, after: 3 }]);
  begun(socket);
  socket.says(event(2), event(3), event(4));
  flush();
  expect(seen.seqs).toEqual([1, 2, 3, 4]);
  expect(live.status().state).toBe("live");
});

test("a snapshot that has not come is asked for again, one that has is not", () => {
  const seen = watcher();
  live.execution(ID, { snapshot: true }, seen.handlers);
  last().hello();
  last().ends();
  let socket = reconnected();
  expect(socket.asked()[0]).toMatchObject({ snapshot: true });
  begun(socket);
  socket.says({ op: "snapshot", execution: ID, seq: 5, state: {} });
  socket.ends();
  socket = reconnected();
  expect(socket.asked()[0]).toEqual({ op: "subscribe", id: 1, execution: ID, after: 5 });
});

test("a gap is not shown: the subscription begins anew from before it", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1), event(2), event(5), event(6));
  flush();
  expect(seen.seqs).toEqual([1, 2]);
  expect(last().asked("unsubscribe")).toEqual([{ op: "unsubscribe", id: 1 }]);
  expect(last().asked().at(-1)).toEqual({ op: "subscribe", id: 2, execution: ID, after: 2 });
  // What the old subscription still sends is not taken.
  last().says(event(3));
  begun(last(), 2);
  last().says(event(3), event(4), event(5), event(6));
  flush();
  expect(seen.seqs).toEqual([1, 2, 3, 4, 5, 6]);
});

test("a view that leaves events out keeps its own chain of prev", () => {
  const seen = watcher();
  live.execution(ID, { after: 4 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(9, 4), event(12, 9));
  flush();
  expect(seen.seqs).toEqual([9, 12]);
});

test("a reset is told in its place, and events go on from the oldest", () => {
  const seen = watcher();
  live.execution(ID, { after: 2 }, seen.handlers);
  last().hello();
  begun(last());
  last().says({ op: "reset", execution: ID, reason: "purged", oldest: 300 }, event(300, 0), event(301));
  flush();
  expect(seen.log).toEqual(["reset 300 purged", "events 300,301"]);
});

test("lag and live stand between the events they belong between", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1), { op: "lag", execution: ID, at: 1, head: 3 }, event(2), event(3), { op: "live", execution: ID, seq: 3 });
  flush();
  expect(seen.log).toEqual(["events 1", "lag 1 3", "events 2,3", "live 3"]);
});

test("after the end nothing is asked for again", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1), { op: "end", execution: ID, seq: 1, phase: "failed" });
  flush();
  expect(seen.log).toEqual(["events 1", "end 1 failed"]);
  last().ends();
  expect(reconnected().asked()).toEqual([]);
});

test("an end before all events have come is not believed", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1), { op: "end", execution: ID, seq: 3, phase: "failed" });
  flush();
  expect(seen.log).toEqual(["events 1"]);
  expect(last().asked().at(-1)).toMatchObject({ execution: ID, after: 1 });
});

test("two watchers of one execution each see all of it once", () => {
  const first = watcher();
  const second = watcher();
  live.execution(ID, { after: 0 }, first.handlers);
  last().hello();
  begun(last());
  last().says(event(1), event(2));
  live.execution(ID, { after: 0 }, second.handlers);
  // The first one's frames go on before the second's subscription is taken, and between its events.
  last().says(event(3));
  begun(last(), 2);
  last().says(event(1), event(4), event(2), event(3), event(4));
  flush();
  expect(first.seqs).toEqual([1, 2, 3, 4]);
  expect(second.seqs).toEqual([1, 2, 3, 4]);
});

test("frames of another execution are not taken", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1, 0, OTHER), event(1));
  flush();
  expect(seen.seqs).toEqual([1]);
});

test("who has unsubscribed hears no more, also not what had come already", () => {
  const seen = watcher();
  const stop = live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1));
  stop();
  last().says(event(2));
  flush();
  expect(seen.log).toEqual([]);
  expect(last().asked("unsubscribe")).toEqual([{ op: "unsubscribe", id: 1 }]);
});

test("a refusal is told once and not asked again; one for the moment is", () => {
  const gone = watcher();
  const busy = watcher();
  live.execution(ID, { after: 0 }, gone.handlers);
  live.execution(OTHER, { after: 0 }, busy.handlers);
  last().hello();
  last().says({ op: "error", id: 1, problem: { status: 404, code: "execution_not_found" } });
  last().says({ op: "error", id: 2, problem: { status: 503, code: "overloaded" } });
  flush();
  expect(gone.log).toEqual(["problem execution_not_found"]);
  expect(busy.log).toEqual([]);
  vi.advanceTimersByTime(3_000);
  expect(last().asked().at(-1)).toMatchObject({ execution: OTHER });
  last().ends();
  expect(reconnected().asked()).toHaveLength(1);
});

test("an error that names no subscription renews the connection", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1));
  const before = last();
  before.says({ op: "error", problem: { status: 500, code: "internal", title: "t", detail: "d" } });
  expect(before.closed).toBe(true);
  expect(live.status()).toMatchObject({ state: "reconnecting", why: "d" });
  expect(reconnected().asked()[0]).toMatchObject({ after: 1 });
});

test("a server that says when to come back is left alone until then", () => {
  live.onStatus(() => {});
  last().hello();
  last().says({ op: "reconnect", after: "4s" });
  last().ends(1001, "the server is stopping");
  expect(live.status()).toMatchObject({ state: "reconnecting", why: "the server is stopping" });
  vi.advanceTimersByTime(3_900);
  expect(sockets).toHaveLength(1);
  vi.advanceTimersByTime(200);
  expect(sockets).toHaveLength(2);
});

test("a server that is away is tried again and again, more and more slowly, and then everything goes on", () => {
  const seen = watcher();
  live.execution(ID, { after: 0 }, seen.handlers);
  last().hello();
  begun(last());
  last().says(event(1));
  const since = Date.now();
  const waits: number[] = [];
  let at = Date.now();
  last().ends();
  for (let tries = 0; tries < 12; tries += 1) {
    const before = sockets.length;
    while (sockets.length === before) vi.advanceTimersByTime(50);
    waits.push(Date.now() - at);
    at = Date.now();
    last().ends();
  }
  expect(waits[0]).toBeLessThan(600);
  expect(Math.max(...waits)).toBeLessThanOrEqual(10_050);
  expect(waits.at(-1)).toBeGreaterThanOrEqual(5_000);
  expect(live.status()).toMatchObject({ state: "reconnecting", attempt: 13 });
  expect(live.status().since).toBe(since);
  const socket = reconnected();
  expect(socket.asked()).toEqual([{ op: "subscribe", id: 1, execution: ID, after: 1 }]);
  expect(live.status()).toMatchObject({ state: "live", attempt: 0 });
});

test("a server that was started anew with less of the log resets the reader", () => {
  const seen = watcher();
  live.execution(ID, { after: 50 }, seen.handlers);
  last().hello();
  last().ends();
  const socket = reconnected();
  begun(socket);
  socket.says({ op: "reset", execution: ID, reason: "ahead_of_log", oldest: 1 }, event(1, 0), event(2));
  flush();
  expect(seen.log).toEqual(["reset 1 ahead_of_log", "events 1,2"]);
});

test("silence of twice the heartbeat is a lost connection; a ping is a sign of life and is answered", () => {
  live.onStatus(() => {});
  last().hello();
  vi.advanceTimersByTime(40_000);
  last().says({ op: "ping", t: 3 });
  expect(last().asked("pong")).toEqual([{ op: "pong", t: 3 }]);
  vi.advanceTimersByTime(40_000);
  expect(live.status().state).toBe("live");
  const before = last();
  vi.advanceTimersByTime(10_001);
  expect(before.closed).toBe(true);
  expect(live.status()).toMatchObject({ state: "reconnecting", why: "the server has fallen silent" });
});

test("a connection that never says hello is given up", () => {
  live.onStatus(() => {});
  vi.advanceTimersByTime(10_001);
  expect(sockets[0]?.closed).toBe(true);
  expect(live.status().state).toBe("reconnecting");
});

test("a list begins anew with each connection and its changes come in batches", () => {
  const log: string[] = [];
  let limit = 100;
  const handlers: ListHandlers = {
    onBegin: () => log.push("begin"),
    onChanges: (changes: ListChange[]) =>
      log.push(changes.map((each) => `${each.turn} ${each.turn === "leave" ? each.id : each.execution.id}@${each.seq}`).join(" ")),
    onListed: (cursor) => log.push(`listed ${cursor}`),
    onProblem: (problem) => log.push(`problem ${problem.code}`),
  };
  live.list({ queue: "q" }, () => limit, handlers);
  last().hello();
  expect(last().asked()).toEqual([{ op: "subscribe", id: 1, filter: { queue: "q" }, limit: 100 }]);
  const row = (op: string, execution: string, seq: number) => ({ op, id: 1, execution, seq, state: { id: execution, seq } });
  last().says({ op: "subscribed", id: 1, limit: 100 }, row("enter", "a", 1), row("enter", "b", 2), { op: "listed", id: 1, next_cursor: "c" });
  last().says(row("change", "a", 3), { op: "leave", id: 1, execution: "b", seq: 4, phase: "failed" });
  flush();
  expect(log).toEqual(["begin", "enter a@1 enter b@2", "listed c", "change a@3 leave b@4"]);
  limit = 250;
  last().ends();
  const socket = reconnected();
  expect(socket.asked()[0]).toMatchObject({ limit: 250 });
  socket.says({ op: "subscribed", id: 1, limit: 250 }, { op: "listed", id: 1, next_cursor: null });
  socket.says({ op: "reset", id: 1, reason: "behind" });
  flush();
  expect(log.slice(4)).toEqual(["begin", "listed null", "begin"]);
});

test("a resource is shared by who asks for the same path, and only its last body counts", () => {
  const first: unknown[] = [];
  const second: unknown[] = [];
  const stopFirst = live.resource<number>("/v1/queues", (body) => first.push(body), () => {});
  last().hello();
  expect(last().asked()).toEqual([{ op: "subscribe", id: 1, resource: "/v1/queues" }]);
  last().says({ op: "subscribed", id: 1, resource: "/v1/queues" }, { op: "resource", id: 1, body: 1 }, { op: "resource", id: 1, body: 2 });
  flush();
  const stopSecond = live.resource<number>("/v1/queues", (body) => second.push(body), () => {});
  expect([first, second]).toEqual([[2], [2]]);
  expect(last().asked()).toHaveLength(1);
  last().ends();
  expect(reconnected().asked()).toEqual([{ op: "subscribe", id: 1, resource: "/v1/queues" }]);
  stopFirst();
  last().says({ op: "resource", id: 1, body: 3 });
  flush();
  expect([first, second]).toEqual([[2], [2, 3]]);
  stopSecond();
  expect(last().asked("unsubscribe")).toEqual([{ op: "unsubscribe", id: 1 }]);
});

test("a resource that is not there is a problem, and the next who asks asks the server", () => {
  const problems: string[] = [];
  live.resource("/v1/queues/x", () => {}, (problem) => problems.push(problem.code));
  last().hello();
  last().says({ op: "error", id: 1, problem: { status: 404, code: "queue_not_found" } });
  flush();
  expect(problems).toEqual(["queue_not_found"]);
  live.resource("/v1/queues/x", () => {}, () => {});
  expect(last().asked()).toHaveLength(2);
});
