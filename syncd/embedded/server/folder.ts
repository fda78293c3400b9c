/** The data folder: its modes, its names and its key. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";

export interface Folder {
  database: string;
  storage: string;
  instanceName: string;
  adminKey: string;
}

/**
 * Opens or makes the folder, readable by its owner only.
 *
 * `admin_key` is `<instance name>|<64 hex digits>`, made once.
 */
export function openFolder(path: string): Folder {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  const instanceName = readOrMake(
    join(path, "instance_name"),
    () => `embedded-${randomBytes(4).toString("hex")}`,
  );
  const adminKey = readOrMake(
    join(path, "admin_key"),
    () => `${instanceName}|${randomBytes(32).toString("hex")}`,
  );
  const [database, storage] = [join(path, "data.sqlite3"), join(path, "storage")];
  return { database, storage, instanceName, adminKey };
}

function readOrMake(path: string, make: () => string): string {
  try {
    const text = readFileSync(path, "utf8").trim();
    if (text !== "") return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const text = make();
  // Whole or not there: what a power cut leaves of half a key would be taken for the key.
  const temporary = `${path}.new`;
  const file = openSync(temporary, "w", 0o600);
  writeSync(file, `${text}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, path);
  syncFolder(dirname(path));
  return text;
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  fsyncSync(folder);
  closeSync(folder);
}
