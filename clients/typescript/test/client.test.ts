// The person's side against the real server: calls, pages, problems, watching and live lists.

import { deepStrictEqual as same, equal, match, ok, rejects } from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import {
  Client,
  ExecutionFailedError,
  HeartlineError,
  type Event,
  type ListChange,
} from "@heartline/client";

import { log, Running, until } from "./running.js";
import { binary, root, Server, withBinary } from "./server.js";

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

test("the generated types are what this server says", withBinary, async () => {
  const env = { ...process.env, HEARTLINE_BIN: binary };
  await promisify(execFile)("node", ["scripts/generate.mjs", "--check"], { cwd: root, env });
});

test("an execution is created once, found, explained and cancelled", withBinary, async () => {
  const body = { kind: "agent" as const, name: "once", queue: "idle", labels: { team: "x" } };
  const created = await client.create(body, { key: "k1" });
  equal(created.dispatch.verdict, "no_runner_ever");
  const { id } = created.execution;
  equal((await client.create(body, { key: "k1" })).execution.id, id);
  await rejects(client.create({ ...body, name: "other" }, { key: "k1" }), {
    status: 422,
    code: "idempotency_key_reused",
  });
  ok((await client.create(body)).execution.id !== id, "without a key, each is its own");
  equal((await client.get(id)).state.agent_state, null);
  match((await client.explain(id)).summary, /runner/i);
  const updated = await client.update(id, { priority: 7 }, { seq: 1 });
  equal(updated.priority, 7);
  await rejects(client.update(id, { priority: 8 }, { seq: 1 }), { status: 412 });
  await client.cancel(id, { reason: "enough" });
  await rejects(client.result(id), ExecutionFailedError);
  const again = await client.retry(id);
  equal(again.execution.retry_of, id);
  await client.purge(id);
  await rejects(client.get(id), { status: 404, code: "execution_not_found" });
  ok((await client.supervisor()).version);
  ok((await client.queues()).some(({ queue }) => queue === "idle"));
});

test("bad input comes back with the fields that are wrong", withBinary, async () => {
  const bad = { kind: "agent" as const, name: "", timeouts: { heartbeat: "1 parsec" } };
  await rejects(client.create(bad), (error) => {
    ok(error instanceof HeartlineError);
    ok([400, 422].includes(error.status), String(error.status));
    ok(error.errors.length > 0 && error.requestId, JSON.stringify(error.parts()));
    return true;
  });
  await rejects(client.get("nonsense"), HeartlineError);
  await rejects(client.get(""), { code: "invalid_id" });
  await rejects(client.get("../../livez"), HeartlineError);
  await rejects(client.resume("aex_01981f000000700080000000000000ab"), { status: 404 });
  await rejects(client.watch("aex_01981f000000700080000000000000ab").next(), { status: 404 });
  await rejects(client.watchList({ label: "no colon" }).next(), { code: "invalid" });
  for (const address of ["nonsense", "ftp://x"]) {
    await rejects(async () => new Client({ server: address }), { code: "invalid_server" });
  }
  const away = new Client({ server: "http://127.0.0.1:1", retryForMs: 200 });
  await rejects(away.get("aex_1"), { code: "unreachable" });
});

test("a list comes page by page, newest first", withBinary, async () => {
  const ids: string[] = [];
  for (let n = 0; n < 7; n += 1) {
    ids.unshift((await client.create({ kind: "workflow", name: "paged" })).execution.id);
  }
  const found: string[] = [];
  for await (const { id } of client.list({ name: "paged" }, { pageSize: 3 })) found.push(id);
  same(found, ids);
  for await (const { id } of client.list({ name: "paged" }, { pageSize: 2 })) {
    equal(id, ids[0]);
    break;
  }
  const first = ids.at(-1)!;
  await client.cancel(first);
  const again = (await client.retry(first)).execution.id;
  const tried: string[] = [];
  for await (const { id } of client.list({ retry_of: first })) tried.push(id);
  same(tried, [again]);
});

test("every view can be watched from every seq", withBinary, async () => {
  await using _running = new Running(client, (runner) =>
    runner.handle("viewed", async (ctx) => {
      const message = ctx.message();
      for (let n = 0; n < 5; n += 1) await message.write(`${n}`);
      await message.end();
    }),
  );
  const { execution } = await client.create({ kind: "agent", name: "viewed", queue: "test" });
  const { id } = execution;
  await client.result(id);
  const whole = await log(client, id);
  for (const view of ["full", "status", "agui"] as const) {
    for (let after = 0; after <= whole.length; after += 1) {
      const seen: Event[] = [];
      for await (const event of client.watch(id, { after, view })) seen.push(event);
      const page = await client.events(id, { after, view, limit: 1_000 });
      same(seen, page.events, `${view} after ${after}`);
    }
  }
  await rejects(client.watch(id, { after: 10_000 }).next(), { code: "reset", oldest: 1 });
});

test(
  "a live list shows what enters, changes and leaves, over a restart too",
  withBinary,
  async () => {
    await using own = await Server.start();
    const person = own.client();
    const body = { kind: "agent" as const, name: "listed", queue: "test" };
    const before = (await person.create(body)).execution.id;
    const stop = new AbortController();
    const changes: ListChange[] = [];
    const statuses: string[] = [];
    const list = async () => {
      const options = {
        signal: stop.signal,
        onStatus: ({ state }: { state: string }) => statuses.push(state),
      };
      for await (const change of person.watchList({ phase: "pending" }, options))
        changes.push(change);
    };
    const listing = list();
    const shows = (op: string, id?: string) =>
      until(
        () => changes.some((c) => c.op === op && (!id || ("execution" in c && c.execution === id))),
        `${op} ${id ?? ""}`,
      );
    await shows("listed");
    same(
      changes.map(({ op }) => op),
      ["enter", "listed"],
    );
    const later = (await person.create(body)).execution.id;
    await shows("enter", later);
    await person.update(later, { priority: 3 });
    await shows("change", later);
    await person.cancel(before);
    await shows("leave", before);
    changes.length = 0;
    await own.kill();
    await own.launch();
    await shows("listed");
    same(
      changes.map((c) => ("execution" in c ? `${c.op} ${c.execution}` : c.op)),
      ["reset", `enter ${later}`, "listed"],
    );
    ok(statuses.includes("disconnected") && statuses.at(-1) === "live", statuses.join());
    stop.abort();
    await rejects(listing, { name: "AbortError" });
  },
);

test("a watcher follows a server that stops in peace and comes back", withBinary, async () => {
  await using own = await Server.start();
  const person = own.client();
  const { execution } = await person.create({ kind: "agent", name: "n", queue: "test" });
  const seen: number[] = [];
  const watch = async () => {
    for await (const { seq } of person.watch(execution.id)) seen.push(seq);
  };
  const over = watch();
  await until(() => seen.length === 1, "the first event");
  await own.terminate();
  await own.launch();
  await person.cancel(execution.id);
  await over;
  same(seen, [1, 2, 3]);
});
