/** The meter's limits that would take long to reach through a function. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS, Meter } from "./limits.ts";

function times(count: number, step: () => void): void {
  for (let at = 0; at < count; at += 1) step();
}

test("documents read and written", () => {
  const meter = new Meter();
  times(LIMITS.documentsRead, () => meter.countRead(0));
  assert.throws(() => meter.countRead(0), /Too many documents read .*32000/);
  times(LIMITS.documentsWritten, () => meter.countWrite(0));
  assert.throws(() => meter.countWrite(0), /Too many writes .*16000/);
});

test("bytes at the limit pass", () => {
  const meter = new Meter();
  meter.countRead(LIMITS.bytesRead);
  assert.throws(() => meter.countRead(1), { code: "TooManyBytesRead" });
  meter.countWrite(LIMITS.bytesWritten);
  assert.throws(() => meter.countWrite(1), { code: "TooManyBytesWritten" });
});
