// What a person does in the page, against real runners: cancelling, answering, pausing, and all of several.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { rowOf, scenario, sees, until } from "./harness.mjs";

scenario("a cancellation is shown as it goes: requested, delivered, acknowledged, stopped", async ({ open, server }) => {
  const lease = await server.begin({ name: "long job" });
  const page = await open(lease.page);
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this execution" });
  await dialog.getByLabel("Reason").fill("wrong input");
  await dialog.getByLabel("Grace").fill("soon");
  await sees(dialog, "A duration is spelled");
  await dialog.getByLabel("Grace").fill("1m");
  await dialog.getByRole("button", { name: "Request cancellation" }).click();

  const stages = page.getByRole("region", { name: "Cancellation" });
  const stand = (...done) =>
    until(
      page,
      `done are ${done.join(", ")}`,
      (names) => [...document.querySelectorAll(".x-stages li[data-state=done] .x-stage-title")].map((each) => each.firstChild.textContent).join() === names.join(),
      done,
    );
  await sees(stages, "wrong input");
  await stand("Requested");
  await sees(stages, "The runner has not been told yet.");
  await sees(stages, /Forced in (?:0:[0-5]\d|1:00)/);
  assert.equal((await lease.beat()).cancel_requested, true);
  await stand("Requested", "Delivered");
  await sees(stages, "The runner has not said that it is stopping.");
  await lease.acknowledgeCancel();
  await stand("Requested", "Delivered", "Acknowledged");
  await lease.cancelled();
  await stand("Requested", "Delivered", "Acknowledged", "Stopped");
  await sees(page.locator(".x-title"), "Cancelled");
  await sees(page, /It was cancelled on request\. “wrong input”/);
  assert.equal(page.loads, 1, "nothing was loaded anew");
});

scenario("a command acknowledges by itself and stops in order; a runner that does not is overruled", async ({ open, runner, server }) => {
  const folder = mkdtempSync(join(tmpdir(), "heartline-cancel-"));
  const cancel = async (page, grace) => {
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await page.getByLabel("Grace").fill(grace);
    await page.getByRole("button", { name: "Request cancellation" }).click();
    return page.getByRole("region", { name: "Cancellation" });
  };
  try {
    const go = join(folder, "go");
    runner("orderly", `trap 'while kill -0 $PPID && [ ! -e ${go} ]; do sleep 0.1; done; exit 0' TERM; echo up; while kill -0 $PPID; do sleep 0.1; done`);
    const orderly = await server.create({ name: "orderly", queue: "orderly" });
    const page = await open(`/executions/${orderly.id}?tab=logs`);
    await sees(page.getByRole("region", { name: "Log lines" }), "up");
    const stages = await cancel(page, "1m");
    for (const stage of ["Requested", "Delivered", "Acknowledged"]) await stages.locator("li[data-state=done]", { hasText: stage }).waitFor();
    await stages.locator("li[data-state=waiting]", { hasText: "Forced" }).waitFor();
    writeFileSync(go, "");
    await stages.locator("li[data-state=done]", { hasText: "Stopped" }).waitFor();
    await sees(page.locator(".x-title"), "Cancelled");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const deaf = await server.begin({ name: "deaf" });
  const page = await open(deaf.page);
  const stages = await cancel(page, "1s");
  await stages.locator("li[data-state=failed]", { hasText: "Forced" }).waitFor();
  await sees(stages, "The runner was never told.");
  await sees(page.locator(".x-title"), "Cancelled");
});

const SCHEMA = {
  type: "object",
  properties: {
    decision: { enum: ["approve", "reject"], title: "Decision" },
    amount: { type: "integer", title: "Amount", minimum: 1, maximum: 100 },
    reference: { type: "string", title: "Reference", pattern: "^REF-[0-9]+$" },
    urgent: { type: "boolean", title: "Urgent" },
  },
  required: ["decision", "amount", "reference"],
};

scenario("a waiting execution is answered in a form made from its schema, and what is wrong stands at its field", async ({ open, server, expect }) => {
  const lease = await server.begin({ name: "refund" });
  const page = await open(lease.page);
  await lease.wait({ prompt: "May I refund order 17?", schema: SCHEMA, timeout: "1h" });
  await page.getByRole("heading", { name: "May I refund order 17?" }).waitFor();
  await sees(page.locator(".x-title"), "Waiting");
  const form = page.getByRole("region", { name: "May I refund order 17?" });
  const error = async (label, pattern) => {
    const field = form.getByLabel(label);
    const text = await field.evaluate((input) => input.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent).join(" "));
    assert.match(text, pattern);
    assert.equal(await field.getAttribute("aria-invalid"), "true");
  };
  const send = () => form.getByRole("button", { name: "Send the answer" }).click();

  await send();
  await form.locator("[aria-invalid=true]").first().waitFor();
  await error("Decision", /required/);
  await error("Amount", /required/);
  await form.getByLabel("Decision").selectOption("approve");
  await form.getByLabel("Amount").fill("many");
  await form.getByLabel("Reference").fill("17");
  await send();
  await error("Amount", /number/);
  await form.getByLabel("Amount").fill("500");
  await send();
  await error("Amount", /100/);

  // What the page leaves to the server comes back to its field.
  expect(/\b422\b.*\/v1\/executions\/.*\/resume/);
  await form.getByLabel("Amount").fill("50");
  await send();
  await until(page, "the reference is called wrong", () => document.activeElement?.getAttribute("aria-invalid") === "true");
  await error("Reference", /REF|pattern|match/i);
  await form.getByLabel("Reference").fill("REF-17");
  await form.getByLabel("Yes").check();
  await send();
  await sees(page.locator(".x-title"), "In progress");
  await form.waitFor({ state: "detached" });
  const execution = await server.call("GET", `/v1/executions/${lease.id}`);
  assert.deepEqual(execution.answer, { decision: "approve", amount: 50, reference: "REF-17", urgent: true });
  await sees(page.getByRole("region", { name: "Conversation" }), "Answered");
});

scenario("a queue is paused with a reason and resumed, and every open page says so", async ({ open, server, runner }) => {
  runner("agents", "true");
  const queues = await open("/queues");
  await sees(queues, "agents");
  const page = await open("/queues/agents");
  await page.getByRole("button", { name: "Pause…" }).click();
  const dialog = page.getByRole("dialog", { name: "Pause agents" });
  await dialog.getByLabel("Why").fill("deploying");
  await dialog.getByLabel("Who").fill("Ada");
  await dialog.getByRole("button", { name: "Pause", exact: true }).click();
  await sees(page.getByRole("main"), "deploying");
  await sees(page.getByRole("main"), "Ada");
  await sees(queues.getByRole("main"), /paused/i);
  const execution = await server.create({ name: "held" });
  const held = await open(`/executions/${execution.id}`);
  await sees(held.getByRole("region", { name: "Why it is where it is" }), /paused.*deploying|deploying.*paused/i);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause…" }).waitFor();
  await sees(held.locator(".x-title"), "Completed");
  assert.deepEqual([queues.loads, page.loads, held.loads], [1, 1, 1], "nothing was loaded anew");
});

scenario("several are selected and cancelled at once, then retried", async ({ open, server }) => {
  const executions = [];
  for (let at = 0; at < 4; at += 1) executions.push(await server.create({ name: `job ${at}` }));
  const page = await open("/");
  for (const execution of executions.slice(0, 3)) await rowOf(page, execution).getByRole("checkbox").click();
  const bar = page.getByRole("toolbar");
  await sees(bar, "3 executions selected");
  await bar.getByRole("button", { name: "Cancel 3…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: /^(?:Request|Cancel) / }).click();
  for (const execution of executions.slice(0, 3)) await sees(rowOf(page, execution), "Cancelled");
  await sees(rowOf(page, executions[3]), "Pending");
  await sees(page.getByRole("group", { name: "Phase" }).getByRole("button", { name: /^Cancelled/ }), "3");
});
