import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "edge-runtime",
    include: ["**/*.test.ts"],
    // With SYNCD_SEARCH set, properties look at other examples at each run.
    setupFiles: process.env["SYNCD_SEARCH"] === undefined ? ["same.setup.ts"] : [],
    // Properties are many runs, and a busy machine is no failure.
    testTimeout: 30_000,
    exclude: ["node_modules/**", "fixture.test.ts"],
    server: { deps: { inline: ["convex-test"] } },
  },
});
