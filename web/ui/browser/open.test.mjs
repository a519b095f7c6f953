// An execution of twenty thousand events opens in under a second.

import assert from "node:assert/strict";

import { scenario, sees } from "./harness.mjs";
import { begins, ends, log, message, says, toolCall } from "./server.mjs";

const EVENTS = 20_000;
const BATCH = 1_000;
const WARM = 3;
const LIMIT_MS = 1_000;

/** Messages of many words, tool calls and lines, as a busy agent posts them; the last of each is known. */
function work() {
  const events = [];
  for (let turn = 1; events.length < EVENTS - 200; turn += 1) {
    events.push(begins(`m${turn}`));
    for (let word = 0; word < 60; word += 1) events.push(says(`m${turn}`, word % 12 === 11 ? "and so on.\n" : "word after word "));
    events.push(ends(`m${turn}`));
    for (let call = 0; call < 4; call += 1) events.push(...toolCall(`t${turn}-${call}`, "search", `{"query":"turn ${turn}"}`, `${call} results`));
    for (let line = 0; line < 20; line += 1) events.push(log(`turn ${turn}, line ${line}`, line % 9 === 8 ? "warn" : "info"));
  }
  const last = [...message("the-last", "This is the last that it says."), log("this is the last line")];
  // `execution.created` and `.started` are two of them.
  while (events.length < EVENTS - 2 - last.length) events.push(log("one more line"));
  return [...events, ...last];
}

/** Notes when all that a person looks for is in sight, in milliseconds since the navigation began. */
function noteWhenSeen({ name, phase, last }) {
  const inSight = (element) => {
    const box = element?.getBoundingClientRect();
    return Boolean(box) && box.height > 0 && box.top < innerHeight && box.bottom > 0;
  };
  const look = () => {
    const heading = document.querySelector("main h1");
    const badge = document.querySelector(`main .badge[data-phase=${phase}]`);
    const found = [...document.querySelectorAll("main article .x-words, main .x-log-text")].findLast((each) => each.textContent === last);
    if (heading?.textContent === name && inSight(heading) && inSight(badge) && inSight(found)) {
      // Once it is drawn.
      requestAnimationFrame(() => setTimeout(() => (window.seenAt = performance.now())));
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Of an odd number of times. */
const median = (times) => times.toSorted((a, b) => a - b)[(times.length - 1) / 2];

scenario("an execution of twenty thousand events opens in under a second, at its conversation and at its log", async ({ open, server, t }) => {
  const lease = await server.begin({ name: "long work" });
  const events = work();
  for (let at = 0; at < events.length; at += BATCH) await lease.post(...events.slice(at, at + BATCH));
  assert.equal((await server.call("GET", `/v1/executions/${lease.id}`)).seq, EVENTS);

  const parts = [
    { what: "the conversation", path: lease.page, last: "This is the last that it says." },
    { what: "the log", path: `${lease.page}?tab=logs`, last: "this is the last line" },
  ];
  const found = [];
  for (const { what, path, last } of parts) {
    const page = await open("/queues");
    await sees(page, "agents");
    await page.addInitScript(noteWhenSeen, { name: "long work", phase: "in_progress", last });
    const times = [];
    for (let run = 0; run <= WARM; run += 1) {
      await page.goto(server.pages + path, { waitUntil: "commit" });
      times.push(await (await page.waitForFunction(() => window.seenAt)).jsonValue());
    }
    const [cold, ...warm] = times.map(Math.round);
    t.diagnostic(`${what}: first ${cold} ms, then ${warm.join(", ")} ms`);
    found.push({ what, took: median(warm) });
    // All of it is there, not only what is in sight.
    await page.getByRole("tab", { name: /^Events/ }).click();
    await sees(page.getByRole("tabpanel"), "20,000 events");
    await page.context().close();
  }
  for (const { what, took } of found) assert.ok(took < LIMIT_MS, `${what} took ${took} ms`);
});
