/**
 * Writes on the app plane, and the lists that show them. Ids and times are told: what a function
 * makes up differs from world to world.
 */
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
  const choices: [string, Args][] = [
    ["workflows:create", { workflow: { ...record, steps: [{ id: "x" }] }, ...asked }],
    ["workflows:update", { id, updates: updates(random), ...more }],
    ["workflows:remove", { id, ...more }],
    ["workflows:createExecution", { ...run, ...times, ...asked }],
    ["workflows:updateExecution", { executionId: id, updates: updates(random), ...more }],
    [
      "assets:create",
      { ...record, tags: ["one"], ...(random.chance(0.5) && { category: "ui" }), ...asked },
    ],
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
  ]);
}
