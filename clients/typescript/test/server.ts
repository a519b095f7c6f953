// The real server, on a port and a folder of its own. Without a binary the tests that need it are
// skipped, and say so.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Client, type ClientOptions } from "@heartline/client";

/** The folder of this package; tests run from `build/test`. */
export const root = fileURLToPath(new URL("../..", import.meta.url));
/** What runs as the server. */
export const binary = process.env["HEARTLINE_BIN"] ?? join(root, "../../target/release/heartline");

const missing = `there is no ${binary}: make it with \`make build\`, or set HEARTLINE_BIN`;
/** Options of a test that needs the server. No step of one takes nearly as long. */
export const withBinary = { skip: existsSync(binary) ? false : missing, timeout: 60_000 };

/** What is set for the tests is not a setting of the server. */
function environment(settings: Record<string, string>): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HEARTLINE_"));
  return { ...Object.fromEntries(inherited), HEARTLINE_LOG_FILTER: "warn", ...settings };
}

export class Server {
  readonly #data = mkdtempSync(join(tmpdir(), "heartline-typescript-"));
  readonly #settings: Record<string, string>;
  readonly #log: string[] = [];
  #child: ChildProcess | undefined;
  #address = "127.0.0.1:0";

  private constructor(settings: Record<string, string>) {
    this.#settings = settings;
  }

  /** Starts one with these settings (environment variables). */
  static async start(settings: Record<string, string> = {}): Promise<Server> {
    const server = new Server(settings);
    await server.launch();
    return server;
  }

  get url(): string {
    return `http://${this.#address}`;
  }

  client(options: ClientOptions = {}): Client {
    return new Client({ server: this.url, ...options });
  }

  /** Starts it, again on the same port and folder. */
  async launch(): Promise<void> {
    const args = ["serve", "--listen", this.#address, "--data", join(this.#data, "log")];
    const env = environment(this.#settings);
    const child = spawn(binary, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    createInterface(child.stderr).on("line", (line) => this.#log.push(line));
    this.#address = await new Promise((resolve, reject) => {
      createInterface(child.stdout).on("line", (line) => {
        const address = /^\s*address\s+http:\/\/(\S+)$/.exec(line)?.[1];
        if (address) resolve(address);
      });
      child.on("error", reject);
      child.on("exit", (code) =>
        reject(new Error(`it ended with ${code}: ${this.#log.join("\n")}`)),
      );
    });
  }

  /** SIGKILL; resolves when it is dead. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const dead = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await dead;
  }

  /** SIGTERM; resolves when it has ended. */
  async terminate(): Promise<void> {
    const child = this.#child;
    const ended = new Promise((resolve) => child?.once("exit", resolve));
    child?.kill("SIGTERM");
    await ended;
  }

  /** The end of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#data, { recursive: true, force: true });
  }
}
