import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { CancelledError, QueueService, ScheduleService, type JobHandle, type JobState } from 'nestjs-task-queue';
import { TaskQueueLifecycle } from '../../src/module/lifecycle.js';
import { closeApps, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

/** The periodic duties of the app, once. */
const tidy = (app: INestApplication): Promise<void> =>
  app.get(TaskQueueLifecycle, { strict: false }).engine.maintenance.runOnce();

const endOf = (job: JobHandle): Promise<unknown> => job.result().catch(() => {});

async function kept(app: INestApplication, queue: string, state: JobState): Promise<string[]> {
  const { jobs } = await app.get(QueueService).jobs(queue, { state, limit: 500 });
  return jobs.map((job) => `${job.schedule?.name ?? job.name} ${String(job.payload)}`).reverse();
}

describe.each(STORES)('retention of one kind of job on $name', ({ options }) => {
  it('trims the records of one handler alone, and the others keep theirs', async () => {
    const few = handlerOf('work', () => 1, { name: 'few', retention: { completed: { count: 2 } } });
    const none = handlerOf('work', () => 1, { name: 'none', retention: { completed: false } });
    const all = handlerOf('work', () => 1, { name: 'all' });
    const { app } = await startApp({ providers: [few, none, all] }, options());
    const queues = app.get(QueueService);
    for (let n = 1; n <= 4; n++) {
      for (const name of ['few', 'none', 'all']) await endOf(await queues.enqueue('work', n, { name }));
    }
    await tidy(app);
    expect(await kept(app, 'work', 'completed')).toEqual(['all 1', 'all 2', 'few 3', 'all 3', 'few 4', 'all 4']);
    expect(await queues.counts('work')).toMatchObject({ completed: 6 });
    await endOf(await queues.enqueue('work', 5, { name: 'few' }));
    await tidy(app);
    expect(await kept(app, 'work', 'completed')).toEqual(['all 1', 'all 2', 'all 3', 'few 4', 'all 4', 'few 5']);
  });

  it('counts at the call: the name keeps as many, by count, age and bytes', async () => {
    const { app } = await startApp({ providers: [handlerOf('work', () => 1)] }, options());
    const queues = app.get(QueueService);
    for (let n = 1; n <= 3; n++) {
      await endOf(await queues.enqueue('work', n, { name: 'count', retention: { completed: { count: 1 } } }));
      await endOf(await queues.enqueue('work', n, { name: 'age', retention: { completed: { age: 1 } } }));
      await endOf(await queues.enqueue('work', n, { name: 'both', retention: { completed: { count: 2, age: '1h' } } }));
      await endOf(await queues.enqueue('work', n, { name: 'plain' }));
    }
    await endOf(await queues.enqueue('work', 4, { name: 'plain' }));
    // An age is counted by the clock: the duty is run until a millisecond went by, and the job before has become older than that.
    let ages: string[];
    do {
      await tidy(app);
      ages = (await kept(app, 'work', 'completed')).filter((text) => text.startsWith('age'));
    } while (ages.some((text) => text !== 'age 3'));
    expect((await kept(app, 'work', 'completed')).filter((text) => !text.startsWith('age')).sort()).toEqual(
      ['both 2', 'both 3', 'count 3', 'plain 1', 'plain 2', 'plain 3', 'plain 4'].sort(),
    );
  });

  it('is one of dead and cancelled jobs, too', async () => {
    const fails = handlerOf('work', () => Promise.reject(new Error('no')), {
      name: 'fails',
      maxAttempts: 1,
      retention: { dead: { count: 1 } },
    });
    const cancels = handlerOf('work', () => Promise.reject(new CancelledError()), {
      name: 'cancels',
      retention: { cancelled: { count: 2 } },
    });
    const others = handlerOf('work', () => Promise.reject(new Error('no')), { maxAttempts: 1 });
    const { app } = await startApp({ providers: [fails, cancels, others] }, options());
    const queues = app.get(QueueService);
    for (let n = 1; n <= 3; n++) {
      for (const name of ['fails', 'cancels', 'other']) await endOf(await queues.enqueue('work', n, { name }));
    }
    await tidy(app);
    expect((await kept(app, 'work', 'dead')).sort()).toEqual(['fails 3', 'other 1', 'other 2', 'other 3']);
    expect((await kept(app, 'work', 'cancelled')).sort()).toEqual(['cancels 2', 'cancels 3']);
  });

  it('of a schedule trims its own jobs, and those of other schedules stay', async () => {
    const { app } = await startApp({ providers: [handlerOf('reports', () => 1)] }, options());
    const schedules = app.get(ScheduleService);
    const rule = { queue: 'reports', cron: '0 0 1 1 *', payload: 1 };
    await schedules.upsert('short', { ...rule, job: { retention: { completed: { count: 1 } } } });
    await schedules.upsert('long', rule);
    for (let n = 0; n < 3; n++) {
      for (const name of ['short', 'long']) await endOf(await schedules.runNow(name, { queue: 'reports' }));
    }
    await tidy(app);
    expect((await kept(app, 'reports', 'completed')).sort()).toEqual(['long 1', 'long 1', 'long 1', 'short 1']);
  });

  it('spares a dead job that was retried since it was read', async () => {
    let fails = true;
    const flaky = handlerOf('work', () => (fails ? Promise.reject(new Error('no')) : 1), {
      name: 'flaky',
      maxAttempts: 1,
      retention: { dead: { count: 1 } },
    });
    const { app } = await startApp({ providers: [flaky, handlerOf('work', () => 1)] }, options());
    const queues = app.get(QueueService);
    const first = await queues.enqueue('work', 1, { name: 'flaky' });
    await endOf(first);
    await tidy(app);
    fails = false;
    expect(await (await first.retry()).result()).toBe(1);
    fails = true;
    await endOf(await queues.enqueue('work', 2, { name: 'flaky' }));
    await tidy(app);
    expect(await first.refresh()).toMatchObject({ state: 'completed' });
    expect(await kept(app, 'work', 'dead')).toEqual(['flaky 2']);
  });
});
