// The real server, on a port and a folder of its own.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Starts one with these settings (environment variables): `{ url, stop }`. */
export async function start(settings) {
  const folder = mkdtempSync(join(tmpdir(), "heartline-durable-"));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HEARTLINE_"));
  const env = { ...Object.fromEntries(inherited), ...settings };
  const args = ["serve", "--listen", "127.0.0.1:0", "--data", join(folder, "data")];
  const child = spawn(process.env.HEARTLINE_BIN, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const log = [];
  createInterface(child.stderr).on("line", (line) => log.push(line));
  const exited = new Promise((resolve) => child.on("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const address = line.match(/^\s*address\s+(http:\/\/\S+)$/);
      if (address) resolve(address[1]);
    });
    child.on("error", reject);
    exited.then(() => reject(new Error(`it ended:\n${log.join("\n")}`)));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, stop };
}
