// What a runner does with handlers: outcomes, signals, questions, and what it never loses.

import { deepStrictEqual as same, equal, match, ok, rejects } from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import {
  CancelledError,
  ExecutionFailedError,
  HeartlineError,
  LeaseRevokedError,
  NonRetryableError,
  Runner,
  type Client,
  type Context,
} from "@heartline/client";

import { deltas, log, Running, transports, types, until } from "./running.js";
import { Server, withBinary } from "./server.js";

let server: Server;
let client: Client;

before(async () => {
  if (withBinary.skip) return;
  server = await Server.start();
  client = server.client();
});

after(async () => {
  await (server as Server | undefined)?.[Symbol.asyncDispose]();
});

type More = Partial<Parameters<Client["create"]>[0]>;

/** Creates an execution for the handler `work`. */
async function create(more: More = {}): Promise<string> {
  const body = { kind: "agent" as const, name: "work", queue: "test", ...more };
  return (await client.create(body)).execution.id;
}

/** A runner whose one handler is `work`. */
function at(work: (ctx: Context) => unknown, options: { transport?: "websocket" | "http" } = {}) {
  return new Running(client, (runner) => runner.handle("work", work), options);
}

for (const transport of transports) {
  const over = `over ${transport}`;

  test(`everything a handler says is in the log and the state, ${over}`, withBinary, async () => {
    await using _running = at(
      async (ctx) => {
        const thoughts = ctx.reasoning();
        await thoughts.write("hm");
        await thoughts.end();
        const message = ctx.message({ role: "assistant", name: "me" });
        // Half an emoji at the end of a token, as models send it.
        for (const token of ["a", "\ud83d", "\ude00", "\ud83d"]) await message.write(token);
        await message.end();
        equal(await ctx.toolCall("add", { a: 1, b: 2 }, ({ a, b }) => a + b), 3);
        await rejects(
          ctx.toolCall("fail", {}, () => Promise.reject(new Error("no such tool"))),
          /no such tool/,
        );
        const call = ctx.toolCall("ask", "x".repeat(300_000));
        await call.result({ found: [1] });
        await ctx.step("one", () => ctx.log("info", "in step one"));
        await ctx.todo("t", "tidy up", "in_progress");
        await ctx.task({ id: "k", name: "fetch", status: "completed", output: { n: 1 } });
        await ctx.artifact({ id: "f", name: "f.txt", mime_type: "text/plain", text: "hi" });
        await ctx.state.snapshot({ n: 1 });
        await ctx.state.patch([{ op: "replace", path: "/n", value: 2 }]);
        await ctx.emit("CUSTOM", { name: "mine", value: { half: "\ud83d" } });
        ctx.progress(0.1, "begun");
        ctx.progress(1, "done");
        return { input: ctx.input, attempt: ctx.attempt };
      },
      { transport },
    );
    const id = await create({ input: { text: "ä" } });
    same(await client.result(id), { input: { text: "ä" }, attempt: 1 });
    const { state, progress } = await client.get(id);
    const events = await log(client, id);
    equal(deltas(events).join(""), "a😀\ufffd");
    equal(progress?.fraction, 1, "the newest progress is never lost");
    same(state.agent_state, { n: 2 });
    same((state.custom["mine"] as { value: unknown }).value, { half: "\ufffd" });
    const calls = Object.values(state.tool_calls) as { name: string; status: string }[];
    same(
      calls.map(({ name, status }) => `${name} ${status}`),
      ["add done", "fail error", "ask done"],
    );
    for (const part of [state.todos["t"], state.tasks["k"], state.artifacts["f"]]) ok(part);
    ok(types(events).includes("REASONING_MESSAGE_CONTENT"));
    ok(types(events).includes("STEP_FINISHED"));
  });

  test(`a cancellation reaches the handler and is acknowledged, ${over}`, withBinary, async () => {
    let reason: unknown;
    await using _running = at(
      async (ctx) => {
        await pause(30_000, undefined, { signal: ctx.signal }).catch(() => undefined);
        reason = ctx.signal.reason;
        await ctx.log("info", "tidied up");
        return "not the output of a cancelled one";
      },
      { transport },
    );
    const id = await create({ timeouts: { heartbeat: "1500ms" } });
    await until(async () => (await client.get(id)).phase === "in_progress", "it runs");
    await client.cancel(id, { reason: "changed my mind", grace: "10s" });
    await rejects(client.result(id), (error) => {
      ok(error instanceof ExecutionFailedError);
      equal(error.execution.phase, "cancelled");
      equal(error.code, "cancel_requested");
      return true;
    });
    ok(reason instanceof CancelledError);
    equal(reason.detail, "changed my mind");
    match(reason.deadline ?? "", /^\d{4}-/);
    const order = types(await log(client, id)).filter((type) => type !== "CUSTOM");
    same(order.slice(2), [
      "execution.cancel_requested",
      "execution.cancel_delivered",
      "execution.cancel_acknowledged",
      "execution.cancelled",
    ]);
    ok(JSON.stringify(await log(client, id)).includes("tidied up"));
  });

  test(`a person's answer resolves the wait, ${over}`, withBinary, async () => {
    await using _running = at(
      async (ctx) => {
        const schema = { type: "object", required: ["approved"] };
        const answer = await ctx.wait<{ approved: boolean }>({ prompt: "Send it?", schema });
        await ctx.log("info", "thank you");
        // A second question, answered at once.
        return [answer, await ctx.wait({ prompt: "Sure?" })];
      },
      { transport },
    );
    const id = await create();
    await until(async () => (await client.get(id)).phase === "waiting", "it waits");
    await rejects(client.resume(id, { no: 1 }), { status: 422 });
    await client.resume(id, { approved: true });
    const prompt = async () => (await client.get(id)).waiting?.prompt;
    await until(async () => (await prompt()) === "Sure?", "it asks again");
    await client.resume(id, "yes");
    same(await client.result(id), [{ approved: true }, "yes"]);
  });

  test(`a refused question rejects, and the handler may go on, ${over}`, withBinary, async () => {
    await using _running = at(
      async (ctx) => {
        const schema = { type: "no such type" };
        await rejects(ctx.wait({ prompt: "?", schema }), { code: "invalid", status: 422 });
        return "went on";
      },
      { transport },
    );
    equal(await client.result(await create()), "went on");
  });

  test(
    `a wait without hold ends the attempt; the next has the answer, ${over}`,
    withBinary,
    async () => {
      await using running = at(
        async (ctx) => {
          if (ctx.attempt > 1) return ctx.answer;
          await ctx.state.snapshot({ page: 7 });
          return ctx.wait({ prompt: "Later?", hold: false });
        },
        { transport },
      );
      const id = await create();
      await until(async () => (await client.get(id)).phase === "waiting", "it waits");
      const runner = async () => (await client.runners()).find((r) => r.id === running.runner.id);
      same((await runner())?.leases, [], "nothing is held meanwhile");
      await client.resume(id, { later: "now" });
      same(await client.result(id), { later: "now" });
      equal((await client.get(id)).attempt, 2);
    },
  );

  test(`a failed attempt is retried with its checkpoint, ${over}`, withBinary, async () => {
    await using _running = at(
      async (ctx) => {
        if (ctx.attempt === 1) {
          equal(ctx.checkpoint, null);
          ctx.progress(0.25, "page 7", { page: 7 });
          await ctx.state.snapshot({ done: [1] });
          await ctx.state.patch([{ op: "add", path: "/done/-", value: 2 }]);
          throw Object.assign(new Error("model overloaded", { cause: new Error("503") }), {
            code: "model_overloaded",
          });
        }
        return ctx.checkpoint;
      },
      { transport },
    );
    const id = await create({ retry: { max_attempts: 2, initial_backoff: "10ms" } });
    same(await client.result(id), {
      attempt: 1,
      progress: { fraction: 0.25, message: "page 7", details: { page: 7 } },
      state: { done: [1, 2] },
    });
    const failed = (await log(client, id)).find(({ type }) => type === "execution.attempt_failed");
    const { error } = failed?.data as { error: Record<string, string> };
    equal(error["code"], "model_overloaded");
    equal(error["message"], "model overloaded");
    match(error["detail"] ?? "", /runner\.test[^]*caused by Error: 503/);
  });

  test(`what is not retryable is not retried, ${over}`, withBinary, async () => {
    await using _running = at(
      () => {
        throw new NonRetryableError("The key is wrong.", { code: "bad_key" });
      },
      { transport },
    );
    const id = await create({ retry: { max_attempts: 5, initial_backoff: "10ms" } });
    await rejects(client.result(id), { detail: "The key is wrong." });
    const { attempt, error } = await client.get(id);
    same([attempt, error?.code, error?.retryable], [1, "bad_key", false]);
  });

  test(`a superseded runner is told and writes nothing more, ${over}`, withBinary, async () => {
    let reason: unknown;
    let refused: unknown;
    await using _running = at(
      async (ctx) => {
        if (ctx.attempt > 1) return "second";
        await pause(30_000, undefined, { signal: ctx.signal }).catch(() => undefined);
        reason = ctx.signal.reason;
        refused = await ctx.log("info", "too late").catch((error: unknown) => error);
        return "first";
      },
      { transport },
    );
    // The attempt takes too long: its lease is taken away while the runner lives.
    const timeouts = { start_to_close: "300ms", heartbeat: "600ms" };
    const id = await create({ timeouts, retry: { max_attempts: 2, initial_backoff: "10ms" } });
    equal(await client.result(id), "second");
    await until(() => reason !== undefined, "the first handler is told");
    ok(reason instanceof LeaseRevokedError, String(reason));
    await until(() => refused !== undefined, "the write is refused");
    ok(refused instanceof LeaseRevokedError);
    ok(!JSON.stringify(await log(client, id)).includes("too late"));
  });

  test(`a handler that blocks does not stop heartbeats, ${over}`, withBinary, async () => {
    await using _running = at(
      (ctx) => {
        void ctx.log("info", "before");
        const end = Date.now() + 2_500;
        while (Date.now() < end);
        return "survived";
      },
      { transport },
    );
    const id = await create({ timeouts: { heartbeat: "1s" } });
    equal(await client.result(id), "survived");
    equal((await client.get(id)).attempt, 1);
    // What was said before it blocked was delivered while it blocked.
    const [, , said, completed] = await log(client, id);
    ok(Date.parse(completed?.time ?? "") - Date.parse(said?.time ?? "") > 2_000);
  });

  test(
    `what the server refuses fails the attempt and nothing else, ${over}`,
    withBinary,
    async () => {
      const cases: [string, (ctx: Context) => unknown][] = [
        // In the middle of good events, and nobody awaits it.
        ["invalid", (ctx) => void ctx.emit("NO_SUCH_TYPE", {})],
        ["invalid", (ctx) => ctx.state.patch([{ op: "remove", path: "/nothing" }])],
        ["event_too_large", (ctx) => void ctx.log("info", "x".repeat(300_000))],
        ["event_invalid", (ctx) => void ctx.emit("RAW", { event: 1n })],
        ["output_invalid", () => 1n],
        ["body_too_large", () => "x".repeat(2_000_000)],
      ];
      for (const [code, bad] of cases) {
        await using _running = at(
          async (ctx) => {
            void ctx.log("info", "good 1");
            const output: unknown = bad(ctx);
            void ctx.log("info", "good 2");
            return output;
          },
          { transport },
        );
        const id = await create();
        await rejects(client.result(id), ExecutionFailedError);
        const { error } = await client.get(id);
        equal(error?.code, code, JSON.stringify(error));
        ok(JSON.stringify(await log(client, id)).includes("good 1"), code);
      }
    },
  );

  test(
    `more events than fit are held back while the server is away, ${over}`,
    withBinary,
    async () => {
      await using own = await Server.start();
      const person = own.client();
      let said = 0;
      let gone = false;
      const work = async (ctx: Context) => {
        const message = ctx.message();
        for (; said < 400; said += 1) {
          if (said === 50) {
            await ctx.flush();
            await own.kill();
            gone = true;
          }
          await message.write(`${said} `);
        }
        await message.end();
      };
      await using _running = new Running(person, (runner) => runner.handle("work", work), {
        transport,
        outbox: { events: 100, bytes: 100_000 },
      });
      const { execution } = await person.create({ kind: "agent", name: "work", queue: "test" });
      await until(() => gone, "the server is away");
      await pause(500);
      const stuck = said;
      // One more stands in line.
      ok(stuck >= 145 && stuck <= 151, `it went on to ${stuck}`);
      await pause(300);
      equal(said, stuck);
      await own.launch();
      await person.result(execution.id);
      const expected = Array.from({ length: 400 }, (_, n) => `${n} `);
      same(deltas(await log(person, execution.id)), expected);
    },
  );

  test(`a drained runner finishes what it has, ${over}`, withBinary, async () => {
    const running = at(
      async () => {
        await pause(1_000);
        return "done";
      },
      { transport },
    );
    const id = await create();
    await until(async () => (await client.get(id)).phase === "in_progress", "it runs");
    running.runner.drain();
    await pause(500);
    const left = await create();
    await running.ended;
    equal((await client.get(id)).output, "done");
    equal((await client.get(left)).phase, "pending");
    await client.cancel(left);
  });

  test(
    `a stopped runner says so, and the attempt is tried again, ${over}`,
    withBinary,
    async () => {
      const stuck = () => new Promise(() => undefined);
      const running = at((ctx) => (ctx.attempt === 1 ? stuck() : "second"), { transport });
      const id = await create({ retry: { max_attempts: 2, initial_backoff: "500ms" } });
      await until(async () => (await client.get(id)).phase === "in_progress", "it runs");
      running.runner.stop();
      await running.ended;
      await using _next = at(() => "second", { transport });
      equal(await client.result(id), "second");
      const failed = (await log(client, id)).find(
        ({ type }) => type === "execution.attempt_failed",
      );
      match(JSON.stringify(failed?.data), /runner_stopped/);
    },
  );
}

test("names without a handler go to the default one, or fail", withBinary, async () => {
  {
    await using _running = new Running(client, (runner) =>
      runner.handle("other", () => 1).handleDefault((ctx) => ctx.execution.name),
    );
    equal(await client.result(await create()), "work");
  }
  await using _running = new Running(client, (runner) => runner.handle("other", () => 1));
  await rejects(client.result(await create()), { detail: /no handler for "work"/ });
});

test("events that nobody awaits are bounded", withBinary, async () => {
  await using own = await Server.start();
  const person = own.client();
  let gone = false;
  let thrown: unknown;
  await using _running = new Running(
    person,
    (runner) =>
      runner.handle("work", async (ctx) => {
        await own.kill();
        gone = true;
        const all = Array.from({ length: 2_000 }, (_, n) => ctx.log("info", `${n}`));
        thrown = await all.at(-1)?.catch((error: unknown) => error);
        return "not a success";
      }),
    { outbox: { events: 100 } },
  );
  const { execution } = await person.create({ kind: "agent", name: "work", queue: "test" });
  await until(() => gone && thrown !== undefined, "too much was said");
  equal((thrown as HeartlineError).code, "outbox_full");
  await own.launch();
  await rejects(person.result(execution.id), { code: "runner_error" });
  equal((await person.get(execution.id)).error?.code, "outbox_full");
});

test("a runner that the server refuses ends with the reason", withBinary, async () => {
  const invalid = { code: "invalid_options" };
  const bad = [{ queues: [] }, { queues: ["no spaces"] }, { queues: ["q"], slots: 0 }];
  for (const options of bad) ok(throws(() => new Runner(client, options), invalid.code));
  await rejects(new Runner(client, { queues: ["q"] }).run(), invalid);
});

function throws(call: () => unknown, code: string): boolean {
  try {
    call();
    return false;
  } catch (error) {
    return error instanceof HeartlineError && error.code === code;
  }
}
