/** What makes an operation unacceptable whatever its entry holds. */
import type { Operation, Write } from "../validators";
import { isDigest, sha256, utf8 } from "./digest";
import { refuseKey, refusePath, type Refusal } from "./key";
import { SPLICES, TEXT_BYTES } from "./limits";

/** An operation with the bytes of its text, null without text, and why it is refused, if it is. */
export type Checked = { operation: Operation; bytes: Uint8Array | null; refusal: Refusal | null };

/** The digest is verified too: nobody could tell later whose bytes an entry really holds. */
export async function check(operation: Operation): Promise<Checked> {
  const { write } = operation;
  const bytes = write !== null && "text" in write ? utf8(write.text) : null;
  const refusal = refuseShape(operation) ?? (await refuseWrite(write, bytes));
  return { operation, bytes, refusal };
}

function refuseShape(operation: Operation): Refusal | null {
  const ids = [operation.operation, operation.target?.operation ?? operation.operation];
  if (!ids.every((id) => /^[0-9a-f]{32}$/.test(id))) {
    return { reason: "bad-operation", detail: "an operation id is 32 lower-case hex digits" };
  }
  return refuseMove(operation) ?? refuseKey(operation);
}

function refuseMove({ write, path, record, expect, movedTo, target }: Operation): Refusal | null {
  const refused = (detail: string) => ({ reason: "bad-move", detail });
  if (movedTo === undefined) return target === undefined ? null : refused("a target has no path");
  if (write !== null) return refused("a write has no movedTo");
  if (movedTo === path) return refused("the file is under that path");
  if (target !== undefined) {
    if (record !== "") return refused("a record does not move");
    if (expect.digest === null) return refused("a tombstone does not move");
    if (target.expect.digest !== null) return refused("the target is live");
  }
  return refusePath(movedTo);
}

async function refuseWrite(
  write: Write | null,
  bytes: Uint8Array<ArrayBuffer> | null,
): Promise<Refusal | null> {
  if (write === null) return null;
  if (!isDigest(write.digest)) {
    return { reason: "bad-digest", detail: "a digest is 64 lower-case hex digits" };
  }
  if ("splices" in write) return refuseSplices(write);
  if (bytes === null) return null;
  if (bytes.length > TEXT_BYTES) return tooLarge(bytes.length);
  if (bytes.length !== write.size) {
    return { reason: "size-mismatch", detail: `the text has ${bytes.length} bytes` };
  }
  const digest = await sha256(bytes);
  if (digest === write.digest) return null;
  return { reason: "digest-mismatch", detail: `the text's digest is ${digest}` };
}

/** Whether they lead to the digest is seen when the former text is read. */
function refuseSplices({ size, splices }: { size: number; splices: unknown[] }): Refusal | null {
  if (size > TEXT_BYTES) return tooLarge(size);
  if (splices.length <= SPLICES) return null;
  return { reason: "send-whole", detail: `${splices.length} splices; at most ${SPLICES}` };
}

function tooLarge(size: number): Refusal {
  return { reason: "too-large", detail: `${size} bytes; at most ${TEXT_BYTES}` };
}
