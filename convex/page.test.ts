/** Lists in pages: none twice, none missing, whatever comes and goes between two of them. */
import { describe, expect, test } from "vitest";
import { api } from "./_generated/api";
import { at, deployment, enrolled, operationOn } from "./fixture.test";

type Page = { rows: { id: string }[]; cursor: string | null };
type Ask = (paged: { limit?: number; cursor?: string | null }) => Promise<Page>;

const sites = { store: "sites", path: "deployments.json", kind: "deployment" } as const;

/** Deployments of which several start at the same time, and several at none that is known. */
async function withDeployments() {
  const t = deployment();
  const laptop = await enrolled(t);
  const push = async (id: string, startedAt?: number) => {
    const text = JSON.stringify({ id, siteId: "shop", status: "queued", startedAt });
    await laptop.push(await operationOn(sites.path, text, undefined, { ...sites, record: id }));
  };
  for (const [at, start] of [3, 1, undefined, 3, 3, undefined, -5, 1].entries()) {
    await push(`d${at}`, start);
  }
  return { t, laptop, push, who: laptop.credentials };
}

const ids = ({ rows }: Page) => rows.map(({ id }) => id);

/** All pages; `between` is done before each but the first. */
async function pages(ask: Ask, limit: number, between: () => Promise<void> = async () => {}) {
  const found: string[] = [];
  for (let cursor: string | null = null; ;) {
    const page: Page = await ask({ limit, cursor });
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    found.push(...ids(page));
    cursor = page.cursor;
    if (cursor === null) return found;
    await between();
  }
}

describe("a list in pages", () => {
  test.each([1, 2, 3, 7, 8, 9])("of %i is the list", async (limit) => {
    const { t, who } = await withDeployments();
    const { list, getBySite } = api.deployments;
    const all: Ask = (paged) => t.query(list, { ...who, ...paged });
    expect(await pages(all, limit)).toEqual(["d4", "d3", "d0", "d7", "d1", "d6", "d5", "d2"]);
    for (const more of [
      { siteId: "shop" },
      { status: "queued" },
      { siteId: "shop", status: "queued" },
    ]) {
      const some: Ask = (paged) => t.query(list, { ...who, ...more, ...paged });
      expect(await pages(some, limit)).toEqual(ids(await all({})));
    }
    const ofSite: Ask = (paged) => t.query(getBySite, { ...who, siteId: "shop", ...paged });
    expect(await pages(ofSite, limit)).toEqual(ids(await all({})));
    const other: Ask = (paged) => t.query(list, { ...who, siteId: "blog", ...paged });
    expect(await pages(other, limit)).toEqual([]);
  });

  test("goes on behind a row that is gone by then, and past those that came before it", async () => {
    const { t, laptop, push, who } = await withDeployments();
    const ask: Ask = (paged) => t.query(api.deployments.list, { ...who, ...paged });
    let times = 0;
    const found = await pages(ask, 2, async () => {
      times += 1;
      await push(`new${times}`, 100 + times);
      const last = JSON.stringify({ id: "d3", siteId: "shop", status: "queued", startedAt: 3 });
      const gone = { ...sites, record: "d3" };
      await laptop.push(await operationOn(sites.path, null, await at(1, last), gone));
    });
    expect(found).toEqual(["d4", "d3", "d0", "d7", "d1", "d6", "d5", "d2"]);
  });

  test("of assets some of which have no category", async () => {
    const t = deployment();
    const laptop = await enrolled(t);
    for (const path of ["b/1.json", "2.json", "a/3.json", "4.json", "a/5.json"]) {
      const text = '{"status": "draft"}';
      const asset = { store: "assets", kind: "asset" } as const;
      await laptop.push(await operationOn(path, text, undefined, asset));
    }
    const ask: Ask = (paged) =>
      t.query(api.assets.list, { ...laptop.credentials, status: "draft", ...paged });
    for (const limit of [1, 2, 3, 5])
      expect(await pages(ask, limit)).toEqual(["2", "4", "3", "5", "1"]);
  });
});

describe("a cursor", () => {
  const invalid = {
    data: { code: "invalid", message: expect.stringContaining("begin without one") },
  };

  test("belongs to its list, with its arguments, and whatever it is not is told in words", async () => {
    const { t, who } = await withDeployments();
    const { list } = api.deployments;
    const { cursor } = await t.query(list, { ...who, limit: 2 });
    await expect(t.query(list, { ...who, siteId: "shop", cursor })).rejects.toMatchObject(invalid);
    await expect(t.query(api.workflows.list, { ...who, cursor })).rejects.toMatchObject(invalid);
    for (const odd of ["", "x", "null", "7", "[]", "{}", '["a"]', `${cursor}x`, "[".repeat(9999)]) {
      await expect(t.query(list, { ...who, cursor: odd })).rejects.toMatchObject(invalid);
    }
    const [name] = JSON.parse(cursor ?? "") as unknown[];
    for (const place of [[], [1], [1, 2, 3], [{}, 1], [[], 1], [true, 1]]) {
      const forged = JSON.stringify([name, ...place]);
      await expect(t.query(list, { ...who, cursor: forged })).rejects.toMatchObject(invalid);
    }
  });

  test("leads to nothing of another workspace", async () => {
    const { t, who } = await withDeployments();
    const stranger = (await enrolled(t, "other", "others")).credentials;
    const { cursor } = await t.query(api.deployments.list, { ...who, limit: 2 });
    const asked = t.query(api.deployments.list, { ...stranger, cursor });
    await expect(asked).rejects.toMatchObject(invalid);
  });
});
