import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Processor, QueueService, UnrecoverableError, type Job } from 'nestjs-task-queue';
import { RedisStore } from '../../src/redis/redis-store.js';
import { closeApps, gate, startApp } from '../support/apps.js';

const url = process.env.TEST_REDIS_URL as string;

interface Import {
  n?: number;
  failures?: number;
  hopeless?: boolean;
}

describe('a queue fed by a plain list', () => {
  let client: Redis;
  let prefix: string;
  let inbox: string;
  /** What the handlers of all apps of a test did, in order. */
  let runs: { payload: Import; attempt: number }[];
  let onRun: (job: Job<Import>) => unknown;
  let onDone: { count: number; open: () => void } | undefined;

  beforeEach(() => {
    client = new Redis(url);
    prefix = `inbox${randomBytes(6).toString('hex')}`;
    inbox = `${prefix}-list`;
    runs = [];
    onRun = () => undefined;
    onDone = undefined;
  });

  afterEach(async () => {
    await closeApps();
    await client.quit();
  });

  /** Made per test: the name of the list is part of the decorator. */
  async function startImporter(grace = '5s'): Promise<QueueService> {
    @Injectable()
    class Importer {
      @Processor('imports', { inbox, concurrency: 5, backoff: 0, maxAttempts: 3 })
      async take(job: Job<Import>): Promise<unknown> {
        runs.push({ payload: job.payload, attempt: job.attempt });
        if (onDone !== undefined && runs.length >= onDone.count) onDone.open();
        if (job.payload.hopeless) throw new UnrecoverableError('hopeless');
        if (job.attempt <= (job.payload.failures ?? 0)) throw new Error(`failure ${job.attempt}`);
        return onRun(job);
      }
    }
    const { app } = await startApp({ providers: [Importer] }, { connection: url, prefix, shutdown: { grace } });
    return app.get(QueueService);
  }

  /** Resolves when handlers have begun so many runs in all. */
  function afterRuns(count: number): Promise<void> {
    const { promise, open } = gate();
    onDone = { count, open };
    if (runs.length >= count) open();
    return promise;
  }

  const push = (...payloads: Import[]) => client.lpush(inbox, ...payloads.map((payload) => JSON.stringify(payload)));

  /** Resolves once every job that is kept has ended. */
  async function whenSettled(queues: QueueService): Promise<void> {
    for (const state of ['scheduled', 'ready', 'active'] as const) {
      const { jobs } = await queues.jobs('imports', { state, limit: 500 });
      for (const job of jobs) await job.result({ timeout: '15s' }).catch(() => {});
    }
  }

  it('makes one job of each element, oldest first', async () => {
    await push({ n: 1 }, { n: 2 });
    const three = afterRuns(3);
    const queues = await startImporter();
    await push({ n: 3 });
    await three;
    await whenSettled(queues);
    expect(runs).toEqual([1, 2, 3].map((n) => ({ payload: { n }, attempt: 1 })));
    expect(await queues.counts('imports')).toMatchObject({ completed: 3, ready: 0, active: 0, dead: 0 });
    expect(await client.exists(inbox)).toBe(0);
    const { jobs } = await queues.jobs('imports', { state: 'completed' });
    expect(jobs.every(({ name, enqueuedAt }) => name === 'default' && enqueuedAt > 0)).toBe(true);
  });

  it('retries them, and keeps what cannot succeed as dead letters', async () => {
    const queues = await startImporter();
    const all = afterRuns(2 + 3 + 1);
    await push({ n: 1, failures: 1 }, { n: 2, failures: 9 }, { n: 3, hopeless: true });
    await all;
    await whenSettled(queues);
    expect(await queues.counts('imports')).toMatchObject({ completed: 1, dead: 2 });
    const { jobs } = await queues.jobs('imports', { state: 'dead' });
    const byNumber = new Map(jobs.map((job) => [(job.payload as Import).n, job]));
    expect(byNumber.get(2)).toMatchObject({ deadReason: 'exhausted', attempt: 3 });
    expect(byNumber.get(2)?.errors.map(({ message }) => message)).toEqual(['failure 1', 'failure 2', 'failure 3']);
    expect(byNumber.get(3)).toMatchObject({ deadReason: 'unrecoverable' });

    const exhausted = byNumber.get(2);
    const again = afterRuns(runs.length + 3);
    await queues.retry('imports', exhausted?.id as string);
    await again;
    await expect(exhausted?.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD' });
  });

  it('keeps an element that is no JSON as a dead letter with its text', async () => {
    const queues = await startImporter();
    const both = afterRuns(2);
    const broken = ['{"n": 1', 'plain words', '', 'two\nlines'];
    await client.lpush(inbox, '{"n":1}', ...broken, '{"n":2}');
    await both;
    await whenSettled(queues);
    expect(runs.map(({ payload }) => payload.n)).toEqual([1, 2]);
    const { jobs } = await queues.jobs('imports', { state: 'dead' });
    expect(jobs.map(({ deadReason }) => deadReason)).toEqual(broken.map(() => 'unreadable'));
    // The raw text is the settled line, the head of the envelope, and the element as it was pushed.
    const elements = jobs.map(({ raw }) => raw.split('\n').slice(2).join('\n'));
    expect(elements.sort()).toEqual([...broken].sort());
  });

  it('loses nothing when the app stops in the middle', async () => {
    const numbers = Array.from({ length: 400 }, (_, n) => n);
    await push(...numbers.map((n) => ({ n })));
    // The first app finishes ten, and five more are under way when it ends.
    const started = afterRuns(15);
    const blocked = gate();
    const finished = new Set<number>();
    onRun = async ({ payload }) => {
      if (finished.size >= 10) await blocked.promise;
      finished.add(payload.n as number);
    };
    await startImporter('50ms');
    await started;
    await closeApps();
    blocked.open();
    expect(runs).toHaveLength(15);

    const finishedBefore = new Set(runs.slice(0, 10).map(({ payload }) => payload.n));
    expect(finishedBefore.size).toBe(10);
    const handled: number[] = [];
    const all = gate();
    onRun = ({ payload }) => {
      handled.push(payload.n as number);
      if (handled.length === numbers.length - 10) all.open();
    };
    const queues = await startImporter();
    await all.promise;
    await whenSettled(queues);
    expect(await queues.counts('imports')).toMatchObject({
      completed: 400,
      ready: 0,
      active: 0,
      scheduled: 0,
      dead: 0,
    });
    expect(await client.exists(inbox)).toBe(0);
    expect([...handled, ...finishedBefore].sort((a, b) => Number(a) - Number(b))).toEqual(numbers);
    expect(runs.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  it('holds every element as a job when the process dies right after it took them', async () => {
    await push({ n: 1 }, { n: 2 }, { n: 3 });
    const store = new RedisStore({
      connection: url,
      prefix,
      commandTimeoutMs: 5000,
      connectTimeoutMs: 5000,
      waitForRedis: false,
      allowEviction: false,
      maxCrashes: 3,
      logLines: 100,
    });
    await store.connection.open();
    expect(await store.intake.takeInbox('imports', inbox, 2)).toBe(2);
    await store.connection.close();
    expect(await client.lrange(inbox, 0, -1)).toEqual(['{"n":3}']);

    const three = afterRuns(3);
    const queues = await startImporter();
    await three;
    await whenSettled(queues);
    expect(runs.map(({ payload }) => payload.n)).toEqual([1, 2, 3]);
    expect(await queues.counts('imports')).toMatchObject({ completed: 3 });
  });
});
