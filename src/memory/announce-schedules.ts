import type { AnnouncedSchedule, Announcement } from '../core/ports/timetable.js';
import { RULES } from '../core/rules.js';
import type { ScheduleTable } from './schedule-table.js';

/** An instance of an app names the rules it holds; what nobody named for long, while the app was there, is paused. */
export function announce(table: ScheduleTable, app: string, announced: readonly AnnouncedSchedule[]): Announcement {
  const now = table.queue.now();
  const answer: Announcement = { outdated: [], unknown: [], removed: [] };
  for (const { name, specHash } of announced) {
    const stored = table.schedules.get(name);
    const isStored = stored?.app === app && stored.specHash === specHash && stored.pauseReason !== 'removed';
    if (isStored) stored.announcedAt = now;
    else if (stored?.app === app && table.isOutdated(stored, specHash, now)) answer.outdated.push(name);
    else answer.unknown.push(name);
  }
  const before = table.apps.get(app);
  const since = before !== undefined && now - before.last < RULES.silenceMs ? before.since : now;
  table.apps.set(app, { last: now, since });
  if (now - since >= RULES.silenceMs) answer.removed = pauseSilent(table, app, now);
  return answer;
}

function pauseSilent(table: ScheduleTable, app: string, now: number): string[] {
  const removed: string[] = [];
  for (const schedule of table.schedules.values()) {
    const { announcedAt } = schedule;
    if (schedule.app !== app || announcedAt === undefined || announcedAt > now - RULES.silenceMs) continue;
    schedule.announcedAt = undefined;
    if (schedule.status !== 'active') continue;
    table.halt(schedule, 'removed');
    removed.push(schedule.id);
  }
  return removed.sort();
}
