// A real browser against the real server: its own EventSource and WebSocket, in the server's page.

import { deepStrictEqual as same, ok } from "node:assert";

import { chromium } from "playwright-core";

import { BOUND_MS, bounded, withServer } from "./server.mjs";

const FLAGS = [
  // Chromium refuses to run as root with its sandbox.
  ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const say = (delta) => ({ type: "TEXT_MESSAGE_CONTENT", data: { messageId: "m", delta } });

/** In the page: follows a stream and keeps what it brings. */
function follow(path) {
  const seen = { events: [], ends: [], others: [], ids: [] };
  const source = new EventSource(path);
  Object.assign(window, { seen, source });
  source.onmessage = ({ data, lastEventId }) => {
    seen.events.push(JSON.parse(data));
    seen.ids.push(Number(lastEventId));
  };
  source.addEventListener("end", ({ data }) => seen.ends.push(JSON.parse(data)));
  for (const name of ["snapshot", "reset"]) {
    source.addEventListener(name, () => seen.others.push(name));
  }
}

/** In the page: opens a socket and keeps what it brings. */
function socket(path, protocols) {
  const seen = { frames: [], closed: null };
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + path, protocols);
  Object.assign(window, { seen, socket });
  socket.onmessage = ({ data }) => seen.frames.push(JSON.parse(data));
  socket.onclose = ({ code, wasClean }) => (seen.closed = { code, wasClean });
}

const until = (page, what, argument) =>
  page.waitForFunction(what, argument, { timeout: BOUND_MS, polling: 20 });
const seen = (page) => page.evaluate(() => window.seen);
const untilEvents = (page, count) => until(page, (n) => window.seen.events.length >= n, count);
const untilFrame = (page, op) => until(page, (op) => window.seen.frames.some((f) => f.op === op), op);

/** What the browser asked of the event stream, and was answered. */
function requests(page) {
  const all = [];
  page.on("response", (response) => {
    if (!response.url().includes("/events")) return;
    const request = response.request();
    const asked = request.allHeaders().then((headers) => headers["last-event-id"]);
    all.push(asked.then((last) => ({ status: response.status(), last })));
  });
  return async () => Promise.all(all);
}

async function log(server, id) {
  const { events } = await server.get(`/v1/executions/${id}/events?limit=1000`);
  return events;
}

async function streamToItsEnd(page, server) {
  const asked = requests(page);
  const id = await server.create();
  await page.evaluate(follow, `/v1/executions/${id}/events`);
  await untilEvents(page, 1);
  const run = await server.claim();
  for (let n = 0; n < 20; n += 1) await run.events(say(`${n}`), say("ä\n\u{1f600}"));
  await run.call("complete", { output: 1 });
  // It closes by itself: the reconnect is answered with 204.
  await until(page, () => window.source.readyState === EventSource.CLOSED);
  const { events, ends, others, ids } = await seen(page);
  same(events, await log(server, id));
  same(ids, events.map(({ seq }) => seq));
  same(ends, [{ execution: id, seq: events.length, phase: "completed" }]);
  same(others, []);
  const answers = await asked();
  same(answers, [{ status: 200, last: undefined }, { status: 204, last: `${events.length}` }]);
  console.log(`EventSource: ${events.length} events, end, 204, closed`);
}

async function streamAcrossACrash(page, server) {
  const asked = requests(page);
  const id = await server.create();
  await page.evaluate(follow, `/v1/executions/${id}/events`);
  let run = await server.claim();
  for (let n = 0; n < 10; n += 1) await run.events(say(`before ${n}`));
  await untilEvents(page, 12);
  await server.crash();
  // The lease outlives the crash.
  for (let n = 0; n < 10; n += 1) await run.events(say(`after ${n}`));
  await untilEvents(page, 22);
  await run.call("complete");
  await until(page, () => window.source.readyState === EventSource.CLOSED);
  const { events, ends, others } = await seen(page);
  same(events, await log(server, id), "nothing is lost, repeated or out of order");
  same([ends.length, others], [1, []]);
  const answers = (await asked()).map(({ status, last }) => `${status} after ${last ?? "nothing"}`);
  same(answers.slice(-2), ["200 after 12", `204 after ${events.length}`]);
  console.log(`EventSource over SIGKILL: ${answers.join(", ")}`);
}

async function socketOfMany(page, server) {
  const ids = [await server.create({ queue: "one" }), await server.create({ queue: "two" })];
  const runs = [await server.claim("one"), await server.claim("two")];
  await runs[0].events(say("in the snapshot"));
  await page.evaluate(() => window.openSocket("/v1/ws", ["heartline.v1.json"]));
  await untilFrame(page, "hello");
  same(await page.evaluate(() => window.socket.protocol), "heartline.v1.json");
  const send = (frame) => page.evaluate((frame) => window.socket.send(frame), JSON.stringify(frame));
  await send({ op: "ping", t: "ä" });
  await send({ op: "subscribe", id: 1, execution: ids[0], snapshot: true });
  await send({ op: "subscribe", id: 2, execution: ids[1], view: "agui" });
  await untilFrame(page, "snapshot");
  for (const run of runs) {
    await run.events(say("live"));
    await run.call("complete");
  }
  await until(page, () => window.seen.frames.filter(({ op }) => op === "end").length === 2);
  await send({ op: "nonsense", id: 3 });
  await untilFrame(page, "error");
  const { frames, closed } = await seen(page);
  const of = (id) => frames.filter(({ op, event }) => op === "event" && event.execution_id === id);
  const [snapshot] = frames.filter(({ op }) => op === "snapshot");
  same(of(ids[0]).map(({ event }) => event), (await log(server, ids[0])).slice(snapshot.seq));
  // What the runner left out, AG-UI's view begins and ends.
  const whole = ["RUN_STARTED", "TEXT_MESSAGE_START", say("").type, "TEXT_MESSAGE_END", "RUN_FINISHED"];
  same(of(ids[1]).map(({ event }) => event.type), whole);
  same(frames.filter(({ op }) => op === "pong"), [{ op: "pong", t: "ä" }]);
  same(closed, null);
  await page.evaluate(() => window.socket.close(4321, "done"));
  await until(page, () => window.seen.closed);
  same((await seen(page)).closed, { code: 4321, wasClean: true });
  console.log(`WebSocket: ${frames.length} frames of two subscriptions, closed cleanly`);
}

async function socketOfOne(page, server) {
  const id = await server.create();
  const path = `/v1/ws?execution=${id}`;
  await page.evaluate((path) => window.openSocket(path, ["heartline.v1.json"]), path);
  await untilFrame(page, "subscribed");
  const run = await server.claim();
  await run.events(say("live"));
  await run.call("complete");
  await until(page, () => window.seen.closed);
  const { frames, closed } = await seen(page);
  same(closed, { code: 1000, wasClean: true });
  const events = frames.filter(({ op }) => op === "event").map(({ event }) => event);
  same(events, await log(server, id));
  same(frames.at(-1).op, "end");
  console.log("WebSocket of one execution: closed with 1000 after its end");
}

/** A page of another origin gets neither. */
async function strangers(page, server) {
  const id = await server.create();
  await page.goto("data:text/html,<title>elsewhere</title>");
  const [stream, socket] = await page.evaluate(async ([address, id]) => {
    const failed = (target) =>
      new Promise((resolve) => {
        target.onerror = () => resolve(true);
        target.onopen = () => resolve(false);
      });
    return Promise.all([
      failed(new EventSource(`http://${address}/v1/executions/${id}/events`)),
      failed(new WebSocket(`ws://${address}/v1/ws`, "heartline.v1.json")),
    ]);
  }, [server.address, id]);
  ok(stream && socket, "a foreign origin was let in");
  console.log("Another origin: refused");
}

async function goingAway(page, server) {
  await page.evaluate(() => window.openSocket("/v1/ws", ["heartline.v1.json"]));
  await untilFrame(page, "hello");
  server.child.kill("SIGTERM");
  await until(page, () => window.seen.closed);
  same((await seen(page)).closed, { code: 1001, wasClean: true });
  await bounded(server.exited, "the server's end");
  console.log("WebSocket at the server's end: closed with 1001");
}

await withServer({}, async (server) => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    console.log(`Chromium ${browser.version()}`);
    // The last one ends the server.
    const checks = [
      streamToItsEnd, streamAcrossACrash, socketOfMany, socketOfOne, strangers, goingAway,
    ];
    for (const check of checks) {
      // The server's own page has no scripts, and its policy lets none connect.
      const page = await browser.newPage({ bypassCSP: true });
      await page.addInitScript(`window.openSocket = ${socket};`);
      await page.goto(server.url);
      await check(page, server);
      await page.close();
    }
    console.log("browser: all passed");
  } finally {
    await browser.close();
  }
});
