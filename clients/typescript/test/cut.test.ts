// The connection breaks while a lease is on its way: the runner never hears of it, the server has
// sent it. The runner's return gives it back, and it is granted anew at once.

import { deepStrictEqual as same, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import {
  connect,
  createServer,
  type AddressInfo,
  type Server as Listener,
  type Socket,
} from "node:net";
import { test } from "node:test";

import { Client } from "@heartline/client";

import { log, Running, types, until } from "./running.js";
import { Server, withBinary } from "./server.js";

const LEASE = '"op":"lease"';
/** Far less than the heartbeat timeout, far more than the return takes. */
const WITHIN_MS = 5_000;

/** Passes everything on, except for one lease: instead of it, the connection is cut. */
class Proxy {
  /** The next lease is the one. */
  armed = false;
  readonly #listener: Listener;
  readonly #ends = new Set<Socket>();

  private constructor(target: URL) {
    this.#listener = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      const cut = () => {
        near.destroy();
        far.destroy();
      };
      near.on("data", (chunk) => far.write(chunk));
      far.on("data", (chunk) => {
        if (this.armed && chunk.includes(LEASE)) {
          this.armed = false;
          cut();
        } else {
          near.write(chunk);
        }
      });
      for (const end of [near, far]) {
        this.#ends.add(end);
        end.on("error", cut).on("close", () => {
          this.#ends.delete(end);
          cut();
        });
      }
    });
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(new URL(target));
    proxy.#listener.listen(0, "127.0.0.1");
    await once(proxy.#listener, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) end.destroy();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}

for (const busy of [false, true]) {
  const kind = busy ? "that is at work" : "without work";

  test(`a lease that was cut off comes again to a runner ${kind}`, withBinary, async () => {
    await using server = await Server.start();
    const client = server.client();
    await using proxy = await Proxy.start(server.url);
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    let working = false;
    await using running = new Running(new Client({ server: proxy.url }), (runner) => {
      runner.handle("long", () => {
        working = true;
        return released;
      });
      runner.handle("work", (ctx) => ctx.attempt);
    });
    const create = async (name: string) => {
      const timeouts = { heartbeat: "60s" };
      const body = { kind: "agent" as const, name, queue: "test", timeouts };
      // An attempt that failed would be the end of it.
      return (await client.create({ ...body, retry: { max_attempts: 1 } })).execution.id;
    };
    const connected = () => running.statuses.some(({ state }) => state === "connected");
    await until(connected, "the runner is connected");
    const before = busy ? await create("long") : undefined;
    if (before) await until(() => working, "it is at work");

    proxy.armed = true;
    const id = await create("work");
    await until(() => !proxy.armed, "the lease is cut off");
    await until(async () => (await client.get(id)).phase === "completed", "it is done", WITHIN_MS);
    const events = await log(client, id);
    ok(!types(events).includes("execution.attempt_failed"), types(events).join());
    const started = events.filter(({ type }) => type === "execution.started");
    same(
      started.map(({ data }) => (data as { runner: { id: string } }).runner.id),
      [running.runner.id, running.runner.id],
    );
    equal((await client.get(id)).output, 2, "the handler saw the second grant alone");
    if (before) {
      release();
      await client.result(before);
      equal((await client.get(before)).attempt, 1, "what was at work went on");
    }
  });
}
