/**
 * Bundles with esbuild: `bundle.mjs server OUT` this backend, `bundle.mjs functions DIR OUT` a
 * folder of functions.
 *
 * A bundle of functions exports `modules`, from module path to the module's exports, and `schema`.
 * Modules are the files that the platform's own bundler takes: scripts with one dot in their names,
 * `_generated` left out.
 */
import { build } from "esbuild";
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

const SHARED = {
  bundle: true,
  format: "esm",
  target: "es2023",
  // The folder of functions needs no installation of its own.
  nodePaths: [join(HERE, "node_modules")],
  logLevel: "warning",
};

/** Paths of the modules below a folder, without extension. */
function modulesOf(folder, prefix = "") {
  return readdirSync(join(folder, prefix), { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((found) => {
      const path = join(prefix, found.name);
      if (found.isDirectory())
        return ["node_modules", "_generated"].includes(found.name) ? [] : modulesOf(folder, path);
      return /^[^.]+\.[jt]s$/.test(found.name) ? [path.replace(/\.[jt]s$/, "")] : [];
    })
    .filter((path) => path !== "schema");
}

function bundleFunctions(folder, outfile) {
  const modules = modulesOf(folder);
  const lines = [
    ...modules.map((path, at) => `import * as m${at} from "./${path}";`),
    "export const modules = {",
    ...modules.map((path, at) => `  ${JSON.stringify(path)}: m${at},`),
    "};",
    `export { default as schema } from "./schema";`,
  ];
  return build({
    ...SHARED,
    stdin: { contents: lines.join("\n"), resolveDir: resolve(folder), sourcefile: "functions.js" },
    platform: "browser",
    conditions: ["convex", "module"],
    outfile,
  });
}

function bundleServer(outfile) {
  return build({
    ...SHARED,
    entryPoints: [join(HERE, "server", "main.ts")],
    platform: "node",
    // ws is CommonJS and asks for Node's modules with require.
    banner: {
      js:
        'import { createRequire } from "node:module";' +
        "const require = createRequire(import.meta.url);",
    },
    outfile,
  });
}

const [what, ...paths] = process.argv.slice(2);
if (what === "server" && paths.length === 1) await bundleServer(paths[0]);
else if (what === "functions" && paths.length === 2) await bundleFunctions(...paths);
else throw new Error("usage: bundle.mjs server OUT | bundle.mjs functions DIR OUT");
