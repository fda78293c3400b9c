/** Which stored file has which public name. Part of the store, and of its transactions. */
import type { DatabaseSync } from "node:sqlite";

/** The public name of a file is a UUID, which nobody guesses: its URL is the right to read it. */
export class FileNames {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    db.exec(`CREATE TABLE IF NOT EXISTS files (
      id TEXT PRIMARY KEY, uuid TEXT NOT NULL UNIQUE) WITHOUT ROWID`);
  }

  put(id: string, uuid: string): void {
    this.#db.prepare("INSERT INTO files VALUES (?, ?)").run(id, uuid);
  }

  remove(id: string): void {
    this.#db.prepare("DELETE FROM files WHERE id = ?").run(id);
  }

  uuidOf(id: string): string | null {
    const row = this.#db.prepare("SELECT uuid FROM files WHERE id = ?").get(id);
    return (row?.["uuid"] as string | undefined) ?? null;
  }

  idOf(uuid: string): string | null {
    const row = this.#db.prepare("SELECT id FROM files WHERE uuid = ?").get(uuid);
    return (row?.["id"] as string | undefined) ?? null;
  }

  all(): Set<string> {
    return new Set(
      this.#db
        .prepare("SELECT uuid FROM files")
        .all()
        .map((row) => row["uuid"] as string),
    );
  }
}
