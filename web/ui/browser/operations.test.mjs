// Queues, runners and the supervisor, as operators need them: what is wrong stands on the page, goes away
// on the page once it is mended, and what they set counts. Pausing is in acting.test.mjs, too.

import assert from "node:assert/strict";

import { scenario, sees, until } from "./harness.mjs";

/** A runner that is silent for so long is late, and lost; its work is lost as soon as its connection. */
const SOON = {
  HEARTLINE_SUPERVISION_RUNNER_GRACE: "1s",
  HEARTLINE_SUPERVISION_RUNNER_HEARTBEAT: "1s",
  HEARTLINE_SUPERVISION_RUNNER_LATE_AFTER: "3s",
  HEARTLINE_SUPERVISION_RUNNER_LOST_AFTER: "6s",
};
/** Works until its runner is gone. */
const WORK = "echo working; while kill -0 $PPID; do sleep 0.1; done";

/** The row of a table, by what its first cell says. */
const rowOf = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: false }) });

const nothingLoadedAnew = (...pages) => assert.deepEqual(pages.map((page) => page.loads), pages.map(() => 1), "nothing was loaded anew");

scenario("a queue that nobody serves is called so, with the command that mends it, until a runner comes", async ({ open, runner, server }) => {
  const queues = await open("/queues");
  await sees(queues, "No queues yet");
  const execution = await server.create({ name: "job", queue: "reports" });
  await sees(rowOf(queues, "reports"), "No runner yet");
  await sees(queues.getByRole("main"), "1 queue has nobody to take the work");

  await rowOf(queues, "reports").getByRole("link").click();
  await queues.getByRole("heading", { level: 1, name: "reports" }).waitFor();
  const page = queues.getByRole("main");
  await sees(page, "No runner yet");
  await sees(page, new RegExp(`heartline runner --server ${server.pages} --queue reports`));

  runner("reports", WORK);
  await sees(page, /All runners full|Ready/);
  await sees(page, "1 runner live");
  await queues.getByRole("link", { name: "Queues" }).last().click();
  await until(queues, "nobody is missing", () => !/has nobody/.test(document.querySelector("main").textContent));
  await until(queues, "one is in progress", () => /1 in progress/.test(document.querySelector("main").textContent));
  assert.equal((await server.call("GET", `/v1/executions/${execution.id}`)).phase, "in_progress");
  nothingLoadedAnew(queues);
});

scenario("a queue is paused and resumed from its page, and the list of queues says so meanwhile", async ({ open, server }) => {
  await server.create({ name: "job", queue: "reports" });
  const list = await open("/queues");
  const page = await open("/queues/reports");
  await page.getByRole("button", { name: "Pause…" }).click();
  const dialog = page.getByRole("dialog", { name: "Pause reports" });
  await until(page, "the reason has the focus", () => document.activeElement?.labels?.[0]?.textContent.startsWith("Why"));
  await dialog.getByLabel("Why").fill("moving house");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await sees(page.getByRole("main"), "moving house");
  await sees(rowOf(list, "reports"), "moving house");
  const claim = await server.call("POST", "/v1/queues/reports/claim", { runner: { id: "hand" }, slots: 1, wait: "0s" });
  assert.equal(claim, undefined, "nothing is given out");
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Pause…" }).waitFor();
  await until(list, "it is paused no more", () => !/moving house/.test(document.querySelector("main").textContent));
  await (await server.claim("reports")).complete();
  nothingLoadedAnew(list, page);
});

scenario("limits that are set on the page hold work back, are shown wherever the queue is open, and let it go again", async ({ open, server }) => {
  for (const name of ["first", "second"]) await server.create({ name });
  const page = await open("/queues/agents");
  const other = await open("/queues/agents");
  const limits = page.getByRole("group", { name: "The queue" });
  const most = limits.getByLabel("In progress at once");
  await most.fill("many");
  await page.getByRole("button", { name: "Set limits" }).click();
  await until(page, "the field is called wrong", () => document.querySelector("form [aria-invalid=true]")?.value === "many");
  await most.fill("1");
  await page.getByRole("button", { name: "Set limits" }).click();
  for (const each of [page, other]) await sees(each.getByRole("main"), /^Now: .*1 in progress/);
  assert.equal((await server.call("GET", "/v1/queues/agents")).limits.max_in_progress, 1);

  const lease = await server.claim();
  for (const each of [page, other]) await sees(each.getByRole("main"), "Held by a limit");
  const held = await server.call("POST", "/v1/queues/agents/claim", { runner: { id: "hand" }, slots: 1, wait: "0s" });
  assert.equal(held, undefined, "the second is held back");

  await page.getByRole("button", { name: "No limit for how many are in progress" }).click();
  await page.getByRole("button", { name: "Set limits" }).click();
  for (const each of [page, other]) await sees(each.getByRole("main"), "No limits are set.");
  await (await server.claim()).complete();
  await lease.complete();
  await until(other, "nothing is in progress", () => !/Held by a limit/.test(document.querySelector("main").textContent));
  nothingLoadedAnew(page, other);
});

scenario(
  "a runner that is killed turns lost in the list, on its own page and on its queue's, without a reload",
  async ({ open, runner, server }) => {
    const worker = runner("agents", WORK);
    await server.create({ name: "bookkeeper" });
    const list = await open("/runners");
    await sees(list.getByRole("main"), "1 execution held");
    const { runners } = await server.call("GET", "/v1/runners");
    const page = await open(`/runners/${runners[0].id}`);
    const queue = await open("/queues/agents");
    await sees(page.getByRole("main"), "Live");
    await sees(page.getByRole("main"), "bookkeeper");
    await sees(queue.getByRole("main"), "All runners full");

    worker.kill("SIGKILL");
    await sees(list.getByRole("table"), "Lost");
    await sees(page.getByRole("main"), "Lost");
    await sees(page.getByRole("main"), /Nothing has been heard of it for/);
    await sees(page.getByRole("main"), /heartline runner --server .* --queue agents/);
    await sees(queue.getByRole("main"), "All runners lost");
    await sees(page.getByRole("main"), /What it held was given back or has ended/);
    nothingLoadedAnew(list, page, queue);
  },
  { settings: SOON },
);

scenario("the supervisor's page counts the deadlines that are armed as they come and go, and audits for limbo", async ({ open, server }) => {
  const page = await open("/supervisor");
  await sees(page.getByRole("main"), /^All is well/);
  const armed = (kind, count) =>
    until(
      page,
      `${count} of ${kind} armed`,
      ({ kind, count }) => {
        const row = [...document.querySelectorAll("main tr")].find((each) => each.cells[0].firstChild.textContent === kind);
        return row?.cells[1].textContent === String(count);
      },
      { kind, count },
    );
  await armed("Schedule to start", 0);
  await server.create({ name: "first" });
  await server.create({ name: "second" });
  await armed("Schedule to start", 2);
  await armed("Heartbeat", 0);
  const lease = await server.claim();
  await armed("Schedule to start", 1);
  await armed("Heartbeat", 1);
  await lease.wait({ prompt: "May I?", timeout: "1h" });
  await armed("Waiting", 1);
  await server.call("POST", `/v1/executions/${lease.id}/cancel`, { reason: "enough", grace: "1h" });
  await armed("Cancel", 1);
  await lease.cancelled();
  await armed("Cancel", 0);
  await armed("Waiting", 0);
  await sees(page.getByRole("main"), /No violations among 1 live execution/);
  nothingLoadedAnew(page);
});
