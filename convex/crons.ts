/** What is done at its time. */
import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();

crons.daily("collect blobs", { hourUTC: 4, minuteUTC: 17 }, internal.blobs.collect, { after: 0 });
crons.daily("sweep uploads", { hourUTC: 4, minuteUTC: 47 }, internal.blobs.sweep);
crons.daily("sweep requests", { hourUTC: 5, minuteUTC: 17 }, internal.requests.sweep, {});
crons.daily("reap tombstones", { hourUTC: 5, minuteUTC: 47 }, internal.tombstones.reap, {
  after: "",
});
crons.daily("expire samples", { hourUTC: 6, minuteUTC: 17 }, internal.logs.expire, {
  table: "metrics",
  after: 0,
});
crons.daily("expire lines", { hourUTC: 6, minuteUTC: 47 }, internal.logs.expire, {
  table: "lines",
  after: 0,
});
crons.daily("forget conflicts", { hourUTC: 7, minuteUTC: 17 }, internal.conflicts.forget, {
  after: 0,
});

export default crons;
