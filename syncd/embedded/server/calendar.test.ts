import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTime, type Schedule } from "./calendar.ts";

const WHEN: [Schedule, string, string][] = [
  [{ type: "interval", minutes: 90 }, "2026-11-26T15:57:38Z", "2026-11-26T17:27:38Z"],
  [{ type: "hourly", minuteUTC: 57 }, "2026-11-26T15:57:00Z", "2026-11-26T16:57:00Z"],
  [{ type: "hourly", minuteUTC: 58 }, "2026-11-26T15:57:38Z", "2026-11-26T15:58:00Z"],
  [{ type: "daily", hourUTC: 3, minuteUTC: 7 }, "2026-12-31T04:00:00Z", "2027-01-01T03:07:00Z"],
  [
    { type: "weekly", dayOfWeek: "thursday", hourUTC: 16 },
    "2026-11-26T15:57:38Z",
    "2026-11-26T16:00:00Z",
  ],
  [
    { type: "weekly", dayOfWeek: "wednesday", hourUTC: 16 },
    "2026-11-26T15:57:38Z",
    "2026-12-02T16:00:00Z",
  ],
  [{ type: "monthly", day: 31, hourUTC: 0 }, "2027-01-31T00:00:00Z", "2027-03-31T00:00:00Z"],
];

test("the next time is the first after now", () => {
  for (const [schedule, now, next] of WHEN)
    assert.equal(
      new Date(nextTime(schedule, Date.parse(now))).toISOString(),
      new Date(next).toISOString(),
    );
});
