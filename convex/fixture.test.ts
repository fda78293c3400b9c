/** What the tests share: a deployment in memory, enrolled devices, and operations on entries. */
import { convexTest } from "convex-test";
import { api, internal } from "./_generated/api";
import { sha256, utf8 } from "./model/digest";
import schema from "./schema";
import type { Expectation, Operation } from "./validators";

export const modules = import.meta.glob(["./*.ts", "./model/*.ts", "./_generated/*.js", "!./**/*.*.ts"]);

export type Deployment = ReturnType<typeof deployment>;
export type Enrolled = Awaited<ReturnType<typeof enrolled>>;

export function deployment() {
  return convexTest(schema, modules);
}

/** A device's credentials, and the functions as that device calls them. */
export async function enrolled(t: Deployment, name = "laptop", workspace = "team") {
  const { token, device } = await t.mutation(internal.devices.enroll, { workspace, name });
  const credentials = { token, workspace };
  return {
    device,
    credentials,
    push: async (...operations: Operation[]) =>
      (await t.mutation(api.sync.push, { ...credentials, operations })).results,
    changes: (cursor: string | null = null, stores = ["flows"]) =>
      t.query(api.sync.changes, { ...credentials, stores, cursor }),
    fetch: async (path: string) => {
      const keys = [{ store: "flows", path, record: "" }];
      return (await t.query(api.sync.fetch, { ...credentials, keys })).entries[0] ?? null;
    },
  };
}

export const never: Expectation = { revision: 0, digest: null };

/** The expectation that a version with this text (null: a tombstone) is at this revision. */
export async function at(revision: number, text: string | null): Promise<Expectation> {
  return { revision, digest: text === null ? null : await sha256(utf8(text)) };
}

/** An operation with an id of its own; `text` null deletes. */
export async function operationOn(
  path: string,
  text: string | null,
  expect: Expectation = never,
  rest: Partial<Operation> = {},
): Promise<Operation> {
  return {
    operation: crypto.randomUUID().replaceAll("-", ""),
    store: "flows",
    path,
    record: "",
    kind: "workflow",
    format: "json",
    expect,
    write: text === null ? null : await written(text),
    ...rest,
  };
}

async function written(text: string) {
  const bytes = utf8(text);
  return { digest: await sha256(bytes), size: bytes.length, text };
}
