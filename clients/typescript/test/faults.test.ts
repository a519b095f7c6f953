// What can go wrong between a client and a server, one fault at a time.

import { deepStrictEqual as same, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import {
  Client,
  GapError,
  HeartlineError,
  LeaseRevokedError,
  Runner,
  type Context,
  type Event,
} from "@heartline/client";

import { Fake, lease, problem, type Connection, type Frame } from "./fake.js";

const LIMIT = { timeout: 20_000 };

function runner(fake: Fake, work: (ctx: Context) => unknown, slots = 1): Runner {
  const client = new Client({ server: fake.url });
  const options = { queues: ["test"], slots, onStatus: () => undefined };
  return new Runner(client, options).handle("work", work);
}

/** Answers a registration. */
async function register(connection: Connection, leases: unknown[] = []): Promise<Frame> {
  const frame = await connection.next("register");
  connection.send({ op: "registered", session: "s1", heartbeat: "10s", leases });
  return frame;
}

/** Acknowledges everything, until the drain; then closes as the server does. */
async function serve(connection: Connection, running: Runner): Promise<void> {
  let seq = 3;
  for (let op = ""; op !== "complete";) {
    const frame = await connection.next("events", "complete");
    op = frame.op;
    connection.send({ op: "ack", id: frame["id"], seq: (seq += 1) });
  }
  running.drain();
  await connection.next("drain");
  connection.close(1000, "drained");
}

test(
  "a batch without an answer is repeated as it was, with session and leases",
  LIMIT,
  async () => {
    const batches: Frame[] = [];
    const registrations: Frame[] = [];
    await using fake = await Fake.start(async (connection, n) => {
      registrations.push(await register(connection, n === 0 ? [] : [lease()]));
      if (n === 0) connection.send(lease());
      batches.push(await connection.next("events"));
      if (n < 2) return connection.cut();
      connection.send({ op: "ack", id: batches.at(-1)?.["id"], seq: 3 });
      await serve(connection, running);
    });
    const running = runner(fake, async (ctx) => {
      await ctx.log("info", "once");
      await ctx.flush();
    });
    await running.run();
    same(fake.errors, []);
    equal(batches.length, 3);
    for (const { batch, events } of batches) same([batch, events], [1, batches[0]?.["events"]]);
    const [first, second] = registrations;
    same([first?.["session"], first?.["leases"]], [undefined, undefined]);
    equal(second?.["session"], "s1");
    equal((second["leases"] as unknown[]).length, 1);
  },
);

test(
  "an ending without an answer is repeated, also where the lease was not kept",
  LIMIT,
  async () => {
    let endings = 0;
    await using fake = await Fake.start(async (connection, n) => {
      await register(connection);
      if (n === 0) connection.send(lease());
      const ending = await connection.next("complete");
      endings += 1;
      if (n === 0) return connection.cut();
      // It was heard the first time; beats for that lease are told off meanwhile.
      connection.send({ op: "revoked", lease: ending["lease"], reason: "it has ended" });
      connection.send({ op: "ack", id: ending["id"], seq: 3 });
      running.drain();
      await connection.next("drain");
      connection.close(1000);
    });
    let reason: unknown;
    const running = runner(fake, (ctx) => {
      ctx.signal.addEventListener("abort", () => {
        reason = ctx.signal.reason;
      });
    });
    await running.run();
    same([endings, reason, fake.errors], [2, undefined, []]);
  },
);

test("what the server cannot take now is said again under the same number", LIMIT, async () => {
  const batches: unknown[] = [];
  await using fake = await Fake.start(async (connection) => {
    await register(connection);
    connection.send({ op: "something_new", members: 1 });
    connection.send(lease());
    for (const status of [503, 429]) {
      const { id, batch } = await connection.next("events");
      batches.push(batch);
      connection.send({ op: "error", id, problem: problem(status, "overloaded") });
    }
    const { id, batch } = await connection.next("events");
    batches.push(batch);
    connection.send({ op: "ack", id, seq: 3 });
    await serve(connection, running);
  });
  const running = runner(fake, (ctx) => ctx.log("info", "once"));
  await running.run();
  same([batches, fake.errors], [[1, 1, 1], []]);
});

test("of a refused batch, what is not at fault is delivered", LIMIT, async () => {
  let rest: Frame | undefined;
  let ending: Frame | undefined;
  await using fake = await Fake.start(async (connection) => {
    await register(connection);
    connection.send(lease());
    const first = await connection.next("events");
    connection.send({ op: "ack", id: first["id"], seq: 3 });
    const { id } = await connection.next("events");
    const errors = [{ pointer: "/events/1/type", message: "no" }];
    connection.send({ op: "error", id, problem: problem(422, "invalid", errors) });
    rest = await connection.next("events");
    connection.send({ op: "ack", id: rest["id"], seq: 5 });
    ending = await connection.next("fail");
    connection.send({ op: "ack", id: ending["id"], seq: 6 });
    running.drain();
    await connection.next("drain");
    connection.close(1000);
  });
  const running = runner(fake, async (ctx) => {
    await ctx.log("info", "first");
    // While that is on its way, these become one batch.
    for (const type of ["A", "B", "C"]) await ctx.emit(type, {});
  });
  await running.run();
  same(fake.errors, []);
  same(rest?.["batch"], 2);
  same(
    (rest?.["events"] as { type: string }[]).map(({ type }) => type),
    ["A", "C"],
  );
  equal((ending?.["error"] as { code: string }).code, "invalid");
});

test("a lease that the server did not keep is revoked", LIMIT, async () => {
  let reason: unknown;
  await using fake = await Fake.start(async (connection, n) => {
    await register(connection);
    if (n > 0) {
      await connection.next("drain");
      return connection.close(1000);
    }
    connection.send(lease());
    await connection.next("events");
    connection.cut();
  });
  const running = runner(fake, async (ctx) => {
    void ctx.log("info", "at work");
    await pause(10_000, undefined, { signal: ctx.signal }).catch(() => undefined);
    reason = ctx.signal.reason;
    running.drain();
  });
  await running.run();
  ok(reason instanceof LeaseRevokedError);
});

test("a runner that returns names what it holds, also where that is nothing", LIMIT, async () => {
  const registrations: Frame[] = [];
  await using fake = await Fake.start(async (connection, n) => {
    // The second time it is said to hold what it never heard of.
    registrations.push(await register(connection, n === 1 ? [lease()] : []));
    if (n === 0) return connection.cut();
    if (n === 1) return connection.closed;
    running.drain();
    await connection.next("drain");
    connection.close(1000);
  });
  const running = runner(fake, () => 1);
  await running.run();
  const named = registrations.map(({ session, leases }) => [session, leases]);
  same(named, [
    [undefined, undefined],
    ["s1", []],
    ["s1", []],
  ]);
});

test("of more leases than slots, those that are ending are not named", LIMIT, async () => {
  const other = {
    execution: { ...(lease() as { execution: object }).execution, input: "long" },
    lease: "0198f1d2c3b4a5968778695a4b3c2d1f",
  };
  let begun = () => {};
  let finish = () => {};
  const begins = new Promise<void>((resolve) => (begun = resolve));
  const finishes = new Promise<void>((resolve) => (finish = resolve));
  let named: unknown;
  await using fake = await Fake.start(async (connection, n) => {
    const { leases } = await register(connection, n === 0 ? [] : [lease("work", other)]);
    if (n === 0) {
      connection.send(lease());
      await connection.next("complete");
      connection.send(lease("work", other));
      await begins;
      return connection.cut();
    }
    named = (leases as { lease: string }[]).map(({ lease }) => lease);
    const again = await connection.next("complete");
    connection.send({ op: "ack", id: again["id"], seq: 3 });
    finish();
    await serve(connection, running);
  });
  const running = runner(fake, async (ctx) => {
    if (ctx.input !== "long") return;
    begun();
    await finishes;
  });
  await running.run();
  same([named, fake.errors], [[other.lease], []]);
});

test("without a runner WebSocket it goes on over HTTP", LIMIT, async () => {
  const asked: string[] = [];
  await using fake = await Fake.start(undefined, (request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    response.setHeader("content-type", "application/json");
    if (path === "/v1/runner") {
      response.writeHead(404).end();
    } else if (path.endsWith("/claim") && asked.length === 2) {
      response.end(JSON.stringify({ leases: [lease()] }));
    } else if (path.endsWith("/complete")) {
      response.end(JSON.stringify({ seq: 3, cancel_requested: false }));
      running.drain();
    } else {
      setTimeout(() => response.writeHead(204).end(), 50);
    }
  });
  const running = runner(fake, () => "over HTTP");
  await running.run();
  ok(asked.some((path) => path.endsWith("/complete")));
});

test("a runner that the server refuses for good ends with its problem", LIMIT, async () => {
  await using fake = await Fake.start(async (connection) => {
    await connection.next("register");
    const errors = [{ pointer: "/queues/0", message: "no" }];
    connection.send({ op: "error", problem: problem(422, "invalid", errors) });
  });
  await rejects(
    runner(fake, () => 1).run(),
    (error) => error instanceof HeartlineError && error.errors[0]?.pointer === "/queues/0",
  );
});

test("another session of the same runner is waited out", LIMIT, async () => {
  let connections = 0;
  await using fake = await Fake.start(async (connection, n) => {
    connections = n + 1;
    if (n === 0) {
      await connection.next("register");
      connection.send({ op: "error", problem: problem(409, "runner_connected") });
      return connection.close(4409);
    }
    await register(connection);
    running.drain();
    await connection.next("drain");
    connection.close(1000);
  });
  const running = runner(fake, () => 1);
  await running.run();
  equal(connections, 2);
});

// ---- watchers ----------------------------------------------------------------------------------

function event(seq: number, prev = seq - 1): object {
  const event = { seq, prev, execution_id: "e", attempt: 1, time: "t", type: "RAW", data: {} };
  return { op: "event", event };
}

const subscribed = { op: "subscribed", execution: "e", head: 9, oldest: 1 };

async function seen(fake: Fake, after = 0): Promise<{ seqs: number[]; error: unknown }> {
  const seqs: number[] = [];
  const client = new Client({ server: fake.url });
  const watch = async () => {
    for await (const { seq } of client.watch("e", { after })) seqs.push(seq);
  };
  const error = await watch().then(
    () => undefined,
    (error: unknown) => error,
  );
  return { seqs, error };
}

test("a watcher resumes where it was, and knows a gap when it sees one", LIMIT, async () => {
  await using fake = await Fake.start((connection, n) => {
    connection.send(subscribed);
    connection.send({ op: "from_the_future" });
    if (n < 2) {
      for (const seq of [n * 2 + 1, n * 2 + 2]) connection.send(event(seq));
      connection.close(1001);
    } else {
      connection.send(event(7));
    }
  });
  const { seqs, error } = await seen(fake);
  same(seqs, [1, 2, 3, 4]);
  ok(error instanceof GapError && error.code === "gap", String(error));
});

test(
  "who is refused right after it subscribed waits ever longer, and as long as it is told",
  LIMIT,
  async () => {
    const began: number[] = [];
    await using fake = await Fake.start((connection, n) => {
      began.push(performance.now());
      connection.send(subscribed);
      const busy = problem(503, "busy");
      if (n < 5) connection.send({ op: "error", problem: busy });
      else if (n === 5) connection.send({ op: "error", problem: { ...busy, retry_after: 2 } });
      else connection.send({ op: "end", execution: "e", seq: 0, phase: "failed" });
    });
    same(await seen(fake), { seqs: [], error: undefined });
    const waits = began.slice(1).map((at, n) => at - (began[n] ?? 0));
    // The fifth is at least half of 1,600 ms; each from the beginning would be 100 ms at most.
    ok((waits[4] ?? 0) >= 800, String(waits));
    ok((waits[5] ?? 0) >= 2_000, String(waits));
  },
);

test("what is damaged in the store is not asked for again", LIMIT, async () => {
  await using fake = await Fake.start((connection) => {
    connection.send(subscribed);
    connection.send({ op: "error", problem: problem(500, "corrupt") });
  });
  const { error } = await seen(fake);
  ok(error instanceof HeartlineError && error.code === "corrupt", String(error));
});

test("a repeat is a gap too", LIMIT, async () => {
  await using fake = await Fake.start((connection) => {
    connection.send(subscribed);
    for (const seq of [1, 2, 2]) connection.send(event(seq));
  });
  const { seqs, error } = await seen(fake);
  same(seqs, [1, 2]);
  ok(error instanceof GapError);
});

test("another log than the one that was watched is told", LIMIT, async () => {
  await using fake = await Fake.start((connection) => {
    connection.send(subscribed);
    connection.send({ op: "reset", execution: "e", reason: "ahead_of_log", oldest: 1 });
  });
  const { error } = await seen(fake, 99);
  ok(error instanceof GapError && error.code === "reset" && error.oldest === 1, String(error));
});

test("a slow reader is caught up over another connection", LIMIT, async () => {
  const last = 400;
  const blob = "x".repeat(100_000);
  let connections = 0;
  let after = 0;
  await using fake = await Fake.start((connection) => {
    connections += 1;
    connection.send(subscribed);
    for (let seq = after + 1; seq <= last; seq += 1) {
      const frame = event(seq) as { event: Event };
      connection.send({ ...frame, event: { ...frame.event, data: { blob } } });
    }
    connection.send({ op: "end", execution: "e", seq: last, phase: "completed" });
  });
  const client = new Client({ server: fake.url });
  for await (const { seq } of client.watch("e")) {
    equal(seq, after + 1);
    after = seq;
    // Long enough for the rest to arrive: 40 MB, of which a fifth may wait here.
    if (seq % 50 === 1) await pause(200);
  }
  equal(after, last);
  ok(connections > 1, "it was closed and opened again");
});

test("leaving the iteration or aborting it ends the connection", LIMIT, async () => {
  let open = 0;
  await using fake = await Fake.start((connection) => {
    open += 1;
    connection.send(subscribed);
    connection.send(event(1));
    void connection.closed.then(() => (open -= 1));
  });
  const client = new Client({ server: fake.url });
  for await (const { seq } of client.watch("e")) {
    equal(seq, 1);
    break;
  }
  const stop = new AbortController();
  const watched = client.watch("e", { signal: stop.signal });
  await watched.next();
  const second = watched.next();
  stop.abort(new Error("enough"));
  await rejects(second, /enough/);
  while (open > 0) await pause(5);
});

test("requests are repeated where that does no harm, and only there", LIMIT, async () => {
  const asked: string[] = [];
  await using fake = await Fake.start(undefined, (request, response) => {
    const { method, url = "", headers } = request;
    asked.push(`${method} ${url} ${String(headers["idempotency-key"] ?? "")}`);
    if (asked.length % 2 === 1) {
      request.socket.destroy();
      return;
    }
    response.setHeader("content-type", "application/json").end(JSON.stringify({ execution: {} }));
  });
  const client = new Client({ server: fake.url });
  await client.create({ kind: "agent", name: "n" });
  const [first, second] = asked.splice(0);
  ok(first && first === second && /[0-9a-f]{32}$/.test(first), "the same key both times");
  await rejects(client.retry("e"), { code: "unreachable", status: 0 });
  equal(asked.length, 1);
});

test("a busy server is asked again after the time it names", LIMIT, async () => {
  let asked = 0;
  await using fake = await Fake.start(undefined, (_, response) => {
    asked += 1;
    response.setHeader("content-type", "application/problem+json");
    if (asked === 1) response.writeHead(503, { "retry-after": "1" });
    response.end(JSON.stringify(asked === 1 ? problem(503, "overloaded") : {}));
  });
  const began = Date.now();
  await new Client({ server: fake.url }).get("e");
  ok(Date.now() - began >= 990);
  const hasty = new Client({ server: fake.url, retryForMs: 0 });
  asked = 0;
  await rejects(hasty.get("e"), { status: 503, code: "overloaded", retryAfterMs: 1_000 });
});
