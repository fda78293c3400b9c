/**
 * The same random calls of our own functions on the embedded backend and on convex-test, step by
 * step.
 *
 * `SEEDS=7,8 npm run differential` runs those seeds; a failure names its seed and step.
 */
import type { Value } from "convex/values";
import { expect, inject, test } from "vitest";
import { Memory, Run, type Call } from "./calls.ts";
import { Labels } from "./normalize.ts";
import { Random } from "./random.ts";
import { embedded, oracle, type Args, type Outcome, type World } from "./world.ts";

const SEEDS = (process.env["SEEDS"] ?? "1,2,3,4,5,6").split(",").map(Number);
const STEPS = 120;

test.each(SEEDS)("seed %i: the embedded backend answers as convex-test does", async (seed) => {
  const run = new Run(new Random(seed), `w${seed}`);
  const worlds = [oracle(), embedded(inject("url"), inject("adminKey"))].map((world) => ({
    world,
    memory: new Memory(),
    labels: new Labels(),
  }));
  const succeeded = new Set<string>();
  for (let step = 0; step < STEPS; step += 1) {
    const sent = run.upload();
    if (sent !== null)
      for (const { world, memory } of worlds) memory.files.push(await world.upload(sent));
    const call = await run.next();
    const outcomes: Outcome[] = [];
    for (const { world, memory } of worlds) {
      const outcome = inAnyOrder(call, await answerOf(world, call, call.args(memory)));
      Run.remember(memory, call, outcome);
      outcomes.push(outcome);
    }
    const [expected, found] = outcomes.map((outcome, at) =>
      comparable(worlds[at]!.labels, outcome),
    );
    expect(found, `seed ${seed}, step ${step}: ${call.path}`).toEqual(expected);
    run.learn(call, (call as Call & { operations?: [] }).operations, outcomes[0]!);
    if (outcomes[0]!.ok) succeeded.add(call.path);
  }
  // A run of nothing but errors would agree too.
  expect(succeeded.size).toBeGreaterThan(10);
});

/**
 * The answer; of a list all its pages as one, since convex-test ends a full last page sooner than
 * the platform.
 */
async function answerOf(world: World, call: Call, args: Args): Promise<Outcome> {
  const outcome = await world.call(call.kind, call.path, args);
  if (!outcome.ok || !isPage(outcome.value) || outcome.value.cursor === null) return outcome;
  const rest = await answerOf(world, call, { ...args, cursor: outcome.value.cursor });
  if (!rest.ok || !isPage(rest.value)) return rest;
  return { ok: true, value: { rows: [...outcome.value.rows, ...rest.value.rows], cursor: null } };
}

/** What a search found: the two rank by rules of their own. */
function inAnyOrder(call: Call, outcome: Outcome): Outcome {
  if (!call.path.endsWith(":search") || !outcome.ok || !isPage(outcome.value)) return outcome;
  const placeOf = (row: Value) => {
    const { store, path, record } = row as { store: string; path: string; record: string };
    return JSON.stringify([store, path, record]);
  };
  const rows = outcome.value.rows.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  return { ok: true, value: { ...outcome.value, rows } };
}

/** Folds take a second: no random run may be that slow or fast, so they have a run of their own. */
test("increments are folded once, in the embedded backend as in convex-test", async () => {
  for (const world of [oracle(), embedded(inject("url"), inject("adminKey"))]) {
    const workspace = "counted";
    const called = async (kind: "query" | "mutation", path: string, args: Args) => {
      const outcome = await world.call(kind, path, { workspace, ...args });
      expect(outcome.ok, path).toBe(true);
      return (outcome as { value: Value }).value;
    };
    const device = await called("mutation", "devices:enroll", { name: "one" });
    const { token } = device as { token: string };
    const create = "{id}.json";
    const store = { name: "library", kind: "asset", layout: "file", direction: "both", create };
    await called("mutation", "sync:register", { token, stores: [store] });
    const metadata = { downloads: 2 };
    await called("mutation", "assets:create", { token, id: "a", metadata, tags: ["x"] });
    for (const requestId of ["1", "2", "2"])
      await called("mutation", "assets:incrementDownloads", { token, id: "a", requestId, by: 5 });
    const asset = async () =>
      (await called("query", "assets:get", { token, id: "a" })) as { [name: string]: Value };
    expect(await asset()).toMatchObject({ downloads: 12, revision: 1 });
    await expect.poll(asset, { timeout: 20_000 }).toMatchObject({ downloads: 12, revision: 2 });
    expect((await asset())["text"]).toContain('"downloads": 12');
  }
});

function isPage(value: Value): value is { rows: Value[]; cursor: string | null } {
  return value !== null && typeof value === "object" && "rows" in value;
}

function comparable(labels: Labels, outcome: Outcome): unknown {
  if (outcome.ok) return { value: labels.normalize(outcome.value) };
  const data = outcome.data as { code?: string } | undefined;
  return { error: data?.code ?? "not a ConvexError" };
}
