/** What makes an operation unacceptable whatever its entry holds. */
import type { Operation, Write } from "../validators";
import { isDigest, sha256, utf8 } from "./digest";
import { refuseKey, refusePath, type Refusal } from "./key";
import { TEXT_BYTES } from "./limits";

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
  if (!/^[0-9a-f]{32}$/.test(operation.operation)) {
    return { reason: "bad-operation", detail: "an operation id is 32 lower-case hex digits" };
  }
  if (operation.movedTo !== undefined) {
    if (operation.write !== null) return { reason: "bad-move", detail: "a write has no movedTo" };
    const badTarget = refusePath(operation.movedTo);
    if (badTarget !== null) return badTarget;
  }
  return refuseKey(operation);
}

async function refuseWrite(
  write: Write | null,
  bytes: Uint8Array<ArrayBuffer> | null,
): Promise<Refusal | null> {
  if (write === null) return null;
  if (!isDigest(write.digest)) {
    return { reason: "bad-digest", detail: "a digest is 64 lower-case hex digits" };
  }
  if (bytes === null) return null;
  if (bytes.length > TEXT_BYTES) {
    return { reason: "too-large", detail: `${bytes.length} bytes; at most ${TEXT_BYTES}` };
  }
  if (bytes.length !== write.size) {
    return { reason: "size-mismatch", detail: `the text has ${bytes.length} bytes` };
  }
  const digest = await sha256(bytes);
  if (digest === write.digest) return null;
  return { reason: "digest-mismatch", detail: `the text's digest is ${digest}` };
}
