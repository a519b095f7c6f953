// The published suite against plain streams. Subscriptions, a part of the protocol that the suite
// leaves out unless asked, are not served.

import { afterAll, beforeAll, describe } from "vitest";
import { runConformanceTests } from "@durable-streams/server-conformance-tests";
import { start } from "./server.mjs";

const LONG_POLL_MS = 500;

describe("the protocol", () => {
  const options = { baseUrl: "", longPollTimeoutMs: LONG_POLL_MS };
  let server;

  beforeAll(async () => {
    server = await start({
      HEARTLINE_STREAMS_ENABLED: "true",
      HEARTLINE_STREAMS_LONG_POLL: `${LONG_POLL_MS}ms`,
    });
    options.baseUrl = server.url;
  });

  afterAll(() => server?.stop());

  runConformanceTests(options);
});
