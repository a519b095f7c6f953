// What runners and creators send is shown as text, wherever it is shown. Nothing of it runs, is loaded,
// leads anywhere or looks like what it is not.

import assert from "node:assert/strict";

import { overflow, scenario, sees, until } from "./harness.mjs";
import { begins, ends, log, message, says, toolCall } from "./server.mjs";

const MARKUP = "<script>window.__hacked=1</script><img src=x onerror=window.__hacked=2>";
const OVERRIDE = "\u202egnp.exe\u202c";
const ESCAPES = "\u001b[31mred\u001b[0m \u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007";
/** Short enough for a name. */
const SHORT = `${MARKUP} ${OVERRIDE}`;
const LONG = `${SHORT} ${ESCAPES} \u2066\u0000\u0007 [x](javascript:window.__hacked=3) </div><svg onload=window.__hacked=4><iframe srcdoc="<script>1</script>">`;
/** As long as a body may be, without a place to break it. */
const WORD = "W".repeat(200_000);

/** An object whose keys are those that trip programs. */
const trap = (value) => JSON.parse(`{"__proto__":{"polluted":${value}},"constructor":{"prototype":{"polluted":${value}}},"toString":${value}}`);

/** What in the page is not as the page itself made it. */
const foreign = () => {
  const found = [];
  const report = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 200)}`);
  if (window.__hacked !== undefined) found.push(`a script ran: ${window.__hacked}`);
  for (const key of ["polluted"]) if (key in {}) found.push(`Object.prototype.${key}`);
  for (const element of document.querySelectorAll("iframe, object, embed, base, img, video, audio, style, template, meta[http-equiv], form[action]")) report("an element", element);
  for (const script of document.scripts) if (script.text !== "" || !new URL(script.src).pathname.startsWith("/assets/")) report("a script", script);
  const disguise = /[\u202a-\u202e\u2066-\u2069\u001b]/;
  for (const element of document.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name)) report("a handler", element);
      if (/^(?:href|src|action|formaction|xlink:href)$/i.test(name) && !/^(?:https?:|blob:http)/.test(new URL(value, location.href).href)) report("an address", element);
      if (disguise.test(value) && !["value"].includes(name)) report(`a disguise in ${name}`, element);
    }
  }
  if (disguise.test(document.body.textContent)) found.push(`a disguise in the text: ${document.body.textContent.match(new RegExp(`.{0,60}${disguise.source}.{0,60}`))?.[0]}`);
  if (disguise.test(document.title)) found.push("a disguise in the title");
  return found;
};

/** Collects, so that one test tells of all that it found. */
function collector() {
  const all = [];
  return {
    inert: async (page, where) => {
      for (const finding of await page.evaluate(foreign)) all.push(`${where}: ${finding}`);
      const size = page.viewportSize();
      for (const width of [size.width, 400]) {
        await page.setViewportSize({ ...size, width });
        const pixels = await overflow(page);
        if (pixels > 1) all.push(`${where}: ${pixels} pixels wider than a window of ${width}`);
      }
      await page.setViewportSize(size);
    },
    nothing: () => assert.deepEqual(all, [], "what is foreign in the pages"),
  };
}

/** Everything a runner can say, said with malice. */
async function speak(lease) {
  const { id: m } = { id: "__proto__" };
  await lease.post(
    ...message(m, `message ${LONG}`),
    // Cut within what would be an escape or a tag.
    ...[begins("cut"), ...["stream <scr", "ipt>window.__hacked=5</scr", "ipt> \u001b", "[31", "mred\u001b]8;;javascr", "ipt:alert(1)", "\u0007 \u202e", "gnp.exe end"].map((part) => says("cut", part)), ends("cut")],
    ...toolCall("constructor", SHORT, JSON.stringify({ argument: LONG, ...trap(1) }), `result ${LONG}`),
    ...toolCall("deep", "deep", `${"[".repeat(60)}${"]".repeat(60)}`, JSON.stringify(trap(2))),
    { type: "STEP_STARTED", data: { stepName: SHORT } },
    { type: "STEP_FINISHED", data: { stepName: SHORT } },
    { type: "REASONING_MESSAGE_START", data: { messageId: "why", role: "reasoning" } },
    { type: "REASONING_MESSAGE_CONTENT", data: { messageId: "why", delta: LONG } },
    { type: "REASONING_MESSAGE_END", data: { messageId: "why" } },
    { type: "STATE_SNAPSHOT", data: { snapshot: { ...trap(3), text: LONG } } },
    { type: "RAW", data: { event: { html: LONG }, source: SHORT } },
    log(`line ${LONG}`, "error", "stderr"),
    log("</bdi></span><script>window.__hacked=6</script>"),
  );
  const custom = (name, value) => lease.post({ type: "CUSTOM", data: { name, value } });
  await custom("artifact", { id: "a1", name: `script ${SHORT}`, mime_type: SHORT, url: "javascript:window.__hacked=7" });
  await custom("artifact", { id: "a2", name: "data", mime_type: "text/html", url: "data:text/html,<script>window.__hacked=8</script>" });
  await custom("artifact", { id: "a3", name: "tabbed", mime_type: "text/html", url: " java\tscript:window.__hacked=9" });
  await custom("artifact", { id: "a4", name: "honest", mime_type: "text/plain", url: "https://example.com/report?a=<b>" });
  await custom("artifact", { id: "__proto__", name: "text", mime_type: "text/html", text: LONG });
  await custom("todo", { id: "__proto__", content: `todo ${LONG}`, status: "pending" });
  await custom("task", { id: "toString", name: `task ${SHORT}`, type: SHORT, status: "failed", input: trap(4), error: { message: LONG } });
  await custom(SHORT, trap(5));
  for (const path of ["/__proto__/polluted", "/constructor/prototype/polluted"]) {
    // A server may refuse it; a page that is sent it must not follow it.
    await lease.post({ type: "STATE_DELTA", data: { delta: [{ op: "add", path, value: 6 }] } }).catch(() => {});
  }
  await lease.post(log(WORD));
  await lease.post(begins("word"));
  for (let part = 0; part < 5; part += 1) await lease.post(says("word", WORD));
  await lease.post(ends("word"), ...toolCall("wide", "wide", JSON.stringify({ word: WORD }), WORD));
}

const RUNNER = { id: "toString", name: SHORT, host: SHORT, version: SHORT, pid: 1 };
const labels = JSON.parse(JSON.stringify({ html: MARKUP.slice(0, 60), override: OVERRIDE }).replace("{", '{"__proto__":"proto",'));

scenario("nothing that runners and creators say runs, loads, leads anywhere or disguises itself", async ({ open, server, expect }) => {
  const { inert, nothing } = collector();
  const made = { name: SHORT, labels, input: { html: LONG, ...trap(7) }, queue: "constructor", concurrency_key: "__proto__" };
  const failed = await server.create(made);
  let lease = await server.claim("constructor", RUNNER);
  await speak(lease);
  await lease.fail({ code: "boom", message: `error ${LONG}`, detail: `${LONG}\n${WORD.slice(0, 8_000)}`, retryable: false });
  const page = await open("/");
  await sees(page, "<script>window.__hacked=1</script>");
  await sees(page, "⟦U+202E⟧gnp.exe⟦U+202C⟧");
  await inert(page, "the list");
  await page.goto(`${server.pages}/?${new URLSearchParams({ name: SHORT, label: `html:${MARKUP.slice(0, 60)}` })}`);
  await sees(page.getByRole("list", { name: "Filters that are set" }), "<script>window.__hacked=1</script>");
  await inert(page, "the filters");

  await page.goto(`${server.pages}/executions/${failed.id}`);
  const panel = page.getByRole("tabpanel");
  await page.getByRole("heading", { level: 1, name: "<script>window.__hacked=1</script>" }).waitFor();
  await sees(page, "error <script>window.__hacked=1</script>");
  for (const [tab, text] of [
    ["Conversation", "stream <script>window.__hacked=5</script> red ⟦U+202E⟧gnp.exe end"],
    ["Timeline", "<script>"],
    ["Logs", "</bdi></span><script>window.__hacked=6</script>"],
    ["State", "todo <script>window.__hacked=1</script>"],
    ["Events", "execution.created"],
    ["Family", /stands alone|not tried again/],
  ]) {
    await page.getByRole("tab", { name: new RegExp(`^${tab}`) }).click();
    await sees(panel, text);
    await unfold(page);
    await inert(page, tab);
  }
  await page.getByRole("tab", { name: "State" }).click();
  await sees(panel, "polluted: 7");
  const links = await panel.locator("a[target]").evaluateAll((all) => all.map(({ href, target, rel }) => ({ href, target, rel })));
  assert.deepEqual(links, [{ href: "https://example.com/report?a=%3Cb%3E", target: "_blank", rel: "noopener noreferrer" }]);
  await sees(panel, "javascript:window.__hacked=7");

  // Live, while it comes: what is streamed takes another way into the page than what is read back.
  lease = await server.begin({ ...made, queue: "toString" });
  await page.goto(server.pages + lease.page);
  await sees(page, "In progress");
  await speak(lease);
  await lease.beat();
  await sees(panel, "stream <script>window.__hacked=5</script> red ⟦U+202E⟧gnp.exe end");
  await inert(page, "a live conversation");

  // A question with a form that it makes, whose pattern would take ages where it were tried here.
  const slow = { type: "string", title: SHORT, description: LONG, pattern: "^(a+)+$" };
  const schema = {
    type: "object",
    title: SHORT,
    properties: Object.assign(JSON.parse('{"__proto__":{"type":"string"}}'), {
      [SHORT]: { enum: [LONG, "b"] },
      slow,
      many: { type: "array", items: { enum: [SHORT, "c"] } },
      yes: { type: "boolean", title: LONG },
      odd: { oneOf: [{ const: LONG }] },
    }),
  };
  await lease.wait({ prompt: `question ${LONG}`, schema });
  await sees(page, "question <script>window.__hacked=1</script>");
  await inert(page, "a form made from a schema");
  const field = page.locator(".x-waiting").getByLabel("<script>").and(page.locator("input[type=text]"));
  await field.fill(`${"a".repeat(60)}!`);
  expect(/\b422\b.*\/v1\/executions\/.*\/resume/);
  await page.getByRole("button", { name: "Send the answer" }).click();
  await until(page, "the wrong answer is refused at its field", () => document.activeElement?.getAttribute("aria-invalid") === "true");
  await inert(page, "a refused answer");
  nothing();
});

scenario("operations pages and addresses show what was said as text", async ({ open, server, expect }) => {
  const { inert, nothing } = collector();
  const made = { name: SHORT, labels, queue: "__proto__", concurrency_key: "constructor" };
  await server.create(made);
  await server.create(made);
  await server.claim("__proto__", RUNNER);
  await server.call("PATCH", "/v1/queues/__proto__", { paused: true, reason: `reason ${SHORT}`, by: SHORT });
  const page = await open("/queues");
  await sees(page, "__proto__");
  await inert(page, "the queues");
  for (const [path, text] of [
    ["/queues/__proto__", "reason <script>window.__hacked=1</script>"],
    ["/runners", "<script>window.__hacked=1</script>"],
    ["/runners/toString", "<script>window.__hacked=1</script>"],
    ["/supervisor", "Supervisor"],
  ]) {
    await page.goto(server.pages + path);
    await sees(page.getByRole("main"), text);
    await inert(page, path);
  }
  // A name may hold what an address writes otherwise.
  await server.create({ queue: "team:a" });
  await server.claim("team:a", { id: "host:1" });
  for (const [path, name] of [["/queues", "team:a"], ["/runners", "host:1"]]) {
    await page.goto(server.pages + path);
    await page.getByRole("main").getByRole("link", { name }).click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await page.reload();
    await page.getByRole("heading", { level: 1, name }).waitFor();
  }
  const { executions } = await server.call("GET", "/v1/executions?queue=team:a");
  for (const name of ["team:a", "host:1"]) {
    await page.goto(`${server.pages}/executions/${executions[0].id}`);
    await page.getByRole("main").getByRole("link", { name }).click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
  }
  // Addresses are from outside, too.
  expect(/\b40[04]\b.*\/v1\//);
  for (const path of ["executions", "queues", "runners"]) {
    await page.goto(`${server.pages}/${path}/${encodeURIComponent(SHORT.replaceAll("/", "|"))}`);
    await page.getByRole("main").getByText(/no such|not here|invalid|cannot|There is/i).first().waitFor();
    await inert(page, `an address under ${path}`);
  }
  // What stands in a command is pasted into a terminal.
  for (const path of ["queues", "runners", "executions"]) {
    await page.goto(`${server.pages}/${path}/${encodeURIComponent("x ; touch gotcha")}`);
    await page.getByRole("main").getByText(/no such|not here|invalid|cannot|There is/i).first().waitFor();
    const commands = await page.locator(".command code").allInnerTexts();
    assert.deepEqual(commands.filter((command) => command.replaceAll(/'[^']*'/g, "").includes(";")), [], "commands do what they look like");
  }
  nothing();
});

/** Opens all that is folded, and all that is cut. */
async function unfold(page) {
  await page.getByRole("tabpanel").evaluate(async (panel) => {
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    for (let round = 0; round < 3; round += 1) {
      for (const details of panel.querySelectorAll("details:not([open]) > summary")) details.click();
      for (const more of panel.querySelectorAll("button")) if (/^(?:… )?show all/i.test(more.textContent)) more.click();
      await drawn();
    }
  });
}
