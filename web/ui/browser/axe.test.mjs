// axe-core on every page: light, dark, and as narrow as a phone. Nothing that it finds serious is let
// through, and a narrow page is not wider than its window.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { inspect, isDeepStrictEqual } from "node:util";

import { overflow, rowOf, scenario, sees } from "./harness.mjs";
import { begins, log, message, says, toolCall } from "./server.mjs";

// As a script of the browser's own: the policy of the page allows no other.
const axe = { path: createRequire(import.meta.url).resolve("axe-core/axe.min.js") };
const NARROW = { width: 400, height: 800 };
const EVERY = {};
/** All that the scheme changes. */
const COLOURS = { runOnly: ["color-contrast"] };
const GRAVE = ["serious", "critical"];

/** What is wrong with the page as it stands. */
async function findings(page, rules) {
  const violations = await page.evaluate(async ({ impacts, rules }) => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"], ...rules });
    return violations
      .filter(({ impact }) => impacts.includes(impact))
      .map(({ id, impact, nodes }) => ({ id, impact, where: nodes.slice(0, 5).map(({ target, failureSummary }) => `${target.join(" ")}: ${failureSummary.replaceAll(/\s+/g, " ").slice(0, 300)}`) }));
  }, { impacts: GRAVE, rules });
  const wide = await overflow(page);
  return wide > 1 ? [...violations, { id: "wider-than-the-window", by: wide }] : violations;
}

/** Looks at a page in each way that people do. */
async function check(page, what, all) {
  const size = page.viewportSize();
  for (const [look, rules, set] of [
    ["light", EVERY, () => page.emulateMedia({ colorScheme: "light" })],
    ["dark", COLOURS, () => page.emulateMedia({ colorScheme: "dark" })],
    ["narrow", EVERY, () => page.setViewportSize(NARROW)],
  ]) {
    await set();
    // Colours may take a moment to change, and what depends on the width is drawn anew.
    await page.evaluate(async () => {
      const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      await drawn();
      await Promise.allSettled(document.getAnimations().filter((each) => each.effect?.getComputedTiming().iterations !== Infinity).map((each) => each.finished));
      await drawn();
    });
    // The same finding on many pages is one finding.
    for (const finding of await findings(page, rules)) {
      const known = all.find(({ seen, ...each }) => isDeepStrictEqual(each, finding));
      if (known) known.seen.push(`${what}, ${look}`);
      else all.push({ ...finding, seen: [`${what}, ${look}`] });
    }
  }
  await page.setViewportSize(size);
}

function nothing(all) {
  assert.equal(all.length, 0, inspect(all, { depth: 4, breakLength: 200 }));
}

/** Executions in every phase, with all that a runner can say. */
async function furnish(server) {
  const talk = [
    ...message("u1", "Please sum up the report.", "user"),
    ...message("m1", "I will read it first.\nThen I will sum it up."),
    ...toolCall("t1", "read_file", '{"path":"report.txt","lines":[1,200]}', "The report says…"),
    { type: "STEP_STARTED", data: { stepName: "sum up" } },
    { type: "STEP_FINISHED", data: { stepName: "sum up" } },
    { type: "CUSTOM", data: { name: "todo", value: { id: "1", content: "Read", status: "completed" } } },
    { type: "CUSTOM", data: { name: "task", value: { id: "1", name: "load", type: "http", status: "failed", error: { message: "404" } } } },
    { type: "CUSTOM", data: { name: "artifact", value: { id: "1", name: "report", mime_type: "text/plain", url: "https://example.com/report" } } },
    { type: "STATE_SNAPSHOT", data: { snapshot: { draft: { words: 120 }, sources: ["a", "b"] } } },
    ...["debug", "info", "warn", "error"].map((level) => log(`a line at ${level}`, level, level === "error" ? "stderr" : "stdout")),
  ];
  const live = await server.begin({ name: "summarise", labels: { team: "search" }, input: { text: "…" } });
  await live.post(...talk, begins("m2"), says("m2", "So far it says "));
  const failed = await server.begin({ name: "import" });
  await failed.post(...talk);
  await failed.fail({ code: "bad_input", message: "The file could not be read.", detail: "line 7: not a number", retryable: false });
  const waiting = await server.begin({ name: "refund" });
  const properties = { decision: { enum: ["approve", "reject"], title: "Decision" }, note: { type: "string", title: "Note" }, urgent: { type: "boolean", title: "Urgent" } };
  await waiting.wait({ prompt: "May I refund order 17?", schema: { type: "object", properties, required: ["decision"] } });
  const cancelling = await server.begin({ name: "crawl" });
  await server.call("POST", `/v1/executions/${cancelling.id}/cancel`, { reason: "no longer wanted", grace: "1h" });
  const done = await server.begin({ name: "index", kind: "workflow", queue: "workflows" });
  await done.complete({ answer: 42, list: [1, 2, 3] });
  const pending = await server.create({ name: "nightly", queue: "nobody" });
  await server.create({ name: "held", queue: "held" });
  await server.call("PATCH", "/v1/queues/held", { paused: true, reason: "deploying", by: "Ada" });
  return { live, failed, waiting, cancelling, done, pending };
}

scenario("axe finds nothing serious in the list and what opens from it", async ({ open, server }) => {
  const all = [];
  const page = await open("/", { scripts: [axe] });
  await sees(page, "No executions yet");
  await check(page, "the empty list", all);
  const { live, failed } = await furnish(server);
  await sees(rowOf(page, failed), "Failed");
  await check(page, "the list", all);
  await rowOf(page, live).getByRole("checkbox").click();
  await sees(page.getByRole("toolbar"), "1 execution selected");
  await check(page, "the list with a selection", all);
  await page.getByRole("button", { name: /^Cancel 1/ }).click();
  await page.getByRole("dialog").waitFor();
  await check(page, "the dialog for several", all);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.getByLabel("Reason").waitFor();
  await check(page, "the filters", all);
  await page.goto(`${server.pages}/?phase=failed&name=nothing&create`);
  await sees(page.getByRole("dialog"), /has ever served|is ready|are lost|Priority/);
  await page.getByText("Priority, delay, retries, timeouts").click();
  await page.getByRole("button", { name: "Create", exact: true }).last().click();
  await sees(page.getByRole("dialog"), "A name is needed.");
  await check(page, "the form", all);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await check(page, "the list without a match", all);
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await check(page, "the help", all);
  nothing(all);
});

scenario("axe finds nothing serious in an execution, whatever its phase and tab", async ({ open, server, expect }) => {
  expect(/\b404\b.*\/v1\//);
  const all = [];
  const { live, failed, waiting, cancelling, done, pending } = await furnish(server);
  const page = await open("/", { scripts: [axe] });
  const at = async (path, text, what) => {
    await page.goto(server.pages + path);
    await sees(page.getByRole("main"), text);
    await check(page, what, all);
  };
  await at(live.page, "So far it says", "a live conversation");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("dialog").waitFor();
  await check(page, "the dialog that cancels", all);
  for (const [tab, text] of [["timeline", "read_file"], ["logs", "a line at warn"], ["state", "words"], ["events", "execution.created"], ["family", "stands alone"]]) {
    await at(`${live.page}?tab=${tab}`, text, `the tab ${tab}`);
  }
  await at(`${failed.page}?event=5`, "The file could not be read.", "a failure with an event open");
  await at(waiting.page, "May I refund order 17?", "a question");
  await page.getByRole("button", { name: "Send the answer" }).click();
  await sees(page.getByRole("main"), /is required/);
  await check(page, "a wrong answer", all);
  await at(cancelling.page, "The runner has not been told yet.", "a cancellation");
  await at(done.page, "Completed", "what is completed");
  await at(`/executions/${pending.id}`, "no runner ever", "what waits for a runner");
  await at("/executions/aex_00000000000000000000000000000000", "There is no such execution here", "what is not there");
  nothing(all);
});

scenario("axe finds nothing serious in queues, runners and the supervisor", async ({ open, server, expect }) => {
  expect(/\b404\b.*\/v1\//);
  const all = [];
  await furnish(server);
  const page = await open("/", { scripts: [axe] });
  const at = async (path, text, what) => {
    await page.goto(server.pages + path);
    await sees(page.getByRole("main"), text);
    await check(page, what, all);
  };
  await at("/queues", "workflows", "the queues");
  await at("/queues/agents", "Busiest keys", "a queue");
  await at("/queues/held", "deploying", "a paused queue");
  await at("/runners", "by hand", "the runners");
  await at("/runners/hand", "by hand", "a runner");
  await at("/supervisor", /Deadlines/i, "the supervisor");
  await page.goto(`${server.pages}/queues/agents`);
  await page.getByRole("button", { name: "Pause…" }).click();
  await page.getByRole("dialog").waitFor();
  await check(page, "the dialog that pauses", all);
  nothing(all);
});
