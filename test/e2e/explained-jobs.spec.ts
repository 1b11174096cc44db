import { afterEach, describe, expect, it } from '@jest/globals';
import { JobNotFoundError, QueueService, type JobExplanation } from 'nestjs-task-queue';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const reasonsOf = ({ holds }: JobExplanation) => holds.map(({ by }) => by);

describe.each(STORES)('on $name, a job that waits', ({ options }) => {
  it('says all that holds it, and what would free it', async () => {
    const [open, isRunning] = [gate(), gate()];
    const handler = handlerOf(
      'mail',
      () => {
        isRunning.open(undefined);
        return open.promise;
      },
      { concurrency: 1, limits: { concurrency: 1 } },
    );
    const { app } = await startApp({ providers: [handler] }, options());
    const queues = app.get(QueueService);
    const first = await queues.enqueue('mail', 1);
    await isRunning.promise;
    expect(await first.explain()).toEqual({ state: 'active', holds: [] });

    const second = await queues.enqueue('mail', 2);
    const third = await queues.enqueue('mail', 3, { id: 'third' });
    await queues.setLimits('mail', { concurrency: 1 });
    const explained = await queues.explain('mail', 'third');
    expect(explained).toMatchObject({ state: 'ready', ahead: 1 });
    expect(explained.holds).toEqual([
      {
        by: 'limit',
        text: '1 jobs run, and the limit of the queue is 1 over all processes.',
        frees: expect.stringContaining('limits.concurrency'),
      },
    ]);
    expect(explained.notBefore).toBeUndefined();
    await queues.pause('mail');
    expect(reasonsOf(await third.explain())).toEqual(['paused', 'limit']);
    await queues.resume('mail');
    open.open(undefined);
    await Promise.all([second.result(), third.result()]);
    expect(await third.explain()).toEqual({ state: 'completed', holds: [] });
  });

  it('says when it is due, and that nobody works', async () => {
    const { app } = await startApp({}, { ...options(), role: 'producer', queues: { mail: {} } });
    const queues = app.get(QueueService);
    const job = await queues.enqueue('mail', 1, { delay: '1h' });
    const explained = await job.explain();
    expect(explained).toMatchObject({ state: 'scheduled', notBefore: new Date((await job.refresh()).dueAt ?? 0) });
    expect(reasonsOf(explained)).toEqual(['due', 'no-worker']);
    const ready = await queues.enqueue('mail', 2);
    expect(reasonsOf(await queues.explain('mail', ready.number))).toEqual(['no-worker']);
  });

  it('is not found where nothing is kept, whatever the id', async () => {
    const { app } = await startApp({ providers: [handlerOf('mail', () => {})] }, options());
    const queues = app.get(QueueService);
    for (const id of ['nobody', 'two words']) {
      await expect(queues.explain('mail', id)).rejects.toBeInstanceOf(JobNotFoundError);
    }
    const job = await queues.enqueue('mail', 1, { delay: '1h' });
    await job.remove();
    await expect(job.explain()).rejects.toBeInstanceOf(JobNotFoundError);
  });
});
