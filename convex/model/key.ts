/** Which keys a device may write. A refusal is `{ reason, detail }`: the reason is stable. */
import type { Key } from "../validators";
import { isLonger } from "./digest";

export type Refusal = { reason: string; detail: string };

/** Bytes of UTF-8; the longest path component of common file systems is 255, a path 4,096. */
const PATH_BYTES = 1024;
const FILE_BYTES = 255;
const NAME_BYTES = 256;
/** Longer ids no machine takes into its file: `ID_BYTES` in syncd/stores/records.py. */
const ID_BYTES = 512;

export function refuseKey({ store, path, record }: Key): Refusal | null {
  if (store === "" || isLonger(store, NAME_BYTES) || store.includes("\0")) {
    return { reason: "bad-key", detail: `store is empty, too long or has a NUL` };
  }
  if (isLonger(record, PATH_BYTES) || record.includes("\0")) {
    return { reason: "bad-key", detail: `record is too long or has a NUL` };
  }
  return refusePath(path);
}

/**
 * A path is relative to the store's root, POSIX and NFC, so that every machine can write it below
 * its own root and two spellings of one name cannot be two keys. A backslash is an ordinary
 * character: it is one in a POSIX file name, and a machine where it is not holds the key itself.
 */
export function refusePath(path: string): Refusal | null {
  const fault = pathFault(path);
  return fault === null ? null : { reason: "bad-path", detail: `path ${fault}` };
}

/** Why no machine can have a file of this name: what machines push, one has. */
export function refuseFile(path: string): Refusal | null {
  if (!path.split("/").some((name) => isLonger(name, FILE_BYTES))) return null;
  return { reason: "bad-path", detail: `path has a name longer than ${FILE_BYTES} bytes` };
}

/** Whether `name` may be a part of the path of a new file; `what` names it in the refusal. */
export function refuseName(what: string, name: string): Refusal | null {
  const isFit = /^[^./\0-\x1f][^/\0-\x1f]*$/.test(name) && !isLonger(name, 200);
  if (isFit) return null;
  return { reason: `bad-${what}`, detail: `${what} is no name for a file` };
}

/** Whether a record among others in one file may have this id. */
export function refuseId(id: string): Refusal | null {
  if (id !== "" && !isLonger(id, ID_BYTES) && !id.includes("\0")) return null;
  return {
    reason: "bad-id",
    detail: `the id is empty, longer than ${ID_BYTES} bytes or has a NUL`,
  };
}

/** Whether what is there as the id of a record is the one under which it is kept in its file. */
export function refuseOtherId(record: string, id: unknown): Refusal | null {
  if (id === record) return null;
  return { reason: "bad-id", detail: "a record keeps its id, as text: its file knows it by that" };
}

function pathFault(path: string): string | null {
  if (path.startsWith("/")) return "is absolute";
  if (path.includes("\0")) return "has a NUL";
  if (!path.isWellFormed()) return "has half a character";
  if (isLonger(path, PATH_BYTES)) return `is longer than ${PATH_BYTES} bytes`;
  if (path.normalize("NFC") !== path) return "is not in NFC";
  const segments = path.split("/");
  if (segments.includes("")) return "has an empty segment";
  if (segments.includes(".") || segments.includes("..")) return "has a segment . or ..";
  return null;
}
