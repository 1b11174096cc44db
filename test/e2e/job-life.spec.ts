import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CancelledError,
  QueueService,
  SnoozeError,
  UnrecoverableError,
  type Backoff,
  type Job,
  type JobHandle,
} from 'nestjs-task-queue';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const HOUR = 3_600_000;
/** An event may be told a moment after the instant that a delay counts from. */
const SLACK = 1000;

function expectNearly(delay: number, expected: number): void {
  expect(delay).toBeLessThanOrEqual(expected);
  expect(delay).toBeGreaterThan(expected - SLACK);
}

describe.each(STORES)('on $name', ({ options }) => {
  describe('attempts', () => {
    it('go on until one succeeds, and the history of the others stays', async () => {
      const runs: unknown[] = [];
      const flaky = handlerOf(
        'work',
        ({ attempt, maxAttempts, fence }) => {
          runs.push({ attempt, maxAttempts });
          if (attempt < 3) throw new RangeError(`failure ${attempt}`);
          return { fence };
        },
        { maxAttempts: 4, backoff: 0 },
      );
      const { app } = await startApp({ providers: [flaky] }, options());
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', {});
      await job.result();
      expect(runs).toEqual([1, 2, 3].map((attempt) => ({ attempt, maxAttempts: 4 })));
      const { errors, attempt, state } = await job.refresh();
      expect({ attempt, state }).toEqual({ attempt: 3, state: 'completed' });
      expect(errors).toMatchObject([
        { attempt: 1, name: 'RangeError', message: 'failure 1' },
        { attempt: 2, name: 'RangeError', message: 'failure 2' },
      ]);
      expect(errors[0].stack).toContain('failure 1');
      expect(errors[1].at).toBeGreaterThanOrEqual(errors[0].at);
    });

    it('end, and the last ten errors are kept', async () => {
      const fail = ({ attempt }: Job) => Promise.reject(new Error(`failure ${attempt}`));
      const { app, logs } = await startApp({ providers: [handlerOf('work', fail, { backoff: 0 })] }, options());
      const job = await app.get(QueueService).enqueue('work', {}, { maxAttempts: 12 });
      await expect(job.result()).rejects.toMatchObject({
        code: 'TASK_QUEUE_JOB_DEAD',
        reason: 'exhausted',
        lastError: { name: 'Error', message: 'failure 12' },
      });
      await job.refresh();
      expect(job).toMatchObject({ state: 'dead', attempt: 12, deadReason: 'exhausted', deadMessage: 'failure 12' });
      expect(job.errors.map(({ message }) => message)).toEqual(
        Array.from({ length: 10 }, (_, index) => `failure ${index + 3}`),
      );
      expect(logs.matching(/is dead \(exhausted\) in Work\.run, attempt 12 of 12: Error: failure 12/)).toHaveLength(1);
    });

    it('have fences that rise', async () => {
      const fences: number[] = [];
      const store = options();
      const fail = ({ fence }: Job) => {
        fences.push(fence);
        throw new Error('again');
      };
      const work = handlerOf('work', fail, { backoff: 0, maxAttempts: 3 });
      const { app: first } = await startApp({ providers: [work] }, store);
      await expect((await first.get(QueueService).enqueue('work', 1)).result()).rejects.toThrow();
      await first.close();
      const { app: second } = await startApp({ providers: [work] }, store);
      await expect((await second.get(QueueService).enqueue('work', 2)).result()).rejects.toThrow();
      expect(fences).toHaveLength(6);
      expect(fences.every((fence, index) => index === 0 || fence > fences[index - 1])).toBe(true);
    });
  });

  describe('the delay between attempts', () => {
    const fail = () => {
      throw new Error('once more');
    };

    /** What the first failure of a job with this backoff is followed by: its delay in store time, ms. */
    async function firstDelays(backoff: Backoff | undefined, count: number): Promise<number[]> {
      const strategies = { backoffs: { slowly: (attempt: number) => attempt * 7 * HOUR } };
      const store = { ...options(), ...strategies };
      const { app } = await startApp({ providers: [handlerOf('work', fail)] }, store);
      const queues = app.get(QueueService);
      const events = await EventLog.open(queues, 'work');
      const jobs: JobHandle[] = await queues.enqueueMany(
        'work',
        Array.from({ length: count }, () => ({ payload: {}, ...(backoff !== undefined && { backoff }) })),
      );
      const failedAt = await Promise.all(jobs.map(async ({ id }) => (await events.first('retrying', id)).at));
      await Promise.all(jobs.map((job) => job.refresh()));
      expect(
        jobs.every(({ state, attempt, errors }) => state === 'scheduled' && attempt === 2 && errors.length === 1),
      ).toBe(true);
      return jobs.map(({ dueAt }, index) => (dueAt as number) - failedAt[index]);
    }

    it.each<[string, Backoff, number]>([
      ['a bare duration', '2h', 2 * HOUR],
      ['fixed', { type: 'fixed', delay: '2h', jitter: 0 }, 2 * HOUR],
      ['fixed and capped', { type: 'fixed', delay: '2h', max: '30m', jitter: 0 }, HOUR / 2],
      ['exponential', { type: 'exponential', delay: '3h', jitter: 0 }, 3 * HOUR],
      ['a registered strategy', { type: 'slowly', max: '1d', jitter: 0 }, 7 * HOUR],
    ])('is %s', async (_what, backoff, expected) => {
      for (const delay of await firstDelays(backoff, 2)) expectNearly(delay, expected);
    });

    it('is jittered within its bounds', async () => {
      const delays = await firstDelays({ type: 'exponential', delay: '4h', max: '4h', jitter: 0.25 }, 30);
      for (const delay of delays) {
        expect(delay).toBeGreaterThan(3 * HOUR - SLACK);
        expect(delay).toBeLessThanOrEqual(4 * HOUR);
      }
      expect(new Set(delays).size).toBeGreaterThan(5);
    });

    it('doubles, and no run starts before it', async () => {
      const work = handlerOf('work', fail, { backoff: { type: 'exponential', delay: 20, jitter: 0 }, maxAttempts: 4 });
      const { app } = await startApp({ providers: [work] }, options());
      const job = await app.get(QueueService).enqueue('work', {});
      await expect(job.result()).rejects.toThrow('once more');
      const at = (await job.refresh()).errors.map((error) => error.at);
      expect(at[1] - at[0]).toBeGreaterThanOrEqual(20);
      expect(at[2] - at[1]).toBeGreaterThanOrEqual(40);
      expect(at[3] - at[2]).toBeGreaterThanOrEqual(80);
    });

    it('comes from a strategy that knows attempt and error, and one that throws loses no job', async () => {
      const asked: unknown[] = [];
      const backoffs = {
        asked: (attempt: number, error: unknown) => {
          asked.push([attempt, (error as Error).message]);
          return attempt === 1 ? 0 : -5; // a negative delay is none
        },
        broken: () => {
          throw new Error('no strategy');
        },
        nonsense: () => Number.NaN,
      };
      const work = handlerOf('work', fail, { maxAttempts: 3 });
      const { app } = await startApp({ providers: [work] }, { ...options(), backoffs });
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', {}, { backoff: { type: 'asked' } });
      await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted' });
      expect(asked).toEqual([
        [1, 'once more'],
        [2, 'once more'],
      ]);
      const unclear = await queues.enqueue('work', {}, { backoff: { type: 'nonsense' } });
      await expect(unclear.result()).rejects.toMatchObject({ reason: 'exhausted' });
      const broken = await queues.enqueue('work', {}, { backoff: { type: 'broken' }, maxAttempts: 2 });
      await expect(broken.result()).rejects.toMatchObject({ reason: 'exhausted' });
      const unknown = queues.enqueue('work', {}, { backoff: { type: 'brokn' } });
      await expect(unknown).rejects.toThrow(/did you mean "broken"/i);
    });
  });

  describe('dead letters', () => {
    it('are listed, retried from attempt 1 with their history, and removed', async () => {
      const healed = { now: false };
      const runs: number[] = [];
      const work = handlerOf<number>(
        'work',
        ({ attempt, payload }) => {
          runs.push(attempt);
          if (!healed.now) throw new Error(`ill ${payload}`);
          return { healed: payload };
        },
        { maxAttempts: 2, backoff: 0 },
      );
      const { app } = await startApp({ providers: [work] }, options());
      const queues = app.get(QueueService);
      const jobs = await queues.enqueueMany(
        'work',
        [1, 2, 3, 4, 5].map((payload) => ({ payload })),
      );
      await Promise.all(jobs.map((job) => job.result().catch(() => {})));
      const page = await queues.jobs<number>('work', { state: 'dead', limit: 3 });
      const rest = await queues.jobs<number>('work', { state: 'dead', limit: 3, cursor: page.cursor });
      expect([...page.jobs, ...rest.jobs].map(({ payload }) => payload).sort()).toEqual([1, 2, 3, 4, 5]);
      expect(page.jobs.every(({ deadReason, errors }) => deadReason === 'exhausted' && errors.length === 2)).toBe(true);

      runs.splice(0);
      await queues.retry('work', jobs[0].id);
      await expect(jobs[0].result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD' });
      expect(runs).toEqual([1, 2]);
      expect((await jobs[0].refresh()).errors.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2]);

      healed.now = true;
      const again = await queues.retry<number>('work', jobs[0].id);
      expect(again).toMatchObject({ attempt: 1, payload: 1, errors: { length: 4 } });
      expect(await again.result()).toEqual({ healed: 1 });
      await expect(queues.retry('work', jobs[0].id)).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_STATE' });

      await queues.remove('work', jobs[1].id);
      await expect(queues.remove('work', jobs[1].id)).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
      await expect(queues.retry('work', jobs[1].id)).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
      expect(await queues.retryAll('work')).toBe(3);
      await Promise.all(jobs.slice(2).map((job) => job.result()));
      expect(await queues.counts('work')).toMatchObject({ dead: 0, completed: 4 });
    });

    it('come at once where the handler gives up', async () => {
      const give = handlerOf('work', () => {
        throw new UnrecoverableError('no such customer', { cause: new Error('404') });
      });
      const { app } = await startApp({ providers: [give] }, options());
      const job = await app.get(QueueService).enqueue('work', {}, { maxAttempts: 9 });
      await expect(job.result()).rejects.toMatchObject({
        reason: 'unrecoverable',
        lastError: { name: 'UnrecoverableError', message: 'no such customer (cause: Error: 404)' },
      });
      expect((await job.refresh()).errors).toMatchObject([{ attempt: 1, name: 'UnrecoverableError' }]);
    });
  });

  it('a snooze burns no attempt, and is due when it says', async () => {
    const runs: number[] = [];
    const work = handlerOf<string>(
      'work',
      ({ attempt, payload }) => {
        runs.push(attempt);
        if (payload === 'long') throw new SnoozeError('2h');
        if (runs.length <= 3) throw new SnoozeError(runs.length === 1 ? 0 : 5);
        return { runs: runs.length };
      },
      { maxAttempts: 1 },
    );
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const events = await EventLog.open(queues, 'work');
    expect(await (await queues.enqueue('work', 'short')).result()).toEqual({ runs: 4 });
    expect(runs).toEqual([1, 1, 1, 1]);
    const long = await queues.enqueue('work', 'long');
    const { at } = await events.first('snoozed', long.id);
    expect(await long.refresh()).toMatchObject({ state: 'scheduled', attempt: 1, errors: [] });
    expectNearly((long.dueAt as number) - at, 2 * HOUR);
  });

  it('a handler may cancel its own job', async () => {
    const work = handlerOf('work', async () => {
      throw new CancelledError();
    });
    const { app } = await startApp({ providers: [work] }, options());
    const job = await app.get(QueueService).enqueue('work', {});
    await expect(job.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_CANCELLED' });
    expect((await job.refresh()).state).toBe('cancelled');
  });

  describe('cancel', () => {
    it('ends what has not started, at once', async () => {
      const { app } = await startApp({}, { ...options(), queues: { work: {} } });
      const queues = app.get(QueueService);
      const waiting = await queues.enqueue('work', 1);
      const delayed = await queues.enqueue('work', 2, { delay: '1h', id: 'delayed' });
      const awaited = waiting.result();
      awaited.catch(() => {});
      expect(await queues.cancel('work', waiting.id)).toBe('cancelled');
      expect(await queues.cancel('work', 'delayed')).toBe('cancelled');
      await expect(awaited).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_CANCELLED' });
      await expect(delayed.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_CANCELLED' });
      expect(await queues.cancel('work', waiting.id)).toBe('finished');
      await expect(queues.cancel('work', 'nobody')).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
      expect(await queues.counts('work')).toMatchObject({ ready: 0, scheduled: 0, cancelled: 2 });
    });

    it.each<[string, (job: Job, aborted: Promise<void>) => Promise<unknown>, string]>([
      [
        'throws what aborted it',
        async ({ signal }, aborted) => aborted.then(() => signal.throwIfAborted()),
        'cancelled',
      ],
      ['fails on its own', async (_job, aborted) => aborted.then(() => Promise.reject(new Error('torn'))), 'cancelled'],
      ['snoozes', async (_job, aborted) => aborted.then(() => Promise.reject(new SnoozeError('1h'))), 'cancelled'],
      ['completes all the same', async (_job, aborted) => aborted.then(() => ({ done: true })), 'completed'],
    ])('aborts a run from another app, which then %s', async (_what, react, state) => {
      const store = options();
      const started = gate();
      let runs = 0;
      const work = handlerOf('work', (job) => {
        runs++;
        const aborted = new Promise<void>((resolve) => job.signal.addEventListener('abort', () => resolve()));
        started.open();
        return react(job, aborted);
      });
      await startApp({ providers: [work] }, store);
      const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', {}, { maxAttempts: 5, backoff: 0 });
      await started.promise;
      const end = job.result().then(
        (value) => value,
        (error: { code: string }) => error.code,
      );
      expect(await queues.cancel('work', job.id)).toBe('requested');
      expect(await end).toEqual(state === 'completed' ? { done: true } : 'TASK_QUEUE_JOB_CANCELLED');
      expect((await job.refresh()).state).toBe(state);
      expect(runs).toBe(1);
      expect(await queues.counts('work')).toMatchObject({ active: 0, ready: 0, scheduled: 0 });
    });

    it('tells the signal why, also one that is asked for late', async () => {
      const started = gate<Job>();
      const open = gate();
      const work = handlerOf('work', async (job) => {
        started.open(job);
        await open.promise;
        return { aborted: job.signal.aborted, reason: (job.signal.reason as { reason: string }).reason };
      });
      const { app } = await startApp({ providers: [work] }, options());
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', {});
      const running = await started.promise;
      await queues.cancel('work', job.id);
      expect(await queues.getJob('work', job.id)).toMatchObject({ state: 'active', cancelling: true });
      await expect(queues.remove('work', job.id)).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_STATE' });
      while (!running.signal.aborted) await new Promise(setImmediate);
      open.open();
      expect(await job.result()).toEqual({ aborted: true, reason: 'cancelled' });
    });
  });

  it('a handler that never settles ends at its timeout, and its attempts count', async () => {
    const signals: AbortSignal[] = [];
    const work = handlerOf(
      'work',
      ({ signal }) => {
        signals.push(signal);
        return new Promise(() => {});
      },
      { timeout: 10, maxAttempts: 2, backoff: 0 },
    );
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const job = await queues.enqueue('work', {});
    await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted', lastError: { name: 'TimeoutError' } });
    expect(signals).toHaveLength(2);
    expect(signals.map(({ reason }) => (reason as { reason: string }).reason)).toEqual(['timeout', 'timeout']);
    expect((await job.refresh()).errors.map(({ message }) => message)).toEqual(
      Array.from({ length: 2 }, () => 'The run took longer than its timeout (10 ms)'),
    );
  });
});
