import type { NewSchedule, PauseReason, ScheduleRun, ScheduleStatus, StoredSchedule } from '../core/ports/timetable.js';

/** Everything the store keeps about one schedule. */
export interface KeptSchedule {
  /** Its name. */
  readonly id: string;
  /** Rises from one to the next: listings go by it. */
  readonly serial: number;
  specHash: string;
  spec: string;
  /** Undefined: made at run time. */
  app: string | undefined;
  /** Hashes that later ones replaced, newest first: instances that still declare one of them are outdated. */
  replaced: string[];
  status: ScheduleStatus;
  pauseReason: PauseReason | undefined;
  /** Of an active one. */
  tick: number | undefined;
  /** When to look at an active one: its tick and jitter, or a second after it was held. */
  rank: number;
  lastTick: number | undefined;
  fired: number;
  skipped: number;
  createdAt: number;
  /** Runs that died before it was resumed do not pause it again. */
  resumedAt: number;
  announcedAt: number | undefined;
  /** Jobs of it that may not have settled, oldest first. */
  open: string[];
  /** Newest first. */
  runs: ScheduleRun[];
}

/** Hashes a schedule remembers: as many deployments may be on their way out at once. */
const MOST_REPLACED = 8;

export function newKeptSchedule({ name, specHash, spec, app }: NewSchedule, serial: number, now: number): KeptSchedule {
  return {
    ...{ id: name, serial, specHash, spec, app },
    replaced: [],
    status: 'ended',
    pauseReason: undefined,
    tick: undefined,
    rank: 0,
    lastTick: undefined,
    fired: 0,
    skipped: 0,
    createdAt: now,
    resumedAt: 0,
    announcedAt: undefined,
    open: [],
    runs: [],
  };
}

/** Another rule under the same name: its counts begin anew. */
export function replaceRule(schedule: KeptSchedule, { specHash, spec }: NewSchedule): void {
  if (schedule.specHash === specHash) return;
  if (schedule.app !== undefined) {
    const others = schedule.replaced.filter((hash) => hash !== specHash);
    schedule.replaced = [schedule.specHash, ...others].slice(0, MOST_REPLACED);
  }
  Object.assign(schedule, { specHash, spec, fired: 0, skipped: 0 });
}

export function viewOf(schedule: KeptSchedule): StoredSchedule {
  const { id: name, specHash, spec, app, status, pauseReason, tick, lastTick } = schedule;
  const { fired, skipped, createdAt, announcedAt } = schedule;
  return {
    ...{ name, specHash, spec, app, status, pauseReason, nextTick: tick, lastTick },
    ...{ fired, skipped, createdAt, announcedAt },
  };
}
