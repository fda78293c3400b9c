/** Rows by the id of their record. Several files may hold one id. */
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import type { Entry } from "./entry";
import type { Outcome } from "./outcome";
import { entryOf } from "./write";

/** The tables whose rows have an id. */
export type IdTable = "workflows" | "executions" | "assets" | "deployments";

/** As many paths as an answer names. */
const PATHS = 10;

/** Rows with this id, by path. */
export function rowsWithId<Table extends IdTable>(
  ctx: QueryCtx,
  workspace: string,
  table: Table,
  id: string,
  limit: number,
): Promise<Doc<Table>[]> {
  const rows =
    table === "executions"
      ? ctx.db
          .query("executions")
          .withIndex("by_workspace_and_executionId_and_path", (q) =>
            q.eq("workspace", workspace).eq("executionId", id),
          )
          .take(limit)
      : ctx.db
          .query(table as Exclude<IdTable, "executions">)
          .withIndex("by_workspace_and_recordId_and_path", (q) =>
            q.eq("workspace", workspace).eq("recordId", id),
          )
          .take(limit);
  // The compiler does not narrow a type parameter by a comparison.
  return rows as Promise<unknown> as Promise<Doc<Table>[]>;
}

/** The row with this id; of several, the one with the first path. */
export async function firstWithId<Table extends IdTable>(
  ctx: QueryCtx,
  workspace: string,
  table: Table,
  id: string,
): Promise<Doc<Table> | null> {
  return (await rowsWithId(ctx, workspace, table, id, 1))[0] ?? null;
}

/** The one live entry with this id, or why it cannot be written. */
export async function entryWithId(
  ctx: QueryCtx,
  workspace: string,
  table: IdTable,
  id: string,
): Promise<{ entry: Entry; outcome: null } | { entry: null; outcome: Outcome }> {
  const rows = await rowsWithId(ctx, workspace, table, id, PATHS);
  const [row, second] = rows;
  if (second !== undefined) {
    const paths = rows.map(({ path }) => path);
    return { entry: null, outcome: { outcome: "ambiguous", id, paths } };
  }
  const entry = row === undefined ? null : await entryOf(ctx, row);
  return entry === null ? { entry, outcome: { outcome: "missing", id } } : { entry, outcome: null };
}
