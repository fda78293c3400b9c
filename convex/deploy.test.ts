// @vitest-environment node
/**
 * The Convex CLI itself deploys a copy of this folder, to a server that agrees to everything:
 * which files it takes for modules, whether they pass its typecheck, and what it generates.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";

const here = import.meta.dirname;
let copy: string;
let server: Server;
let pushed: { appDefinition: { changedModules: { path: string }[] } };

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "syncd-convex-"));
  await cp(here, copy, { recursive: true, filter: (path) => !path.endsWith("node_modules") });
  await linkPackages();
  server = agreeableServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await deploy((server.address() as AddressInfo).port);
}, 60_000);

afterAll(async () => {
  server.close();
  await rm(copy, { recursive: true });
});

test("deploys every source file, and neither tests nor settings nor packages", async () => {
  const modules = pushed.appDefinition.changedModules
    .map(({ path }) => path)
    .filter((path) => !path.startsWith("_deps/"));
  expect(modules.sort()).toEqual((await sources()).map((path) => path.replace(/ts$/, "js")));
});

/** `npx vitest run deploy --update` commits what the CLI generates. */
test("what is committed in _generated is what the CLI generates", async () => {
  const names = await readdir(join(copy, "_generated"));
  expect(names.sort()).toEqual((await readdir(join(here, "_generated"))).sort());
  for (const name of names) {
    const generated = await readFile(join(copy, "_generated", name), "utf8");
    await expect(generated).toMatchFileSnapshot(join(here, "_generated", name));
  }
});

async function sources(): Promise<string[]> {
  const inModel = (await readdir(join(here, "model"))).map((name) => `model/${name}`);
  return [...(await readdir(here)), ...inModel]
    .filter((path) => /^[\w/]+\.ts$/.test(path) && path !== "schema.ts")
    .sort();
}

/** Links would be passed over in any case, so one package is a folder, as all are in earnest. */
async function linkPackages() {
  const packages = join(here, "node_modules");
  await mkdir(join(copy, "node_modules", "package"), { recursive: true });
  await writeFile(join(copy, "node_modules", "package", "index.js"), "export const a = 1;");
  for (const name of await readdir(packages)) {
    if (name === "convex.config.ts")
      await cp(join(packages, name), join(copy, "node_modules", name));
    else await symlink(join(packages, name), join(copy, "node_modules", name));
  }
}

async function deploy(port: number) {
  const cli = join(here, "node_modules", "convex", "bin", "main.js");
  const environment = {
    PATH: process.env.PATH,
    HOME: copy,
    CONVEX_SELF_HOSTED_URL: `http://127.0.0.1:${port}`,
    CONVEX_SELF_HOSTED_ADMIN_KEY: "self-hosted|00",
  };
  const args = [cli, "deploy", "--typecheck", "enable"];
  await promisify(execFile)(process.execPath, args, { cwd: copy, env: environment });
}

function agreeableServer(): Server {
  return createServer((request, response) => {
    void buffer(request).then((body) => {
      const path = (request.url ?? "").split("/").at(-1) ?? "";
      if (path === "start_push") {
        pushed = JSON.parse(brotliDecompressSync(body).toString()) as typeof pushed;
      }
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(answers[path] ?? {}));
    });
  });
}

const schemaChange = { allocatedComponentIds: {}, schemaIds: {}, indexDiffs: {} };
const definition = {
  path: "",
  definitionType: { type: "app" },
  childComponents: [],
  httpMounts: {},
  exports: { type: "branch", branch: [] },
  envVars: [],
};
const udfConfig = { serverVersion: "", importPhaseRngSeed: "", importPhaseUnixTimestamp: 0 };

/** As much of a deployment's answers as convex 1.48 reads. */
const answers: Record<string, object> = {
  get_config_hashes: {
    config: { project: "", team: "", prodUrl: "", functions: "./", authInfo: [] },
    moduleHashes: [],
    nodeDependencies: [],
    udfServerVersion: "",
  },
  evaluate_schema: { schemaChange },
  evaluate_push: { schemaChange },
  start_push: {
    environmentVariables: {},
    externalDepsId: null,
    componentDefinitionPackages: {},
    appAuth: [],
    analysis: { "": { definition, schema: null, functions: {}, udfConfig } },
    app: {
      definitionPath: "",
      componentPath: "",
      args: {},
      childComponents: {},
      httpRoutes: { httpModuleRoutes: null, mounts: [] },
      exports: {},
    },
    schemaChange,
  },
  wait_for_schema: { type: "complete" },
  finish_push: { authDiff: { added: [], removed: [] }, definitionDiffs: {}, componentDiffs: {} },
};
