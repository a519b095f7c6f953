// Writes FILE.br and FILE.gz beside every compressible file of dist/, so that the server sends them as
// they are. What does not get smaller is left alone. Browsers ask for brotli only over TLS and on this
// machine itself, so gzip is made as small as it can be, too.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

import { gzipAsync } from "@gfx/zopfli";

const dist = fileURLToPath(new URL("../dist/", import.meta.url));

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  if (/\.(?:br|gz)$/.test(path)) {
    rmSync(path);
    continue;
  }
  if (!/\.(?:js|css|html|svg|json|txt|webmanifest)$/.test(path)) continue;
  const bytes = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const brotli = brotliCompressSync(bytes, { params });
  const gzip = await gzipAsync(bytes, { numiterations: 5 });
  if (brotli.length < bytes.length) writeFileSync(`${path}.br`, brotli);
  if (gzip.length < bytes.length) writeFileSync(`${path}.gz`, gzip);
}
