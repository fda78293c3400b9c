/**
 * Our functions in an embedded backend that nobody else talks to, with a meter on every call:
 * `meter.mts --data DIR --functions FILE`.
 *
 * Takes a line of JSON `{kind, path, args, keep}` on stdin and answers one on stdout: the value or
 * what failed, what the transaction used, the index ranges it read and the index keys it wrote.
 * `keep` false undoes a mutation, so that what another would have met is still there.
 */
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Backend } from "../../../../syncd/embedded/server/backend.ts";
import { openFolder } from "../../../../syncd/embedded/server/folder.ts";
import { ADMIN, frames } from "../../../../syncd/embedded/server/frame.ts";
import {
  Functions,
  type Bundle,
  type Fn,
  type Kind,
} from "../../../../syncd/embedded/server/functions.ts";
import { installGlobals } from "../../../../syncd/embedded/server/globals.ts";
import { Storage } from "../../../../syncd/embedded/server/storage.ts";
import { Store } from "../../../../syncd/embedded/server/store.ts";
import { installSyscalls } from "../../../../syncd/embedded/server/syscalls.ts";
import type { Index } from "../../../../syncd/embedded/server/catalog.ts";
import type { Outcome } from "../../../../syncd/embedded/server/outcome.ts";
import type { Transaction } from "../../../../syncd/embedded/server/transaction.ts";
import type { EncodedObject } from "../../../../syncd/embedded/server/values.ts";

interface Asked {
  kind: "query" | "mutation";
  path: string;
  args: EncodedObject;
  keep: boolean;
}

/** Thrown to undo a mutation whose work has been seen. */
class Undone extends Error {}

/** Functions that remember in which transaction the last one ran. */
class Watched extends Functions {
  last: Transaction | null = null;

  override find(path: string, kind: Kind | null, mayCallInternal: boolean): Fn {
    const fn = super.find(path, kind, mayCallInternal);
    const invoke = (requestId: string, args: string) => {
      this.last = frames.getStore()?.transaction ?? null;
      return fn.invoke(requestId, args);
    };
    return { ...fn, invoke };
  }
}

async function open(data: string, bundle: string) {
  const folder = openFolder(data);
  installGlobals();
  const functions = new Watched((await import(pathToFileURL(bundle).href)) as Bundle);
  const store = new Store(folder.database, functions.schema);
  const storage = new Storage(folder.storage, store, folder.adminKey);
  const backend = new Backend(store, functions);
  installSyscalls((frame, kind, path, args) => backend.callFrom(frame, kind, path, args), {
    backend,
    storage,
  });
  return { backend, functions };
}

async function answer(opened: Awaited<ReturnType<typeof open>>, asked: Asked): Promise<object> {
  const { backend, functions } = opened;
  const { path, args, keep } = asked;
  const call = { path, args, caller: ADMIN };
  const finished = { undone: false };
  const finish = () => {
    finished.undone = !keep;
    if (!keep) throw new Undone();
  };
  const outcome =
    asked.kind === "query" ? await backend.query(call) : await backend.mutation(call, null, finish);
  const tx = functions.last;
  if (tx === null) throw new Error(`${path} did not run`);
  return { ...told(outcome, finished.undone), ...used(tx) };
}

function told(outcome: Outcome, undone: boolean): object {
  if (outcome.ok) return { value: JSON.parse(outcome.value) as unknown };
  return undone ? { value: null } : { failed: outcome.message };
}

function used({ meter, reads, written }: Transaction): object {
  const { documentsRead, bytesRead, documentsWritten, bytesWritten, indexRanges } = meter;
  return {
    used: { documentsRead, bytesRead, documentsWritten, bytesWritten, indexRanges },
    reads: reads.map(({ index, low, high }) => [named(index), hex(low), hex(high)]),
    written: written.map(({ index, key }) => [named(index), hex(key)]),
  };
}

const names = new Map<Index, string>();

/** Indexes of different tables may have one name; which is which does not matter. */
function named(index: Index): string {
  const name = names.get(index) ?? `${names.size} ${index.name}`;
  names.set(index, name);
  return name;
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}

const { values } = parseArgs({
  options: { data: { type: "string" }, functions: { type: "string" } },
});
if (values.data === undefined || values.functions === undefined)
  throw new TypeError("usage: meter.mts --data DIR --functions FILE");
const opened = await open(values.data, values.functions);
for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await answer(opened, JSON.parse(line) as Asked))}\n`);
}
opened.backend.close();
