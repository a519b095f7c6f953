// The client in a real browser: creates, watches over a crash of the server, follows a list, and
// shows a ticket where it has a token. Skipped where there is no Chromium.

import { deepStrictEqual as same, equal, ok } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { test } from "node:test";

import type * as heartline from "@heartline/client";
import { chromium, type Page } from "playwright-core";

import { Fake } from "./fake.js";
import { log, Running, until } from "./running.js";
import { root, Server, withBinary } from "./server.js";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const missing = `there is no ${executablePath}: install it, or set CHROMIUM`;
const withBrowser = existsSync(executablePath) ? withBinary : { skip: missing };

const FLAGS = [
  // Chromium refuses to run as root with its sandbox.
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

const PAGE = `<!doctype html><title>test</title>
<script type="importmap">
  {"imports": {"@heartline/client": "/dist/browser.js", "#websocket": "/dist/websocket-browser.js"}}
</script>
<script type="module">
  import * as heartline from "@heartline/client";
  Object.assign(window, { heartline });
</script>`;

declare global {
  interface Window {
    heartline: typeof heartline;
    seen: heartline.Event[];
    changes: heartline.ListChange[];
    over: string | undefined;
  }
}

const protocols: unknown[] = [];

/** Serves the page, what was built, and tickets. */
function site(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? "";
  if (path === "/v1/tickets") {
    protocols.push(request.headers.authorization);
    response.end(JSON.stringify({ ticket: "t1" }));
  } else if (path.startsWith("/dist/") && !path.includes("..")) {
    response.setHeader("content-type", "text/javascript").end(readFileSync(join(root, path)));
  } else {
    response.setHeader("content-type", "text/html").end(PAGE);
  }
}

async function watches(page: Page, server: Server): Promise<void> {
  const client = server.client();
  await using _running = new Running(client, (runner) =>
    runner.handle("work", async (ctx) => {
      const message = ctx.message();
      for (let n = 0; n < 20; n += 1) {
        await message.write(`${n}`);
        // In the middle, wait until the server has been killed and is back.
        if (n === 10) await ctx.flush().then(() => crashed);
      }
    }),
  );
  let back = () => {};
  const crashed = new Promise<void>((resolve) => (back = resolve));
  const id = await page.evaluate(async (server) => {
    const client = new window.heartline.Client({ server });
    const body = { kind: "agent" as const, name: "work", queue: "test" };
    const { execution } = await client.create(body);
    window.seen = [];
    window.changes = [];
    const watch = async () => {
      for await (const event of client.watch(execution.id)) window.seen.push(event);
      window.over = JSON.stringify(await client.get(execution.id).then(({ phase }) => phase));
    };
    const list = async () => {
      for await (const change of client.watchList({ queue: "test" })) window.changes.push(change);
    };
    watch().catch((error: unknown) => (window.over = String(error)));
    void list();
    return execution.id;
  }, server.url);
  await until(async () => (await page.evaluate(() => window.seen.length)) >= 10, "half of it");
  await server.kill();
  await server.launch();
  back();
  await page.waitForFunction(() => window.over !== undefined);
  equal(await page.evaluate(() => window.over), '"completed"');
  same(await page.evaluate(() => window.seen), await log(client, id));
  await page.waitForFunction(() => window.changes.filter(({ op }) => op === "listed").length === 2);
  ok(await page.evaluate(() => window.changes.some(({ op }) => op === "reset")));
}

test("the client works in a browser", withBrowser, async () => {
  await using fake = await Fake.start((connection) => {
    protocols.push(connection.protocol);
    connection.send({ op: "subscribed", execution: "e", head: 0, oldest: 1 });
    connection.send({ op: "end", execution: "e", seq: 0, phase: "completed" });
  }, site);
  await using server = await Server.start({ HEARTLINE_SERVER_ALLOWED_ORIGINS: fake.url });
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(fake.url);
    await page.waitForFunction(() => "heartline" in window);
    ok(await page.evaluate(() => !("Runner" in window.heartline)));
    await watches(page, server);
    await page.evaluate(async () => {
      // The server of the page, with a token.
      for await (const event of new window.heartline.Client({ token: "secret" }).watch("e")) {
        throw new Error(`there is no event, but there came ${event.seq}`);
      }
    });
    same(protocols, ["Bearer secret", "heartline.v1.json,heartline.ticket.t1"]);
  } finally {
    await browser.close();
  }
});
