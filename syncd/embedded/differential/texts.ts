/** Contents of files, good and bad, for each kind of store. */
import type { Random } from "./random.ts";

export type Kind = "workflow" | "execution" | "asset" | "deployment" | "document" | "file";
export type Format = "json" | "yaml" | "text";

export interface Content {
  kind: Kind;
  format: Format;
  text: string;
}

const IDS = ["a", "b", "c", "d"];
const STATUSES = ["active", "inactive", "running", "failed"];

/** A random content for a store; one in eight is not what its format says. */
export function content(random: Random, store: string): Content {
  const made = CONTENTS[store]!(random);
  if (random.chance(1 / 8))
    return { ...made, text: random.pick(["", "{", "[1,", "\u0000", "é: [", "null"]) };
  return made;
}

/** A line of a log; some are no samples. */
export function line(random: Random): string | { text: string; flag: "cut" | "not-text" } {
  if (random.chance(0.05)) return { text: "x".repeat(9), flag: random.pick(["cut", "not-text"]) };
  if (random.chance(0.1)) return random.pick(["", "{", "[]", "3", '{"value":"1"}', "\u0000"]);
  return JSON.stringify({
    type: random.pick(["t", "u", 3]),
    name: random.pick(["n", "m", undefined]),
    value: random.pick([0, -0, 1, -2.5, 1e-9, 1e12]),
    timestamp: random.pick([random.below(7_200_000), "1970-01-01T00:30:00Z", -1]),
    ...(random.chance(0.3) && { unit: "ms", labels: { host: "é", é: random.below(2) } }),
  });
}

const CONTENTS: Record<string, (random: Random) => Content> = {
  flows: (random) => json("workflow", workflow(random)),
  runs: (random) => json("execution", execution(random)),
  assets: (random) => asset(random),
  sites: (random) =>
    json("deployment", { id: random.pick(IDS), site: "s", status: random.pick(STATUSES) }),
  notes: (random) => json("document", note(random)),
  blobs: (random) => ({
    kind: "file",
    format: "text",
    text: "x".repeat(random.pick([1, 100, 20_000, 700_000])),
  }),
};

export const STORES = Object.keys(CONTENTS);

function json(kind: Kind, value: unknown): Content {
  return { kind, format: "json", text: JSON.stringify(value, null, 2) };
}

function workflow(random: Random): unknown {
  return {
    id: random.pick(IDS),
    name: `Flow ${random.below(4)} é😀`,
    ...(random.chance(0.6) && { status: random.pick(STATUSES) }),
    ...(random.chance(0.3) && { active: random.chance(0.5) }),
    ...(random.chance(0.5) && { tags: ["x", random.pick(IDS)] }),
    nodes: Array.from({ length: random.below(4) }, (_, at) => ({
      id: String(at),
      type: "t",
      $ref: "é",
    })),
    updatedAt: "2026-01-02T03:04:05.000Z",
  };
}

function execution(random: Random): unknown {
  return {
    id: `run-${random.below(4)}`,
    workflowId: random.pick(IDS),
    ...(random.chance(0.6) && { status: random.pick(STATUSES) }),
    ...(random.chance(0.6) && {
      startTime: random.pick([1700000000000, "2026-01-01T00:00:00Z", "soon", null]),
    }),
    big: 12345678901234567000,
  };
}

function asset(random: Random): Content {
  const [id, name] = [random.pick(IDS), `Asset ${random.below(3)}`];
  if (random.chance(0.5))
    return json("asset", { id, name, type: random.pick(["agent", "command"]), downloads: 3 });
  return {
    kind: "asset",
    format: "yaml",
    text: `# kept\nid: ${id}\nname: ${name}\ntags: [one, two]\n`,
  };
}

function note(random: Random): unknown {
  return random.pick([
    { id: random.pick(IDS), deep: nested(random.below(70)) },
    [1, -0, 1e400, 0.1],
    { "": 1, _own: 2, $set: 3, é: 4, "a.b": { "1": null } },
    "just text",
  ]);
}

function nested(levels: number): unknown {
  return levels === 0 ? null : [nested(levels - 1)];
}
