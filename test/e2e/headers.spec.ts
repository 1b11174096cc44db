import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  Cron,
  currentJob,
  defineJob,
  Processor,
  QueueService,
  ScheduleService,
  type Job,
  type JobHeaders,
} from 'nestjs-task-queue';
import { bootError, closeApps, startApp, STORES } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';

afterEach(closeApps);

const TRACE = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tenant: 'Ümlaut & "Co"' };
const welcome = defineJob<number>({ queue: 'work', name: 'welcome', headers: { source: 'shop', tenant: 'none' } });

let seen: JobHeaders[] = [];

@Injectable()
class Work {
  @Processor('work', { backoff: 0, maxAttempts: 2 })
  run(job: Job) {
    seen.push(job.headers);
    expect(currentJob()?.headers).toEqual(job.headers);
    if (job.payload === 'fails') throw new Error('no');
    return 'done';
  }
  @Cron('0 0 1 1 *', { name: 'yearly', queue: 'work', job: { headers: { from: 'cron' } } })
  yearly(job: Job) {
    seen.push(job.headers);
  }
}

describe.each(STORES)('headers on $name', ({ options }) => {
  it('reach the handler at every attempt, the handle, the events, and a retry of the dead letter', async () => {
    seen = [];
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const job = await queues.enqueue('work', 'fails', { headers: TRACE });
    expect(job.headers).toEqual(TRACE);
    await events.first('dead', job.id);
    expect(seen).toEqual([TRACE, TRACE]);
    expect(events.events.map((event) => 'headers' in event && event.headers)).toEqual(events.events.map(() => TRACE));
    await job.refresh();
    expect(JSON.parse(JSON.stringify(job))).toMatchObject({ headers: TRACE, state: 'dead' });
    await queues.retry('work', job.id);
    await events.nth(2, 'dead', job.id);
    expect(seen).toHaveLength(4);
    expect(seen.at(-1)).toEqual(TRACE);
  });

  it('come from a definition, a call, each job of a bulk, and a schedule', async () => {
    seen = [];
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    await (await queues.enqueue(welcome, 1)).result();
    await (await queues.enqueue(welcome, 1, { headers: { tenant: 'acme' } })).result();
    for (const job of await queues.enqueueMany('work', [{ payload: 1 }, { payload: 2, headers: TRACE }]))
      await job.result();
    const schedules = app.get(ScheduleService);
    await (await schedules.runNow('yearly', { queue: 'work' })).result();
    await schedules.upsert('made', {
      queue: welcome,
      payload: 1,
      cron: '0 0 1 1 *',
      job: { headers: { tick: 'yes' } },
    });
    await (await schedules.runNow('made', { queue: 'work' })).result();
    expect(seen).toEqual([
      { source: 'shop', tenant: 'none' },
      { source: 'shop', tenant: 'acme' },
      {},
      TRACE,
      { from: 'cron' },
      { source: 'shop', tenant: 'none', tick: 'yes' },
    ]);
  });

  it('are hidden where `redact` names them', async () => {
    const { app } = await startApp({ providers: [Work] }, { ...options(), redact: ['authorization'] });
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const job = await queues.enqueue('work', 1, { headers: { authorization: 'Bearer 123', tenant: 'acme' } });
    const told = await events.first('completed', job.id);
    expect(JSON.stringify([told, job])).not.toContain('Bearer');
    expect(told).toMatchObject({ headers: { tenant: 'acme' } });
    expect(job.headers.authorization).toBe('Bearer 123');
  });

  it('that cannot be stored are refused, and nothing is', async () => {
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    const headers = { tenant: 7 } as unknown as JobHeaders;
    const refused = { code: 'TASK_QUEUE_INVALID_VALUE', message: expect.stringContaining('headers["tenant"]') };
    await expect(queues.enqueue('work', 1, { delay: '1h', headers })).rejects.toMatchObject(refused);
    const bulk = queues.enqueueMany('work', [
      { payload: 1, delay: '1h' },
      { payload: 1, headers },
    ]);
    await expect(bulk).rejects.toMatchObject({ ...refused, index: 1 });
    expect(() => defineJob({ queue: 'work', name: 'a', headers })).toThrow('headers["tenant"] in defineJob("work/a")');
    expect((await queues.counts('work')).scheduled).toBe(0);
  });
});

it('headers of a schedule are checked at boot, with the place where they belong', async () => {
  class Wrong {
    @Cron('0 0 1 1 *', { headers: { a: 'b' } } as object)
    run() {}
  }
  expect((await bootError({ providers: [Wrong] }, { connection: 'memory://' })).message).toContain(
    'job: { headers: … }',
  );
  class Odd {
    @Cron('0 0 1 1 *', { job: { headers: { a: 5 } } } as object)
    run() {}
  }
  expect((await bootError({ providers: [Odd] }, { connection: 'memory://' })).message).toContain(
    'headers["a"] in job in',
  );
});
