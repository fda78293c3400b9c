/** Whatever a caller asks for, the answer is a value or says what is wrong with the question. */
import fc from "fast-check";
import { makeFunctionReference } from "convex/server";
import { ConvexError, type Value, type ValidatorJSON } from "convex/values";
import { expect, test } from "vitest";
import { api } from "./_generated/api";
import { deployment, enrolled, modules, operationOn } from "./fixture.test";

type Asked = { kind: "query" | "mutation"; args: ValidatorJSON };

/** Public functions by name, with the arguments that they take. */
async function publicFunctions(): Promise<[name: string, asked: Asked][]> {
  const found: [string, Asked][] = [];
  for (const [path, load] of Object.entries(modules)) {
    for (const [name, made] of Object.entries((await load()) as Record<string, unknown>)) {
      const told = made as { isPublic?: true; isQuery?: true; exportArgs?: () => string };
      if (told.isPublic !== true || told.exportArgs === undefined) continue;
      const args = JSON.parse(told.exportArgs()) as ValidatorJSON;
      const kind = told.isQuery ? "query" : "mutation";
      found.push([`${path.slice(2, -3)}:${name}`, { kind, args }]);
    }
  }
  return found;
}

const NUMBERS = [0, -0, 1, 50, 201, -1, 1.5, 60_000, 1e308, 5e-324, 2 ** 53, 8.64e15, NaN];
const TEXTS = ["", "a", "flows", "a.json", "é", "e\u0301", "\0", "../x", "{id}", "字".repeat(2000)];
const HEX = ["0".repeat(32), "a".repeat(64), "9".repeat(19), "9".repeat(20)];

const number = fc.constantFrom(...NUMBERS, Infinity, -Infinity);
const text = fc.constantFrom(...TEXTS, ...HEX);
const key = fc.constantFrom("id", "name", "status", "tags", "_x", "", "toString", "metadata");
const anything: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(number, text, fc.constantFrom(null, true, -1n, new ArrayBuffer(1))),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value")),
  ),
})).value;

/** Values that a validator admits; of a place in pages, which is the platform's own, only the first. */
function admitted(validator: ValidatorJSON, ids: Record<string, string>): fc.Arbitrary<Value> {
  switch (validator.type) {
    case "object": {
      const fields = Object.entries(validator.value).map(([name, { fieldType, optional }]) => {
        const value = name === "cursor" ? fc.constant(null) : admitted(fieldType, ids);
        return [name, optional ? fc.option(value, { nil: undefined }) : value] as const;
      });
      return fc.record(Object.fromEntries(fields)) as fc.Arbitrary<Value>;
    }
    case "array":
      return fc.array(admitted(validator.value, ids), { maxLength: 3 });
    case "record":
      return fc.dictionary(key, admitted(validator.values.fieldType, ids));
    case "union":
      return fc.oneof(...validator.value.map((member) => admitted(member, ids)));
    case "literal":
      return fc.constant(validator.value as Value);
    case "id":
      return fc.constant(ids[validator.tableName] ?? "");
    case "number":
      return number;
    case "string":
      return text;
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return anything;
  }
}

test("odd arguments are answered, or refused with a reason", async () => {
  const functions = await publicFunctions();
  const t = deployment();
  const { credentials, push } = await enrolled(t);
  await push(await operationOn("a.json", '{"id":"a"}'));
  await t.mutation(api.metrics.record, { ...credentials, type: "a", name: "a", value: 1 });
  const lost = { store: "flows", path: "a.json", record: "", base: null, local: null, text: null };
  const told = { revision: 1, digest: "", since: 0, resolution: null, author: null };
  await t.mutation(api.sync.conflict, { ...credentials, conflicts: [{ ...lost, ...told }] });
  const ids = await t.run(async ({ db, storage }) => ({
    conflicts: (await db.query("conflicts").first())?._id ?? "",
    logs: (await db.query("logs").first())?._id ?? "",
    _storage: await storage.store(new Blob(["a"])),
  }));
  const refused = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...functions).chain(([name, { kind, args }]) =>
        admitted(args, ids).map((asked) => ({
          name,
          kind,
          asked: asked as Record<string, Value>,
        })),
      ),
      async ({ name, kind, asked }) => {
        const told = { ...asked, ...credentials };
        const answer =
          kind === "query"
            ? t.query(makeFunctionReference<"query">(name), told)
            : t.mutation(makeFunctionReference<"mutation">(name), told);
        const trouble: unknown = await answer.then(
          () => null,
          (error: unknown) => error,
        );
        if (trouble === null) return;
        expect(trouble).toBeInstanceOf(ConvexError);
        refused.add(name);
      },
    ),
    { numRuns: 1500 },
  );
  expect(functions.length).toBeGreaterThan(40);
  expect(refused.size).toBeGreaterThan(5);
});
