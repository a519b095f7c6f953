// The Autobahn cases, by kosoku, against the echo route of the real server: every one must pass.
// kosoku counts NON-STRICT and INFORMATIONAL as passed, as Autobahn does; they are listed.
// Cases 12 and 13 are compression, which the server does not offer and kosoku does not have.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { withServer } from "./server.mjs";

const settings = {
  HEARTLINE_DEBUG_WS_ECHO: "true",
  // Cases 9 send messages of 16 MiB.
  HEARTLINE_WEBSOCKET_MESSAGE_BYTES: "17MiB",
};
const PASSED = ["OK", "NON-STRICT", "INFORMATIONAL"];

await withServer(settings, (server) => {
  const reports = join(process.env.HEARTLINE_CONFORMANCE, "autobahn");
  const args = ["-m", "fuzzingclient", "-x", "12.*", "-x", "13.*", "-o", reports];
  const ran = spawnSync(process.env.KOSOKU, [...args, `${server.address}/debug/echo`], {
    encoding: "utf8",
    timeout: 600_000,
  });
  if (ran.error) throw ran.error;
  if (!/reports for \d+ cases/.test(ran.stdout)) throw new Error(ran.stdout + ran.stderr);
  const [cases] = Object.values(JSON.parse(readFileSync(join(reports, "index.json"), "utf8")));
  const groups = new Map();
  const told = [];
  let failed = 0;
  for (const [id, { behavior, behaviorClose }] of Object.entries(cases)) {
    const group = id.split(".")[0];
    const counts = groups.get(group) ?? {};
    counts[behavior] = (counts[behavior] ?? 0) + 1;
    groups.set(group, counts);
    const passed = PASSED.includes(behavior) && PASSED.includes(behaviorClose);
    if (!passed) failed += 1;
    if (behavior !== "OK" || behaviorClose !== "OK") {
      told.push(`${passed ? "      " : "FAILED"}  ${id}: ${behavior}, close ${behaviorClose}`);
    }
  }
  console.log("group  cases     OK  NON-STRICT  INFORMATIONAL  other");
  for (const [group, counts] of groups) {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const [ok, loose, told] = PASSED.map((word) => counts[word] ?? 0);
    const row = [[group, 5], [all, 7], [ok, 7], [loose, 12], [told, 15], [all - ok - loose - told, 7]];
    console.log(row.map(([value, width]) => String(value).padStart(width)).join(""));
  }
  console.log(told.join("\n"));
  const count = Object.keys(cases).length;
  console.log(`autobahn: ${count - failed} of ${count} cases passed; reports: ${reports}`);
  // Fewer would mean that the suite did not run.
  if (failed > 0 || ran.status !== 0 || count < 240) throw new Error(ran.stderr);
});
