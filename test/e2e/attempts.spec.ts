import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cron, JobDeadError, Processor, QueueService, ScheduleService, type Job } from 'nestjs-task-queue';
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
