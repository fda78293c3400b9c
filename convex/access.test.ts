/** Who may call the functions of the app plane. */
import { makeFunctionReference } from "convex/server";
import { convexToJson, type Value } from "convex/values";
import { afterEach, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import { deployment, enrolled, modules, operationOn } from "./fixture.test";
import { sha256, utf8 } from "./model/digest";

type Settings = { SYNCD_ANONYMOUS?: string; SYNCD_USERS?: string; SYNCD_WORKSPACES?: string };

afterEach(() => {
  vi.unstubAllEnvs();
});

async function opened(settings: Settings) {
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  const t = deployment();
  const laptop = await enrolled(t, "laptop", "default");
  await laptop.push(await operationOn("a.json", '{"id":"a"}'));
  return t;
}

const read = (t: Pick<ReturnType<typeof deployment>, "query">, args: object = {}) =>
  t.query(api.workflows.get, { id: "a", ...args });
const refused = (code: string) => ({ data: { code } });

test("nobody without a token, unless the environment says so", async () => {
  const t = await opened({});
  await expect(read(t)).rejects.toMatchObject(refused("unauthorized"));
  const user = t.withIdentity({ subject: "u" });
  await expect(read(user)).rejects.toMatchObject(refused("forbidden"));
});

test("signed-in users where SYNCD_USERS says so, and not anybody", async () => {
  const t = await opened({ SYNCD_USERS: "read" });
  expect(await read(t.withIdentity({ subject: "u" }))).toMatchObject({ recordId: "a" });
  await expect(read(t)).rejects.toMatchObject(refused("unauthorized"));
});

test("anybody where SYNCD_ANONYMOUS says so", async () => {
  expect(await read(await opened({ SYNCD_ANONYMOUS: "read" }))).toMatchObject({ recordId: "a" });
});

test("only in the workspaces that are opened", async () => {
  const t = await opened({ SYNCD_ANONYMOUS: "write", SYNCD_WORKSPACES: "team, default" });
  expect(await read(t)).toMatchObject({ recordId: "a" });
  expect(await read(t, { workspace: "team" })).toBeNull();
  await expect(read(t, { workspace: "x" })).rejects.toMatchObject(refused("unauthorized"));
});

test("who may only read writes nothing, and who may write reads too", async () => {
  const remove = (t: Pick<ReturnType<typeof deployment>, "mutation">) =>
    t.mutation(api.workflows.remove, { id: "a" });
  for (const told of ["read", "", "all", "READ WRITE"]) {
    const anonymous = await opened({ SYNCD_ANONYMOUS: told });
    await expect(remove(anonymous), told).rejects.toMatchObject(refused("unauthorized"));
    vi.unstubAllEnvs();
    const user = (await opened({ SYNCD_USERS: told })).withIdentity({ subject: "u" });
    await expect(remove(user), told).rejects.toMatchObject(refused("forbidden"));
    vi.unstubAllEnvs();
  }
  const t = await opened({ SYNCD_USERS: "write" });
  await expect(remove(t)).rejects.toMatchObject(refused("unauthorized"));
  const user = t.withIdentity({ subject: "u" });
  expect(await read(user)).toMatchObject({ recordId: "a" });
  expect(await remove(user)).toMatchObject({ outcome: "applied" });
});

test("a signed-in user too in no other workspace than is opened", async () => {
  const t = await opened({ SYNCD_USERS: "read", SYNCD_WORKSPACES: "team" });
  const user = t.withIdentity({ subject: "u" });
  await expect(read(user)).rejects.toMatchObject(refused("forbidden"));
  expect(await read(user, { workspace: "team" })).toBeNull();
});

test("who may not is told what would let them", async () => {
  const told = async (t: ReturnType<typeof deployment>, args: object) =>
    read(t, args).catch((error: { data: { message: string } }) => error.data.message);
  expect(await told(await opened({}), {})).toBe(
    "calls without a token may not read in workspace default: " +
      "pass a token, or set SYNCD_ANONYMOUS or SYNCD_USERS on the deployment",
  );
  expect(await told(await opened({ SYNCD_ANONYMOUS: "read" }), { workspace: "x" })).toMatch(
    /or set SYNCD_WORKSPACES on the deployment$/,
  );
});

test("a wrong token is never taken for none", async () => {
  const t = await opened({ SYNCD_ANONYMOUS: "write" });
  await expect(read(t, { token: "wrong" })).rejects.toMatchObject(refused("unauthorized"));
});

test("the file plane stays for devices", async () => {
  const t = await opened({ SYNCD_ANONYMOUS: "write" });
  await expect(t.query(api.sync.head, { token: "" })).rejects.toMatchObject(
    refused("unauthorized"),
  );
  const { token } = await t.mutation(internal.devices.enroll, { workspace: "w", name: "n" });
  await expect(read(t, { token })).rejects.toMatchObject(refused("forbidden"));
});

test("no device has the name under which those without a token write", async () => {
  const t = await opened({ SYNCD_ANONYMOUS: "write" });
  const enrolling = { workspace: "w", name: "app" };
  await expect(t.mutation(internal.devices.enroll, enrolling)).rejects.toMatchObject(
    refused("invalid"),
  );
});

type Registered = {
  isPublic?: boolean;
  exportArgs?: () => string;
  exportReturns?: () => string | null;
};

test("every public function takes a token, and each says what it takes and answers", async () => {
  const registered: [name: string, Registered][] = [];
  for (const [path, load] of Object.entries(modules)) {
    for (const [name, value] of Object.entries((await load()) as Record<string, unknown>)) {
      const made = value as Registered;
      const isRegistered = typeof value === "function" && made.exportArgs !== undefined;
      if (isRegistered) registered.push([`${path}:${name}`, made]);
    }
  }
  const takes = ({ exportArgs }: Registered) => {
    const told = JSON.parse(exportArgs?.() ?? "null") as { type: string; value: object };
    return told.type === "object" ? Object.keys(told.value) : [];
  };
  const open = registered.filter(([, made]) => made.isPublic && !takes(made).includes("token"));
  expect(open.map(([name]) => name)).toEqual([]);
  const silent = registered.filter(([, made]) => JSON.parse(made.exportReturns?.() ?? "null") === null);
  expect(silent.map(([name]) => name)).toEqual([]);
  expect(registered.filter(([, made]) => made.isPublic).length).toBeGreaterThan(40);
});

/** A workspace with something in every table, all of it named `secret`. */
async function withSecrets(t: ReturnType<typeof deployment>) {
  const { credentials, push } = await enrolled(t, "laptop", "one");
  const text = '{"id":"secret","name":"secret","type":"secret","siteId":"secret"}';
  const kinds = ["workflow", "execution", "asset", "deployment", "document"] as const;
  for (const kind of kinds) {
    const store = "flows";
    await push(await operationOn(`${kind}/secret.json`, text, undefined, { kind, store }));
  }
  await t.mutation(api.metrics.record, { ...credentials, type: "secret", name: "secret", value: 1 });
  const log = { store: "flows", path: "secret", generation: "0".repeat(32), kind: "file" as const };
  const next = { length: 9, tail: "a".repeat(64) };
  const appends = [{ ...log, expect: { length: 0, tail: "" }, next, lines: ["secret"] }];
  await t.mutation(api.logs.append, { ...credentials, appends });
  const lost = { store: "flows", path: "secret", record: "", base: null, local: null, revision: 1 };
  const rest = { digest: await sha256(utf8("secret")), since: 0, resolution: null, author: null };
  const conflicts = [{ ...lost, ...rest, text: "secret" }];
  await t.mutation(api.sync.conflict, { ...credentials, conflicts });
  return t.run(async (ctx) => ({
    log: (await ctx.db.query("logs").take(9)).find(({ path }) => path === "secret")?._id,
    conflict: (await ctx.db.query("conflicts").first())?._id,
  }));
}

test("no query answers with what another workspace holds, even by its id", async () => {
  const t = deployment();
  const ids = await withSecrets(t);
  const own = (await enrolled(t, "laptop", "one")).credentials;
  const other = (await enrolled(t, "desk", "two")).credentials;
  const [id, store, path] = ["secret", "flows", "document/secret.json"];
  const asked: [query: string, args: object][] = [
    ["sync:changes", { stores: [store], cursor: null }],
    ["sync:fetch", { keys: [{ store, path, record: "" }] }],
    ["sync:manifest", { store, after: null }],
    ["workflows:get", { id }],
    ["workflows:list", {}],
    ["workflows:list", { name: id }],
    ["workflows:getExecution", { id }],
    ["workflows:listExecutions", {}],
    ["assets:get", { id }],
    ["assets:list", {}],
    ["assets:list", { type: id }],
    ["assets:getByCategory", { category: "asset" }],
    ["assets:search", { query: id }],
    ["deployments:get", { id }],
    ["deployments:list", {}],
    ["deployments:getBySite", { siteId: id }],
    ["deployments:getLatest", { siteId: id }],
    ["documents:get", { store, path }],
    ["documents:list", {}],
    ["logs:list", { store }],
    ["logs:lines", { log: ids.log }],
    ["metrics:getByType", { type: id }],
    ["metrics:getByName", { name: id }],
    ["conflicts:list", {}],
    ["conflicts:get", { conflict: ids.conflict }],
  ];
  const told = async (who: object, name: string, args: object) => {
    const answer: unknown = await t.query(makeFunctionReference<"query">(name), { ...who, ...args });
    return JSON.stringify(convexToJson(answer as Value)).includes("secret");
  };
  for (const [name, args] of asked) {
    expect(await told(own, name, args), name).toBe(true);
    expect(await told(other, name, args), name).toBe(false);
  }
});
