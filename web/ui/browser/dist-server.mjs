// Serves a dist/ in front of a server, so that a dashboard can be tested before a binary carries it. It
// answers as the server does: every page with the one page there is, under the same policy. Not used
// unless HEARTLINE_DASHBOARD is set.

import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { extname, join } from "node:path";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const PAGE = /^\/(?:executions\/[^/]+|queues(?:\/[^/]+)?|runners(?:\/[^/]+)?|supervisor)?$/;

/** Hop-by-hop and addressing headers aside, as the server's own page would ask. */
function asOwn(headers, to) {
  return { ...headers, host: to.host, ...(headers.origin && { origin: to.origin }) };
}

export async function serveDist(folder, server) {
  const to = new URL(server);
  const pass = (asked, answer) => {
    const options = { host: to.hostname, port: to.port, method: asked.method, path: asked.url, headers: asOwn(asked.headers, to) };
    const passed = request(options, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    asked.pipe(passed);
  };
  const front = createServer((asked, answer) => {
    const { pathname } = new URL(asked.url, server);
    const file = PAGE.test(pathname) ? "index.html" : /^\/(?:assets\/)?[\w.-]+$/.test(pathname) ? pathname : undefined;
    if (file === undefined || /\.json$|^\/(?:livez|readyz|metrics)$/.test(file)) return pass(asked, answer);
    try {
      const body = readFileSync(join(folder, file));
      answer.writeHead(200, {
        "content-type": TYPES[extname(file)] ?? "application/octet-stream",
        "content-security-policy": POLICY,
        "cache-control": file.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
      });
      answer.end(body);
    } catch {
      answer.writeHead(404).end();
    }
  });
  const sockets = new Set();
  front.on("connection", (socket) => sockets.add(socket.on("close", () => sockets.delete(socket))));
  front.on("upgrade", (asked, socket, head) => {
    const lines = Object.entries(asOwn(asked.headers, to)).map(([name, value]) => `${name}: ${value}\r\n`);
    const passed = connect(Number(to.port), to.hostname, () => {
      passed.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${lines.join("")}\r\n`);
      passed.write(head);
      passed.pipe(socket).pipe(passed);
    });
    passed.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("error", () => passed.destroy()).on("close", () => passed.destroy());
  });
  await new Promise((resolve) => front.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${front.address().port}`,
    close: () =>
      new Promise((resolve) => {
        front.close(resolve);
        for (const socket of sockets) socket.destroy();
      }),
  };
}
