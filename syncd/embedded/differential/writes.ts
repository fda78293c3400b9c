/**
 * Writes on the app plane, and the lists that show them. Ids and times are told: what a function
 * makes up differs from world to world.
 */
import type { Value } from "convex/values";
import type { Random } from "./random.ts";
import type { Args } from "./world.ts";

export const IDS = ["a", "b", "c", "d", "new-1", "new-2"];

const REGISTERED = [
  { name: "flows", kind: "workflow", layout: "file", create: "{id}.json" },
  { name: "runs", kind: "execution", layout: "file", create: "{id}.json" },
  { name: "assets", kind: "asset", layout: "file", create: "{category}/{id}.yaml" },
  { name: "sites", kind: "deployment", layout: "records", create: "d.json", pointer: "/list" },
].map((store) => ({ ...store, direction: "both" }));

/** Registers the stores, one of them now and then with another place for what is new. */
export function registration(random: Random): Args {
  const stores = REGISTERED.map((store) =>
    random.chance(0.2) ? { ...store, create: `sub/${store.create}` } : store,
  );
  return { stores: random.chance(0.9) ? stores : stores.slice(0, 1) };
}

/** A function that writes, and its arguments. */
export function write(random: Random): [string, Args] {
  const id = random.pick(IDS);
  const more: Args = {
    ...(random.chance(0.2) && { requestId: random.pick(["r1", "r2", "r3"]) }),
    ...(random.chance(0.2) && { expectedRevision: 1 + random.below(3) }),
  };
  const { expectedRevision: _, ...asked } = more;
  const record = { id, name: `N ${random.below(3)}`, status: random.pick(["active", "failed"]) };
  const times = { startTime: 1_700_000_000_000, savedAt: "2026-01-01T00:00:00Z" };
  const run = { executionId: id, workflowId: random.pick(IDS), context: { _x: ["é"] } };
  const site = { siteId: random.pick(["s", "t"]), startedAt: random.pick(["2026-01-01", 5]) };
  const field = random.pick(["odd", "version", "tags", "metadata", "createdAt"]);
  const sample = {
    value: random.pick([-0, 5e-324, 1e308, NaN, 3]),
    timestamp: random.pick<number | string>([-0, -1, 8.64e15, "1970-01-01", 5]),
    labels: { odd: odd(random) },
  };
  const choices: [string, Args][] = [
    ["workflows:create", { workflow: { ...record, steps: [{ id: "x" }] }, ...asked }],
    ["workflows:create", { workflow: { ...record, [field]: odd(random) }, ...asked }],
    ["workflows:update", { id, updates: updates(random), ...more }],
    ["workflows:remove", { id, ...more }],
    ["workflows:createExecution", { ...run, ...times, ...asked }],
    ["workflows:updateExecution", { executionId: id, updates: updates(random), ...more }],
    [
      "assets:create",
      { ...record, tags: ["one"], ...(random.chance(0.5) && { category: "ui" }), ...asked },
    ],
    ["assets:create", { ...record, tags: odd(random), content: odd(random), ...asked }],
    ["metrics:record", { type: "t", name: "n", ...sample }],
    ["assets:update", { id, updates: updates(random), ...more }],
    ["assets:deleteAsset", { id, ...more }],
    ["deployments:create", { ...site, id, status: "queued", ...asked }],
    ["deployments:update", { id, updates: { ...updates(random), completedAt: 7e11 }, ...more }],
  ];
  return random.pick(choices);
}

/** A query of what writes make. */
export function listing(random: Random): [string, Args] {
  const site = { siteId: random.pick(["s", "t"]) };
  return random.pick<[string, Args]>([
    ["deployments:get", { id: random.pick(IDS) }],
    ["deployments:list", random.chance(0.5) ? site : { ...site, status: "queued" }],
    ["deployments:getBySite", site],
    ["deployments:getLatest", site],
    ["deployments:getByStatus", { status: random.pick(["queued", "active"]) }],
    ["assets:getByCategory", { category: random.pick(["ui", "sub"]) }],
    ["assets:search", { query: random.pick(["asset", "two", "agent", "command one", "zero", ""]) }],
    ["assets:search", { query: "asset", tags: random.pick([["one"], ["one", "two"], []]) }],
    ["assets:search", { query: "asset", category: "sub", type: random.pick(["agent", "command"]) }],
  ]);
}

function updates(random: Random): Args {
  return random.pick<Args>([
    { status: random.pick(["active", "failed", "done"]) },
    { name: `Renamed ${random.below(3)} é`, description: null },
    { tags: ["one", "two"], extra: { deep: [{ n: 1.5 }] } },
    { status: null },
    {},
    { bad: NaN },
    { odd: odd(random) },
    { metadata: { downloads: odd(random), deep: [odd(random)] } },
  ]);
}

/** A value at the edge of what Convex, JSON and YAML have in common. */
function odd(random: Random): Value {
  const texts = [
    "",
    "\u0000",
    "\u2028",
    "a\r\nb",
    "é😀",
    "\ufeff",
    ": #",
    "- x",
    "null",
    "0x1",
    "~",
  ];
  return random.pick<Value>([
    random.pick([-0, 1e21, 5e-324, 2 ** 53 + 2, 1e300, -1e-7, Infinity]),
    random.pick([0n, -1n, 2n ** 63n - 1n]),
    new Uint8Array([0, 255]).buffer,
    random.pick(texts),
    nested(random.pick([1, 13, 14, 15, 16, 47, 48, 49])),
    Array.from({ length: random.pick([0, 200]) }, () => null),
    Object.fromEntries(Array.from({ length: 1024 }, (_, at) => [`k${at}`, at])),
    { "": 1, "a.b": 2, "10": 3, "9": 4, _x: 5, constructor: 6, toString: null, "a b": [] },
  ]);
}

function nested(levels: number): Value {
  if (levels === 0) return "deep";
  return levels % 2 === 0 ? { in: nested(levels - 1) } : [nested(levels - 1)];
}
