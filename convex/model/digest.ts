const encoder = new TextEncoder();

/** The text's UTF-8 bytes. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Whether the text has more bytes of UTF-8 than that: a unit of it has three at most. */
export function isLonger(text: string, bytes: number): boolean {
  return 3 * text.length > bytes && utf8(text).length > bytes;
}

export function isDigest(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/**
 * SHA-256, lower-case hex. `crypto.subtle.digest` is deterministic and therefore allowed in
 * queries and mutations: https://docs.convex.dev/functions/runtimes
 */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}
