import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cron, JobDeadError, Processor, QueueService, ScheduleService, SnoozeError, type Job } from 'nestjs-task-queue';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const fail = (): never => {
  throw new Error('down');
};

describe.each(STORES)('attempts on $name', ({ options }) => {
  it('run out after the number that @Processor says, and a handle anywhere tells that number', async () => {
    const store = options();
    const producer = (await startApp({}, { ...store, ...(store.prefix && { role: 'producer' }), queues: { work: {} } }))
      .app;
    const job = await producer.get(QueueService).enqueue('work', {});
    expect(job.maxAttempts).toBeUndefined();
    expect(JSON.parse(JSON.stringify(job))).not.toHaveProperty('maxAttempts');

    const { app } = await startApp({ providers: [handlerOf('work', fail, { maxAttempts: 2, backoff: 0 })] }, store);
    expect((await app.get(QueueService).getJob('work', job.id))?.maxAttempts).toBe(2);
    await expect(job.result()).rejects.toThrow(JobDeadError);
    await job.refresh();
    expect(job).toMatchObject({ state: 'dead', deadReason: 'exhausted', attempt: 2, maxAttempts: 2 });
    expect(job.errors).toHaveLength(2);

    // Retried, it is a live job again, of which a producer knows nothing.
    await app.close();
    expect((await producer.get(QueueService).retry('work', job.id)).maxAttempts).toBeUndefined();
  });

  it('are told by a handle where the job says them, or a handler of this process takes it', async () => {
    const handlers = [
      handlerOf('work', () => 1, { maxAttempts: 5, name: 'known' }),
      handlerOf('set', () => 1, { maxAttempts: 5 }),
    ];
    const { app } = await startApp(
      { providers: handlers },
      {
        ...options(),
        queues: { work: {}, set: { maxAttempts: 7 }, elsewhere: { maxAttempts: 7 } },
        defaults: { maxAttempts: 4 },
      },
    );
    const queues = app.get(QueueService);
    const of = async (queue: string, given: object) => (await queues.enqueue(queue, {}, given)).maxAttempts;
    expect(await of('work', { name: 'known' })).toBe(5);
    expect(await of('work', { name: 'known', maxAttempts: 9 })).toBe(9);
    expect(await of('work', { name: 'other' })).toBeUndefined();
    expect(await of('set', {})).toBe(7);
    // The process that handles this queue may configure it otherwise.
    expect(await of('elsewhere', {})).toBeUndefined();
    expect(await of('elsewhere', { maxAttempts: 9 })).toBe(9);
  });

  it('end when the time of retryFor is over, counted from the first run that failed, and a retry by hand gets it anew', async () => {
    let runs = 0;
    const handler = handlerOf(
      'work',
      () => {
        if (++runs === 1) throw new SnoozeError(60);
        throw new Error('down');
      },
      { retryFor: 50, maxAttempts: 1000, backoff: 10 },
    );
    const { app } = await startApp({ providers: [handler] }, options());
    const job = await app.get(QueueService).enqueue('work', {});
    await expect(job.result()).rejects.toMatchObject({ reason: 'out-of-time' });
    await job.refresh();
    expect(job).toMatchObject({ state: 'dead', deadReason: 'out-of-time', deadMessage: 'down', maxAttempts: 1000 });
    // What was snoozed before the first failure takes nothing of the time.
    expect(job.attempt).toBeGreaterThan(1);
    expect(job.attempt).toBeLessThan(7);
    const before = job.attempt;
    await job.retry();
    expect(job.attempt).toBe(1);
    await expect(job.result()).rejects.toMatchObject({ reason: 'out-of-time' });
    expect((await job.refresh()).attempt).toBeGreaterThan(1);
    expect(before).toBeGreaterThan(1);
  });

  it('end by the number where that is reached before the time', async () => {
    const { app } = await startApp(
      { providers: [handlerOf('work', fail, { maxAttempts: 2, backoff: 0, retryFor: '1h' })] },
      options(),
    );
    const job = await app.get(QueueService).enqueue('work', {});
    await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted' });
    const short = await app.get(QueueService).enqueue('work', {}, { retryFor: 1, backoff: '1s' });
    await expect(short.result()).rejects.toMatchObject({ reason: 'out-of-time' });
    expect((await short.refresh()).attempt).toBe(1);
  });

  it.each([
    ['three, unless something says otherwise', {}, {}, 3],
    ['what the schedule says', {}, { maxAttempts: 6 }, 6],
    ['what the defaults say', { defaults: { maxAttempts: 4 } }, {}, 4],
    ['what the queue says', { defaults: { maxAttempts: 4 }, queues: { cron: { maxAttempts: 5 } } }, {}, 5],
  ])('of a job of a schedule: %s', async (_title, configured, job, expected) => {
    const seen: number[] = [];
    @Injectable()
    class Tasks {
      @Cron('0 0 1 1 *', { name: 'yearly', job })
      run({ maxAttempts }: Job) {
        seen.push(maxAttempts);
      }
    }
    const { app } = await startApp({ providers: [Tasks] }, { ...options(), ...configured });
    const ran = await app.get(ScheduleService).runNow('yearly');
    expect(ran.maxAttempts).toBe(expected);
    await ran.result();
    expect(seen).toEqual([expected]);
  });

  it('of a job of a schedule that another method handles: what that one says', async () => {
    @Injectable()
    class Tasks {
      @Processor('mail', { maxAttempts: 8 })
      run({ maxAttempts }: Job) {
        return { maxAttempts };
      }
    }
    const { app } = await startApp({ providers: [Tasks] }, options());
    await app.get(ScheduleService).upsert('digest', { queue: 'mail', cron: '0 0 1 1 *' });
    const ran = await app.get(ScheduleService).runNow('digest', { queue: 'mail' });
    expect(await ran.result()).toEqual({ maxAttempts: 8 });
  });
});
