// Writes src/api/generated.ts and src/api/frames.ts from what the server says of itself: /openapi.json
// for HTTP and /asyncapi.json for the frames of its WebSockets.
//
//   npm run generate            write the files
//   npm run generate -- --check compare only, and fail where they differ
//
// The binary is HEARTLINE_BIN, or the one that `make build` leaves.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import openapi, { astToString } from "openapi-typescript";

const root = fileURLToPath(new URL("..", import.meta.url));
const binary = process.env.HEARTLINE_BIN ?? join(root, "../../target/release/heartline");
const check = process.argv.includes("--check");

/** Runs `use` with the address of a server of its own. */
async function withServer(use) {
  const data = mkdtempSync(join(tmpdir(), "heartline-generate-"));
  const args = ["serve", "--listen", "127.0.0.1:0", "--data", data];
  // What is set for us is not a setting of the server.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HEARTLINE_"));
  const env = { ...Object.fromEntries(inherited), HEARTLINE_LOG_FILTER: "warn" };
  const child = spawn(binary, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const address = await new Promise((resolve, reject) => {
      createInterface(child.stdout).on("line", (line) => {
        const found = line.match(/^\s*address\s+(http:\/\/\S+)$/);
        if (found) resolve(found[1]);
      });
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`${binary} ended with ${code}`)));
    });
    await use(address);
  } finally {
    child.kill("SIGKILL");
    rmSync(data, { recursive: true, force: true });
  }
}

/** The TypeScript of an OpenAPI document. */
async function types(document, of) {
  const options = { defaultNonNullable: false, rootTypes: false };
  const source = astToString(await openapi(document, options));
  return `// Types of ${of}, as the server describes them. Written by \`npm run generate\`.\n\n${source}`;
}

async function get(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

let stale = 0;

function put(file, text) {
  const path = join(root, "src/api", file);
  if (!check) return writeFileSync(path, text);
  if (readFileSync(path, "utf8") === text) return;
  console.error(`src/api/${file} is not what this server says; run: npm run generate`);
  stale += 1;
}

await withServer(async (address) => {
  const http = await get(`${address}/openapi.json`);
  put("generated.ts", await types(http, "the HTTP interface"));
  // The frames are schemas like any other: the same generator takes them in an empty document.
  const { info, components } = await get(`${address}/asyncapi.json`);
  const { schemas } = components;
  const frames = { openapi: "3.1.0", info, paths: {}, components: { schemas } };
  put("frames.ts", await types(frames, "the frames of the WebSockets"));
});
process.exitCode = stale > 0 ? 1 : 0;
