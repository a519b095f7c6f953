// The page of one execution: what it says while it reads, links into its log, and forms of any words.

import assert from "node:assert/strict";

import { overflow, scenario, sees, until } from "./harness.mjs";
import { log, message } from "./server.mjs";

/** Holds what a page asks of the log, until `release` is called. */
async function holdLog(page) {
  let release = () => {};
  const released = new Promise((resolve) => (release = resolve));
  await page.route(/\/v1\/executions\/[^/]+\/events\?/, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

scenario("no pane says that there is nothing before it has read the log", async ({ open, server }) => {
  const lease = await server.begin({ name: "silent" });
  await lease.complete();
  const panes = [
    { tab: "conversation", reads: "Reading the conversation…", none: "Nothing was said" },
    { tab: "logs", reads: "Reading…", none: "It wrote no lines." },
    { tab: "timeline", reads: "Reading the log…", then: "Attempt 1" },
  ];
  for (const { tab, reads, none, then } of panes) {
    const page = await open("/queues");
    const release = await holdLog(page);
    await page.goto(`${server.pages}${lease.page}?tab=${tab}`);
    const panel = page.getByRole("tabpanel");
    await sees(panel, reads);
    if (none) assert.equal(await panel.getByText(none).count(), 0, `${tab} says so too early`);
    assert.equal(await panel.locator(".empty-title").count(), 0, `${tab} is empty too early`);
    release();
    await sees(panel, none ?? then);
    assert.equal(await panel.getByText(reads, { exact: true }).count(), 0, `${tab} still says that it reads`);
    await page.context().close();
  }
});

scenario("a link leads to an event far down in the log, or says that there is none", async ({ open, server }) => {
  const lease = await server.begin({ name: "long" });
  for (let batch = 0; batch < 3; batch += 1) {
    await lease.post(...Array.from({ length: 1_000 }, (_, at) => log(`line ${batch * 1_000 + at}`)));
  }
  const page = await open(`${lease.page}?event=2345`);
  const opened = page.locator(".x-event-whole[data-open]");
  await sees(opened, "2345");
  await until(page, "it is in sight", () => {
    const box = document.querySelector(".x-event-whole[data-open]").getBoundingClientRect();
    return box.top >= 0 && box.top < innerHeight - 40;
  });
  const beyond = await open(`${lease.page}?event=9999`);
  await sees(beyond, "There is no event 9,999: the newest is 3,002.");
});

scenario("a question of endless words stays within the page", async ({ open, server }) => {
  const lease = await server.begin({ name: "n".repeat(120), labels: { long: "x".repeat(120) } });
  await lease.post(...message("m", "W".repeat(3_000)));
  await lease.wait({
    prompt: "P".repeat(400),
    schema: {
      type: "object",
      properties: {
        text: { type: "string", title: "L".repeat(200), description: "D".repeat(400) },
        choice: { enum: ["o".repeat(300), "خيار"], title: "اختر" },
        many: { type: "array", items: { enum: ["x".repeat(150), "y"] }, title: "M".repeat(150) },
        group: { type: "object", title: "G".repeat(150), properties: { yes: { type: "boolean", title: "B".repeat(150) } } },
        any: { title: "Any", oneOf: [{ type: "string" }, { type: "null" }] },
      },
      required: ["choice"],
    },
  });
  for (const width of [1280, 400]) {
    const page = await open(lease.page, { viewport: { width, height: 800 } });
    await page.getByRole("button", { name: "Send the answer" }).waitFor();
    assert.equal(await overflow(page), 0, `at ${width} pixels`);
    const wider = await page.locator(".x-waiting").evaluate((form) => form.scrollWidth - form.clientWidth);
    assert.equal(wider, 0, `the form at ${width} pixels`);
  }
});
