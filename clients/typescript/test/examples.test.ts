// The examples and what the README says to copy and paste, run as their readers would.

import { deepStrictEqual as same, equal, match, ok } from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { log, until } from "./running.js";
import { root, Server, withBinary } from "./server.js";

/** A program with this server in its environment; killed at the end. */
class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stdout = "";
  stderr = "";

  constructor(server: Server, ...args: string[]) {
    const env = { ...process.env, HEARTLINE_SERVER: server.url };
    this.child = spawn("node", args, { cwd: root, env });
    this.child.stdout?.on("data", (data: Buffer) => (this.stdout += data.toString()));
    this.child.stderr?.on("data", (data: Buffer) => (this.stderr += data.toString()));
    this.ended = new Promise((resolve) => this.child.on("exit", resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

test("the agent thinks, calls its tool and streams its answer", withBinary, async () => {
  await using server = await Server.start();
  await using runner = new Program(server, "build/examples/agent.js");
  await using person = new Program(server, "build/examples/agent.js", "ask", "How warm is Oslo?");
  equal(await person.ended, 0, person.stderr);
  equal(person.stdout, "It is 8 °C in Oslo today 🌡️, so take a coat.\n");
  match(person.stderr, /calls weather/);
  const client = server.client();
  for await (const { id } of client.list()) {
    const { state, output } = await client.get(id);
    same(output, { answer: person.stdout.trimEnd() });
    equal(Object.keys(state.tool_calls).length, 1);
    ok((await log(client, id)).filter(({ type }) => type === "TEXT_MESSAGE_CONTENT").length > 5);
  }
  // A second Ctrl-C is not needed: it holds nothing.
  runner.child.kill("SIGINT");
  equal(await runner.ended, 0, runner.stderr);
});

test("the batch goes on at its checkpoint after a crash of its runner", withBinary, async () => {
  await using server = await Server.start({ HEARTLINE_SUPERVISION_RUNNER_GRACE: "200ms" });
  const client = server.client();
  await using first = new Program(server, "build/examples/batch.js");
  await using person = new Program(server, "build/examples/batch.js", "start", "300");
  let id = "";
  await until(async () => {
    for await (const execution of client.list()) id = execution.id;
    if (id === "") return false;
    const done = (await client.get(id)).state.agent_state as { next: number } | null;
    return (done?.next ?? 0) >= 100;
  }, "a third is done");
  first.child.kill("SIGKILL");
  await first.ended;
  await using _second = new Program(server, "build/examples/batch.js");
  equal(await person.ended, 0, person.stderr);
  same(JSON.parse(person.stdout), { next: 300, sum: (300 * 299) / 2, attempts: 2 });
  const begun = JSON.stringify(await log(client, id)).match(/attempt \d begins with row \d+/g);
  equal(begun?.[0], "attempt 1 begins with row 0");
  const row = Number(begun?.[1]?.split(" ").at(-1));
  ok(row >= 100 && row < 300 && row % 10 === 0, begun?.[1]);
});

test("the first signal lets it finish, the second stops it at once", withBinary, async () => {
  await using server = await Server.start();
  const client = server.client();
  await using runner = new Program(server, "build/examples/batch.js");
  const input = { rows: 1_000, rowMs: 100 };
  const { execution } = await client.create({ kind: "workflow", name: "import-rows", input });
  const { id } = execution;
  await until(async () => (await log(client, id)).length > 2, "it is at work");
  runner.child.kill("SIGTERM");
  const drained = async () => (await client.runners())[0]?.slots_free === 0;
  await until(drained, "it takes no more");
  equal((await client.get(id)).phase, "in_progress");
  runner.child.kill("SIGTERM");
  equal(await runner.ended, 0, runner.stderr);
  equal((await client.get(id)).error?.code, "runner_stopped");
});

test("what the README says to copy and paste works", withBinary, async () => {
  await using server = await Server.start();
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/```js\n\/\/ (\S+\.mjs)\n[^]*?```/g)];
  same(
    blocks.map(([, name]) => name),
    ["runner.mjs", "ask.mjs"],
  );
  for (const [block, name] of blocks) {
    writeFileSync(join(root, "build", name ?? ""), block.slice("```js\n".length, -"```".length));
  }
  await using _runner = new Program(server, "build/runner.mjs");
  await using ask = new Program(server, "build/ask.mjs");
  equal(await ask.ended, 0, ask.stderr);
  match(ask.stdout, /hello from the runner/i);
});
