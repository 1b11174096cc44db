import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cron,
  Interval,
  QueueService,
  ScheduleService,
  TaskQueueModule,
  Timeout,
  type CronTick,
  type Job,
} from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { closeApps, gate, LogBook, startApp, STORES } from '../support/apps.js';
import { MessageLog } from '../support/message-log.js';

let testApp: INestApplication | undefined;
afterEach(async () => {
  await testApp?.close();
  testApp = undefined;
  await closeApps();
});

it('fires at its instants, fails and is retried on the clock of the test', async () => {
  const ran: string[] = [];
  @Injectable()
  class Local {
    @Cron('0 * * * *', { name: 'refresh', scope: 'instance', job: { backoff: '1m', maxAttempts: 2 } })
    refresh(job: Job<CronTick>) {
      ran.push(`refresh ${new Date(job.payload.scheduledFor).toISOString().slice(11, 16)} ${job.attempt}`);
      throw new Error('always');
    }
    @Interval('40m', { name: 'beat', scope: 'instance', payload: { of: 'heart' } })
    beat(job: Job) {
      ran.push(`beat ${JSON.stringify(job.payload)} ${job.schedule?.name}`);
    }
    @Timeout('10m')
    warm() {
      ran.push('warm');
    }
    @Timeout('once', '20m', { scope: 'cluster' })
    once() {
      ran.push('once');
    }
  }
  const queues = new TestQueues(new Date('2026-01-01T10:30:00Z'));
  const builder = Test.createTestingModule({
    imports: [TaskQueueModule.forRoot({ connection: 'memory://' })],
    providers: [Local],
  });
  const moduleRef = await queues.install(builder).setLogger(new LogBook()).compile();
  testApp = await moduleRef.createNestApplication().init();
  await queues.advance(testApp, '1h');
  expect(ran).toEqual(['warm', 'once', 'refresh 11:00 1', 'refresh 11:00 2', 'beat {"of":"heart"} beat']);
  const { schedules } = await testApp.get(ScheduleService).list();
  expect(schedules).toMatchObject([{ name: 'once', status: 'ended', fired: 1 }]);
});

describe.each(STORES)('on $name', ({ options }) => {
  it('runs in every process, and leaves nothing in the shared store', async () => {
    const store = options();
    const runs = new MessageLog<string>();
    const start = (name: string) => {
      @Injectable()
      class Local {
        @Timeout('hello', 0)
        hello() {
          runs.listener(name);
        }
      }
      return startApp({ providers: [Local] }, store);
    };
    const [{ app }] = await Promise.all([start('one'), start('other')]);
    expect((await runs.first(2)).sort()).toEqual(['one', 'other']);
    expect((await app.get(ScheduleService).list()).schedules).toEqual([]);
    expect(await app.get(QueueService).counts('cron')).toMatchObject({ ready: 0, active: 0, completed: 0 });
  });

  it('is drained when the app closes', async () => {
    const started = gate();
    const release = gate();
    let finished = false;
    @Injectable()
    class Local {
      @Timeout(0)
      async work() {
        started.open();
        await release.promise;
        finished = true;
      }
    }
    const { app } = await startApp({ providers: [Local] }, options());
    await started.promise;
    const closed = app.close();
    release.open();
    await closed;
    expect(finished).toBe(true);
  });

  it('a producer runs none', async () => {
    @Injectable()
    class Local {
      @Timeout(0)
      work() {
        throw new Error('runs');
      }
    }
    const { app, logs } = await startApp({ providers: [Local] }, { ...options(), role: 'producer' });
    await app.close();
    expect(logs.matching(/runs/)).toEqual([]);
  });
});
