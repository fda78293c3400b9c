/** The two implementations that are compared, behind one call. */
import { convexTest } from "convex-test";
import { makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import schema from "../../../convex/schema";

export type Args = { [name: string]: Value };

/** What a call came to. Messages differ by design; the data of a ConvexError does not. */
export type Outcome = { ok: true; value: Value } | { ok: false; data: Value | undefined };

export interface World {
  call(kind: "query" | "mutation", path: string, args: Args): Promise<Outcome>;
}

const modules = import.meta.glob([
  "../../../convex/**/*.{ts,js}",
  "!**/*.test.ts",
  "!**/*.config.*",
]);

export function oracle(): World {
  const test = convexTest(schema, modules);
  const call = async (kind: "query" | "mutation", path: string, args: Args): Promise<Outcome> => {
    const run = () =>
      kind === "query"
        ? test.query(makeFunctionReference<"query">(path), args)
        : test.mutation(makeFunctionReference<"mutation">(path), args);
    try {
      return { ok: true, value: (await run()) as Value };
    } catch (error) {
      return { ok: false, data: error instanceof ConvexError ? dataOf(error) : undefined };
    }
  };
  return { call };
}

/** convex-test hands out the data as text or as a value, by how the error travelled. */
function dataOf(error: ConvexError<Value>): Value {
  return typeof error.data === "string"
    ? jsonToConvex(JSON.parse(error.data) as JSONValue)
    : error.data;
}

interface Answer {
  status: "success" | "error";
  value: JSONValue;
  errorData?: JSONValue;
}

/** Calls with the admin key: convex-test knows no visibility. */
export function embedded(url: string, adminKey: string): World {
  return {
    async call(kind, path, args) {
      const response = await fetch(`${url}/api/${kind}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Convex ${adminKey}` },
        body: JSON.stringify({ path, args: convexToJson(args), format: "convex_encoded_json" }),
      });
      const answer = (await response.json()) as Answer;
      if (answer.status === "success") return { ok: true, value: jsonToConvex(answer.value) };
      const { errorData } = answer;
      return { ok: false, data: errorData === undefined ? undefined : jsonToConvex(errorData) };
    },
  };
}
