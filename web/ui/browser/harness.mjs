// What every test here stands on: a server of its own (server.mjs), and pages in Chromium that fail
// their test for whatever they complain of. CHROMIUM is the browser.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { chromium } from "playwright-core";

import { end, Server, SOON_MS, startRunner } from "./server.mjs";

const TEST_MS = 120_000;
const WIDE = { width: 1280, height: 800 };

let launched;

/** The one browser of this file. */
function browser() {
  launched ??= chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    timeout: SOON_MS,
  });
  return launched;
}

after(async () => {
  if (launched) await (await launched).close();
});

/** One test's server, runners and pages, and what its pages complained of. */
class Stage {
  #closing = [];
  #expected = [];
  #faults = [];
  #pages = [];

  constructor(server, t) {
    this.server = server;
    this.t = t;
  }

  /** A page at a path of the dashboard. Its `loads` says how often it was loaded. */
  open = async (path, { scripts = [], ...options } = {}) => {
    const context = await (await browser()).newContext({ viewport: WIDE, locale: "en-GB", ...options });
    this.#closing.push(() => context.close());
    context.setDefaultTimeout(SOON_MS);
    for (const script of scripts) await context.addInitScript(script);
    context.on("page", (page) => this.#watch(page));
    const page = await context.newPage();
    await page.goto(this.server.pages + path);
    return page;
  };

  /** `heartline runner`, with a script for each execution that it takes. */
  runner = (queue, script) => {
    const child = startRunner(this.server, queue, script);
    this.#closing.push(() => end(child));
    return child;
  };

  /** Complaints that belong to the test. */
  expect = (...patterns) => {
    this.#expected.push(...patterns);
  };

  /** What pages complained of and no test asked for. */
  get faults() {
    return this.#faults.filter((fault) => !this.#expected.some((pattern) => pattern.test(fault)));
  }

  #watch(page) {
    const home = new URL(this.server.pages).host;
    const fault = (text) => this.#faults.push(`${new URL(page.url()).pathname}: ${text}`);
    this.#pages.push(page);
    page.loads = 0;
    page.on("domcontentloaded", () => (page.loads += 1));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) fault(`console: ${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => fault(`uncaught: ${error.stack ?? error}`));
    page.on("crash", () => fault("the page crashed"));
    page.on("dialog", (dialog) => {
      fault(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (!["blob:", "data:"].includes(url.protocol) && url.host !== home) fault(`asked another host: ${url.href}`);
    });
    page.on("websocket", (socket) => {
      if (new URL(socket.url()).host !== home) fault(`asked another host: ${socket.url()}`);
    });
    page.on("requestfailed", (request) => {
      // What a page no longer wants, it gives up itself.
      const why = request.failure()?.errorText;
      if (why !== "net::ERR_ABORTED") fault(`failed: ${request.url()} ${why}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) fault(`${response.status()}: ${response.url()}`);
    });
  }

  /** Pictures of how the pages looked when a test failed. */
  async picture() {
    const folder = join(tmpdir(), "heartline-browser-failures");
    mkdirSync(folder, { recursive: true });
    for (const [at, page] of this.#pages.entries()) {
      const path = join(folder, `${this.t.name.replaceAll(/\W+/g, "-").slice(0, 60)}-${at + 1}.png`);
      const taken = await page.screenshot({ path, timeout: 5_000 }).then(() => true, () => false);
      if (taken) this.t.diagnostic(`${page.url()} looked like ${path}`);
    }
  }

  async close() {
    for (let close = this.#closing.pop(); close; close = this.#closing.pop()) await close();
    await this.server.close();
  }
}

/** A test with a server of its own, that fails also for what its pages complain of. */
export function scenario(name, body, { settings = {}, timeout = TEST_MS } = {}) {
  test(name, { timeout }, async (t) => {
    const stage = new Stage(new Server(settings), t);
    // What takes too long is taken away from under the test, so that it ends.
    t.signal.addEventListener("abort", () => void stage.close());
    try {
      await stage.server.start();
      await body(stage);
      assert.deepEqual(stage.faults, [], "what the pages complained of");
    } catch (error) {
      for (const fault of stage.faults) t.diagnostic(fault);
      await stage.picture();
      throw error;
    } finally {
      await stage.close();
    }
  });
}

/** Until the page is so; what it says instead stands in the error. */
export function until(page, what, condition, argument, timeout = SOON_MS) {
  return orSay(page.locator("body"), what, timeout, page.waitForFunction(condition, argument, { timeout }));
}

/** Until the text stands somewhere in sight, in a page or a part of one. */
export function sees(part, text, timeout = SOON_MS) {
  const found = part.getByText(text).filter({ visible: true }).first();
  const around = "goto" in part ? part.locator("body") : part;
  return orSay(around, `“${text}” is seen`, timeout, found.waitFor({ timeout }));
}

async function orSay(part, what, timeout, promise) {
  const began = new Error(`not within ${timeout} ms: ${what}`);
  try {
    await promise;
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    const said = await part.first().innerText({ timeout: 1_000 }).catch(() => "nothing");
    began.message += `\nIt says: ${said.slice(0, 2_000).replaceAll(/\s*\n\s*/g, " | ")}`;
    throw began;
  }
}

/** By how many pixels a page is wider than its window. */
export function overflow(page) {
  return page.evaluate(() => {
    const parts = [document.documentElement, document.querySelector("main")];
    return Math.max(...parts.map((part) => part.scrollWidth - part.clientWidth));
  });
}

/** The list's row of an execution. */
export function rowOf(page, { id }) {
  return page.locator(`[id="row-${id}"]`);
}
