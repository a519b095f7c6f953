// The server is killed five times while a runner is at work and watchers look on. Afterwards every
// log holds every token once and in order, and every watcher saw exactly that log.

import { deepStrictEqual as same, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import type { Client, Event } from "@heartline/client";

import { deltas, log, Running, transports, until } from "./running.js";
import { Server, withBinary } from "./server.js";

const EXECUTIONS = 20;
const TOKENS = 150;
const KILLS = 5;

interface Watched {
  id: string;
  seen: Event[];
  over: Promise<void>;
}

async function createWatched(client: Client): Promise<Watched> {
  const { execution } = await client.create({
    kind: "agent",
    name: "stream",
    queue: "test",
    // A lease that the server granted and could not tell of before it died costs an attempt, and
    // over HTTP the time until its silence is noticed.
    timeouts: { heartbeat: "6s" },
    retry: { max_attempts: 10, initial_backoff: "10ms" },
  });
  const seen: Event[] = [];
  const watch = async () => {
    for await (const event of client.watch(execution.id)) seen.push(event);
  };
  return { id: execution.id, seen, over: watch() };
}

for (const transport of transports) {
  test(`nothing is lost, nothing comes twice, over ${transport}`, withBinary, async () => {
    await using server = await Server.start();
    const client = server.client({ retryForMs: 60_000 });
    await using running = new Running(
      client,
      (runner) =>
        runner.handle("stream", async (ctx) => {
          const message = ctx.message();
          for (let token = 0; token < TOKENS; token += 1) {
            await message.write(`${token} `);
            await pause(10 + Math.random() * 20);
          }
          await message.end();
          return { tokens: TOKENS };
        }),
      { slots: 10, transport },
    );
    const watched = await Promise.all(
      Array.from({ length: EXECUTIONS }, () => createWatched(client)),
    );
    const events = () => watched.reduce((sum, { seen }) => sum + seen.length, 0);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const share = (EXECUTIONS * TOKENS * kill) / (KILLS + 1);
      await until(() => events() >= share, `${share} events seen`);
      await pause(Math.random() * 200);
      await server.kill();
      await pause(Math.random() * 500);
      await server.launch();
    }
    await Promise.all(watched.map(({ over }) => over));

    const expected = Array.from({ length: TOKENS }, (_, token) => `${token} `);
    for (const { id, seen } of watched) {
      const execution = await client.get(id);
      equal(execution.phase, "completed", JSON.stringify(execution.error));
      same(execution.output, { tokens: TOKENS });
      same(deltas(seen), expected, `the tokens of ${id}`);
      same(seen, await log(client, id), `what the watcher of ${id} saw`);
      seen.forEach(({ seq, prev }, index) => same([seq, prev], [index + 1, index]));
    }
    const lost = running.statuses.filter(({ state }) => state === "disconnected");
    ok(lost.length >= KILLS, `the runner noticed ${lost.length} of ${KILLS} kills`);
  });
}
