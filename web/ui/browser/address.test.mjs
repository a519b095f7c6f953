// Addresses: filters and tabs are in them, survive a reload and the way back, and one leads to an event.

import assert from "node:assert/strict";

import { rowOf, scenario, sees, until } from "./harness.mjs";
import { log } from "./server.mjs";

const names = (page) => page.locator(".rows [role=row] .c-name a").allInnerTexts();
const shows = (page, count) => until(page, `${count} rows`, (rows) => document.querySelectorAll(".rows [role=row]").length === rows, count);
const query = (page) => Object.fromEntries(new URL(page.url()).searchParams);

scenario("filters are in the address, survive a reload, and go away on the way back", async ({ open, server }) => {
  await server.create({ name: "report", labels: { team: "search" } });
  await server.create({ name: "report", labels: { team: "ads" } });
  await server.create({ name: "index", labels: { team: "search" }, kind: "workflow" });
  const failed = await server.begin({ name: "broken", labels: { team: "search" }, queue: "elsewhere" });
  await failed.fail({ code: "boom", message: "It broke.", retryable: false });
  const page = await open("/");
  await shows(page, 4);

  await page.keyboard.press("/");
  await page.keyboard.type("label:team:search");
  await page.keyboard.press("Enter");
  await shows(page, 3);
  assert.deepEqual(query(page), { label: "team:search" });
  await page.getByRole("group", { name: "Phase" }).getByRole("button", { name: /^Failed/ }).click();
  await shows(page, 1);
  assert.deepEqual(query(page), { label: "team:search", phase: "failed" });
  assert.deepEqual(await names(page), ["broken"]);

  await page.reload();
  await shows(page, 1);
  assert.deepEqual(query(page), { label: "team:search", phase: "failed" });
  await sees(page.getByRole("list", { name: "Filters that are set" }), "team:search");
  assert.equal(await page.getByRole("button", { name: /^Failed/ }).getAttribute("aria-pressed"), "true");

  await rowOf(page, failed).getByRole("link").click();
  await page.getByRole("heading", { level: 1, name: "broken" }).waitFor();
  await page.goBack();
  await shows(page, 1);
  await page.goBack();
  await shows(page, 3);
  assert.deepEqual(query(page), { label: "team:search" });
  await page.goBack();
  await shows(page, 4);
  await page.goForward();
  await shows(page, 3);

  // Reason, kind and queue, from the panel.
  await page.goto(`${server.pages}/`);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await page.getByLabel("Reason").selectOption("runner_error");
  await shows(page, 1);
  await page.getByLabel("Kind").selectOption("workflow");
  await sees(page, "Nothing matches");
  assert.deepEqual(query(page), { reason: "runner_error", kind: "workflow" });
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Remove the filter reason" }).click();
  await shows(page, 1);
  assert.deepEqual(await names(page), ["index"]);

  // What comes to match is shown at once; what no longer does goes.
  await page.goto(`${server.pages}/?phase=in_progress`);
  await sees(page, "Nothing is in progress here");
  const lease = await server.begin({ name: "late", queue: "more" });
  await shows(page, 1);
  await lease.complete();
  await sees(page, "Nothing is in progress here");
});

scenario("a view that was saved is there after a reload", async ({ open, server }) => {
  await server.create({ name: "report", labels: { team: "search" } });
  const page = await open("/?label=team%3Asearch");
  await shows(page, 1);
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("button", { name: "Save these filters as a view" }).click();
  await page.getByLabel("Name of the view").fill("Search team");
  await page.keyboard.press("Enter");
  await page.getByRole("list", { name: "Your views" }).getByRole("button", { name: "Search team", exact: true }).waitFor();
  await page.goto(`${server.pages}/`);
  await page.getByRole("button", { name: "All executions" }).click();
  await page.getByRole("button", { name: "Search team", exact: true }).click();
  await until(page, "the view's filter", () => new URLSearchParams(location.search).get("label") === "team:search");
  await shows(page, 1);
});

scenario("an address leads to an event, and the tab is in it", async ({ open, server }) => {
  const lease = await server.begin({ name: "long" });
  await lease.post(...Array.from({ length: 600 }, (_, at) => log(`line ${at + 1}`)));
  const page = await open(`${lease.page}?event=300`);
  const opened = page.locator(".x-event-whole[data-open]");
  await sees(opened, "line 298");
  const inSight = (element) => element.evaluate((each) => {
    const box = each.getBoundingClientRect();
    return box.top >= 0 && box.top < innerHeight && document.elementFromPoint(box.left + 30, box.top + 10)?.closest(".x-event-whole") === each;
  });
  assert.ok(await inSight(opened), "the event is in sight");
  assert.equal(await page.getByRole("tab", { name: /^Events/ }).getAttribute("aria-selected"), "true");

  // The next and the one before have addresses of their own, and the way back leads through them.
  await page.keyboard.press("j");
  await sees(opened, "line 299");
  assert.equal(query(page).event, "301");
  await page.goBack();
  await sees(opened, "line 298");

  await page.getByRole("tab", { name: "Logs" }).click();
  assert.equal(query(page).tab, "logs");
  await page.reload();
  await sees(page.getByRole("region", { name: "Log lines" }), "line 600");
  // A line's number is a link to its event.
  await page.getByRole("link", { name: "602", exact: true }).click();
  await sees(opened, "line 600");
  assert.equal(query(page).event, "602");
});

scenario("an address that leads nowhere says so and the way on", async ({ open, expect }) => {
  expect(/\b40[04]\b.*\/v1\//);
  const page = await open("/executions/aex_00000000000000000000000000000000");
  await sees(page, "There is no such execution here");
  await page.getByRole("link", { name: "Back to all executions" }).click();
  await sees(page, "No executions yet");
});
