// Says how much script a browser loads before the first view, and fails where that is over the budget:
// the entry and everything it imports at once, brotli and gzip. The budget holds for the larger of them.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const BUDGET = 100 * 1024;

const html = readFileSync(join(dist, "index.html"), "utf8");
const first = new Set();
const follow = (path) => {
  if (first.has(path)) return;
  first.add(path);
  const text = readFileSync(join(dist, path), "utf8");
  // Static imports only: a dynamic one has a bracket after the word.
  for (const [, from] of text.matchAll(/(?:\bimport|\bfrom)\s*["']\.\/([^"']+\.js)["']/g)) follow(`assets/${from}`);
};
for (const [, path] of html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)) follow(path);

const size = (path, suffix) => {
  const file = join(dist, path + suffix);
  return statSync(existsSync(file) ? file : join(dist, path)).size;
};
const row = (path) => [path, size(path, ".br"), size(path, ".gz")];
const kib = (bytes) => (bytes / 1024).toFixed(1).padStart(7);
const print = ([path, br, gz]) => console.log(`${kib(br)} ${kib(gz)}  ${path}`);
const total = (rows, name) => [name, rows.reduce((sum, r) => sum + r[1], 0), rows.reduce((sum, r) => sum + r[2], 0)];

const assets = readdirSync(join(dist, "assets")).map((name) => `assets/${name}`);
const rows = [...first].map(row);
console.log(" brotli    gzip  KiB");
rows.forEach(print);
const sum = total(rows, "script before the first view");
print(sum);
console.log();
assets.filter((path) => /\.(?:js|css)$/.test(path) && !first.has(path)).map(row).sort((a, b) => b[2] - a[2]).forEach(print);

if (sum[2] > BUDGET) {
  console.error(`\nThe first view loads ${kib(sum[2]).trim()} KiB of script; the budget is ${BUDGET / 1024} KiB.`);
  process.exit(1);
}
