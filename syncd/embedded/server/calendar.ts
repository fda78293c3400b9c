/** When a cron job is due: the schedules of `cronJobs()` of npm `convex`. Times are ms, UTC. */
import { notYet } from "./failure.ts";

/** A schedule as `crons.export()` writes it. */
export type Schedule =
  | { type: "interval"; seconds?: number; minutes?: number; hours?: number }
  | { type: "hourly"; minuteUTC?: number }
  | { type: "daily"; hourUTC: number; minuteUTC?: number }
  | { type: "weekly"; dayOfWeek: string; hourUTC: number; minuteUTC?: number }
  | { type: "monthly"; day: number; hourUTC: number; minuteUTC?: number }
  | { type: "cron"; cron: string };

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** The first time after `now` that a schedule names. */
export function nextTime(schedule: Schedule, now: number): number {
  switch (schedule.type) {
    case "interval": {
      const { seconds = 0, minutes = 0, hours = 0 } = schedule;
      return now + ((hours * 60 + minutes) * 60 + seconds) * SECOND;
    }
    case "hourly":
      return firstAfter(now, HOUR, minutes(schedule));
    case "daily":
      return firstAfter(now, DAY, timeOfDay(schedule));
    case "weekly": {
      // The epoch began on a Thursday.
      const day = (DAYS.indexOf(schedule.dayOfWeek) + 3) % 7;
      return firstAfter(now, 7 * DAY, day * DAY + timeOfDay(schedule));
    }
    case "monthly":
      return nextMonthly(schedule.day, timeOfDay(schedule), now);
    case "cron":
      throw notYet("crons written as cron expressions");
  }
}

function firstAfter(now: number, period: number, offset: number): number {
  return now - (now % period) + offset + (now % period >= offset ? period : 0);
}

/** A month without that day is passed over. */
function nextMonthly(day: number, time: number, now: number): number {
  const date = new Date(now);
  for (let ahead = 0; ; ahead += 1) {
    const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + ahead, day);
    const exists = new Date(midnight).getUTCDate() === day;
    if (exists && midnight + time > now) return midnight + time;
  }
}

function timeOfDay(schedule: { hourUTC: number; minuteUTC?: number }): number {
  return schedule.hourUTC * HOUR + minutes(schedule);
}

function minutes({ minuteUTC = 0 }: { minuteUTC?: number }): number {
  return minuteUTC * 60 * SECOND;
}
