// The page without a pointer: shortcuts, the order in which Tab goes, and where the focus is after.

import assert from "node:assert/strict";

import { rowOf, scenario, sees, until } from "./harness.mjs";
import { message, toolCall } from "./server.mjs";

/** What has the focus, as it is called. */
const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent ?? "";
    return `${element.getAttribute("role") ?? element.localName}: ${name.trim().replaceAll(/\s+/g, " ").slice(0, 60)}`;
  });

/** Whether who looks at the page sees where the focus is. */
const marked = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    const box = element.getBoundingClientRect();
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    const outlined = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
    return outlined && box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
  });

async function goes(page, keys, heading) {
  await page.keyboard.press(keys[0]);
  await page.keyboard.press(keys[1]);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
}

scenario("shortcuts search, go to each place, move in the list, open and help", async ({ open, server }) => {
  const executions = [];
  for (let at = 0; at < 6; at += 1) executions.unshift(await server.create({ name: `job ${at}` }));
  const page = await open("/");
  await rowOf(page, executions[0]).waitFor();

  await goes(page, "gq", "Queues");
  await goes(page, "gr", "Runners");
  await goes(page, "gs", "Supervisor");
  await goes(page, "ge", "Executions");
  await rowOf(page, executions[0]).waitFor();

  // Searching: what is typed there is no shortcut.
  await page.keyboard.press("/");
  assert.equal(await focused(page), "input: Search executions");
  await page.keyboard.type("job 3");
  await sees(page, /name\s+is exactly\s+job 3/);
  await page.keyboard.press("Enter");
  await until(page, "one row", () => document.querySelectorAll(".rows [role=row]").length === 1);
  await page.keyboard.press("Backspace");
  await until(page, "all rows", () => document.querySelectorAll(".rows [role=row]").length === 6);
  await page.keyboard.press("Escape");
  assert.notEqual(await focused(page), "input: Search executions");

  const current = () =>
    until(page, "an active row", () => document.querySelector("[role=grid]").hasAttribute("aria-activedescendant")).then(() =>
      page.getByRole("grid").getAttribute("aria-activedescendant"),
    );
  const at = (index) => until(page, `row ${index} is the active one`, (id) => document.querySelector("[role=grid]").getAttribute("aria-activedescendant") === id, `row-${executions[index].id}`);
  await page.keyboard.press("j");
  await at(0);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await at(2);
  await page.keyboard.press("k");
  await at(1);
  assert.equal(await current(), `row-${executions[1].id}`);
  assert.match(await focused(page), /^grid/);
  await page.keyboard.press("x");
  await sees(page.getByRole("toolbar"), "1 execution selected");
  await page.keyboard.press("Escape");
  await page.getByRole("toolbar").waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: executions[1].name }).waitFor();
  await page.goBack();
  await rowOf(page, executions[0]).waitFor();

  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await help.waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("q");
  assert.equal(new URL(page.url()).pathname, "/", "shortcuts are off beneath a dialog");
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });

  await page.keyboard.press("c");
  await page.getByRole("dialog", { name: "Create an execution" }).waitFor();
  assert.match(await focused(page), /^input: Name/);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(page.loads, 1, "nothing was loaded anew");
});

scenario("Tab goes through the page in the order in which it stands, and it shows where it is", async ({ open, server }) => {
  const lease = await server.begin({ name: "job" });
  await lease.post(...message("m1", "Hello."));
  const page = await open("/");
  await rowOf(page, lease).waitFor();
  const walk = async (most, last) => {
    const names = [];
    while (names.length < most && names.at(-1) !== last) {
      await page.keyboard.press("Tab");
      names.push(await focused(page));
      assert.ok(await marked(page), `the focus on ${names.at(-1)} is seen`);
    }
    return names;
  };
  const head = [
    "a: Skip to the content",
    "a: Heartline, to the executions",
    "a: Executions",
    "a: Queues",
    "a: Runners",
    "a: Supervisor",
    "button: Theme: as the system",
    "button: Keyboard shortcuts",
  ];
  const list = await walk(30, "grid: Executions");
  assert.deepEqual(list.slice(0, head.length), head);
  assert.deepEqual(list.slice(head.length), [
    "input: Search executions",
    "button: Filter",
    "button: All executions",
    "button: Create",
    ...["All 1", "Pending 0", "In progress 1", "Waiting 0", "Failed 0", "Completed 0", "Cancelled 0"].map((phase) => `button: ${phase}`),
    "grid: Executions",
  ]);

  // The skip link leads past the head.
  await page.goto(server.pages + lease.page);
  await sees(page, "Hello.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.match(await focused(page), /^main/);
  const parts = await walk(60, "region: Conversation");
  const index = (pattern) => {
    const found = parts.findIndex((name) => pattern.test(name));
    assert.notEqual(found, -1, `${pattern} among ${parts.join(", ")}`);
    return found;
  };
  const order = [/Back to all executions/, /^button: Cancel/, /Copy the id/, /^tab: Conversation/, /^region: Conversation/].map(index);
  assert.deepEqual(order, [...order].sort((a, b) => a - b), `the order of ${parts.join(", ")}`);

  // Tabs are one stop; arrows move between them.
  await page.getByRole("tab", { name: "Conversation" }).focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await focused(page), /^tab: Timeline/);
  assert.equal(await page.getByRole("tab", { name: "Timeline" }).getAttribute("aria-selected"), "true");
  await page.keyboard.press("End");
  assert.match(await focused(page), /^tab: Family/);

  // A dialog keeps the focus within and gives it back.
  const cancel = page.getByRole("button", { name: "Cancel", exact: true });
  await cancel.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Cancel this execution" });
  await dialog.waitFor();
  for (let step = 0; step < 8; step += 1) {
    await page.keyboard.press("Tab");
    const outside = await page.evaluate(() => document.activeElement !== document.body && !document.activeElement.closest("dialog"));
    assert.equal(outside, false, "the focus stays in the dialog");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await focused(page), "button: Cancel");
});

scenario("the keys of an execution that help lists do what it says", async ({ open, server }) => {
  const lease = await server.begin({ name: "job" });
  await lease.post(...message("m1", "Hello."), ...toolCall("t1", "search", "{}", "found"), ...toolCall("t2", "read", "{}", "read"));
  const page = await open(lease.page);
  await sees(page, "Hello.");
  const tab = (name) => page.getByRole("tab", { name, selected: true }).waitFor();
  for (const [at, name] of ["Conversation", "Timeline", "Logs", "State", "Events", "Family"].entries()) {
    await page.keyboard.press(String(at + 1));
    await tab(name);
  }
  await page.keyboard.press("[");
  await tab("Events");
  await page.keyboard.press("]");
  await tab("Family");

  // As narrow as a phone, the tab that is chosen is kept in sight.
  await page.setViewportSize({ width: 400, height: 800 });
  for (const key of ["1", "6"]) {
    await page.keyboard.press(key);
    await until(page, `tab ${key} is in sight`, (at) => {
      const tab = document.querySelectorAll("[role=tab]")[at];
      const box = tab.getBoundingClientRect();
      const bar = tab.parentElement.getBoundingClientRect();
      // Widths are fractions, how far it is scrolled is not.
      return tab.getAttribute("aria-selected") === "true" && box.left >= bar.left - 1 && box.right <= bar.right + 1;
    }, Number(key) - 1);
  }
  await page.setViewportSize({ width: 1280, height: 800 });

  const event = (seq) => until(page, `event ${seq} is open`, (seq) => new URLSearchParams(location.search).get("event") === seq, seq);
  await page.keyboard.press("5");
  await sees(page.getByRole("tabpanel"), "execution.created");
  await page.keyboard.press("j");
  await event("1");
  await page.keyboard.press("j");
  await event("2");
  await page.keyboard.press("k");
  await event("1");
  await page.keyboard.press("Escape");
  await event(null);

  await page.keyboard.press("2");
  const chart = page.getByRole("group", { name: /^Timeline/ });
  await sees(chart, "search");
  await chart.locator("[data-index]").first().focus();
  await page.keyboard.press("End");
  await until(page, "the last bar", () => Number(document.activeElement.dataset.index) > 1);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Home");
  await until(page, "the first bar", () => document.activeElement.dataset.index === "0");
  const fits = (yes) => until(page, `all of it: ${yes}`, (yes) => [...document.querySelectorAll("button")].find((each) => each.textContent === "Fit all").disabled === yes, yes);
  for (const key of ["+", "=", "-", "ArrowRight", "ArrowLeft"]) {
    await page.keyboard.press(key);
    await fits(false);
    await page.keyboard.press("0");
    await fits(true);
  }
  await page.keyboard.press("Enter");
  await until(page, "its event", () => new URLSearchParams(location.search).has("event"));

  // All of them stand in the help.
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  for (const title of ["On an execution", "Its events", "Its timeline, on a bar", "In a search field", "On a tab"]) {
    await help.getByRole("heading", { name: title, exact: true }).waitFor();
  }
});

scenario("queues and runners are walked with j and k, and on a row with the arrows", async ({ open, server }) => {
  for (const queue of ["a", "b", "c"]) await server.create({ name: "job", queue });
  const page = await open("/queues?sort=queue");
  await sees(page.getByRole("table"), "c");
  const at = (queue) => until(page, `queue ${queue} has the focus`, (queue) => document.activeElement?.getAttribute("href") === `/queues/${queue}`, queue);
  await page.keyboard.press("j");
  await at("a");
  for (const [key, queue] of [["j", "b"], ["k", "a"], ["End", "c"], ["ArrowUp", "b"], ["ArrowDown", "c"], ["Home", "a"]]) {
    await page.keyboard.press(key);
    await at(queue);
  }
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "a" }).waitFor();
  await page.goBack();
  await sees(page.getByRole("table"), "c");
  await page.keyboard.press("/");
  await page.keyboard.type("b");
  await until(page, "one row", () => document.querySelectorAll("main tbody tr").length === 1);
  await page.keyboard.press("Escape");
  await until(page, "all rows", () => document.querySelectorAll("main tbody tr").length === 3);
  assert.equal(await focused(page), "input: Search the queues");
  await page.keyboard.press("Escape");
  assert.notEqual(await focused(page), "input: Search the queues");
});
