// The real server, on a port and a folder of its own; a runner and a person for it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** No step takes nearly as long. */
export const BOUND_MS = 60_000;

/** Rejects when `promise` takes too long. */
export function bounded(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${BOUND_MS} ms`)), BOUND_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Server {
  /** Starts one with these settings (environment variables). */
  static async start(settings = {}) {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), "heartline-conformance-"));
    server.settings = settings;
    server.log = [];
    await server.launch("127.0.0.1:0");
    return server;
  }

  async launch(listen) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HEARTLINE_"));
    const env = { ...Object.fromEntries(inherited), ...this.settings };
    const args = ["serve", "--listen", listen, "--data", join(this.folder, "data")];
    this.child = spawn(process.env.HEARTLINE_BIN, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.exited = new Promise((resolve) => this.child.on("exit", resolve));
    createInterface(this.child.stderr).on("line", (line) => this.log.push(line));
    const ready = new Promise((resolve, reject) => {
      createInterface(this.child.stdout).on("line", (line) => {
        const address = line.match(/^\s*address\s+http:\/\/(\S+)$/);
        if (address) resolve(address[1]);
      });
      this.child.on("error", reject);
      this.exited.then(() => reject(new Error(`it ended:\n${this.log.join("\n")}`)));
    });
    this.address = await bounded(ready, "the server's start");
    this.url = `http://${this.address}`;
  }

  /** SIGKILL, and the same port and folder again. */
  async crash() {
    this.child.kill("SIGKILL");
    await bounded(this.exited, "the server's death");
    await this.launch(this.address);
  }

  /** Stops it; what it logged as an error fails the check. */
  async stop() {
    this.child.kill("SIGTERM");
    await bounded(this.exited, "the server's end");
    rmSync(this.folder, { recursive: true, force: true });
    const errors = this.log.filter((line) => /ERROR|panicked at/.test(line));
    if (errors.length > 0) throw new Error(`the server logged errors:\n${errors.join("\n")}`);
  }

  /** Ends it, whatever is wrong. */
  abandon() {
    this.child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async get(path) {
    return this.#answer(await fetch(this.url + path), path);
  }

  async post(path, body) {
    const headers = { "content-type": "application/json" };
    return this.#answer(
      await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) }),
      path,
    );
  }

  async #answer(response, path) {
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Creates an execution; its id. */
  async create(body = {}) {
    const { execution } = await this.post("/v1/executions", { kind: "agent", name: "c", ...body });
    return execution.id;
  }

  /** Claims an execution from a queue, as a runner that posts under its lease. */
  async claim(queue = "agents") {
    const runner = { id: "conformance", host: "here", pid: process.pid };
    const { leases } = await this.post(`/v1/queues/${queue}/claim`, { runner, wait: "30s" });
    const [{ execution, lease }] = leases;
    const path = `/v1/executions/${execution.id}`;
    const call = (name, body = {}) => this.post(`${path}/${name}`, { lease, ...body });
    return { id: execution.id, call, events: (...events) => call("events", { events }) };
  }
}

/** Runs `check` with a server of its own. */
export async function withServer(settings, check) {
  const server = await Server.start(settings);
  try {
    await check(server);
  } catch (error) {
    server.abandon();
    throw error;
  }
  await server.stop();
}
