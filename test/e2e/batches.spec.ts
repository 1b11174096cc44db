import { afterEach, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Module } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  CancelledError,
  currentJob,
  currentJobs,
  JobDeadError,
  LimitedError,
  Processor,
  QueueService,
  SnoozeError,
  TaskQueueModule,
  UnrecoverableError,
  type BatchJob,
  type BatchOptions,
  type Job,
  type ProcessorOptions,
} from 'nestjs-task-queue';
import { TestQueues } from 'nestjs-task-queue/testing';
import { bootError, closeApps, gate, startApp, STORES, trackApp } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';

afterEach(closeApps);

type Handle = (jobs: BatchJob<number>[]) => unknown;

function batchOf(handle: Handle, options: ProcessorOptions = {}) {
  @Injectable()
  class Work {
    @Processor('work', { batch: { size: 10 }, maxAttempts: 1, ...options })
    run(jobs: BatchJob<number>[]) {
      return handle(jobs);
    }
  }
  return Work;
}

const numbers = (count: number) => Array.from({ length: count }, (_, payload) => ({ payload }));

describe.each(STORES)('a batch handler on $name', ({ options }) => {
  it('gets many jobs in a call, and its array gives each its result', async () => {
    const sizes: number[] = [];
    const work = batchOf((jobs) => {
      sizes.push(jobs.length);
      return jobs.map(({ payload }) => ({ double: payload * 2 }));
    });
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const jobs = await app.get(QueueService).enqueueMany('work', numbers(25));
    await startApp({ providers: [work] }, store);
    const results = await Promise.all(jobs.map((job) => job.result()));
    expect(results).toEqual(numbers(25).map(({ payload }) => ({ double: payload * 2 })));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(25);
    expect(Math.max(...sizes)).toBe(10);
    expect(sizes.length).toBeLessThan(10);
  });

  it('waits for more once the first job is there, up to its time', async () => {
    const sizes: number[] = [];
    const work = batchOf((jobs) => void sizes.push(jobs.length), { batch: { size: 3, wait: '100ms' } });
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const began = performance.now();
    const first = await queues.enqueue('work', 1);
    const second = await queues.enqueue('work', 2);
    expect(await Promise.all([first.result(), second.result()])).toEqual([undefined, undefined]);
    expect(performance.now() - began).toBeGreaterThan(95);
    expect(sizes).toEqual([2]);
    const full = await queues.enqueueMany('work', numbers(3));
    await Promise.all(full.map((job) => job.result()));
    expect(sizes).toEqual([2, 3]);
  });

  it('does not wait where a job of another name needs its slot', async () => {
    const names: string[] = [];
    const work = batchOf((jobs) => void names.push(...jobs.map(({ name }) => name)), {
      batch: { size: 10, wait: '1m' },
      concurrency: 1,
    });
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const first = await queues.enqueue('work', 1, { name: 'a' });
    await queues.enqueue('work', 2, { name: 'b' });
    await first.result({ timeout: '5s' });
    expect(names).toEqual(['a']);
  });

  it('settles each job on its own: results, failures, retries and decisions side by side', async () => {
    const attempts: Record<number, number[]> = {};
    const work = batchOf(
      (jobs) =>
        jobs.map((job) => {
          (attempts[job.payload] ??= []).push(job.attempt);
          if (job.payload === 1 && job.attempt < 3) job.fail(new Error('not yet'));
          if (job.payload === 2) job.fail(new UnrecoverableError('never'));
          if (job.payload === 3) job.fail(new CancelledError());
          if (job.payload === 4 && attempts[4].length === 1) job.fail(new SnoozeError(1));
          if (job.payload === 5) return Promise.reject(new Error('of a promise'));
          return job.payload;
        }),
      { maxAttempts: 3, backoff: 0 },
    );
    const { app } = await startApp({ providers: [work] }, options());
    const jobs = await app.get(QueueService).enqueueMany('work', numbers(6));
    const ends = await Promise.allSettled(jobs.map((job) => job.result()));
    expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : (end.reason as { code: string }).code))).toEqual(
      [...[0, 1, 'TASK_QUEUE_JOB_DEAD', 'TASK_QUEUE_JOB_CANCELLED', 4, 'TASK_QUEUE_JOB_DEAD']],
    );
    expect(attempts).toEqual({ 0: [1], 1: [1, 2, 3], 2: [1], 3: [1], 4: [1, 1], 5: [1, 2, 3] });
    expect(await jobs[2].refresh()).toMatchObject({ deadReason: 'unrecoverable', deadMessage: 'never' });
    expect(await jobs[5].refresh()).toMatchObject({ deadReason: 'exhausted', deadMessage: 'of a promise', attempt: 3 });
  });

  it('fails with a throw all jobs that it has not failed already', async () => {
    const work = batchOf((jobs) => {
      jobs[0].fail(new UnrecoverableError('mine'));
      jobs[0].fail(new Error('too late'));
      throw new Error('all');
    });
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const jobs = await app.get(QueueService).enqueueMany('work', numbers(3));
    await startApp({ providers: [work] }, store);
    const ends = await Promise.all(jobs.map((job) => job.result().catch((error: JobDeadError) => error)));
    expect(ends.map((end) => (end as JobDeadError).lastError?.message)).toEqual(['mine', 'all', 'all']);
  });

  it.each<[string, Handle, number]>([
    ['all jobs of a call that throws it', () => Promise.reject(new LimitedError({ for: 20 })), 3],
    ['the one job that it fails with it', (jobs) => jobs[1].fail(new LimitedError({ for: 20 })), 1],
  ])('makes ready again by LimitedError, with no attempt counted: %s', async (_title, handle, count) => {
    const calls: number[][] = [];
    const work = batchOf((jobs) => {
      calls.push(jobs.map(({ attempt }) => attempt));
      return calls.length === 1 ? handle(jobs) : undefined;
    });
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const jobs = await app.get(QueueService).enqueueMany('work', numbers(3));
    await startApp({ providers: [work] }, store);
    await Promise.all(jobs.map((job) => job.result()));
    expect(calls[0]).toEqual([1, 1, 1]);
    expect(calls.slice(1).flat()).toEqual(Array.from({ length: count }, () => 1));
  });

  it.each<[string, Handle, RegExp]>([
    [
      'too few results',
      () => [1],
      /^Work\.run takes batches and returned 1 result\(s\) for 2 job\(s\)\. Return an array/,
    ],
    ['no array', () => ({ ok: true }), /returned .*\. Return an array with one result for each job/],
    ['null', () => null, /returned null\. Return an array/],
    ['an Observable', async () => (await import('rxjs')).of([1, 2]), /returned an Observable\..*job\.progress/],
    ['an iterator', () => [1, 2].values(), /Return an array/],
  ])('ends the jobs dead where it returns %s, and says what to return', async (_title, handle, message) => {
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const jobs = await app.get(QueueService).enqueueMany('work', numbers(2));
    await startApp({ providers: [batchOf(handle, { maxAttempts: 5 })] }, store);
    for (const job of jobs) {
      await expect(job.result()).rejects.toMatchObject({ reason: 'result' });
      expect(await job.refresh()).toMatchObject({ attempt: 1, deadMessage: expect.stringMatching(message) });
    }
  });

  it('ends one job dead whose result cannot be stored, and no other', async () => {
    const work = batchOf((jobs) => jobs.map(({ payload }) => (payload === 1 ? 10n : payload)));
    const { app } = await startApp({ providers: [work] }, options());
    const [one, other] = await app.get(QueueService).enqueueMany('work', numbers(2));
    expect(await one.result()).toBe(0);
    await expect(other.result()).rejects.toMatchObject({ reason: 'result' });
  });

  it('gives each job its own fence, attempt, headers, progress, log and signal, and a cancel ends one', async () => {
    const started = gate();
    const open = gate();
    const seen: unknown[] = [];
    const reasons: unknown[] = [];
    const work = batchOf(async (jobs) => {
      for (const job of jobs) {
        seen.push([job.payload, job.headers.tenant, job.attempt]);
        job.log(`line of ${job.payload}`);
        job.progress({ of: job.payload });
        job.signal.addEventListener('abort', () => {
          reasons.push(job.payload, (job.signal.reason as { reason: string }).reason, currentJob() === job);
          open.open();
        });
      }
      expect(new Set(jobs.map(({ fence }) => fence)).size).toBeLessThanOrEqual(jobs.length);
      expect([currentJob(), currentJobs()]).toEqual([undefined, jobs]);
      started.open();
      await open.promise;
      return jobs.map(({ signal }) => signal.aborted);
    });
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const queues = app.get(QueueService);
    const jobs = await queues.enqueueMany(
      'work',
      numbers(3).map((job) => ({ ...job, headers: { tenant: `t${job.payload}` } })),
    );
    await startApp({ providers: [work] }, store);
    await started.promise;
    expect(await queues.cancel('work', jobs[1].id)).toBe('requested');
    await expect(jobs[1].result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_CANCELLED' });
    expect(await Promise.all([jobs[0].result(), jobs[2].result()])).toEqual([false, false]);
    expect(reasons).toEqual([1, 'cancelled', true]);
    expect(seen).toEqual([
      [0, 't0', 1],
      [1, 't1', 1],
      [2, 't2', 1],
    ]);
    expect(await jobs[2].logs()).toEqual(['line of 2']);
    expect((await jobs[2].refresh()).lastProgress).toEqual({ of: 2 });
  });

  it('fails those jobs whose timeout is over, counted from the start of the call', async () => {
    const open = gate();
    const work = batchOf(
      async (jobs) => {
        await Promise.race([
          open.promise,
          ...jobs.map(({ signal }) => new Promise((r) => signal.addEventListener('abort', r))),
        ]);
        await new Promise((resolve) => setTimeout(resolve, 5));
        return jobs.map(({ payload }) => payload);
      },
      { timeout: '10s' },
    );
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const [long, short] = await app
      .get(QueueService)
      .enqueueMany('work', [{ payload: 1 }, { payload: 2, timeout: 30 }]);
    await startApp({ providers: [work] }, store);
    expect(await long.result()).toBe(1);
    await expect(short.result()).rejects.toMatchObject({ lastError: { name: 'TimeoutError' } });
    open.open();
  });

  it('runs as many calls at once as concurrency says', async () => {
    let now = 0;
    let most = 0;
    const work = batchOf(
      async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 10));
        now--;
      },
      { batch: { size: 2 }, concurrency: 3 },
    );
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const jobs = await app.get(QueueService).enqueueMany('work', numbers(20));
    await startApp({ providers: [work] }, store);
    await Promise.all(jobs.map((job) => job.result()));
    expect(most).toBe(3);
  });

  it('beside another handler of its queue, in two processes: each job runs until it succeeds, and no attempt is lost or doubled', async () => {
    const runs = new Map<number, number[]>();
    const note = (payload: number, attempt: number) => runs.set(payload, [...(runs.get(payload) ?? []), attempt]);
    const tired = (payload: number, attempt: number) => payload % 7 === 0 && attempt < 3;
    const makeWork = () => {
      @Injectable()
      class Work {
        @Processor('work', { batch: { size: 7, wait: 2 }, backoff: 0, concurrency: 2 })
        many(jobs: BatchJob<number>[]) {
          for (const job of jobs) {
            note(job.payload, job.attempt);
            if (tired(job.payload, job.attempt)) job.fail(new Error('tired'));
          }
          if (jobs.length === 7 && jobs.every(({ attempt }) => attempt === 1) && jobs[0].payload % 5 === 0)
            throw new SnoozeError(0);
          return jobs.map(({ payload }) => payload);
        }

        @Processor('work', { name: 'single', backoff: 0 })
        one({ payload, attempt }: Job<number>) {
          note(payload, attempt);
          if (tired(payload, attempt)) throw new Error('tired');
          return payload;
        }
      }
      return Work;
    };
    const store = options();
    const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
    const names = [undefined, 'single', 'x', 'y'];
    const given = numbers(400).map((job) => {
      const name = names[job.payload % names.length];
      return name === undefined ? job : { ...job, name };
    });
    const jobs = await app.get(QueueService).enqueueMany('work', given);
    await Promise.all([startApp({ providers: [makeWork()] }, store), startApp({ providers: [makeWork()] }, store)]);
    expect(await Promise.all(jobs.map((job) => job.result()))).toEqual(given.map(({ payload }) => payload));
    for (const { payload } of given) {
      // A snoozed run is repeated under its attempt; nothing else is.
      const attempts = [...new Set(runs.get(payload))];
      expect([payload, attempts]).toEqual([payload, payload % 7 === 0 ? [1, 2, 3] : [1]]);
    }
    const { ready, active, completed } = await app.get(QueueService).counts('work');
    expect({ ready, active, completed }).toEqual({ ready: 0, active: 0, completed: 400 });
  });

  it('gives waiting jobs back when its app closes, and another worker takes them', async () => {
    const store = options();
    const first = await startApp({ providers: [batchOf(() => undefined, { batch: { size: 10, wait: '1h' } })] }, store);
    const queues = first.app.get(QueueService);
    const log = await EventLog.open(queues, 'work');
    const job = await queues.enqueue('work', 1);
    await log.first('active', job.id);
    await first.app.close();
    const { app } = await startApp({ providers: [batchOf(() => [7])] }, store);
    const again = await app.get(QueueService).getJob('work', job.id);
    expect(await again?.result()).toBe(7);
    expect((await again?.refresh())?.attempt).toBe(1);
  });
});

it('shares no context with other calls, nor with what is asked when its jobs end', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const work = batchOf(
    (jobs) => {
      seen.push(`call ${storage.getStore()}`);
      storage.enterWith('entered');
      if (jobs[0].attempt > 1) return undefined;
      jobs[0].fail(new Error('one'));
      const rejection = Promise.reject(new Error('two'));
      return storage.run('inside', () => [undefined, rejection, ...jobs.slice(2)]);
    },
    { batch: { size: 2, wait: '20ms' }, concurrency: 1, maxAttempts: 2, backoff: { type: 'watched' } },
  );
  const watched = () => {
    seen.push(`strategy ${storage.getStore()} ${currentJobs().length}`);
    return 0;
  };
  const { app } = await startApp({ providers: [work] }, { connection: 'memory://', backoffs: { watched } });
  const jobs = await app.get(QueueService).enqueueMany('work', numbers(2));
  await Promise.all(jobs.map((job) => job.result()));
  expect(seen).toEqual(['call undefined', 'strategy undefined 0', 'strategy undefined 0', 'call undefined']);
});

it('starts at once under TestQueues, where no more jobs are coming', async () => {
  const sizes: number[] = [];
  const queues = new TestQueues();
  const work = batchOf((jobs) => void sizes.push(jobs.length), { batch: { size: 10, wait: '1h' } });
  const moduleRef = await queues
    .install(
      Test.createTestingModule({
        imports: [TaskQueueModule.forRoot({ connection: 'redis://nowhere' })],
        providers: [work],
      }),
    )
    .compile();
  const app = trackApp(moduleRef.createNestApplication());
  await app.init();
  await app.get(QueueService).enqueueMany('work', numbers(13));
  await queues.settle(app);
  expect(sizes).toEqual([10, 3]);
});

describe('the boot', () => {
  it.each<[unknown, string]>([
    [{ size: 0 }, 'Invalid size in batch in @Processor on Work.run: 0. Use a whole number from 1 to 1000.'],
    [{ size: 1.5 }, 'Invalid size in batch'],
    [{ size: '5' }, 'Invalid size in batch'],
    [{ size: Number.NaN }, 'Invalid size in batch'],
    [{ size: 1001 }, 'Invalid size in batch'],
    [{}, 'Invalid size in batch'],
    [{ size: undefined }, 'Invalid size in batch'],
    [{ size: 5, wait: -1 }, 'Invalid wait in batch in @Processor on Work.run: -1'],
    [{ size: 5, wait: Number.NaN }, 'Invalid wait in batch'],
    [{ size: 5, wait: '2h' }, 'Invalid wait in batch'],
    [{ size: 5, by: 'name' }, 'Use one of: group'],
    [{ size: 5, by: undefined }, 'by in batch in @Processor on Work.run'],
    [100, 'Invalid batch in @Processor on Work.run: 100'],
    [true, 'Invalid batch in @Processor on Work.run: true'],
  ])('refuses batch: %j', async (batch, message) => {
    const error = await bootError({ providers: [batchOf(() => undefined, { batch: batch as BatchOptions })] });
    expect(error.message).toContain(message);
    expect((error as { code?: string }).code).toMatch(/^TASK_QUEUE_(INVALID_VALUE|UNKNOWN_OPTION)$/);
  });

  it('refuses a method that takes batches by one decorator and jobs by another', async () => {
    @Injectable()
    class Work {
      @Processor('one')
      @Processor('many', { batch: { size: 2 } })
      run() {}
    }
    const error = await bootError({ providers: [Work] });
    expect(error.message).toBe(
      'Work.run takes batches by one decorator and single jobs by another. Give each a method of its own.',
    );
  });

  it('refuses a lazy batch handler of a queue whose worker runs, and takes one of another queue', async () => {
    @Injectable()
    class Single {
      @Processor('work', { name: 'single' })
      run() {}
    }
    @Injectable()
    class Late {
      @Processor('late', { batch: { size: 2 } })
      run(jobs: BatchJob[]) {
        return jobs.map(() => 'late');
      }
    }
    @Module({ providers: [batchOf(() => undefined)] })
    class Refused {}
    @Module({ providers: [Late] })
    class Taken {}
    const { app } = await startApp({ providers: [Single] });
    const loader = app.get(LazyModuleLoader);
    await loader.load(() => Taken);
    expect(await (await app.get(QueueService).enqueue('late', 1)).result()).toBe('late');
    await expect(loader.load(() => Refused)).rejects.toThrow(
      /Work\.run takes batches and was loaded lazily, and queue "work"/,
    );
  });
});
