// A runner that is killed under open pages: the failure and its cause appear by themselves.

import assert from "node:assert/strict";

import { rowOf, scenario, sees, until } from "./harness.mjs";

const GRACE_MS = 1_000;
/** From the kill until a person reads why. */
const TOLD_MS = GRACE_MS + 4_000;

/** Works until its runner is gone. Its last words are on stderr. */
const WORK = "echo 'reading the ledger'; echo 'ledger is locked by pid 77' >&2; while kill -0 $PPID; do sleep 0.1; done";

scenario(
  "a killed runner is seen in the list and on the page, with the reason and its last line, without a reload",
  async ({ open, runner, server }) => {
    const worker = runner("agents", WORK);
    const execution = await server.create({ name: "bookkeeper" });
    const list = await open("/");
    const page = await open(`/executions/${execution.id}?tab=logs`);
    await sees(rowOf(list, execution), "In progress");
    await sees(page, "In progress");
    await sees(page.getByRole("region", { name: "Log lines" }), "ledger is locked by pid 77");
    await sees(page, "Alive");

    const killedAt = Date.now();
    worker.kill("SIGKILL");
    const left = () => Math.max(1, killedAt + TOLD_MS - Date.now());
    await sees(rowOf(list, execution), "Failed", left());
    await sees(rowOf(list, execution), /runner lost/i, left());
    const mortem = page.getByRole("region", { name: /runner/i }).filter({ has: page.locator("#x-mortem-title") });
    await sees(mortem, /Failed: runner lost/, left());
    await sees(mortem.getByLabel("Evidence"), /ledger is locked by pid 77/, left());
    await sees(mortem, "What to do:", left());
    // The page's own head and the window's title say it, too.
    await sees(page.locator(".x-title"), "Failed");
    await until(page, "the title says failed", () => /failed/.test(document.title));
    await until(list, "the title of the list says it", () => document.title.startsWith("(1 failed)"));
    assert.deepEqual([list.loads, page.loads], [1, 1], "nothing was loaded anew");
  },
  { settings: { HEARTLINE_SUPERVISION_RUNNER_GRACE: `${GRACE_MS}ms` } },
);

scenario(
  "while the grace runs the page says that the connection closed, and a retry shows the failure of the attempt before",
  async ({ open, runner, server }) => {
    const first = runner("agents", WORK);
    const execution = await server.create({ name: "bookkeeper", retry: { max_attempts: 2, initial_backoff: "100ms" } });
    const page = await open(`/executions/${execution.id}`);
    await sees(page, "In progress");
    first.kill("SIGKILL");
    await sees(page.getByRole("region", { name: "Conversation" }), "The runner's connection closed");
    await sees(page, "runner disconnected");
    await sees(page, "The attempt before failed:");
    await sees(page, "Pending");
    runner("agents", "echo done");
    await sees(page, "Completed");
    await sees(page.getByRole("listitem").filter({ hasText: "attempt 2 of 2" }), "2");
    assert.equal(page.loads, 1, "nothing was loaded anew");
  },
  { settings: { HEARTLINE_SUPERVISION_RUNNER_GRACE: "2s" } },
);
