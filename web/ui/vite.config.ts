// How the dashboard is built, and how it is developed against a running server.
//
// The server sends a strict Content-Security-Policy, so nothing may be inlined: no data: URLs and no
// inline scripts. While developing, HEARTLINE_SERVER says which server /v1 goes to.

import { defineConfig } from "vitest/config";
import react from "@vitejs/plugin-react";

const server = process.env.HEARTLINE_SERVER ?? "http://127.0.0.1:7400";

/** The server checks Host and Origin, so the proxy speaks as the server's own page. */
const toServer = {
  target: server,
  changeOrigin: true,
  ws: true,
  headers: { origin: server },
};

/** As the server sends it, so that a page that would break there breaks here. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    sourcemap: false,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // What every page needs and seldom changes: cached over releases.
            { name: "react", test: /node_modules\/(?:react|react-dom|scheduler|wouter|regexparam|use-sync-external-store|mitt)\// },
          ],
        },
      },
    },
    // The budget is on what is sent, which scripts/size.mjs measures.
    reportCompressedSize: false,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/v1": toServer, "/livez": toServer, "/openapi.json": toServer, "/asyncapi.json": toServer },
  },
  preview: { host: "127.0.0.1", headers: { "content-security-policy": policy } },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});
