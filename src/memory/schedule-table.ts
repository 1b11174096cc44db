import type {
  ComingTick,
  DueSchedules,
  NewSchedule,
  PauseReason,
  RegisterAnswer,
  ResumeAnswer,
  SchedulePage,
  ScheduleRun,
  StoredSchedule,
} from '../core/ports/timetable.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { RULES } from '../core/rules.js';
import { newKeptSchedule, replaceRule, viewOf, type KeptSchedule } from './kept-schedule.js';
import type { MemoryQueue } from './memory-queue.js';
import { signal } from './notify.js';
import { Ranking } from './ranking.js';

/** The schedules of one queue. */
export class ScheduleTable {
  readonly schedules = new Map<string, KeptSchedule>();
  /** By app: its last announcement, and since when there was no gap between two of them. */
  readonly apps = new Map<string, { last: number; since: number }>();
  /** The active ones, by when they are to be looked at. */
  private readonly coming = new Ranking<KeptSchedule>();
  private lastSerial = 0;

  constructor(readonly queue: MemoryQueue) {}

  register(schedule: NewSchedule): RegisterAnswer {
    const now = this.queue.now();
    const { name, specHash, app } = schedule;
    const stored = this.schedules.get(name);
    if (stored === undefined) {
      const created = newKeptSchedule(schedule, ++this.lastSerial, now);
      if (app !== undefined) created.announcedAt = now;
      this.schedules.set(name, created);
      this.begin(created, schedule);
      return 'created';
    }
    if ((stored.app === undefined) !== (app === undefined)) return 'conflict';
    if (stored.app !== app && isAnnounced(stored, now)) return 'conflict';
    const wasRemoved = stored.pauseReason === 'removed';
    if (stored.specHash === specHash && !wasRemoved) {
      if (app !== undefined) Object.assign(stored, { app, announcedAt: now });
      return 'unchanged';
    }
    if (app !== undefined && this.isOutdated(stored, specHash, now)) return 'outdated';
    const staysPaused = stored.status === 'paused' && !wasRemoved;
    if (stored.specHash !== specHash && !staysPaused && !schedule.losesTick && isDue(stored, schedule, now))
      return 'due';
    replaceRule(stored, schedule);
    if (app !== undefined) Object.assign(stored, { app, announcedAt: now });
    if (!staysPaused) this.begin(stored, schedule);
    return 'replaced';
  }

  /** A rule that another one replaced, whose instances live. */
  isOutdated(schedule: KeptSchedule, specHash: string, now: number): boolean {
    return schedule.replaced.includes(specHash) && isAnnounced(schedule, now);
  }

  due(limit: number): DueSchedules {
    const now = this.queue.now();
    const first = this.coming.slice(0, limit + 1);
    const due = first.slice(0, limit).filter(({ rank }) => rank <= now);
    return {
      now,
      due: due.map(({ id, specHash, spec, tick = 0, fired }) => ({ name: id, specHash, spec, tick, fired })),
      nextLookAt: first[due.length]?.rank,
    };
  }

  nextLookAt(): number | undefined {
    return this.coming.first()?.rank;
  }

  pause(name: string): boolean {
    const schedule = this.schedules.get(name);
    if (schedule && schedule.status !== 'ended') this.halt(schedule, 'user');
    return schedule !== undefined;
  }

  resume(name: string, specHash: string, next: ComingTick): ResumeAnswer {
    const schedule = this.schedules.get(name);
    if (schedule === undefined) return 'not-found';
    if (schedule.specHash !== specHash) return 'changed';
    if (schedule.pauseReason === 'removed') return 'removed';
    if (schedule.status === 'paused') {
      schedule.resumedAt = this.queue.now();
      this.begin(schedule, next);
    }
    return 'resumed';
  }

  read(names: readonly string[]): (StoredSchedule | undefined)[] {
    return names.map((name) => {
      const schedule = this.schedules.get(name);
      return schedule && viewOf(schedule);
    });
  }

  list(cursor: string | undefined, limit: number): SchedulePage {
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
      throw new InvalidValueError(
        'cursor',
        cursor,
        'pass on the cursor of the page before, or none for the first page',
      );
    }
    const after = Number(cursor ?? 0);
    const page: KeptSchedule[] = [];
    for (const schedule of this.schedules.values()) {
      if (schedule.serial <= after) continue;
      if (page.length === limit) return { schedules: page.map(viewOf), cursor: String(page.at(-1)?.serial) };
      page.push(schedule);
    }
    return { schedules: page.map(viewOf), cursor: undefined };
  }

  history(name: string, limit: number): ScheduleRun[] {
    return (this.schedules.get(name)?.runs ?? []).slice(0, limit).map((run) => ({ ...run }));
  }

  remove(name: string): boolean {
    const schedule = this.schedules.get(name);
    if (schedule) this.coming.delete(schedule);
    return this.schedules.delete(name);
  }

  halt(schedule: KeptSchedule, reason: PauseReason): void {
    this.coming.delete(schedule);
    Object.assign(schedule, { status: 'paused', pauseReason: reason, tick: undefined });
  }

  /** It is active with this tick, or ended without one. */
  goOn(schedule: KeptSchedule, { nextTick, lookAt = nextTick }: ComingTick): void {
    this.coming.delete(schedule);
    schedule.status = nextTick === undefined ? 'ended' : 'active';
    schedule.pauseReason = undefined;
    schedule.tick = nextTick;
    if (lookAt !== undefined && nextTick !== undefined) this.lookAt(schedule, lookAt);
  }

  lookAt(schedule: KeptSchedule, at: number): void {
    this.coming.delete(schedule);
    schedule.rank = at;
    this.coming.add(schedule);
  }

  /** As {@link goOn}; schedulers that sleep until a later time are woken. */
  private begin(schedule: KeptSchedule, next: ComingTick): void {
    const before = this.nextLookAt() ?? Infinity;
    this.goOn(schedule, next);
    if (schedule.status === 'active' && schedule.rank < before) signal(this.queue, { type: 'schedules' });
  }
}

/** An instance that lives declares it. */
function isAnnounced({ announcedAt }: KeptSchedule, now: number): boolean {
  return announcedAt !== undefined && announcedAt > now - RULES.silenceMs;
}

/** A tick of the stored rule has come and is not fired, or the first one of its successor was fired meanwhile. */
function isDue(
  { status, tick = Infinity, lastTick = -Infinity }: KeptSchedule,
  next: ComingTick,
  now: number,
): boolean {
  return (status === 'active' && tick <= now) || (next.nextTick ?? Infinity) <= lastTick;
}
