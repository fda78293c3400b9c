import { expect, test } from "vitest";
import { cut, inlined } from "./content";
import { utf8 } from "./digest";
import { INLINE_BYTES, PIECE_BYTES } from "./limits";

test.each(["a", "é", "€", "😀"])("cuts between code points of %j at every offset", (character) => {
  for (let offset = 0; offset < 4; offset += 1) {
    const text = "x".repeat(offset) + character.repeat(20);
    const pieces = cut(utf8(text), 8);
    expect(pieces.join("")).toBe(text);
    const sizes = pieces.map((piece) => utf8(piece).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(8 - utf8(character).length);
  }
});

test("keeps a byte order mark, at the start and where a piece begins", () => {
  const text = "\ufeffabcde\ufefff";
  expect(cut(utf8(text), 8)).toEqual(["\ufeffabcde", "\ufefff"]);
});

test("a text of exactly the limit lies inline, a byte more in pieces", () => {
  const inline = "x".repeat(INLINE_BYTES);
  expect(inlined(inline, utf8(inline))).toEqual({ text: inline, pieces: [] });
  const longer = inline + "x";
  expect(inlined(longer, utf8(longer))).toEqual({ text: null, pieces: [longer] });
});

test("a multi-byte character across the end of a piece goes whole into the next", () => {
  const text = "x".repeat(PIECE_BYTES - 1) + "é";
  expect(cut(utf8(text), PIECE_BYTES).map((piece) => piece.length)).toEqual([PIECE_BYTES - 1, 1]);
});
