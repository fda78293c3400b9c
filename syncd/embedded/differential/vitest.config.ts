import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here(".."),
  // One copy of npm `convex` for our functions and for convex-test.
  resolve: { dedupe: ["convex"] },
  server: { fs: { allow: [here("../../..")] } },
  test: {
    environment: "edge-runtime",
    include: ["differential/*.test.ts"],
    globalSetup: "differential/setup.ts",
    server: { deps: { inline: ["convex-test"] } },
    testTimeout: 60_000,
  },
});
