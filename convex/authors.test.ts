import { expect, test } from "vitest";
import { api, internal } from "./_generated/api";
import { deployment, enrolled, type Deployment, type Enrolled } from "./fixture.test";
import { AUTHORS } from "./model/limits";

function ask(t: Deployment, { credentials }: Enrolled, devices: string[]) {
  return t.query(api.sync.authors, { ...credentials, devices });
}

test("devices are called what they were enrolled as, revoked ones too", async () => {
  const t = deployment();
  const [laptop, desk] = [await enrolled(t, "laptop"), await enrolled(t, "desk")];
  await t.mutation(internal.devices.revoke, { workspace: "default", name: "desk" });
  expect(await ask(t, laptop, [desk.device, laptop.device])).toEqual({ names: ["desk", "laptop"] });
});

test("nobody is told who is in another workspace, and what is no id is nobody", async () => {
  const t = deployment();
  const here = await enrolled(t, "laptop");
  const there = await t.mutation(internal.devices.enroll, { workspace: "other", name: "desk" });
  expect(await ask(t, here, [there.device, "nonsense", ""])).toEqual({ names: [null, null, null] });
});

test("a call asks for so many at most", async () => {
  const t = deployment();
  const here = await enrolled(t, "laptop");
  const many = Array.from({ length: AUTHORS + 1 }, () => here.device);
  await expect(ask(t, here, many)).rejects.toThrow(`at most ${AUTHORS} devices`);
  expect((await ask(t, here, many.slice(1))).names).toHaveLength(AUTHORS);
});
