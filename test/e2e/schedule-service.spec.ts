import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cron,
  defineJob,
  every,
  Processor,
  ScheduleService,
  TaskQueueModule,
  type Job,
  type RuntimeSchedule,
} from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { z } from 'zod';
import { bootError, closeApps, gate, LogBook, startApp, STORES } from '../support/apps.js';
import { MessageLog } from '../support/message-log.js';

let testApp: INestApplication | undefined;
afterEach(async () => {
  await testApp?.close();
  testApp = undefined;
  await closeApps();
});

const report = defineJob({
  queue: 'reports',
  name: 'monthly',
  schema: z.object({ tenant: z.number() }),
  maxAttempts: 2,
  priority: 4,
});

const ran: Job[] = [];
afterEach(() => void ran.splice(0));

@Injectable()
class Reports {
  @Processor(report)
  monthly(job: Job) {
    ran.push(job);
  }
  @Processor('reports')
  other(job: Job) {
    ran.push(job);
    if (job.payload === 'dies') throw new Error('it dies');
  }
  @Cron('0 0 1 1 *', { name: 'new-year' })
  newYear(job: Job) {
    ran.push(job);
  }
}

const told = () => ran.splice(0).map(({ name, schedule, payload }) => ({ name, schedule: schedule?.name, payload }));

describe('on the clock of a test', () => {
  async function start(): Promise<{ queues: TestQueues; app: INestApplication; schedules: ScheduleService }> {
    const queues = new TestQueues(new Date('2026-01-01T10:30:00Z'));
    const builder = Test.createTestingModule({
      imports: [TaskQueueModule.forRoot({ connection: 'memory://' })],
      providers: [Reports],
    });
    const moduleRef = await queues.install(builder).setLogger(new LogBook()).compile();
    testApp = await moduleRef.createNestApplication().init();
    return { queues, app: testApp, schedules: testApp.get(ScheduleService) };
  }

  it('a schedule made at run time fires, changes, pauses, resumes and goes', async () => {
    const { queues, app, schedules } = await start();
    const made = await schedules.upsert('tenant-7', {
      cron: every('1 hour'),
      queue: report,
      payload: { tenant: 7 },
      job: { maxAttempts: 9 },
    });
    expect(made).toMatchObject({
      name: 'tenant-7',
      queue: 'reports',
      status: 'active',
      app: undefined,
      rule: { kind: 'cron', expression: '0 * * * *', timeZone: 'UTC' },
      payload: { tenant: 7 },
      job: { name: 'monthly', maxAttempts: 9, priority: 4 },
      nextTick: Date.parse('2026-01-01T11:00:00Z'),
      fired: 0,
    });
    await queues.advance(app, '1h');
    expect(ran[0]).toMatchObject({ maxAttempts: 9, scheduledFor: Date.parse('2026-01-01T11:00:00Z') });
    expect(told()).toEqual([{ name: 'monthly', schedule: 'tenant-7', payload: { tenant: 7 } }]);

    const at = { queue: 'reports' };
    await schedules.upsert('tenant-7', { every: '20m', queue: report, payload: { tenant: 8 } });
    await queues.advance(app, '41m'); // 11:50 and 12:10
    expect(told()).toHaveLength(2);
    await schedules.pause('tenant-7', at);
    expect(await schedules.get('tenant-7', at)).toMatchObject({ status: 'paused', pauseReason: 'user', fired: 2 });
    await queues.advance(app, '2h');
    expect(ran).toEqual([]);
    await schedules.resume('tenant-7', at);
    expect(await schedules.next('tenant-7', 2, at)).toEqual(
      ['2026-01-01T14:31:00Z', '2026-01-01T14:51:00Z'].map((text) => Date.parse(text)),
    );
    await queues.advance(app, '20m');
    expect(told()).toEqual([{ name: 'monthly', schedule: 'tenant-7', payload: { tenant: 8 } }]);

    await schedules.remove('tenant-7', at);
    await expect(schedules.remove('tenant-7', at)).rejects.toMatchObject({ code: 'TASK_QUEUE_SCHEDULE_NOT_FOUND' });
    expect(await schedules.get('tenant-7', at)).toBeUndefined();
    await queues.advance(app, '1h');
    expect(ran).toEqual([]);
  });

  it('one instant, a limit, an end: it has ended', async () => {
    const { queues, app, schedules } = await start();
    const queue = 'reports';
    await schedules.upsert('instant', { at: '2026-01-01T10:40:00Z', queue });
    await schedules.upsert('twice', { every: '1m', queue, limit: 2 });
    await schedules.upsert('until', {
      every: '10m',
      queue,
      startAt: new Date('2026-01-01T11:00:00Z'),
      endAt: '2026-01-01T11:10:00Z',
    });
    expect(await schedules.next('until', 5, { queue })).toHaveLength(2);
    await queues.advance(app, '3h');
    const names = told().map(({ schedule }) => schedule);
    expect(names.sort()).toEqual(['instant', 'twice', 'twice', 'until', 'until']);
    const { schedules: listed } = await schedules.list({ queue });
    expect(listed.map(({ status }) => status)).toEqual(['ended', 'ended', 'ended']);
    expect(await schedules.next('twice', 1, { queue })).toEqual([]);
  });

  it('pauses after a failure, and goes on when it is resumed', async () => {
    const { queues, app, schedules } = await start();
    const at = { queue: 'reports' };
    await schedules.upsert('doomed', {
      ...{ every: '10m', queue: 'reports', payload: 'dies' },
      ...{ pauseOnFailure: true, job: { maxAttempts: 1 } },
    });
    await queues.advance(app, '1h');
    expect(told()).toHaveLength(1);
    expect(await schedules.get('doomed', at)).toMatchObject({ status: 'paused', pauseReason: 'failure' });
    await schedules.resume('doomed', at);
    await queues.advance(app, '1h');
    expect(told()).toHaveLength(1);
  });

  it('tells its last runs and how late they were', async () => {
    const { queues, app, schedules } = await start();
    await schedules.upsert('tenant-7', { every: '10m', queue: 'reports', payload: 'lives' });
    await queues.advance(app, '25m');
    await schedules.runNow('tenant-7', { queue: 'reports' });
    await queues.settle(app);
    const history = await schedules.history('tenant-7', 10, { queue: 'reports' });
    const now = queues.now().getTime();
    expect(history).toMatchObject([
      { scheduledFor: now, firedAt: now, latenessMs: 0, missed: 0, job: { state: 'completed' } },
      { scheduledFor: Date.parse('2026-01-01T10:50:00Z'), latenessMs: 0, job: { payload: 'lives' } },
      { scheduledFor: Date.parse('2026-01-01T10:40:00Z') },
    ]);
    expect(await schedules.history('tenant-7', 1, { queue: 'reports' })).toHaveLength(1);
  });
});

describe.each(STORES)('on $name', ({ options }) => {
  it('fires in a process that heard of it from another, and runs by hand while it is paused', async () => {
    const store = options();
    const seen = new MessageLog<Job>();
    @Injectable()
    class Worker {
      @Processor('reports')
      work(job: Job) {
        seen.listener(job);
      }
    }
    await startApp({ providers: [Worker] }, store);
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { reports: {} } });
    const schedules = app.get(ScheduleService);
    await schedules.upsert('tenant-1', { cron: '* * * * * *', queue: 'reports', payload: [1] });
    const [first] = await seen.first(1);
    expect(first).toMatchObject({ name: 'tenant-1', payload: [1], schedule: { name: 'tenant-1' } });
    await schedules.pause('tenant-1', { queue: 'reports' });
    const job = await schedules.runNow('tenant-1', { queue: 'reports' });
    expect(job.payload).toEqual([1]);
    await job.result();
    expect(await schedules.get('tenant-1', { queue: 'reports' })).toMatchObject({ status: 'paused' });
  });

  it('lists page by page, each once while nothing changes', async () => {
    const { app } = await startApp({ providers: [Reports] }, options());
    const schedules = app.get(ScheduleService);
    const names = Array.from({ length: 25 }, (_, number) => `tenant-${number}`);
    for (const name of names) await schedules.upsert(name, { cron: '0 0 1 1 *', queue: 'reports' });
    const met: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await schedules.list({ queue: report, limit: 10, ...(cursor !== undefined && { cursor }) });
      met.push(...page.schedules.map(({ name }) => name));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect([...new Set(met)].sort()).toEqual([...names].sort());
  });

  it('looks at what the code declares, and does not change it', async () => {
    const { app } = await startApp({ providers: [Reports] }, { ...options(), app: 'shop' });
    const schedules = app.get(ScheduleService);
    expect(await schedules.get('new-year')).toMatchObject({ app: 'shop', status: 'active', queue: 'cron' });
    await expect(schedules.upsert('new-year', { cron: '@daily' })).rejects.toMatchObject({
      code: 'TASK_QUEUE_SCHEDULE_CONFLICT',
    });
    const job = await schedules.runNow('new-year');
    await job.result();
    expect(ran.map(({ schedule }) => schedule)).toEqual([{ name: 'new-year', missed: 0 }]);
  });

  it('keeps to a rule that a decorator and a call give to one job', async () => {
    const done = gate<Job>();
    @Injectable()
    class Both {
      @Processor(report)
      @Cron('0 0 1 1 *', { name: 'yearly', queue: 'reports', payload: { tenant: 1 }, job: { name: 'monthly' } })
      @Cron('0 0 2 1 *', { name: 'yearly-2', queue: 'reports', payload: { tenant: 2 }, job: { name: 'monthly' } })
      work(job: Job) {
        done.open(job);
      }
    }
    const { app } = await startApp({ providers: [Both] }, options());
    await app.get(ScheduleService).runNow('yearly-2', { queue: 'reports' });
    expect(await done.promise).toMatchObject({
      name: 'monthly',
      payload: { tenant: 2 },
      schedule: { name: 'yearly-2' },
    });
  });

  it.each<[string, string, unknown, string, RegExp]>([
    ['a queue nobody knows', 't', { cron: '@daily', queue: 'report' }, 'TASK_QUEUE_UNKNOWN_QUEUE', /"reports"/],
    ['no ticks', 't', { queue: 'reports' }, 'TASK_QUEUE_CONFIGURATION', /cron, every or at/],
    ['two kinds of ticks', 't', { cron: '@daily', every: '1h' }, 'TASK_QUEUE_CONFIGURATION', /cron and every/],
    ['a field out of range', 't', { cron: '0 25 * * *' }, 'TASK_QUEUE_INVALID_CRON', /"hour", "25" at character 3/],
    [
      'an unknown zone',
      't',
      { cron: '@daily', timeZone: 'Europe/Berln' },
      'TASK_QUEUE_INVALID_VALUE',
      /Europe\/Berlin/,
    ],
    ['an interval of nothing', 't', { every: 0 }, 'TASK_QUEUE_INVALID_VALUE', /1000 ms/],
    ['a negative interval', 't', { every: -5000 }, 'TASK_QUEUE_INVALID_VALUE', /-5000/],
    ['an end before the start', 't', { every: '1h', startAt: 2000, endAt: 1000 }, 'TASK_QUEUE_INVALID_VALUE', /endAt/],
    ['a name with a space', 'a b', { cron: '@daily' }, 'TASK_QUEUE_INVALID_VALUE', /schedule name/],
    ['a mistyped option', 't', { cron: '@daily', mised: 'skip' }, 'TASK_QUEUE_UNKNOWN_OPTION', /"missed"/],
    ['a job option at its level', 't', { cron: '@daily', backoff: 5 }, 'TASK_QUEUE_CONFIGURATION', /job: { backoff/],
    ['no object', 't', '@daily', 'TASK_QUEUE_INVALID_VALUE', /pass an object/i],
    [
      'a payload its definition refuses',
      't',
      { cron: '@daily', queue: report, payload: { tenant: 'seven' } },
      'TASK_QUEUE_INVALID_PAYLOAD',
      /tenant/,
    ],
    [
      'a payload the handler of its job refuses',
      't',
      { cron: '@daily', queue: 'reports', job: { name: 'monthly' } },
      'TASK_QUEUE_INVALID_PAYLOAD',
      /tenant/,
    ],
  ])('refuses %s', async (_what, name, schedule, code, message) => {
    const { app } = await startApp({ providers: [Reports] }, options());
    const refused = app.get(ScheduleService).upsert(name, schedule as RuntimeSchedule);
    await expect(refused).rejects.toMatchObject({ code });
    await expect(refused).rejects.toThrow(message);
  });

  it('names what is not there', async () => {
    const { app } = await startApp({ providers: [Reports] }, options());
    const schedules = app.get(ScheduleService);
    const missing = { code: 'TASK_QUEUE_SCHEDULE_NOT_FOUND' };
    await expect(schedules.pause('none')).rejects.toMatchObject(missing);
    await expect(schedules.resume('none')).rejects.toMatchObject(missing);
    await expect(schedules.runNow('none')).rejects.toMatchObject(missing);
    await expect(schedules.next('none')).rejects.toMatchObject(missing);
    await expect(schedules.history('none')).rejects.toMatchObject(missing);
    expect(await schedules.get('none')).toBeUndefined();
  });
});

it('a payload of a decorator that its definition refuses stops the boot', async () => {
  @Injectable()
  class Both {
    @Processor(report)
    @Cron('@daily', { name: 'daily', queue: 'reports', job: { name: 'monthly' } })
    work() {}
  }
  expect(await bootError({ providers: [Both] })).toMatchObject({ code: 'TASK_QUEUE_INVALID_PAYLOAD' });
});
