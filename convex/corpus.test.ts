// @vitest-environment node
/**
 * Workflow files that people wrote, where a folder of them lies beside this repository or
 * SYNCD_CORPUS names one; skipped otherwise.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { api } from "./_generated/api";
import { deployment, enrolled, operationOn } from "./fixture.test";
import type { Change } from "./validators";

const corpus = process.env.SYNCD_CORPUS ?? join(import.meta.dirname, "../../shared/corpus/n8n");

type N8n = { id?: unknown; name?: string; nodes: unknown[]; active?: unknown };

test.skipIf(!existsSync(corpus))(
  "real workflows come back byte for byte, each with its row",
  { timeout: 120_000 },
  async () => {
    const t = deployment();
    const [writer, reader] = [await enrolled(t, "writer"), await enrolled(t, "reader")];
    const paths = readdirSync(corpus, { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith(".json"),
    );
    expect(paths.length).toBeGreaterThan(100);
    for (let start = 0; start < paths.length; start += 50) {
      const batch = paths.slice(start, start + 50).map(async (path) => {
        return operationOn(path, readFileSync(join(corpus, path), "utf8"));
      });
      const results = await writer.push(...(await Promise.all(batch)));
      expect(new Set(results.map((result) => result.outcome))).toEqual(new Set(["applied"]));
    }
    const changes: Change[] = [];
    for (let cursor: string | null = null, done = false; !done;) {
      const page: Awaited<ReturnType<typeof reader.changes>> = await reader.changes(cursor);
      changes.push(...page.changes);
      ({ cursor, done } = page);
    }
    expect(changes.map((change) => change.path).sort()).toEqual([...paths].sort());
    for (const { path, text } of changes) {
      // The feed leaves out what did not fit the page.
      const read = text ?? (await reader.fetch(path))?.text ?? "";
      expect(Buffer.from(read).equals(readFileSync(join(corpus, path)))).toBe(true);
    }
    await expectRows(t, reader.credentials, paths);
  },
);

async function expectRows(
  t: ReturnType<typeof deployment>,
  credentials: { token: string; workspace: string },
  paths: string[],
) {
  const rows = new Map<string, Record<string, unknown>>();
  for (let cursor: string | null = null; ;) {
    const asked: { token: string; cursor: string | null } = { ...credentials, cursor };
    const page = await t.query(api.workflows.list, asked);
    for (const row of page.rows) rows.set(row.path, row);
    cursor = page.cursor;
    if (cursor === null) break;
  }
  expect(rows.size).toBe(paths.length);
  for (const path of paths) {
    const value = JSON.parse(readFileSync(join(corpus, path), "utf8")) as N8n;
    const { id, name, nodes, active } = value;
    expect(rows.get(path)).toMatchObject({
      ...(typeof id === "string" && id !== "" ? { recordId: id } : {}),
      ...(name === undefined ? {} : { name: name.slice(0, 300) }),
      ...(typeof active === "boolean" ? { active } : {}),
      nodeCount: nodes.length,
    });
  }
}
