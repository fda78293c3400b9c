/** Who may call the functions of the app plane. */
import { afterEach, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import { deployment, enrolled, modules, operationOn } from "./fixture.test";

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
