import type { AnnouncedSchedule, Announcement } from '../core/broker.js';
import { SILENCE_MS, type Timetable } from './timetable.js';

/** An instance of an app names the rules it holds; what nobody named for long, while the app was there, is paused. */
export function announce(timetable: Timetable, app: string, announced: readonly AnnouncedSchedule[]): Announcement {
  const now = timetable.queue.now();
  const answer: Announcement = { outdated: [], unknown: [], removed: [] };
  for (const { name, specHash } of announced) {
    const stored = timetable.schedules.get(name);
    const isStored = stored?.app === app && stored.specHash === specHash && stored.pauseReason !== 'removed';
    if (isStored) stored.announcedAt = now;
    else if (stored?.app === app && timetable.isOutdated(stored, specHash, now)) answer.outdated.push(name);
    else answer.unknown.push(name);
  }
  const before = timetable.apps.get(app);
  const since = before !== undefined && now - before.last < SILENCE_MS ? before.since : now;
  timetable.apps.set(app, { last: now, since });
  if (now - since >= SILENCE_MS) answer.removed = pauseSilent(timetable, app, now);
  return answer;
}

function pauseSilent(timetable: Timetable, app: string, now: number): string[] {
  const removed: string[] = [];
  for (const schedule of timetable.schedules.values()) {
    const { announcedAt } = schedule;
    if (schedule.app !== app || announcedAt === undefined || announcedAt > now - SILENCE_MS) continue;
    schedule.announcedAt = undefined;
    if (schedule.status !== 'active') continue;
    timetable.halt(schedule, 'removed');
    removed.push(schedule.id);
  }
  return removed.sort();
}
