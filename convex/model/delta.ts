/** Content that a push tells as splices of the text that the entry holds. */
import type { QueryCtx } from "../_generated/server";
import { joined, readPieces } from "./content";
import { sha256, utf8 } from "./digest";
import type { Entry } from "./entry";
import type { Refusal } from "./key";
import { DELTA_BYTES, DELTA_LEAST } from "./limits";
import type { Content } from "./revise";
import { spliced, type Splice } from "./splice";

/** Bytes that a splice takes beside its text. */
const OVERHEAD = 40;

type Told = { digest: string; size: number; splices: Splice[] };
type Found = { content: Content; refusal: null } | { content: null; refusal: Refusal };

/** The text that `told` leads to from the entry's, verified; else why it must be sent whole. */
export async function splicedContent(
  ctx: QueryCtx,
  entry: Entry | null,
  told: Told,
): Promise<Found> {
  if (entry === null || entry.digest === null || entry.blob !== undefined) {
    return sendWhole("there is no text to change");
  }
  const pieces = entry.text === null ? await readPieces(ctx, entry._id) : [];
  const former = entry.text ?? joined(pieces);
  const bytes = spliced(utf8(former), told.splices);
  if (bytes === null || bytes.length !== told.size) return sendWhole("the splices do not fit");
  if ((await sha256(bytes)) !== told.digest) return sendWhole("the splices lead to another text");
  const text = decoded(bytes);
  if (text === null) return sendWhole("the splices lead to bytes that are not UTF-8");
  const content = { text, bytes, digest: told.digest, pieces };
  const size = told.splices.reduce((sum, splice) => sum + OVERHEAD + utf8(splice.text).length, 0);
  if (told.size < DELTA_LEAST || size > DELTA_BYTES) return { content, refusal: null };
  const delta = { base: entry.digest, splices: told.splices };
  return { content: { ...content, delta }, refusal: null };
}

function sendWhole(detail: string): Found {
  return { content: null, refusal: { reason: "send-whole", detail } };
}

function decoded(bytes: Uint8Array): string | null {
  try {
    // A byte order mark is content.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
