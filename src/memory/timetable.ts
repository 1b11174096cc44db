import type { EnqueueReceipt } from '../core/ports/intake.js';
import type {
  AnnouncedSchedule,
  Announcement,
  ComingTick,
  DueSchedules,
  FireAnswer,
  NewSchedule,
  RegisterAnswer,
  ResumeAnswer,
  ScheduledJob,
  ScheduleFire,
  SchedulePage,
  ScheduleRun,
  StoredSchedule,
  Timetable,
} from '../core/ports/timetable.js';
import type { MemoryConnection } from './connection.js';
import { announce } from './announce-schedules.js';
import { fire, runNow } from './schedule-firer.js';

/** Finds the schedules of a queue: {@link ScheduleTable} has the rules. */
export class MemoryTimetable implements Timetable {
  constructor(private readonly connection: MemoryConnection) {}

  async register(queue: string, schedule: NewSchedule): Promise<RegisterAnswer> {
    return this.connection.schedules(queue).register(schedule);
  }

  async announce(queue: string, app: string, schedules: readonly AnnouncedSchedule[]): Promise<Announcement> {
    return announce(this.connection.schedules(queue), app, schedules);
  }

  async due(queue: string, limit: number): Promise<DueSchedules> {
    return this.connection.schedules(queue).due(limit);
  }

  async fire(queue: string, fires: readonly ScheduleFire[]): Promise<FireAnswer[]> {
    const table = this.connection.schedules(queue);
    return fires.map((each) => fire(table, each));
  }

  async pause(queue: string, name: string): Promise<boolean> {
    return this.connection.schedules(queue).pause(name);
  }

  async resume(queue: string, name: string, specHash: string, next: ComingTick): Promise<ResumeAnswer> {
    return this.connection.schedules(queue).resume(name, specHash, next);
  }

  async runNow(
    queue: string,
    name: string,
    specHash: string,
    job: ScheduledJob,
  ): Promise<EnqueueReceipt | 'changed' | 'not-found'> {
    return runNow(this.connection.schedules(queue), name, specHash, job);
  }

  async read(queue: string, names: readonly string[]): Promise<(StoredSchedule | undefined)[]> {
    return this.connection.schedules(queue).read(names);
  }

  async list(queue: string, cursor: string | undefined, limit: number): Promise<SchedulePage> {
    return this.connection.schedules(queue).list(cursor, limit);
  }

  async history(queue: string, name: string, limit: number): Promise<ScheduleRun[]> {
    return this.connection.schedules(queue).history(name, limit);
  }

  async remove(queue: string, name: string): Promise<boolean> {
    return this.connection.schedules(queue).remove(name);
  }
}
