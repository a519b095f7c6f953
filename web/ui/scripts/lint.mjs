// Refuses what has no place in this page: ways in which text from outside could become markup or code,
// and `any`. Also files without a word on what they are, and files that have grown too long.
//
//   node scripts/lint.mjs

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const MOST_LINES = 450;

const REFUSED = [
  [/dangerouslySetInnerHTML/, "text is never markup"],
  [/\b(?:inner|outer)HTML\b/, "text is never markup"],
  [/\binsertAdjacentHTML\b|\bdocument\.write\b|\bDOMParser\b|\bsrcdoc\b/i, "text is never markup"],
  [/\beval\s*\(/, "text is never code"],
  [/\bnew\s+Function\s*\(/, "text is never code"],
  [/\bjavascript:/i, "an address is never code"],
  [/:\s*any\b|\bas\s+any\b|<any>/, "say what it is, or unknown"],
  [/\bsetInterval\b.*\bfetch\b|refetchInterval/, "the server tells what changed; nothing is polled"],
];

const slips = [];
for (const entry of readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(?:tsx?|css)$/.test(entry.name)) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const shown = path.slice(root.length);
  const generated = /src\/api\/(?:generated|frames)\.ts$/.test(path);
  const lines = readFileSync(path, "utf8").split("\n");
  const test = entry.name.includes(".test.");
  if (!test && !/^\s*(?:\/\/|\/\*)/.test(lines[0] ?? "")) slips.push(`${shown}:1: begin with a comment that says what it is`);
  if (generated) continue;
  if (lines.length > MOST_LINES && !test && !entry.name.endsWith(".css")) {
    slips.push(`${shown}: ${lines.length} lines; split it by subject`);
  }
  lines.forEach((line, at) => {
    const code = line.replace(/^\s*(?:\/\/|\*).*$/, "");
    for (const [pattern, why] of REFUSED) {
      if (pattern.test(code)) slips.push(`${shown}:${at + 1}: ${why}: ${line.trim()}`);
    }
  });
}
for (const slip of slips) console.error(slip);
if (slips.length > 0) process.exit(1);
