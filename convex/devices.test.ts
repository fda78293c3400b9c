import { afterEach, expect, test, vi } from "vitest";
import { api, internal } from "./_generated/api";
import { deployment, enrolled, operationOn } from "./fixture.test";
import * as limits from "./model/limits";

vi.mock("./model/limits", async (load) => ({ ...(await load<typeof limits>()) }));

const { LISTED_LEDGERS } = limits;

/** What the platform lets one transaction read: https://docs.convex.dev/production/state/limits */
const INDEX_RANGES = 4096;

afterEach(() => Object.assign(limits, { LISTED_LEDGERS }));

test("a token opens its own workspace only", async () => {
  const t = deployment();
  const { credentials } = await enrolled(t, "laptop", "team");
  const other = { ...credentials, workspace: "other" };
  expect(await t.query(api.sync.head, credentials)).toEqual({ head: "0", before: "0" });
  await expect(t.query(api.sync.head, other)).rejects.toMatchObject({
    data: { code: "forbidden" },
  });
});

test("two workspaces do not see each other's entries", async () => {
  const t = deployment();
  const [ours, theirs] = [await enrolled(t, "a", "ours"), await enrolled(t, "a", "theirs")];
  await ours.push(await operationOn("a.json", '{"id":"x"}'));
  expect((await theirs.changes()).changes).toEqual([]);
  expect(await theirs.fetch("a.json")).toBeNull();
  expect(await t.query(api.workflows.get, { ...theirs.credentials, id: "x" })).toBeNull();
  expect(await t.query(api.workflows.get, { ...ours.credentials, id: "x" })).not.toBeNull();
});

test("an unknown token and a revoked one are refused alike", async () => {
  const t = deployment();
  const { credentials } = await enrolled(t, "laptop", "team");
  const unknown = { ...credentials, token: "syncd_guess" };
  const unauthorized = { data: { code: "unauthorized" } };
  await expect(t.query(api.sync.head, unknown)).rejects.toMatchObject(unauthorized);
  const name = { workspace: "team", name: "laptop" };
  expect(await t.mutation(internal.devices.revoke, name)).toEqual({ revoked: true });
  await expect(t.query(api.sync.head, credentials)).rejects.toMatchObject(unauthorized);
  await expect(t.mutation(api.sync.push, { ...credentials, operations: [] })).rejects.toMatchObject(
    unauthorized,
  );
});

test("enrolling again keeps the id, changes the token and lifts the revocation", async () => {
  const t = deployment();
  const name = { workspace: "team", name: "laptop" };
  const first = await t.mutation(internal.devices.enroll, name);
  await t.mutation(internal.devices.revoke, name);
  const second = await t.mutation(internal.devices.enroll, name);
  expect(second.device).toBe(first.device);
  expect(second.token).toMatch(/^syncd_[0-9a-f]{64}$/);
  expect(second.token).not.toBe(first.token);
  const head = (token: string) => t.query(api.sync.head, { token, workspace: "team" });
  await expect(head(first.token)).rejects.toMatchObject({ data: { code: "unauthorized" } });
  expect(await head(second.token)).toEqual({ head: "0", before: "0" });
});

test("a revoked device that returns is not known by its ledgers any more", async () => {
  const t = deployment();
  const name = { workspace: "team", name: "laptop" };
  const hello = async (token: string, start: number) => {
    const said = { protocol: 1, ledger: "nonce", start, cursor: null, witnesses: [] };
    return t.mutation(api.sync.hello, { token, workspace: "team", ...said });
  };
  const first = await t.mutation(internal.devices.enroll, name);
  await hello(first.token, 1);
  expect(await hello(first.token, 2)).toMatchObject({ seen: 1 });
  await t.mutation(internal.devices.revoke, name);
  const second = await t.mutation(internal.devices.enroll, name);
  expect(await hello(second.token, 3)).toMatchObject({ seen: 0 });
});

test("that of all its ledgers, also where it had more than are looked at elsewhere", async () => {
  const t = deployment();
  const { device } = await enrolled(t, "laptop", "team");
  await t.run(async ({ db }) => {
    for (let ledger = 0; ledger < 250; ledger += 1) {
      const seen = { device, ledger: String(ledger), start: 1, cursor: null, seenAt: 0 };
      await db.insert("presence", seen);
    }
  });
  await t.mutation(internal.devices.revoke, { workspace: "team", name: "laptop" });
  expect(await t.run(({ db }) => db.query("presence").take(300))).toEqual([]);
});

test("of more than a transaction may delete as many as it may, and the rest when it is revoked again", async () => {
  const t = deployment();
  const { device } = await enrolled(t, "laptop", "team");
  const ledgers = (read: number) => t.run(async ({ db }) => (await db.query("presence").take(read)).length);
  await t.run(async ({ db }) => {
    for (let ledger = 0; ledger < INDEX_RANGES; ledger += 1) {
      const seen = { device, ledger: String(ledger), start: 1, cursor: null, seenAt: 0 };
      await db.insert("presence", seen);
    }
  });
  const name = { workspace: "team", name: "laptop" };
  await t.mutation(internal.devices.revoke, name);
  // Each deletion is an index range of its own, and a few more are read beside them.
  const left = await ledgers(INDEX_RANGES);
  expect(left).toBeGreaterThan(400);
  await t.mutation(internal.devices.revoke, name);
  expect(await ledgers(1)).toBe(0);
});

test("a device without the scope `write` reads but does not push", async () => {
  const t = deployment();
  const { token } = await t.mutation(internal.devices.enroll, {
    workspace: "default",
    name: "viewer",
    scopes: ["read"],
  });
  expect(await t.query(api.workflows.list, { token })).toEqual({ rows: [], cursor: null });
  await expect(t.mutation(api.sync.push, { token, operations: [] })).rejects.toMatchObject({
    data: { code: "forbidden" },
  });
});

test("list tells when a device was last seen, and never a token", async () => {
  const t = deployment();
  const { credentials, device } = await enrolled(t, "laptop", "team");
  const list = () => t.query(internal.devices.list, { workspace: "team" });
  const registration = { device, name: "laptop", scopes: ["read", "write"], revoked: false };
  expect(await list()).toEqual({ devices: [{ ...registration, seenAt: null, waitedSince: null }] });
  await t.mutation(api.sync.hello, {
    ...credentials,
    protocol: 1,
    ledger: "L",
    start: 1,
    cursor: null,
    witnesses: [],
  });
  expect((await list()).devices[0]?.seenAt).toBeGreaterThan(0);
});

test("list tells of every machine of a workspace of a thousand", async () => {
  const t = deployment();
  const MACHINES = 1001;
  await t.run(async ({ db }) => {
    for (let number = 0; number < MACHINES; number += 1) {
      const registered = { scopes: [], tokenHash: String(number), revoked: false };
      await db.insert("devices", { workspace: "team", name: String(number), ...registered });
    }
  });
  const { devices } = await t.query(internal.devices.list, { workspace: "team" });
  expect(devices.length).toBe(MACHINES);
});

test("list tells of as many devices as it can read with their ledgers", async () => {
  const t = deployment();
  Object.assign(limits, { LISTED_LEDGERS: 3 });
  for (const name of ["a", "b", "c"]) {
    const { device } = await enrolled(t, name, "team");
    await t.run(async ({ db }) => {
      for (const ledger of ["K", "L"].slice(0, name === "a" ? 1 : 2)) {
        await db.insert("presence", { device, ledger, start: 1, cursor: null, seenAt: 1 });
      }
    });
  }
  const { devices } = await t.query(internal.devices.list, { workspace: "team" });
  expect(devices.map(({ name }) => name)).toEqual(["a", "b"]);
});

test("names are bounded, and an unknown device is not revoked", async () => {
  const t = deployment();
  for (const name of ["", "x".repeat(101)]) {
    const enrolment = t.mutation(internal.devices.enroll, { workspace: "team", name });
    await expect(enrolment).rejects.toMatchObject({ data: { code: "invalid" } });
  }
  const nobody = { workspace: "team", name: "nobody" };
  expect(await t.mutation(internal.devices.revoke, nobody)).toEqual({ revoked: false });
});
