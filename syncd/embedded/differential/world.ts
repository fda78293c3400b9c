/** The two implementations that are compared, behind one call. */
import { convexTest } from "convex-test";
import {
  makeFunctionReference,
  type GenericDatabaseWriter,
  type GenericDataModel,
  type StorageActionWriter,
} from "convex/server";
import { ConvexError, convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import schema from "../../../convex/schema";
import type { Upload } from "./calls.ts";

export type Args = { [name: string]: Value };

/** What a call came to. Messages differ by design; the data of a ConvexError does not. */
export type Outcome = { ok: true; value: Value } | { ok: false; data: Value | undefined };

export interface World {
  call(kind: "query" | "mutation", path: string, args: Args): Promise<Outcome>;
  /** Puts bytes into file storage, whoever may do what in the run; the file's id. */
  upload(upload: Upload): Promise<string>;
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
  return { call, upload: (upload) => test.run((ctx) => keep(ctx.storage, ctx.db, upload)) };
}

/** convex-test takes no upload over HTTP, and keeps no content type by itself. */
async function keep(
  storage: StorageActionWriter,
  db: GenericDatabaseWriter<GenericDataModel>,
  { bytes, contentType }: Upload,
): Promise<string> {
  const id = await storage.store(new Blob([bytes]));
  await db.patch(id as never, { contentType } as never);
  return id;
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
  const world: World = {
    async upload({ bytes, contentType }) {
      const workspace = "uploads";
      const device = await world.call("mutation", "devices:enroll", { workspace, name: "uploader" });
      if (!device.ok) throw new Error("no device to upload");
      const { token } = device.value as { token: string };
      const begun = await world.call("mutation", "blobs:begin", { token, workspace, digest: "" });
      if (!begun.ok) throw new Error("no upload URL");
      const { url: address } = begun.value as { url: string };
      const headers = { "Content-Type": contentType };
      const response = await fetch(address, { method: "POST", headers, body: bytes });
      return ((await response.json()) as { storageId: string }).storageId;
    },
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
  return world;
}
