import { describe, expect, it } from '@jest/globals';
import { Cron, defineJob, every, Interval, Timeout, type ScheduleService } from 'nestjs-task-queue';

/** `npm run types` is what checks these: the body never runs. */
async function compileOnly(schedules: ScheduleService): Promise<void> {
  const report = defineJob<{ tenant: number }>({ queue: 'reports', name: 'report' });
  await schedules.upsert('a', { cron: every('1 day'), queue: report, payload: { tenant: 1 } });
  await schedules.upsert('a', { every: '1h', queue: 'reports', payload: { anything: 1 }, job: { name: 'report' } });
  await schedules.upsert('a', { at: new Date() });
  const { cursor } = await schedules.list({ queue: report, limit: 5 });
  await schedules.list({ cursor });
  // @ts-expect-error not the payload of this job
  await schedules.upsert('a', { cron: '@daily', queue: report, payload: { tenant: 'one' } });
  // @ts-expect-error this job has a payload
  await schedules.upsert('a', { cron: '@daily', queue: report });
  // @ts-expect-error one of cron, every and at
  await schedules.upsert('a', { cron: '@daily', every: '1h' });
  // @ts-expect-error when?
  await schedules.upsert('a', { queue: 'reports' });
  // @ts-expect-error an option of its jobs
  Cron('@daily', { maxAttempts: 5 });
  // @ts-expect-error elapsed time has no zone
  Interval('1h', { timeZone: 'UTC' });
  // @ts-expect-error it ticks once
  Timeout('1h', { missed: 'all' });
  Cron(new Date(), { scope: 'instance', overlap: 'queue-one', missed: 'all', window: '1h', job: { maxAttempts: 5 } });
  Interval('name', 5000, { limit: 5 });
  Timeout('name', 5000, { scope: 'cluster' });
}

describe('types of schedules', () => {
  it('are checked by the compiler', () => {
    expect(compileOnly).toBeInstanceOf(Function);
  });
});
