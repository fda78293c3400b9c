/** A text told as what it changes in another one. Pure; the counterpart of `syncd/core/delta.py`. */

/** `drop` bytes at `at` of the former text make way for `text`. */
export type Splice = { at: number; drop: number; text: string };

const encoder = new TextEncoder();

/** The former bytes with the splices, in their order; null if one lies outside or behind another. */
export function spliced(former: Uint8Array, splices: Splice[]): Uint8Array<ArrayBuffer> | null {
  const parts: Uint8Array[] = [];
  let kept = 0;
  for (const { at, drop, text } of splices) {
    const sound = Number.isInteger(at) && Number.isInteger(drop) && drop >= 0;
    if (!sound || at < kept || at + drop > former.length) return null;
    parts.push(former.subarray(kept, at), encoder.encode(text));
    kept = at + drop;
  }
  parts.push(former.subarray(kept));
  return joined(parts);
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}
