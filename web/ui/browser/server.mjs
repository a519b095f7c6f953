// The real server on a port and a folder of its own, and its runners: over HTTP, step by step, or as the
// command that people use. Whatever is started ends with the test, or at the latest with its process.
//
// HEARTLINE_BIN is the binary. HEARTLINE_DASHBOARD, not needed otherwise, is a dist/ to serve in front of a
// binary that carries another dashboard, or none (dist-server.mjs).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { serveDist } from "./dist-server.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const binary = process.env.HEARTLINE_BIN ?? join(root, "../../target/release/heartline");
const dist = process.env.HEARTLINE_DASHBOARD;

/** How long anything that is waited for may take, unless a test says otherwise. The machine may be busy. */
export const SOON_MS = 20_000;
/** How long what was started may take to end in order. */
const END_MS = 3_000;

/** What runs now. */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
// Without this the process would end without its end being told.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** Starts the binary. What is set for the tests is not a setting of it. */
function start(args, settings, stdio) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HEARTLINE_"));
  const env = { ...Object.fromEntries(inherited), HEARTLINE_LOG_FILTER: "warn", ...settings };
  const child = spawn(binary, args, { env, stdio });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** A command that takes what waits in a queue, with a script for each execution. */
export function startRunner(server, queue, script) {
  return start(["runner", "--server", server.url, "--queue", queue, "--", "sh", "-c", script], {}, "ignore");
}

/** The answer, unless it takes longer than it may. */
async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", resolve));
}

/** Ends a process in order, or else by force. */
export async function end(child) {
  child.kill("SIGTERM");
  await within(END_MS, "its end", ended(child)).catch(() => {
    child.kill("SIGKILL");
    return ended(child);
  });
}

/** The server, as a user starts it. */
export class Server {
  #data = mkdtempSync(join(tmpdir(), "heartline-browser-"));
  #address = "127.0.0.1:0";
  #log = [];
  #agent = new Agent({ keepAlive: true });
  #settings;
  #child;
  #front;

  constructor(settings) {
    this.#settings = settings;
  }

  /** Where it listens. */
  get url() {
    return `http://${this.#address}`;
  }

  /** Where its dashboard is. */
  get pages() {
    return this.#front?.url ?? this.url;
  }

  /** Starts it; again on the same port and folder. */
  async start() {
    const args = ["serve", "--listen", this.#address, "--data", join(this.#data, "log")];
    const child = start(args, this.#settings, ["ignore", "pipe", "pipe"]);
    this.#child = child;
    createInterface(child.stderr).on("line", (line) => this.#log.push(line));
    const listening = new Promise((resolve, reject) => {
      createInterface(child.stdout).on("line", (line) => {
        const address = /^\s*address\s+http:\/\/(\S+)$/.exec(line)?.[1];
        if (address) resolve(address);
      });
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${this.#log.join("\n")}`)));
    });
    this.#address = await within(SOON_MS, "the start of the server", listening);
    if (dist) this.#front ??= await serveDist(dist, this.url);
  }

  /** SIGKILL. */
  async kill() {
    this.#child?.kill("SIGKILL");
    if (this.#child) await ended(this.#child);
  }

  async close() {
    await this.kill();
    this.#agent.destroy();
    await this.#front?.close();
    rmSync(this.#data, { recursive: true, force: true });
  }

  /** What it answers; a refusal is an error. Ten thousand of these cost less so than with fetch. */
  call(method, path, body) {
    const whole = new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      const asked = request(this.url + path, { method, headers, agent: this.#agent, signal: AbortSignal.timeout(SOON_MS) }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part) => (text += part)).on("error", reject);
        answer.on("end", () => resolve({ status: answer.statusCode, text }));
      });
      asked.on("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
    return whole.then(({ status, text }) => {
      if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
      return text === "" ? undefined : JSON.parse(text);
    });
  }

  /** A new execution of an agent; no test takes so long that it runs out of time. */
  async create(body) {
    const whole = { kind: "agent", name: "test", timeouts: { schedule_to_start: "1h", heartbeat: "1h" }, ...body };
    return (await this.call("POST", "/v1/executions", whole)).execution;
  }

  /** The oldest execution that waits in a queue, with its lease. */
  async claim(queue = "agents", runner = { id: "hand", name: "by hand", host: "test.internal", pid: 4242 }) {
    const answer = await this.call("POST", `/v1/queues/${queue}/claim`, { runner, slots: 1, wait: "5s" });
    assert.ok(answer, `something to claim in ${queue}`);
    return new Lease(this, answer.leases[0]);
  }

  /** A new execution that is already held by a runner. */
  async begin(body) {
    const execution = await this.create(body);
    const lease = await this.claim(execution.queue);
    assert.equal(lease.id, execution.id);
    return lease;
  }
}

/** The runner's side of one attempt, over HTTP. */
class Lease {
  #batch = 0;

  constructor(server, { execution, lease }) {
    this.server = server;
    this.id = execution.id;
    this.lease = lease;
    this.page = `/executions/${execution.id}`;
  }

  /** Posts events as one batch; resolves once they are on disk. */
  post(...events) {
    this.#batch += 1;
    return this.#say("events", { batch: this.#batch, events });
  }

  beat() {
    return this.#say("heartbeat", {});
  }

  wait(question) {
    return this.#say("wait", question);
  }

  complete(output = null) {
    return this.#say("complete", { output });
  }

  fail(error) {
    return this.#say("fail", { error });
  }

  acknowledgeCancel() {
    return this.#say("cancel_acknowledged", {});
  }

  cancelled() {
    return this.#say("cancelled", {});
  }

  #say(what, body) {
    return this.server.call("POST", `/v1/executions/${this.id}/${what}`, { lease: this.lease, ...body });
  }
}

/** Events as runners post them. */
export const log = (message, level = "info", stream = undefined) => ({
  type: "CUSTOM",
  data: { name: "log", value: { level, message, ...(stream && { stream }) } },
});
export const begins = (id, role = "assistant") => ({ type: "TEXT_MESSAGE_START", data: { messageId: id, role } });
export const says = (id, delta) => ({ type: "TEXT_MESSAGE_CONTENT", data: { messageId: id, delta } });
export const ends = (id) => ({ type: "TEXT_MESSAGE_END", data: { messageId: id } });
export const message = (id, text, role) => [begins(id, role), says(id, text), ends(id)];
export const toolCall = (id, name, args, result) => [
  { type: "TOOL_CALL_START", data: { toolCallId: id, toolCallName: name } },
  { type: "TOOL_CALL_ARGS", data: { toolCallId: id, delta: args } },
  { type: "TOOL_CALL_END", data: { toolCallId: id } },
  { type: "TOOL_CALL_RESULT", data: { messageId: `${id}-result`, toolCallId: id, content: result } },
];
