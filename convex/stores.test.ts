import { expect, test } from "vitest";
import { api, internal } from "./_generated/api";
import { deployment, enrolled } from "./fixture.test";
import { storeFor } from "./model/store";
import type { Registration } from "./validators";

const flows: Registration = {
  name: "flows",
  kind: "workflow",
  layout: "file",
  direction: "both",
  create: "{id}.json",
};

async function world() {
  const t = deployment();
  const [laptop, server] = [await enrolled(t, "laptop"), await enrolled(t, "server")];
  const register = (who: typeof laptop, ...stores: Registration[]) =>
    t.mutation(api.sync.register, { ...who.credentials, stores });
  const first = (workspace = "team") => t.run((ctx) => storeFor(ctx, workspace, "workflow"));
  return { t, laptop, server, register, first };
}

test("the first store of a kind stays the first, whoever registers again and whatever it says", async () => {
  const { laptop, server, register, first } = await world();
  await register(laptop, flows);
  await register(server, { ...flows, name: "more" }, { ...flows, create: "new/{id}.json" });
  await register(laptop, { ...flows, name: "more" });
  expect(await first()).toMatchObject({
    name: "flows",
    create: "new/{id}.json",
    first: laptop.device,
  });
});

test("registering again the same changes nothing", async () => {
  const { t, laptop, register } = await world();
  await register(laptop, flows);
  const all = () =>
    t.run(async ({ db }) => [await db.query("stores").take(9), await db.query("configured").take(9)]);
  const before = await all();
  await register(laptop, flows);
  expect(await all()).toEqual(before);
});

test("a store that no device has any more is forgotten, and the next one is the first", async () => {
  const { laptop, server, register, first } = await world();
  await register(laptop, flows);
  await register(server, flows);
  await register(laptop, { ...flows, name: "renamed" });
  expect(await first()).toMatchObject({ name: "flows", first: laptop.device });
  await register(server, { ...flows, name: "renamed" });
  expect(await first()).toMatchObject({ name: "renamed", first: laptop.device });
  await register(laptop);
  await register(server);
  expect(await first()).toBeNull();
});

test("a revoked device has no store any more, and registers again once it is enrolled", async () => {
  const { t, laptop, server, register, first } = await world();
  await register(laptop, flows);
  await register(server, { ...flows, name: "more" });
  const name = { workspace: "team", name: "laptop" };
  await t.mutation(internal.devices.revoke, name);
  expect(await first()).toMatchObject({ name: "more", first: server.device });
  const { token } = await t.mutation(internal.devices.enroll, name);
  await t.mutation(api.sync.register, { token, workspace: "team", stores: [flows] });
  const noted = await t.run(({ db }) => db.query("configured").take(9));
  expect(noted).toMatchObject([{ store: "more" }, { store: "flows", device: laptop.device }]);
});

test("a store that another device has too stays where one is revoked", async () => {
  const { t, laptop, server, register, first } = await world();
  await register(laptop, flows);
  await register(server, flows);
  await t.mutation(internal.devices.revoke, { workspace: "team", name: "laptop" });
  expect(await first()).toMatchObject({ name: "flows", first: laptop.device });
});

test("a store in the shape that earlier functions wrote stays while a device has it", async () => {
  const { t, laptop, server, register, first } = await world();
  const former = { first: laptop.device, last: server.device, devices: [laptop.device, server.device] };
  await t.run(({ db }) => db.insert("stores", { workspace: "team", ...flows, ...former }));
  await register(server);
  expect(await first()).toMatchObject({ name: "flows", first: laptop.device });
  expect(await first()).not.toHaveProperty("devices");
  await register(laptop);
  expect(await first()).toBeNull();
});

test("stores are a workspace's own", async () => {
  const { laptop, register, first } = await world();
  await register(laptop, flows);
  expect(await first("other")).toBeNull();
});

test("a device that may only read registers nothing", async () => {
  const { t, first } = await world();
  const { token } = await t.mutation(internal.devices.enroll, {
    workspace: "team",
    name: "screen",
    scopes: ["read"],
  });
  await t.mutation(api.sync.register, { token, workspace: "team", stores: [flows] });
  expect(await first()).toBeNull();
});

test.each([
  ["a path that leaves the store", { create: "../{id}.json" }],
  ["an absolute path", { create: "/{id}.json" }],
  ["a name that is none", { name: "a b" }],
])("%s is refused", async (_, wrong) => {
  const { laptop, register } = await world();
  await expect(register(laptop, { ...flows, ...wrong })).rejects.toMatchObject({
    data: { code: "invalid" },
  });
});
