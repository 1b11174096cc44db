import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cron,
  defineJob,
  Processor,
  QueueService,
  ScheduleService,
  TaskQueueModule,
  type Job,
  type ScheduleUniqueOption,
} from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { bootError, closeApps, gate, LogBook, startApp, STORES } from '../support/apps.js';
import { MessageLog } from '../support/message-log.js';

let testApp: INestApplication | undefined;
afterEach(async () => {
  await testApp?.close();
  testApp = undefined;
  await closeApps();
});

const rebuild = defineJob<{ shop?: number }>({ queue: 'reports', name: 'rebuild' });
const at = { queue: 'reports' };

describe('a schedule whose jobs have a unique key, on the clock of a test', () => {
  const ran: Job[] = [];
  afterEach(() => void ran.splice(0));

  @Injectable()
  class Reports {
    @Processor(rebuild)
    rebuild(job: Job) {
      ran.push(job);
    }
  }

  async function start(): Promise<{ queues: TestQueues; app: INestApplication; schedules: ScheduleService }> {
    const queues = new TestQueues(new Date('2026-01-01T10:00:00Z'));
    const builder = Test.createTestingModule({
      imports: [TaskQueueModule.forRoot({ connection: 'memory://' })],
      providers: [Reports],
    });
    const moduleRef = await queues.install(builder).setLogger(new LogBook()).compile();
    testApp = await moduleRef.createNestApplication().init();
    return { queues, app: testApp, schedules: testApp.get(ScheduleService) };
  }

  it('passes ticks over while an enqueued job has the key, and goes on after its end', async () => {
    const { queues, app, schedules } = await start();
    const made = await schedules.upsert('hourly', {
      ...{ every: '1h', queue: rebuild, payload: {} },
      job: { unique: { key: 'all', until: 'started' } },
    });
    expect(made.job.unique).toEqual({ key: 'all', freeWhileRunning: true });
    const job = await app.get(QueueService).enqueue(rebuild, { shop: 0 }, { unique: 'all', delay: '150m' });
    await queues.advance(app, '2h');
    expect(ran).toEqual([]);
    expect(await schedules.get('hourly', at)).toMatchObject({ status: 'active', fired: 0, skipped: 2 });
    await queues.advance(app, '1h');
    expect(ran.map(({ payload, schedule }) => [payload, schedule?.name])).toEqual([
      [{ shop: 0 }, undefined],
      [{}, 'hourly'],
    ]);
    expect(await job.refresh()).toMatchObject({ state: 'completed' });
    expect(await schedules.get('hourly', at)).toMatchObject({ fired: 1, skipped: 2 });
  });

  it('makes the key of fields of its payload, as an enqueue does', async () => {
    const { queues, app, schedules } = await start();
    const unique: ScheduleUniqueOption = { key: ['shop'] };
    for (const shop of [7, 8]) {
      await schedules.upsert(`shop-${shop}`, { every: '1h', queue: rebuild, payload: { shop }, job: { unique } });
    }
    await app.get(QueueService).enqueue(rebuild, { shop: 7 }, { unique: { key: ['shop'] }, delay: '1d' });
    await queues.advance(app, '1h');
    expect(ran.map(({ payload }) => payload)).toEqual([{ shop: 8 }]);
    expect(await schedules.get('shop-7', at)).toMatchObject({ fired: 0, skipped: 1 });

    // The key follows a payload that is changed.
    await schedules.amend('shop-7', { payload: { shop: 9 } }, at);
    await schedules.remove('shop-8', at);
    await queues.advance(app, '1h');
    expect(ran.map(({ payload }) => payload)).toEqual([{ shop: 8 }, { shop: 9 }]);
  });
});

describe.each(STORES)('on $name, a schedule whose jobs have a unique key', ({ options }) => {
  it('ticks on while the key is held, answers a run by hand with the job that holds it, and fires once it is free', async () => {
    const [pulses, slow] = [new MessageLog<Job>(), new MessageLog<Job>()];
    const held = gate();
    @Injectable()
    class Clock {
      @Cron('* * * * * *', { name: 'pulse' })
      pulse(job: Job) {
        pulses.listener(job);
      }
      @Cron('* * * * * *', { name: 'slow', job: { unique: 'one' } })
      slow(job: Job) {
        slow.listener(job);
        return held.promise;
      }
    }
    const { app, logs } = await startApp({ providers: [Clock] }, options());
    const [queues, schedules] = [app.get(QueueService), app.get(ScheduleService)];
    const [first] = await slow.first(1);
    await pulses.first(pulses.messages.length + 2);
    expect(slow.messages).toHaveLength(1);
    const { status, fired, skipped = 0 } = (await schedules.get('slow')) ?? {};
    expect([status, fired, skipped > 0]).toEqual(['active', 1, true]);
    expect(
      logs.debugLines.filter((line) => /"slow" skipped tick .*another one of its unique key/.test(line)),
    ).not.toEqual([]);

    const byHand = await schedules.runNow('slow');
    expect(byHand).toMatchObject({ created: false, conflict: 'kept', id: first.id, state: 'active' });
    const enqueued = await queues.enqueue('cron', 'mine', { name: 'slow', unique: 'one' });
    expect(enqueued).toMatchObject({ created: false, conflict: 'kept', id: first.id });
    expect(await schedules.history('slow')).toHaveLength(1);

    held.open();
    await byHand.result();
    const [, second] = await slow.first(2);
    expect(second.scheduledFor as number).toBeGreaterThan((first.scheduledFor as number) + 1000);
  });

  it.each<[string, unknown, unknown, RegExp]>([
    [
      'a window',
      { key: 'a', throttle: '1m' },
      {},
      /unique\.throttle in job in @Cron on Clock\.tick: "1m".*tick less often/,
    ],
    ['a debounce', { key: 'a', debounce: '1m' }, {}, /unique\.debounce .*tick less often/],
    ['a newer payload', { key: 'a', onConflict: 'replace' }, {}, /unique\.onConflict .*"replace".*leave it out/],
    ['a key with a space', 'a b', {}, /unique in job in @Cron on Clock\.tick.*"a b"/],
    ['an unknown option', { key: 'a', til: 'started' }, {}, /"til".*"until"/],
    ['fields of ticks', { key: ['scheduledFor'] }, undefined, /Each tick has another CronTick/],
    ['fields that its payload lacks', { key: ['shop'] }, {}, /shop: is a part of the unique key/],
  ])('with %s stops the boot', async (_what, unique, payload, message) => {
    @Injectable()
    class Clock {
      @Cron('@daily', { ...(payload !== undefined && { payload }), job: { unique: unique as ScheduleUniqueOption } })
      tick() {}
    }
    expect((await bootError({ providers: [Clock] }, options())).message).toMatch(message);
  });
});
