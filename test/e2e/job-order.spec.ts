import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Processor, QueueService, type Job } from 'nestjs-task-queue';
import { STORE } from '../../src/core/constants.js';
import type { Store } from '../../src/core/ports/store.js';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const ONE_BY_ONE = { concurrency: 1, prefetch: 0 };
const HOUR = 3_600_000;

describe.each(STORES)('on $name', ({ options }) => {
  it('runs a queue in the order of its enqueues, and higher priorities first', async () => {
    const order: string[] = [];
    const work = handlerOf<string>('work', ({ payload }) => void order.push(payload), ONE_BY_ONE);
    const store = options();
    const { app: producer } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const queues = producer.get(QueueService);
    await queues.enqueueMany('work', [
      { payload: 'a0' },
      { payload: 'b5', priority: 5 },
      { payload: 'c9', priority: 9 },
      { payload: 'd0' },
    ]);
    await queues.enqueue('work', 'e5', { priority: 5 });
    const last = await queues.enqueue('work', 'f0');
    expect((await queues.getJob('work', last.id))?.priority).toBe(0);
    await startApp({ providers: [work] }, store);
    await last.result();
    expect(order).toEqual(['c9', 'b5', 'e5', 'a0', 'd0', 'f0']);
  });

  it('a delayed job waits, then runs, no sooner than it is due', async () => {
    const work = handlerOf('work', ({ scheduledFor, attempt }) => ({ scheduledFor, attempt }));
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const store = app.get<Store>(STORE);
    const job = await queues.enqueue('work', {}, { delay: 40 });
    expect(job.state).toBe('scheduled');
    expect(await job.result()).toEqual({ scheduledFor: job.scheduledFor, attempt: 1 });
    await job.refresh();
    expect(job.settledAt).toBeGreaterThanOrEqual(job.enqueuedAt + 40);
    expect(job.settledAt).toBeGreaterThanOrEqual(job.scheduledFor as number);

    const at = new Date(store.connection.now() + 40);
    const dated = await queues.enqueue('work', {}, { runAt: at });
    expect(dated).toMatchObject({ state: 'scheduled', scheduledFor: at.getTime() });
    await dated.result();
    expect((await dated.refresh()).settledAt).toBeGreaterThanOrEqual(at.getTime());

    const past = await queues.enqueue('work', {}, { runAt: new Date(0) });
    expect(await past.result()).toMatchObject({ attempt: 1 });
    const far = await queues.enqueue('work', {}, { delay: '1d', id: 'far' });
    expect((far.scheduledFor as number) - far.enqueuedAt).toBe(24 * HOUR);
    // The store counts the delay from when it got the job, a moment after its producer wrote down what it expects.
    const stored = await queues.getJob('work', 'far');
    expect(stored).toMatchObject({ state: 'scheduled', scheduledFor: far.scheduledFor });
    expect(Math.abs((stored?.dueAt as number) - (far.scheduledFor as number))).toBeLessThan(1000);
    await queues.cancel('work', 'far');
  });

  it('a job that expired before a worker came is dead, and never ran', async () => {
    const connection = options();
    const ran: unknown[] = [];
    const work = handlerOf('work', ({ payload }) => void ran.push(payload));
    const { app: producer } = await startApp({}, { ...connection, role: 'producer', queues: { work: {} } });
    const queues = producer.get(QueueService);
    const stale = await queues.enqueue('work', 'stale', { expiresIn: 1 });
    const fresh = await queues.enqueue('work', 'fresh', { expiresIn: '1h' });
    const store = producer.get<Store>(STORE);
    while (store.connection.now() <= (stale.expiresAt as number) + 1) await new Promise(setImmediate);
    await startApp({ providers: [work] }, connection);
    await fresh.result();
    await expect(stale.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD', reason: 'expired' });
    expect(ran).toEqual(['fresh']);
    // A retry gives it as much time again.
    const again = await queues.retry('work', stale.id);
    expect(again.expiresAt).toBeGreaterThan(stale.expiresAt as number);
  });

  it('a job that expired is deleted where its producer says so, and listeners and those who await it are told', async () => {
    const connection = options();
    const ran: unknown[] = [];
    const work = handlerOf('work', ({ payload }) => void ran.push(payload), { expiresIn: { in: '1h', then: 'drop' } });
    const { app: producer } = await startApp({}, { ...connection, role: 'producer', queues: { work: {} } });
    const queues = producer.get(QueueService);
    const log = await EventLog.open(queues, 'work');
    const dropped = await queues.enqueue('work', 'dropped', { expiresIn: { in: 1, then: 'drop' } });
    const stale = await queues.enqueue('work', 'stale', { expiresIn: { in: 1, then: 'dead' } });
    const fresh = await queues.enqueue('work', 'fresh');
    const end = dropped.result();
    const store = producer.get<Store>(STORE);
    while (store.connection.now() <= (stale.expiresAt as number) + 1) await new Promise(setImmediate);
    const { logs } = await startApp({ providers: [work] }, connection);
    await expect(end).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD', reason: 'dropped' });
    await fresh.result();
    expect(await log.first('dead', dropped.id)).toMatchObject({ reason: 'dropped', duration: undefined });
    expect(await queues.getJob('work', dropped.id)).toBeUndefined();
    // The job itself says when it expires: what the handler says of that does not count.
    await stale.refresh();
    expect(stale).toMatchObject({ state: 'dead', deadReason: 'expired' });
    expect(ran).toEqual(['fresh']);
    expect(logs.matching(new RegExp(`job "${dropped.id}"`))).toEqual([]);
    expect(logs.matching(new RegExp(`job "${stale.id}"`))).toHaveLength(1);
  });

  it('the same id twice is one job, in any state', async () => {
    const store = options();
    const started = gate();
    const open = gate();
    let runs = 0;
    const work = handlerOf<number>('work', async ({ payload }) => {
      runs++;
      started.open();
      await open.promise;
      return { payload };
    });
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const queues = app.get(QueueService);
    const first = await queues.enqueue('work', 1, { id: 'order-7' });
    expect(first).toMatchObject({ id: 'order-7', created: true, state: 'ready' });
    const second = await queues.enqueue('work', 2, { id: 'order-7', delay: '1h' });
    expect(second).toMatchObject({ id: 'order-7', created: false, state: 'ready' });
    await startApp({ providers: [work] }, store);
    await started.promise;
    expect(await queues.enqueue('work', 3, { id: 'order-7' })).toMatchObject({ created: false, state: 'active' });
    open.open();
    expect(await second.result()).toEqual({ payload: 1 });
    const late = await queues.enqueue('work', 4, { id: 'order-7' });
    expect(late).toMatchObject({ created: false, state: 'completed' });
    expect(await late.result()).toEqual({ payload: 1 });
    expect(runs).toBe(1);
    expect(await queues.counts('work')).toMatchObject({ completed: 1, ready: 0, scheduled: 0 });
    // Another queue knows nothing of it, and once removed it is a new job.
    await queues.remove('work', 'order-7');
    expect(await (await queues.enqueue('work', 5, { id: 'order-7' })).result()).toEqual({ payload: 5 });
  });

  describe('a pause', () => {
    it('holds the queue in every app until any app resumes it', async () => {
      const store = options();
      const ran: string[] = [];
      const app = async (name: string) => {
        const held = handlerOf('held', () => void ran.push(name));
        const free = handlerOf('free', () => ({ name }));
        return (await startApp({ providers: [held, free] }, store)).app.get(QueueService);
      };
      const [one, other] = [await app('one'), await app('other')];
      await one.pause('held');
      expect([await one.isPaused('held'), await other.isPaused('held')]).toEqual([true, true]);
      const jobs = await other.enqueueMany('held', [{ payload: 1 }, { payload: 2 }]);
      // Both apps are alive meanwhile.
      for (let n = 0; n < 10; n++) await (await one.enqueue('free', n)).result();
      expect(ran).toEqual([]);
      expect(await one.counts('held')).toMatchObject({ ready: 2, active: 0 });
      await other.resume('held');
      await Promise.all(jobs.map((job) => job.result()));
      expect(ran).toHaveLength(2);
      expect(await one.isPaused('held')).toBe(false);
    });

    it('lets what runs finish, and delays fall due', async () => {
      const started = gate();
      const open = gate();
      const work = handlerOf<number>(
        'work',
        async ({ payload }) => {
          started.open();
          await open.promise;
          return { payload };
        },
        ONE_BY_ONE,
      );
      const { app } = await startApp({ providers: [work] }, options());
      const queues = app.get(QueueService);
      const running = await queues.enqueue('work', 1);
      await started.promise;
      const waiting = await queues.enqueue('work', 2, { delay: 1 });
      await queues.pause('work');
      open.open();
      expect(await running.result()).toEqual({ payload: 1 });
      expect((await waiting.refresh()).state).toMatch(/scheduled|ready/);
      await queues.resume('work');
      expect(await waiting.result()).toEqual({ payload: 2 });
    });

    it('that ends and begins all the time loses no wake-up', async () => {
      const { app } = await startApp({ providers: [handlerOf('work', () => {})] }, options());
      const queues = app.get(QueueService);
      for (let round = 0; round < 60; round++) {
        const jobs: Promise<unknown>[] = [];
        const enqueue = () => queues.enqueue('work', round).then((job) => job.result({ timeout: '10s' }));
        jobs.push(enqueue());
        await queues.pause('work');
        jobs.push(enqueue());
        await queues.resume('work');
        if (round % 2 === 0) jobs.push(enqueue());
        await Promise.all(jobs);
      }
    });
  });

  it('a name that no handler knows is parked, and released when an app that knows it starts', async () => {
    const store = options();
    const ran: string[] = [];
    const old = handlerOf('work', () => void ran.push('old'), { name: 'old' });
    const next = handlerOf('work', () => void ran.push('next'), { name: 'next' });
    const { app, logs } = await startApp({ providers: [old] }, store);
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const early = await queues.enqueue('work', 1, { name: 'next' });
    await events.first('parked', early.id);
    expect(await early.refresh()).toMatchObject({ state: 'parked', attempt: 1, name: 'next' });
    await (await queues.enqueue('work', 2, { name: 'old' })).result();
    expect(events.namesOf(early.id)).toEqual(['enqueued', 'active', 'parked']); // nobody tries it in a loop
    expect(logs.matching(/no handler here knows job name "next"/)).toHaveLength(1);
    expect(await queues.counts('work')).toMatchObject({ parked: 1 });

    await startApp({ providers: [next] }, store);
    await early.result();
    expect(ran).toEqual(['old', 'next']);
    // With both alive each job finds its handler, whoever is asked first.
    const mixed = await queues.enqueueMany(
      'work',
      Array.from({ length: 20 }, (_, index) => ({ payload: index, name: index % 2 === 0 ? 'old' : 'next' })),
    );
    await Promise.all(mixed.map((job) => job.result()));
    expect(ran.filter((name) => name === 'next')).toHaveLength(11);
  });

  it('parked jobs can be cancelled and removed', async () => {
    const { app } = await startApp({ providers: [handlerOf('work', () => {}, { name: 'old' })] }, options());
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    const [one, two] = await queues.enqueueMany('work', [
      { payload: 1, name: 'next' },
      { payload: 2, name: 'next', id: 'two' },
    ]);
    await events.nth(2, 'parked');
    expect(await queues.cancel('work', one.id)).toBe('cancelled');
    await queues.remove('work', 'two');
    expect(await queues.counts('work')).toMatchObject({ parked: 0, cancelled: 1 });
    await expect(two.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
  });

  it('runs as many jobs at a time as concurrency says', async () => {
    const full = gate();
    const open = gate();
    let running = 0;
    let most = 0;
    const work = handlerOf(
      'work',
      async () => {
        most = Math.max(most, ++running);
        if (running === 3) full.open();
        await open.promise;
        await new Promise(setImmediate);
        running--;
      },
      { concurrency: 3 },
    );
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const jobs = await queues.enqueueMany(
      'work',
      Array.from({ length: 12 }, (_, payload) => ({ payload })),
    );
    await full.promise;
    expect(await queues.counts('work')).toMatchObject({ active: 3, ready: 9 });
    open.open();
    await Promise.all(jobs.map((job) => job.result()));
    expect(most).toBe(3);
  });

  it('two apps share the work: neither waits for the other', async () => {
    const store = options();
    const both = gate();
    const busy = new Set<string>();
    const app = (name: string) => {
      @Injectable()
      class Work {
        @Processor('work', { concurrency: 1 })
        async run(job: Job<number>) {
          busy.add(name);
          if (busy.size === 2) both.open();
          await both.promise;
          return { payload: job.payload };
        }
      }
      return startApp({ providers: [Work] }, store);
    };
    const { app: one } = await app('one');
    await app('other');
    const queues = one.get(QueueService);
    const jobs = await queues.enqueueMany(
      'work',
      Array.from({ length: 40 }, (_, payload) => ({ payload })),
    );
    const results = await Promise.all(jobs.map((job) => job.result()));
    expect(results.map(({ payload }) => payload)).toEqual(Array.from({ length: 40 }, (_, payload) => payload));
    expect(await queues.counts('work')).toMatchObject({ completed: 40, ready: 0, active: 0 });
  });
});
