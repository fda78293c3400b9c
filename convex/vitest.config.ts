import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "edge-runtime",
    include: ["**/*.test.ts"],
    // Properties are many runs, and a busy machine is no failure.
    testTimeout: 30_000,
    exclude: ["node_modules/**", "fixture.test.ts"],
    server: { deps: { inline: ["convex-test"] } },
  },
});
