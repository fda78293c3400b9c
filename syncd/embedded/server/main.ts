/**
 * The embedded backend as a program: `server.mjs --data DIR [--port N] [--functions FILE]
 * [--exit-with-parent]`.
 *
 * Listens on 127.0.0.1 only. When it listens it prints one line of JSON, `{"url", "pid"}`, to
 * stdout; its log goes to stderr. SIGTERM, SIGINT and, with `--exit-with-parent`, the end of stdin
 * close it cleanly.
 *
 * From the outside in:
 * - `http`, and `sockets` with `session`, `incoming` and `subscriptions`, speak to clients;
 * - `backend` calls functions in turns, `execute` runs one, `outcome` words what came of it;
 * - `syscalls` is what functions ask for, `query`, `search`, `page` and `filter` how they read;
 * - `transaction` and `writes` are one execution's view of the documents, with its `limits`;
 * - `store`, `catalog`, `creation` and `migrate` are SQLite, `system` its tables that are the
 *   platform's own;
 * - `storage` keeps files, `transfer` takes and sends them; `scheduler` runs what is due, with
 *   `crons` and `calendar`;
 * - `values`, `keys`, `ids` and `validate` know what Convex values are.
 */
import { once } from "node:events";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { AddressInfo } from "node:net";
import { Backend } from "./backend.ts";
import { Refusal, messageOf } from "./failure.ts";
import { openFolder } from "./folder.ts";
import { Functions, type Bundle } from "./functions.ts";
import { installGlobals } from "./globals.ts";
import { serveHttp } from "./http.ts";
import { serveSockets } from "./sockets.ts";
import { Scheduler } from "./scheduler.ts";
import { Storage } from "./storage.ts";
import { Store } from "./store.ts";
import { installSyscalls } from "./syscalls.ts";

/** How long answers under way may take to leave. */
const PARTING_MS = 300;

/** What the process ends with; the launcher tells them apart. */
const EXIT = { failed: 1, usage: 2, portInUse: 3, dataInUse: 4, schemaMismatch: 5 } as const;

interface Options {
  data: string;
  port: number;
  functions: string;
  exitWithParent: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      port: { type: "string", default: "0" },
      functions: { type: "string", default: join(import.meta.dirname, "functions.mjs") },
      "exit-with-parent": { type: "boolean", default: false },
    },
  });
  const port = Number(values.port);
  if (values.data === undefined) throw new TypeError("--data DIR is missing");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new TypeError(`--port ${values.port} is no port`);
  return {
    data: resolve(values.data),
    port,
    functions: resolve(values.functions),
    exitWithParent: values["exit-with-parent"],
  };
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

function fail(code: number, what: string): never {
  log(`embedded backend: ${what}`);
  process.exit(code);
}

async function start(options: Options): Promise<() => Promise<void>> {
  const folder = openFolder(options.data);
  installGlobals();
  const functions = new Functions((await import(pathToFileURL(options.functions).href)) as Bundle);
  const store = new Store(folder.database, functions.schema);
  const storage = new Storage(folder.storage, store, folder.adminKey);
  const backend = new Backend(store, functions);
  installSyscalls((frame, kind, path, args) => backend.callFrom(frame, kind, path, args), {
    backend,
    storage,
  });
  const { instanceName, adminKey } = folder;
  const api = { backend, storage, instanceName, adminKey, log };
  const server = serveHttp(api);
  const endSockets = serveSockets(server, api);
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  storage.origin = `http://127.0.0.1:${port}`;
  const scheduler = new Scheduler(backend, store, functions, log);
  await scheduler.start();
  process.stdout.write(`${JSON.stringify({ url: storage.origin, pid: process.pid })}\n`);
  return async () => {
    await scheduler.stop();
    const closed = once(server, "close");
    server.close();
    endSockets();
    await backend.idle();
    server.closeIdleConnections();
    await Promise.race([closed, sleep(PARTING_MS)]);
    server.closeAllConnections();
    backend.close();
  };
}

function explain(error: unknown, options: Options): never {
  const what = messageOf(error);
  if ((error as NodeJS.ErrnoException).code === "EADDRINUSE")
    fail(
      EXIT.portInUse,
      `port ${options.port} of 127.0.0.1 is in use. Nothing was changed.`,
    );
  if (error instanceof Refusal && error.code === "DataInUse")
    fail(
      EXIT.dataInUse,
      `${what} Nothing was changed. Stop the other backend, or use another --data folder.`,
    );
  if (error instanceof Refusal && error.code === "SchemaMismatch")
    fail(
      EXIT.schemaMismatch,
      `${what}. Nothing was changed. Change the schema, or use another --data folder.`,
    );
  fail(EXIT.failed, error instanceof Error ? (error.stack ?? what) : what);
}

async function main(): Promise<void> {
  let options: Options;
  try {
    options = readOptions();
  } catch (error) {
    return fail(EXIT.usage, messageOf(error));
  }
  const close = await start(options).catch((error: unknown) => explain(error, options));
  const stop = () =>
    void close().then(
      () => process.exit(0),
      (error: unknown) => explain(error, options),
    );
  // A promise that a function dropped must not end everybody else's backend.
  process.on("unhandledRejection", (error) =>
    log(`a function left a failed promise: ${messageOf(error)}`),
  );
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  if (options.exitWithParent) process.stdin.resume().once("end", stop);
}

await main();
