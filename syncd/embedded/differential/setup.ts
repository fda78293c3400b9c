/**
 * Starts an embedded backend with our functions, bundled from the same sources, for the time of the
 * tests.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    url: string;
    adminKey: string;
  }
}

const EMBEDDED = fileURLToPath(new URL("..", import.meta.url));

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "syncd-differential-"));
  const [server, functions, data] = ["server.mjs", "functions.mjs", "data"].map((name) =>
    join(folder, name),
  );
  const bundle = (...args: string[]) =>
    execFileSync(process.execPath, ["bundle.mjs", ...args], { cwd: EMBEDDED });
  bundle("server", server!);
  bundle("functions", "../../convex", functions!);
  const args = [server!, "--data", data!, "--functions", functions!, "--exit-with-parent"];
  const backend = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(createInterface(backend.stdout), "line")) as [string];
  project.provide("url", (JSON.parse(line) as { url: string }).url);
  project.provide("adminKey", readFileSync(join(data!, "admin_key"), "utf8").trim());
  return async () => {
    backend.kill("SIGTERM");
    await once(backend, "exit");
    rmSync(folder, { recursive: true });
  };
}
