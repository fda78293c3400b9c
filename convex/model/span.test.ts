import fc from "fast-check";
import { expect, test } from "vitest";
import { HOUR, MINUTE } from "./rollup";
import { spansOf } from "./span";

const time = fc.integer({ min: -3 * HOUR, max: 30 * HOUR });

test("each instant of the range lies in one span, and edges are where the range cuts", () => {
  fc.assert(
    fc.property(time, time, fc.boolean(), time, (one, other, coarse, instant) => {
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      const spans = spansOf({ from, to }, coarse);
      const inside = spans.filter(({ start, end }) => start <= instant && instant < end);
      if (instant >= from && instant <= to) expect(inside).toHaveLength(1);
      for (const { edge, start, end, width } of spans) {
        expect(start % width).toBe(0 * start);
        if (!edge) expect(start >= from && end - 1 <= to).toBe(true);
        else expect(end - start).toBe(MINUTE);
      }
      expect(spans.map(({ start }) => start)).toEqual(
        spans.map(({ start }) => start).sort((a, b) => a - b),
      );
    }),
  );
});

test("a month is mostly hours where they do, minutes where not", () => {
  const month = { from: 1, to: 30 * 24 * HOUR };
  const hours = spansOf(month, true).filter(({ width, edge }) => width === HOUR && !edge);
  expect(hours).toHaveLength(1);
  expect(spansOf(month, false).some(({ width }) => width === HOUR)).toBe(false);
});
