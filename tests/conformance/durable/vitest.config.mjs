// One server for the published suite, which gives each of its streams a path of its own.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["*.test.mjs"],
    // Longer than any wait of a live read here; the suite's own bounds are shorter.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
