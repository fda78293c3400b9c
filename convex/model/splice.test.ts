import fc from "fast-check";
import { expect, test } from "vitest";
import { utf8 } from "./digest";
import { spliced, type Splice } from "./splice";

/** A text cut into parts, each of which is kept or makes way for another. */
const changes = fc.array(
  fc.record({ kept: fc.string({ unit: "grapheme" }), dropped: fc.string(), text: fc.string() }),
);

test("each splice is carried out at its place in the former text", () => {
  fc.assert(
    fc.property(changes, (parts) => {
      const former = utf8(parts.map(({ kept, dropped }) => kept + dropped).join(""));
      let place = 0;
      const splices = parts.map(({ kept, dropped, text }): Splice => {
        const at = place + utf8(kept).length;
        const drop = utf8(dropped).length;
        place = at + drop;
        return { at, drop, text };
      });
      const wanted = utf8(parts.map(({ kept, text }) => kept + text).join(""));
      expect(spliced(former, splices)).toEqual(wanted);
    }),
  );
});

test.each([
  [{ at: -1, drop: 0, text: "" }],
  [{ at: 0.5, drop: 0, text: "" }],
  [{ at: 0, drop: -1, text: "" }],
  [{ at: 0, drop: NaN, text: "" }],
  [{ at: 0, drop: 1e308, text: "" }],
  [{ at: 7, drop: 0, text: "" }],
  [{ at: 6, drop: 1, text: "" }],
  [{ at: 2, drop: 2, text: "" }, { at: 3, drop: 1, text: "" }],
])("what lies outside or over another is refused: %j", (...splices) => {
  expect(spliced(utf8("former"), splices)).toBeNull();
});
