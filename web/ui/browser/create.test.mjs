// Creating an execution in the page, and watching a real runner work on it.

import assert from "node:assert/strict";

import { scenario, sees, until } from "./harness.mjs";
import { begins, ends, says } from "./server.mjs";

/** Words that a runner says one by one. */
const WORDS = ["Once ", "upon ", "a ", "time ", "there ", "was ", "a ", "supervisor ", "that ", "slept ", "not."];
const line = ({ type, data }) => `echo '${JSON.stringify({ type, ...data })}'`;
const TELL = [line(begins("m1")), ...WORDS.flatMap((word) => [line(says("m1", word)), "sleep 0.15"]), line(ends("m1"))].join("; ");

/** Notes each length that the first message ever has. */
const noteLengths = () => {
  window.lengths = [];
  const note = () => {
    const words = document.querySelector("main article .x-words")?.textContent ?? "";
    if (words !== "" && window.lengths.at(-1) !== words.length) window.lengths.push(words.length);
  };
  document.addEventListener("DOMContentLoaded", () =>
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true }),
  );
};

scenario("what is created in the page is said to have no runner, is taken by one, and its words stream in", async ({ open, runner, server }) => {
  const page = await open("/", { scripts: [noteLengths] });
  await sees(page, "No executions yet");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const form = page.getByRole("dialog", { name: "Create an execution" });
  await sees(form, "no runner has ever served this queue");
  await form.getByLabel("Name").fill("storyteller");
  await form.getByLabel("Input").fill('{"about": "supervisors"}');
  await form.getByLabel("Labels").fill("team=stories");
  await form.getByRole("button", { name: "Create", exact: true }).click();

  const created = page.getByRole("dialog", { name: "Created" });
  await sees(created, "no runner has ever served this queue");
  await sees(created, /heartline runner .*--queue agents/);
  await created.getByRole("link", { name: "Open it" }).click();
  await page.getByRole("heading", { level: 1, name: "storyteller" }).waitFor();
  await sees(page, "Pending");
  await sees(page, "no runner ever");

  runner("agents", TELL);
  await until(page, "the text grows at least three times", () => window.lengths.length >= 4);
  await until(page, "the whole text", (text) => document.querySelector("main article .x-words")?.textContent === text, WORDS.join(""));
  await sees(page, "Completed");
  const lengths = await page.evaluate(() => window.lengths);
  assert.deepEqual(lengths, [...lengths].sort((a, b) => a - b), "the text only ever grows");
  assert.equal(page.loads, 1, "nothing was loaded anew");

  const { executions } = await server.call("GET", "/v1/executions");
  assert.deepEqual(
    executions.map(({ name, input, labels, phase }) => ({ name, input, labels, phase })),
    [{ name: "storyteller", input: { about: "supervisors" }, labels: { team: "stories" }, phase: "completed" }],
  );
});

scenario("the form says that a runner is ready, and what is wrong stands at its field", async ({ open, runner, expect }) => {
  runner("agents", "true");
  const page = await open("/?create");
  const form = page.getByRole("dialog", { name: "Create an execution" });
  await sees(form, "a runner is ready");
  await form.getByLabel("Queue").fill("elsewhere");
  await sees(form, "no runner has ever served this queue");
  await form.getByLabel("Queue").fill("");
  await form.getByLabel("Input").fill('{"text": "x",}');
  await form.getByRole("button", { name: "Create", exact: true }).click();
  assert.match(await described(form.getByLabel("Name")), /needed/);
  assert.match(await described(form.getByLabel("Input")), /Line 1, column 1\d/);
  assert.equal(await form.getByLabel("Name").evaluate((input) => input === document.activeElement), true);

  // What only the server knows is shown at the field, too.
  expect(/\b4(?:00|22)\b.*\/v1\/executions$/);
  await form.getByLabel("Name").fill("quick");
  await form.getByLabel("Input").fill("");
  await form.getByLabel("Queue").fill("not a queue!");
  await form.getByRole("button", { name: "Create", exact: true }).click();
  await until(page, "the queue is called invalid", () => document.activeElement?.getAttribute("aria-invalid") === "true");
  assert.equal(await form.getByLabel("Queue").getAttribute("aria-invalid"), "true");

  await form.getByLabel("Queue").fill("");
  await form.getByRole("button", { name: "Create", exact: true }).click();
  const created = page.getByRole("dialog", { name: "Created" });
  await sees(created, "a runner is ready");
});

/** What a screen reader says of a field beside its name. */
async function described(field) {
  return field.evaluate((input) =>
    (input.getAttribute("aria-describedby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" "),
  );
}
