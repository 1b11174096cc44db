import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueService, ScheduleService, TaskQueueModule } from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { closeApps, LogBook, startApp, STORES } from '../support/apps.js';
import { calls, MovedTasks } from '../support/moved-tasks.js';

let app: INestApplication | undefined;
beforeEach(() => void calls.splice(0));
afterEach(async () => {
  await app?.close();
  app = undefined;
  await closeApps();
});

it('an app written for @nestjs/schedule runs with nothing but its import changed', async () => {
  const queues = new TestQueues(new Date('2026-06-01T12:00:00Z'));
  const builder = Test.createTestingModule({
    imports: [TaskQueueModule.forRoot({ connection: 'memory://' })],
    providers: [MovedTasks],
  });
  const moduleRef = await queues.install(builder).setLogger(new LogBook()).compile();
  app = moduleRef.createNestApplication();
  await app.init();

  await queues.advance(app, '1h');
  const counts: Record<string, number> = {};
  for (const call of calls) counts[call] = (counts[call] ?? 0) + 1;
  expect(counts).toEqual({
    handleCron: 60,
    'half-minutes': 120,
    berlin: 1,
    offset: 1,
    once: 1,
    slow: 6,
    failing: 7, // two ticks of three attempts, and the first attempt of 13:00
    anonymousInterval: 6,
    notifications: 4,
    greeting: 1,
    anonymousTimeout: 1,
  });
  expect(calls[0]).toBe('greeting');

  const runs = await app.get(ScheduleService).history('berlin');
  expect(runs.map(({ scheduledFor }) => new Date(scheduledFor).toISOString())).toEqual(['2026-06-01T12:30:00.000Z']);
  expect((await app.get(QueueService).jobs('cron', { state: 'dead' })).jobs.map(({ name }) => name)).toEqual([
    'failing',
    'failing',
  ]);
});

it.each(STORES)('its schedules are stored on $name, but for timeouts, which every process has', async ({ options }) => {
  const { app: started } = await startApp({ providers: [MovedTasks] }, options());
  const { schedules } = await started.get(ScheduleService).list();
  expect(new Set(schedules.map(({ name }) => name))).toEqual(
    new Set([
      'MovedTasks.handleCron',
      'half-minutes',
      'berlin',
      'offset',
      'once',
      'slow',
      'failing',
      'MovedTasks.anonymousInterval',
      'notifications',
    ]),
  );
  const of = (name: string) => schedules.find((schedule) => schedule.name === name);
  expect(of('offset')?.rule).toEqual({ kind: 'cron', expression: '0 45 17 * * *', timeZone: '+05:30' });
  expect(of('berlin')?.rule).toMatchObject({ timeZone: 'Europe/Berlin' });
  expect(of('slow')?.overlap).toBe('skip');
  expect(of('notifications')).toMatchObject({ rule: { kind: 'interval', everyMs: 900_000 }, missed: 'skip' });
});
