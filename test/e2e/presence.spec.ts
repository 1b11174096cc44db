import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { hostname } from 'node:os';
import { Processor, QueueService, TaskQueueModule, type Job, type ProcessInfo } from 'nestjs-task-queue';
import { bootError, closeApps, gate, startApp, startModule, STORES } from '../support/apps.js';

afterEach(closeApps);

/** The first answer that fits: a process speaks of itself when it starts, and every ten seconds. */
async function until<T>(read: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await read();
    if (fits(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const processesOf = (queues: QueueService, count: number): Promise<ProcessInfo[]> =>
  until(
    () => queues.processes(),
    (processes) => processes.length === count,
  );

@Injectable()
class Mails {
  @Processor('mail', { name: 'send', concurrency: 3 })
  send() {}
  @Processor('mail', { name: 'list', concurrency: 3 })
  list() {}
  @Processor('images')
  resize() {}
}

describe.each(STORES)('presence on $name', ({ name, options }) => {
  it('shows each process, what it works on and which release it is', async () => {
    const shared = options();
    const { app } = await startApp({ providers: [Mails] }, { ...shared, app: 'shop', version: 'v1.2' });
    const queues = app.get(QueueService);
    const [info] = await processesOf(queues, 1);
    expect(info).toMatchObject({
      host: hostname(),
      pid: process.pid,
      app: 'shop',
      version: 'v1.2',
      role: 'all',
      node: process.version,
      queues: [
        { queue: 'mail', slots: 3, slotsBusy: 0, names: ['send', 'list'] },
        { queue: 'images', slots: 10, slotsBusy: 0, names: ['*'] },
      ],
      runs: [],
    });
    expect(info.rssBytes).toBeGreaterThan(1e6);
    expect(info.loopLagMs).toBeGreaterThanOrEqual(0);
    expect(info.seenAt.getTime()).toBeGreaterThanOrEqual(info.startedAt.getTime());
    await startApp({}, { ...shared, role: 'producer', queues: { orders: {} } });
    const processes = await processesOf(queues, 2);
    expect(processes.map(({ role, queues: works }) => [role, works.length])).toEqual([
      ['all', 2],
      ['producer', 0],
    ]);
    expect(processes[1]).not.toHaveProperty('version');
    expect(await queues.list()).toEqual([
      { queue: 'images', known: true, processes: 1, slots: 10, slotsBusy: 0, names: ['*'] },
      { queue: 'mail', known: true, processes: 1, slots: 3, slotsBusy: 0, names: ['list', 'send'] },
      { queue: 'orders', known: false, processes: 0, slots: 0, slotsBusy: 0, names: [] },
    ]);
  });

  it('ends with a clean shutdown', async () => {
    const shared = options();
    const { app } = await startApp({ providers: [Mails] }, shared);
    const { app: other } = await startApp({}, { ...shared, role: 'producer' });
    await processesOf(app.get(QueueService), 2);
    await other.close();
    expect(await app.get(QueueService).processes()).toHaveLength(1);
  });

  it('lets verbs that look after jobs reach queues of other apps, and enqueues only those of its own', async () => {
    const shared = options();
    const release = gate();
    @Injectable()
    class Orders {
      @Processor('orders', { name: 'pay', maxAttempts: 1 })
      async pay({ payload }: Job<string>) {
        await release.promise;
        if (payload === 'fails') throw new Error('no');
      }
    }
    const { app: shop } = await startApp({ providers: [Orders] }, { ...shared, app: 'shop' });
    const { app } = await startApp({ providers: [Mails] }, { ...shared, app: 'desk' });
    const desk = app.get(QueueService);
    await processesOf(desk, 2);
    await expect(desk.enqueue('orders', 'x')).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_QUEUE' });
    expect(() => desk.events('orders')).toThrow('Unknown queue "orders"');
    const job = await shop.get(QueueService).enqueue('orders', 'fails', { name: 'pay' });
    release.open();
    await expect(job.result()).rejects.toThrow('no');

    expect(await desk.counts('orders')).toMatchObject({ dead: 1 });
    const { jobs } = await desk.jobs('orders', { state: 'dead' });
    expect(jobs.map(({ id, queue }) => [id, queue])).toEqual([[job.id, 'orders']]);
    await desk.pause('orders');
    expect(await shop.get(QueueService).isPaused('orders')).toBe(true);
    expect((await desk.retry('orders', job.id)).state).toBe('ready');
    await desk.remove('orders', job.id);
    await desk.resume('orders');
    expect((await desk.list()).find(({ queue }) => queue === 'orders')).toMatchObject({ known: false, processes: 1 });

    desk.events('orders').subscribe().unsubscribe();
    await expect(desk.enqueue('orders', 'x')).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_QUEUE' });
    await expect(desk.counts('order')).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_QUEUE' });
  });

  if (name === 'redis') {
    it('is written under fake timers, too', async () => {
      const { jest } = await import('@jest/globals');
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
      try {
        const { app } = await startApp({ providers: [Mails] }, options());
        jest.useRealTimers();
        await processesOf(app.get(QueueService), 1);
      } finally {
        jest.useRealTimers();
      }
    });
  }
});

it('shows the longest runs, with their start', async () => {
  const release = gate();
  @Injectable()
  class Slow {
    @Processor('work', { concurrency: 4 })
    run() {
      return release.promise;
    }
  }
  const shared = { connection: 'memory://presence-runs' };
  const { app } = await startApp({ providers: [Slow] }, shared);
  const queues = app.get(QueueService);
  const jobs = await queues.enqueueMany(
    'work',
    [1, 2, 3].map((payload) => ({ payload, name: 'run', id: `j${payload}` })),
  );
  const { engine, beacon } = app.get<{ engine: unknown; beacon: { announce(): Promise<number> } }>(
    (await import('../../src/module/lifecycle.js')).TaskQueueLifecycle,
  );
  expect(engine).toBeDefined();
  await until(
    () => queues.counts('work'),
    ({ active }) => active === 3,
  );
  const [{ runs, queues: works }] = await until(
    async () => {
      await beacon.announce();
      return queues.processes();
    },
    ([info]) => info?.runs.length === 3,
  );
  expect(works).toEqual([{ queue: 'work', slots: 4, slotsBusy: 3, names: ['*'] }]);
  expect(runs.map(({ id }) => id).sort()).toEqual(['j1', 'j2', 'j3']);
  for (const run of runs) {
    expect(run).toMatchObject({ queue: 'work', name: 'run', attempt: 1 });
    expect(Math.abs(run.startedAt.getTime() - Date.now())).toBeLessThan(60_000);
  }
  release.open();
  await Promise.all(jobs.map((job) => job.result()));
});

it.each(['', 'a b', 7, 'x'.repeat(65), null])('refuses the version %p', async (version: unknown) => {
  expect(await bootError({}, { connection: 'memory://', version: version as string })).toMatchObject({
    code: 'TASK_QUEUE_INVALID_VALUE',
    message: expect.stringContaining('version'),
  });
});

it('keeps no process of an app alive that works on nothing', async () => {
  const { app } = await startModule({ imports: [TaskQueueModule.forRoot({ connection: 'memory://' })] });
  await processesOf(app.get(QueueService), 1);
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout');
  await app.close();
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toEqual(timers);
});
