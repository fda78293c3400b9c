/**
 * A random run: which function is called next, with what. What a world handed out (tokens, cursors)
 * goes back into that world's own calls, so arguments are made from its memory.
 */
import type { Value } from "convex/values";
import { content, line, STORES, type Content } from "./texts.ts";
import { listing, registration, write } from "./writes.ts";
import type { Random } from "./random.ts";
import type { Args, Outcome } from "./world.ts";

/** What a world handed out. */
export class Memory {
  /** By device; a token that another replaced stays under its own name. */
  readonly tokens = new Map<string, string>();
  readonly cursors = new Map<string, string>();
  /** Of logs, in the order in which they were listed first. */
  readonly logs: string[] = [];
  /** Ids of files, in the order of their uploads. */
  readonly files: string[] = [];
}

export interface Call {
  kind: "query" | "mutation";
  path: string;
  args: (memory: Memory) => Args;
}

/** Bytes to upload, before the call that tells of them. */
export type Upload = { bytes: Uint8Array<ArrayBuffer>; contentType: string };

interface Held {
  revision: number;
  digest: string | null;
}

type Operation = { [field: string]: Value } & { store: string; path: string; record: string };

const PATHS = [
  "a.json",
  "b.json",
  "sub/c.json",
  "sub/deep/d.json",
  "1700000000001-run.json",
  "é.json",
];
const BAD_PATHS = ["", "/a", "../a", "a//b", "a/.", "a\\b", "e\u0301"];

export class Run {
  readonly #random: Random;
  readonly #workspace: string;
  readonly #held = new Map<string, Held>();
  readonly #extents = new Map<string, { length: number; tail: string }>();
  readonly #pushed: Operation[] = [];
  readonly #sizes = new Map<string, number>();
  readonly #uploaded: Args[] = [];
  #devices = 0;

  constructor(random: Random, workspace: string) {
    this.#random = random;
    this.#workspace = workspace;
  }

  /** The next call. The first two enroll devices. */
  async next(): Promise<Call> {
    const random = this.#random;
    if (this.#devices < 2) return this.#enroll(`device ${(this.#devices += 1)}`);
    const dice = random.next();
    if (dice < 0.3) return this.#push();
    if (dice < 0.4) return this.#edit();
    if (dice < 0.46) return this.#blobs();
    if (dice < 0.5) return this.#administer();
    if (dice < 0.55) return this.#hello();
    if (dice < 0.65) return this.#append();
    if (dice < 0.75) return this.#readLogs();
    return random.chance(0.5) ? this.#readFiles() : this.#readRows();
  }

  /** Takes note of the oracle's answer, on which later expectations are built. */
  learn(call: Call, operations: Operation[] | undefined, outcome: Outcome): void {
    if (call.path === "logs:append" && outcome.ok) this.#learnExtents(call, outcome);
    if (call.path !== "sync:push" || operations === undefined || !outcome.ok) return;
    const { results } = outcome.value as { results: { outcome: string; revision: number }[] };
    for (const [at, result] of results.entries()) {
      const { store, path, record, write } = halves(operations)[at]!;
      const { current } = result as { current?: Held | null };
      // What a write on the app plane, or a refused guess, left behind is learnt from the answer.
      if (result.outcome === "stale" && current)
        this.#held.set(keyOf({ store, path, record }), {
          revision: current.revision,
          digest: current.digest,
        });
      if (result.outcome !== "applied") continue;
      const digest = (write as { digest: string } | null)?.digest ?? null;
      this.#held.set(keyOf({ store, path, record }), { revision: result.revision, digest });
    }
  }

  /** Puts what an answer handed out into the memory of its world. */
  static remember(memory: Memory, call: Call, outcome: Outcome): void {
    if (!outcome.ok || outcome.value === null) return;
    if (call.path === "logs:list") {
      const { rows } = outcome.value as { rows: { _id: string }[] };
      if (memory.logs.length === 0) memory.logs.push(...rows.map(({ _id }) => _id));
    }
    const { name, token, cursor } = outcome.value as {
      name: string;
      token?: string;
      cursor?: string;
    };
    if (token !== undefined) {
      memory.tokens.set("replaced", memory.tokens.get(name) ?? token);
      memory.tokens.set(name, token);
    }
    if (typeof cursor === "string") memory.cursors.set(call.path, cursor);
    else if (cursor === null) memory.cursors.delete(call.path);
  }

  #enroll(name: string): Call {
    const scopes = this.#random.chance(0.2) && this.#devices > 2 ? { scopes: ["read"] } : {};
    return this.#plain("mutation", "devices:enroll", {
      workspace: this.#workspace,
      name,
      ...scopes,
    });
  }

  /** Something to upload before the next call, now and then; few contents, so that they repeat. */
  upload(): Upload | null {
    const random = this.#random;
    if (this.#devices < 2 || !random.chance(0.08)) return null;
    const bytes = new Uint8Array([random.below(6), 255]);
    this.#uploaded.push({ bytes: [...bytes] });
    const contentType = `image/png${random.chance(0.9) ? "; syncd=payload" : ""}`;
    return { bytes, contentType };
  }

  async #blobs(): Promise<Call> {
    const random = this.#random;
    const [digest, other] = [await this.#blobDigest(), await this.#blobDigest()];
    switch (random.below(5)) {
      case 0:
        return this.#authorized("query", "blobs:missing", { digests: [digest, other, digest] });
      case 1:
        return this.#authorized("mutation", "blobs:begin", { digest });
      case 2:
        return this.#authorized("query", "blobs:url", { digest });
    }
    const at = random.below(Math.max(1, this.#uploaded.length));
    const bytes = (this.#uploaded[at]?.["bytes"] ?? [0]) as number[];
    const right = { digest: await sha256(new Uint8Array(bytes)), size: bytes.length };
    const wrong = random.chance(0.1) ? { digest } : random.chance(0.05) ? { size: 9 } : {};
    return this.#authorized("mutation", "blobs:commit", (memory) => ({
      ...{ ...right, ...wrong },
      storageId: memory.files[at] ?? "none",
    }));
  }

  #blobDigest(): Promise<string> {
    return sha256(new Uint8Array([this.#random.below(7), 255]));
  }

  #administer(): Call {
    const name = `device ${1 + this.#random.below(this.#devices + 1)}`;
    const of = { workspace: this.#workspace, name };
    const dice = this.#random.next();
    if (dice < 0.4) return this.#plain("query", "devices:list", { workspace: this.#workspace });
    if (dice < 0.6 && name !== "device 1") return this.#plain("mutation", "devices:revoke", of);
    this.#devices = Math.max(this.#devices, Number(name.slice(7)));
    return this.#enroll(name);
  }

  #plain(kind: Call["kind"], path: string, args: Args): Call {
    return { kind, path, args: () => args };
  }

  /** A call with a token: mostly of the first device, at times of another, old or invented. */
  #authorized(kind: Call["kind"], path: string, args: Args | ((memory: Memory) => Args)): Call {
    const random = this.#random;
    const others = ["device 2", "device 3", "replaced", "nobody"];
    const device = random.chance(0.8) ? "device 1" : random.pick(others);
    const workspace = random.chance(0.02) ? "another" : this.#workspace;
    return {
      kind,
      path,
      args: (memory) => ({
        token: memory.tokens.get(device) ?? "syncd_none",
        workspace,
        ...(typeof args === "function" ? args(memory) : args),
      }),
    };
  }

  #edit(): Call {
    const random = this.#random;
    if (random.chance(0.15))
      return this.#authorized("mutation", "sync:register", registration(random));
    const [path, args] = random.chance(0.6) ? write(random) : listing(random);
    const kind = /:(get|list|search)/.test(path) ? "query" : "mutation";
    return this.#authorized(kind, path, args);
  }

  async #push(): Promise<Call & { operations: Operation[] }> {
    const operations: Operation[] = [];
    for (let at = this.#random.below(4); at >= 0; at -= 1) operations.push(await this.#operation());
    this.#pushed.push(...operations);
    return { ...this.#authorized("mutation", "sync:push", { operations }), operations };
  }

  async #operation(): Promise<Operation> {
    const random = this.#random;
    if (this.#pushed.length > 0 && random.chance(0.1)) return random.pick(this.#pushed);
    const key = this.#key();
    const { kind, format, text } = content(random, key.store);
    const held = this.#held.get(keyOf(key)) ?? { revision: 0, digest: null };
    const stale = { revision: random.below(3), digest: random.chance(0.5) ? null : random.hex(64) };
    const deletes = held.digest !== null && random.chance(0.25);
    return {
      operation: random.hex(random.chance(0.02) ? 31 : 32),
      ...(random.chance(0.03) ? { ...key, path: random.pick(BAD_PATHS) } : key),
      kind,
      format,
      expect: random.chance(0.1) ? stale : { ...held },
      write: deletes
        ? null
        : random.chance(0.1)
          ? { digest: await this.#blobDigest(), size: random.chance(0.9) ? 2 : 3, stored: true }
          : await this.#write({ kind, format, text }, held.digest),
      ...(random.chance(0.2) && {
        carried: random.chance(0.5) ? { startedAt: 1_600_000_000_000 } : {},
      }),
      ...(deletes && random.chance(0.6) && this.#move(key)),
    };
  }

  /** Where a deletion says that its content went; mostly it takes it there itself. */
  #move(from: { store: string; path: string; record: string }): Args {
    const random = this.#random;
    const movedTo = random.pick(PATHS);
    const held = this.#held.get(keyOf({ ...from, path: movedTo })) ?? { revision: 0, digest: null };
    const expect = random.chance(0.1) ? { revision: random.below(3), digest: null } : { ...held };
    if (random.chance(0.3)) return { movedTo };
    return { movedTo, target: { operation: random.hex(random.chance(0.02) ? 31 : 32), expect } };
  }

  #key(): { store: string; path: string; record: string } {
    const store = this.#random.pick(STORES);
    const record =
      store === "sites" && this.#random.chance(0.7) ? this.#random.pick(["r1", "r2"]) : "";
    return { store, path: this.#random.pick(PATHS), record };
  }

  async #write({ text }: Content, former: string | null): Promise<Args> {
    const random = this.#random;
    const bytes = new TextEncoder().encode(text);
    const digest = await sha256(bytes);
    this.#sizes.set(digest, bytes.length);
    const content = { digest: random.chance(0.03) ? random.hex(64) : digest, size: bytes.length };
    if (random.chance(0.8)) return { ...content, text };
    const drop = (former === null ? undefined : this.#sizes.get(former)) ?? random.below(9);
    return { ...content, splices: [{ at: 0, drop, text }] };
  }

  #learnExtents(call: Call, outcome: Outcome & { ok: true }): void {
    const { results } = outcome.value as { results: { length?: number; tail?: string }[] };
    const { appends } = call.args(new Memory()) as { appends: { generation: string }[] };
    for (const [at, { length, tail }] of results.entries()) {
      if (length === undefined || tail === undefined) continue;
      this.#extents.set(appends[at]!.generation, { length, tail });
    }
  }

  #append(): Call {
    const random = this.#random;
    if (random.chance(0.3)) return this.#record();
    const appends = Array.from({ length: 1 + random.below(2) }, () => {
      const generation = random.pick(["0", "1", "2"]).repeat(random.chance(0.03) ? 31 : 32);
      const known = this.#extents.get(generation) ?? { length: 0, tail: "" };
      const expect = random.chance(0.15) ? { length: 7, tail: random.hex(64) } : known;
      const lines = Array.from({ length: random.below(5) }, () => line(random));
      const next = {
        length: expect.length + lines.length + random.below(99),
        tail: random.hex(64),
      };
      const kind = random.chance(0.8) ? "metric" : "document";
      return { store: "samples", path: random.pick(PATHS), generation, kind, expect, next, lines };
    });
    return this.#authorized("mutation", "logs:append", { appends });
  }

  #record(): Call {
    const random = this.#random;
    const value = random.pick([0, -1.5, 3, 1e300]);
    const told = { type: "t", name: random.pick(["n", "m"]), timestamp: random.below(7_200_000) };
    const labels = random.pick<Args>([{}, { labels: { host: "a", port: 1 } }]);
    const asked = random.chance(0.2) ? { requestId: random.pick(["m1", "m2"]) } : {};
    const one = { ...told, ...(random.chance(0.9) && { value }), ...labels };
    return this.#authorized(
      "mutation",
      "metrics:record",
      random.chance(0.8) ? { ...one, ...asked } : { samples: [one] },
    );
  }

  #readLogs(): Call {
    const random = this.#random;
    const some = (args: Args): Args => (random.chance(0.5) ? args : {});
    const between = { startTime: random.below(3_600_000), endTime: random.below(9_000_000) };
    const [type, name] = [{ type: random.pick(["t", "u"]) }, { name: random.pick(["n", "m"]) }];
    const order = some({ order: random.pick(["asc", "desc"]) });
    switch (random.below(6)) {
      case 0:
        return this.#authorized("query", "logs:tails", { store: "samples", after: null });
      case 1:
        return this.#authorized("query", "logs:list", {
          store: "samples",
          ...some({ path: random.pick(PATHS) }),
        });
      case 2:
        return this.#authorized("query", "logs:lines", (memory) => ({
          log: memory.logs[0] ?? "none",
        }));
      case 3:
        return this.#authorized("query", "metrics:getByType", {
          ...type,
          ...some(name),
          ...some(between),
          ...order,
        });
      case 4:
        return this.#authorized("query", "metrics:getByName", {
          ...name,
          ...some(type),
          ...some(between),
          ...order,
        });
      default:
        return this.#authorized("query", "metrics:aggregate", {
          ...some(type),
          ...some(name),
          ...some(between),
          ...some({ bucket: random.pick([60_000, 300_000, 3_600_000, 1]) }),
        });
    }
  }

  #witnesses(): Value {
    return [...this.#held]
      .filter(([, { digest }]) => digest !== null && this.#random.chance(0.3))
      .slice(0, 16)
      .map(([key, { revision, digest }]) => ({
        ...(JSON.parse(key) as { store: string }),
        revision: revision + (this.#random.chance(0.1) ? 1 : 0),
        digest,
      }));
  }

  #hello(): Call {
    const random = this.#random;
    const [start, protocol, witnesses] = [
      random.below(9),
      random.chance(0.05) ? 2 : 1,
      this.#witnesses(),
    ];
    return this.#authorized("mutation", "sync:hello", (memory) => {
      const cursor = memory.cursors.get("sync:changes") ?? null;
      return { protocol, ledger: "ledger", start, cursor, passed: cursor, witnesses };
    });
  }

  #readFiles(): Call {
    const random = this.#random;
    const stores = STORES.filter(() => random.chance(0.7));
    const [fresh, store, witnesses] = [random.chance(0.3), random.pick(STORES), this.#witnesses()];
    const keys = Array.from({ length: 1 + random.below(5) }, () => this.#key());
    switch (random.below(4)) {
      case 0:
        return this.#authorized("query", "sync:head", {});
      case 1:
        return this.#authorized("query", "sync:fetch", { keys });
      case 2:
        return this.#authorized("query", "sync:manifest", { store, after: null });
      default:
        return this.#authorized("query", "sync:changes", (memory) => ({
          stores,
          cursor: fresh ? null : (memory.cursors.get("sync:changes") ?? null),
          ...(witnesses === undefined ? {} : { witnesses }),
        }));
    }
  }

  #readRows(): Call {
    const random = this.#random;
    const some = (args: Args): Args => (random.chance(0.5) ? args : {});
    const id = random.pick(["a", "b", "c", "run-1", "r1", "1700000000001-run", "none"]);
    const status = some({ status: random.pick(["active", "running"]) });
    const lists: [string, Args][] = [
      ["workflows:list", { ...status, ...some({ name: `Flow ${random.below(4)} é😀` }) }],
      ["workflows:listExecutions", { ...status, ...some({ workflowId: random.pick(["a", "b"]) }) }],
      ["assets:list", { ...some({ category: "sub" }), ...some({ type: "agent" }) }],
      ["documents:list", some({ store: random.pick(STORES) })],
    ];
    const gets: [string, Args][] = [
      ["workflows:get", { id }],
      ["workflows:getExecution", { executionId: id }],
      ["assets:get", { id }],
      ["documents:get", { store: random.pick(STORES), path: random.pick(PATHS) }],
      ["workflows:get", { id: 3 }],
    ];
    const [path, args] = random.pick([...lists, ...gets]);
    const limit = path.includes("list")
      ? some({ limit: random.pick([1, 2, 3, 50, 0, -1, 1.5, 1e6]) })
      : {};
    return this.#authorized("query", path, { ...args, ...limit });
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...sum].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function keyOf({ store, path, record }: { store: string; path: string; record: string }): string {
  return JSON.stringify({ store, path, record });
}

/** The operations, each move followed by what it writes at its target: as they are answered. */
function halves(operations: Operation[]): Operation[] {
  return operations.flatMap((operation) => {
    if (operation.target === undefined) return [operation];
    const { movedTo, expect } = operation as { movedTo?: string; expect?: Value };
    return [operation, { ...operation, path: movedTo ?? "", write: expect ?? null }];
  });
}
