// A server that is killed and started again under open pages: they say so, and go on without a gap.

import assert from "node:assert/strict";

import { rowOf, scenario, sees, until } from "./harness.mjs";
import { begins, ends, log, says } from "./server.mjs";

/** The pages may wait so long between two tries to connect. */
const BACK_MS = 15_000;

/** Every line of the list of logs, from its top to its end, as it stands in the page. */
async function allLines(page) {
  return page.getByRole("region", { name: "Log lines" }).evaluate(async (scroller) => {
    const lines = new Map();
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const note = () => {
      for (const place of scroller.querySelectorAll("[data-index]")) {
        const text = place.querySelector(".x-log-text")?.textContent ?? "";
        const seen = lines.get(Number(place.dataset.index));
        if (seen !== undefined && seen !== text) throw new Error(`two lines at one place: ${seen}, ${text}`);
        lines.set(Number(place.dataset.index), text);
      }
    };
    for (let top = 0; ; top += scroller.clientHeight / 2) {
      scroller.scrollTop = top;
      await drawn();
      note();
      if (scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 1) break;
    }
    return [...lines].sort(([a], [b]) => a - b).map(([, text]) => text);
  });
}

scenario("a server that is killed and comes back leaves no gap in what open pages show", async ({ open, server, expect }) => {
  expect(/console: WebSocket connection to .* failed/);
  const lease = await server.begin({ name: "long job" });
  await lease.post(begins("m1"));
  const list = await open("/");
  const talk = await open(lease.page);
  const logs = await open(`${lease.page}?tab=logs`);
  const pages = [list, talk, logs];

  let posted = 0;
  const post = async (count) => {
    const events = Array.from({ length: count }, () => {
      posted += 1;
      return [log(`line ${posted}`), says("m1", `${posted} `)];
    });
    await lease.post(...events.flat());
  };
  const last = () => sees(logs, new RegExp(`^line ${posted}$`), BACK_MS);
  for (let batch = 0; batch < 5; batch += 1) await post(20);
  await last();
  await sees(rowOf(list, lease), "In progress");
  // From here on everything comes over the one socket; what time it is there each connection asks once.
  const asked = [];
  const clocks = [];
  for (const page of [list, talk]) page.on("request", (request) => (request.url().endsWith("/livez") ? clocks : asked).push(request.url()));
  const sockets = [];
  for (const page of pages) page.on("websocket", (socket) => sockets.push(socket.url()));

  // What was acknowledged at the last moment counts, whether a page had it yet or not.
  await post(20);
  await server.kill();
  for (const page of pages) await sees(page, "Reconnecting to the server.");
  for (const page of pages) await page.locator(".live-dot", { hasText: "Reconnecting" }).waitFor();
  await server.start();
  await post(20);
  const newer = await server.create({ name: "made meanwhile" });
  for (let batch = 0; batch < 5; batch += 1) await post(20);

  for (const page of pages) {
    await page.getByText("Reconnecting to the server.").waitFor({ state: "detached", timeout: BACK_MS });
    await page.locator(".live-dot", { hasText: "Live" }).waitFor();
  }
  await last();
  const numbers = Array.from({ length: posted }, (_, at) => at + 1);
  const lines = (await allLines(logs)).filter((text) => text.startsWith("line "));
  assert.deepEqual(lines, numbers.map((number) => `line ${number}`));
  await until(talk, "every word once and in order", (text) => document.querySelector("main article .x-words")?.textContent === text, `${numbers.join(" ")} `);
  await sees(rowOf(list, newer), "Pending");

  await lease.post(ends("m1"));
  await lease.complete({ lines: posted });
  await sees(rowOf(list, lease), "Completed");
  for (const page of [talk, logs]) await sees(page, "Completed");
  assert.deepEqual(asked, [], "nothing is polled");
  assert.ok(clocks.length <= 2, "a connection asks once what time it is");
  assert.deepEqual([...new Set(sockets)], [`${server.pages.replace("http", "ws")}/v1/ws`]);
  assert.deepEqual(pages.map((page) => page.loads), [1, 1, 1], "nothing was loaded anew");
});

scenario("a page that is opened while the server is away says so, and fills itself once it is back", async ({ open, server, expect }) => {
  expect(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/);
  const lease = await server.begin({ name: "long job" });
  const page = await open("/");
  await sees(rowOf(page, lease), "In progress");
  // The page's parts are there already, as they are for who comes from the list.
  await page.goto(server.pages + lease.page);
  await sees(page, "In progress");
  await page.getByRole("link", { name: "Back to all executions" }).click();
  await rowOf(page, lease).waitFor();
  await server.kill();
  await sees(page, "Reconnecting to the server.");
  await rowOf(page, lease).getByRole("link").click();
  await sees(page, "Reconnecting to the server.");
  await server.start();
  await page.getByRole("heading", { level: 1, name: "long job" }).waitFor({ timeout: BACK_MS });
  await sees(page, "In progress");
});

scenario("a page whose code cannot be loaded says so, leaves the rest alone, and is there once the server is back", async ({ open, server, expect }) => {
  expect(/console: WebSocket connection to .* failed/, /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_INTERNET_DISCONNECTED/, /console: NotLoaded/);
  const lease = await server.begin({ name: "long job" });
  const page = await open("/");
  await rowOf(page, lease).waitFor();
  await server.kill();
  await page.context().setOffline(true);
  await page.keyboard.press("?");
  await sees(page, "This part of the page could not be loaded");
  await rowOf(page, lease).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("q");
  await sees(page.getByRole("main"), "this is tried again by itself");
  await server.start();
  await page.context().setOffline(false);
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor({ timeout: BACK_MS });
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { level: 1, name: "Queues" }).waitFor();
  assert.equal(page.loads, 1, "nothing was loaded anew");
});
