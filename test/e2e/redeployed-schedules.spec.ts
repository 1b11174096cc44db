import { afterEach, expect, it } from '@jest/globals';
import { Injectable, type INestApplication, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cron, Interval, ScheduleService, TaskQueueModule, type Job } from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { TaskQueueLifecycle } from '../../src/module/lifecycle.js';
import { LogBook } from '../support/apps.js';

let app: INestApplication | undefined;
let logs = new LogBook();
afterEach(() => stop());

async function stop(): Promise<void> {
  await app?.close();
  app = undefined;
}

/** One deployment after the other, on one store and one clock. */
async function deploy(queues: TestQueues, providers: Type[]): Promise<INestApplication> {
  await stop();
  const builder = Test.createTestingModule({
    imports: [TaskQueueModule.forRoot({ connection: 'memory://' })],
    providers,
  });
  const moduleRef = await queues
    .install(builder)
    .setLogger((logs = new LogBook()))
    .compile();
  app = await moduleRef.createNestApplication({ logger: logs }).init();
  return app;
}

it('each schedule makes up for an outage as it says', async () => {
  const ran: string[] = [];
  const tell = ({ schedule, scheduledFor }: Job): void => {
    ran.push(`${schedule?.name} ${new Date(scheduledFor ?? 0).toISOString().slice(11, 16)} +${schedule?.missed}`);
  };
  @Injectable()
  class Clock {
    @Cron('0 * * * *', { name: 'once' })
    @Cron('0 * * * *', { name: 'skip', missed: 'skip' })
    @Cron('0 * * * *', { name: 'all', missed: 'all', window: '150m' })
    @Cron('0 * * * *', { name: 'recent', window: '10m' })
    @Interval('1h', { name: 'interval' })
    @Interval('1h', { name: 'interval-once', missed: 'once', payload: 'own' })
    tick(job: Job) {
      tell(job);
    }
  }
  const queues = new TestQueues(new Date('2026-01-01T10:30:00Z'));
  await deploy(queues, [Clock]);
  const without = await deploy(queues, []);
  await queues.advance(without, '4h 15m'); // 14:45
  expect(ran).toEqual([]);

  const again = await deploy(queues, [Clock]);
  await queues.settle(again);
  expect(ran.sort()).toEqual(['all 13:00 +2', 'all 14:00 +0', 'interval-once 14:30 +3', 'once 14:00 +3']);
  expect(await again.get(ScheduleService).get('recent')).toMatchObject({ fired: 0, skipped: 1 });
  ran.splice(0);
  await queues.advance(again, '15m');
  expect(ran.sort()).toEqual(['all 15:00 +0', 'once 15:00 +0', 'recent 15:00 +0', 'skip 15:00 +0']);
});

it('a changed rule counts from now, an unchanged one from where it was', async () => {
  const ran: string[] = [];
  const version = (expression: string): Type => {
    @Injectable()
    class Clock {
      @Interval('1h', { name: 'same' })
      same(job: Job) {
        ran.push(`same ${new Date(job.scheduledFor ?? 0).toISOString().slice(11, 16)}`);
      }
      @Cron(expression, { name: 'changed' })
      changed(job: Job) {
        ran.push(`changed ${new Date(job.scheduledFor ?? 0).toISOString().slice(11, 16)}`);
      }
    }
    return Clock;
  };
  const queues = new TestQueues(new Date('2026-01-01T10:30:00Z'));
  await queues.advance(await deploy(queues, [version('0 11 * * *')]), '15m');
  const { schedules } = await (await deploy(queues, [version('50 * * * *')])).get(ScheduleService).list();
  expect(schedules).toHaveLength(2);
  await queues.advance(app as INestApplication, '1h');
  expect(ran).toEqual(['changed 10:50', 'same 11:30']);
});

it('what the code declares no more is paused and reported, and goes on once it is declared again', async () => {
  @Injectable()
  class Kept {
    @Interval('1h', { name: 'kept' })
    tick() {}
  }
  @Injectable()
  class Gone {
    @Cron('0 * * * *', { name: 'gone' })
    tick() {}
  }
  const queues = new TestQueues(new Date('2026-01-01T10:30:00Z'));
  await deploy(queues, [Kept, Gone]);
  const next = await deploy(queues, [Kept]);
  for (let beat = 0; beat < 5; beat++) {
    await queues.advance(next, '20s');
    await next.get(TaskQueueLifecycle, { strict: false }).engine.scheduler.announceOnce();
  }
  const schedules = next.get(ScheduleService);
  expect(await schedules.get('kept')).toMatchObject({ status: 'active' });
  expect(await schedules.get('gone')).toMatchObject({ status: 'paused', pauseReason: 'removed', app: 'default' });
  expect(logs.matching(/gone/)).toHaveLength(1);
  expect(logs.matching(/gone/)[0]).toMatch(/^warn .*ScheduleService\.remove/);
  await expect(schedules.resume('gone')).rejects.toMatchObject({
    code: 'TASK_QUEUE_SCHEDULE_STATE',
    message: expect.stringMatching(/"gone".*declare it again.*or remove it/),
  });

  const again = await deploy(queues, [Kept, Gone]);
  expect(await again.get(ScheduleService).get('gone')).toMatchObject({ status: 'active', pauseReason: undefined });
});
