import { describe, expect, test } from "vitest";
import { api } from "./_generated/api";
import { deployment, enrolled, operationOn } from "./fixture.test";

const file = { store: "sites", path: "deployments.json", kind: "deployment" } as const;

async function withDeployments(...records: { id: string; [field: string]: unknown }[]) {
  const t = deployment();
  const laptop = await enrolled(t);
  for (const record of records) {
    const rest = { ...file, record: record.id };
    await laptop.push(await operationOn(file.path, JSON.stringify(record), undefined, rest));
  }
  return { t, laptop, token: laptop.credentials };
}

const started = (ms: number) => new Date(ms).toISOString();

test("a record has a row with its times in milliseconds, however the file spells them", async () => {
  const { t, token } = await withDeployments({
    id: "deploy-1719000000000-abcdefghi",
    siteId: "shop",
    status: "success",
    startedAt: started(5000),
    completedAt: 9000,
    buildArtifacts: ["a", "b"],
    healthCheckStatus: "passing",
    rollbackId: "r",
  });
  const id = "deploy-1719000000000-abcdefghi";
  expect(await t.query(api.deployments.get, { ...token, id })).toMatchObject({
    recordId: id,
    record: id,
    startedAt: 5000,
    completedAt: 9000,
    artifactCount: 2,
    healthCheckStatus: "passing",
    value: { siteId: "shop" },
  });
});

test("a record is found by any id that a file of many may hold, and by its site's", async () => {
  const [id, siteId] = ["d".repeat(512), "s".repeat(512)];
  const { t, token } = await withDeployments({ id, siteId }, { id: `${id.slice(1)}e`, siteId });
  expect(await t.query(api.deployments.get, { ...token, id })).toMatchObject({ id, flags: [] });
  const updated = await t.mutation(api.deployments.update, { ...token, id, updates: { n: 1 } });
  expect(updated).toMatchObject({ outcome: "applied", revision: 2 });
  const { rows } = await t.query(api.deployments.getBySite, { ...token, siteId });
  expect(rows).toHaveLength(2);
});

describe("lists", () => {
  const ids = (page: { rows: { recordId: string }[] }) => page.rows.map((row) => row.recordId);
  const some = () =>
    withDeployments(
      { id: "1", siteId: "shop", status: "failed", startedAt: 1 },
      { id: "3", siteId: "shop", status: "success", startedAt: started(3) },
      { id: "2", siteId: "blog", status: "success", startedAt: 2 },
      { id: "deploy-1719000000000-x", siteId: "blog", status: "queued" },
      { id: "0", siteId: "shop", status: "queued" },
    );

  test("are the newest first: of a site, of a status, of both, of all", async () => {
    const { t, token } = await some();
    const { getBySite, getByStatus, list } = api.deployments;
    expect(ids(await t.query(getBySite, { ...token, siteId: "shop" }))).toEqual(["3", "1", "0"]);
    expect(ids(await t.query(getBySite, { ...token, siteId: "shop", limit: 1 }))).toEqual(["3"]);
    expect(ids(await t.query(getByStatus, { ...token, status: "success" }))).toEqual(["3", "2"]);
    const both = { siteId: "shop", status: "success" };
    expect(ids(await t.query(list, { ...token, ...both }))).toEqual(["3"]);
    expect(ids(await t.query(list, token))).toEqual(["deploy-1719000000000-x", "3", "2", "1", "0"]);
  });

  test("the latest of a site is the one that started last", async () => {
    const { t, token } = await some();
    const latest = (siteId: string) => t.query(api.deployments.getLatest, { ...token, siteId });
    expect(await latest("shop")).toMatchObject({ recordId: "3" });
    expect(await latest("none")).toBeNull();
  });
});
