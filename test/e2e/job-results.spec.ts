import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { concat, defer, EMPTY, from, NEVER, of } from 'rxjs';
import { currentJob, OnQueueEvent, Processor, QueueService, type Job, type JobEvent } from 'nestjs-task-queue';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { EventLog } from '../support/event-log.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const PRODUCER = { role: 'producer' as const, queues: { work: {} } };

describe.each(STORES)('on $name', ({ options }) => {
  describe('the result', () => {
    it.each<[string, () => unknown, unknown]>([
      ['a value', () => ({ sum: 3, list: [null, 'ü', true] }), { sum: 3, list: [null, 'ü', true] }],
      ['nothing', () => undefined, undefined],
      ['null', () => null, null],
      ['an empty text', () => '', ''],
      ['zero', () => 0, 0],
      ['text with newlines', () => 'a\nb\r\n"c"\u2028', 'a\nb\r\n"c"\u2028'],
      ['a promise', () => Promise.resolve(['later']), ['later']],
      ['a promise of nothing', async () => {}, undefined],
      ['a thenable', () => ({ then: (resolve: (value: unknown) => void) => resolve('then') }), 'then'],
      ['an Observable', () => from([1, 2, 3]), 3],
      ['an empty Observable', () => EMPTY, undefined],
      ['a promise of an Observable', async () => of('inner'), 'inner'],
      ['a Date', () => new Date(0), '1970-01-01T00:00:00.000Z'],
    ])('is %s', async (_what, handle, expected) => {
      const { app } = await startApp({ providers: [handlerOf('work', handle)] }, options());
      const queues = app.get(QueueService);
      const job = await queues.enqueue<unknown, unknown>('work', {});
      expect(await job.result()).toEqual(expected);
      // Once more, by a handle that reads the settled job.
      const kept = await queues.getJob<unknown, unknown>('work', job.id);
      expect(kept?.state).toBe('completed');
      expect(await kept?.result()).toEqual(expected);
    });

    it('comes to another app, before and after the end', async () => {
      const store = options();
      const open = gate();
      const { app: producer } = await startApp({}, { ...store, ...PRODUCER });
      const queues = producer.get(QueueService);
      const job = await queues.enqueue('work', { n: 20 });
      expect(job).toMatchObject({ state: 'ready', created: true, attempt: 1, payload: { n: 20 } });
      const early = Promise.all([job.result(), job.result()]);
      const double = handlerOf<{ n: number }>('work', async ({ payload }) => {
        await open.promise;
        return { n: payload.n * 2 };
      });
      await startApp({ providers: [double] }, store);
      await expect(job.result({ timeout: 0 })).rejects.toMatchObject({ code: 'TASK_QUEUE_RESULT_TIMEOUT' });
      open.open();
      expect(await early).toEqual([{ n: 40 }, { n: 40 }]);
      expect(await job.result()).toEqual({ n: 40 });
      expect((await job.refresh()).settledAt).toBeGreaterThanOrEqual(job.enqueuedAt);
    });

    it('is not to be had of a job that was removed while it was awaited', async () => {
      const { app } = await startApp({}, { ...options(), ...PRODUCER, role: 'worker' });
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', {});
      const awaited = job.result();
      awaited.catch(() => {});
      await job.result({ timeout: 0 }).catch(() => {}); // the first wait is registered by now
      await queues.remove('work', job.id);
      await expect(awaited).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
      await expect(job.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
    });
  });

  describe('what a run tells', () => {
    it('keeps the last progress and the log lines', async () => {
      const store = options();
      const open = gate();
      const told = handlerOf('work', async (job) => {
        job.progress({ done: 1 });
        job.progress({ done: 2 });
        for (let line = 1; line <= 150; line++) job.log(`line ${line}`);
        await open.promise;
        job.log('two\nlines');
        job.log('ü'.repeat(2000));
        job.progress({ done: 3 });
      });
      await startApp({ providers: [told] }, store);
      const { app } = await startApp({}, { ...store, ...PRODUCER });
      const queues = app.get(QueueService);
      const events = await EventLog.open(queues, 'work');
      const job = await queues.enqueue('work', {});
      expect(await events.first('progress', job.id)).toMatchObject({ progress: { done: 2 } });
      const running = await queues.getJob('work', job.id);
      expect(running).toMatchObject({ state: 'active', lastProgress: { done: 2 } });
      expect(await running?.logs()).toEqual(Array.from({ length: 100 }, (_, index) => `line ${index + 51}`));

      open.open();
      await job.result();
      const lines = await job.logs();
      expect(lines).toHaveLength(100);
      expect(lines.slice(-3)).toEqual(['two', 'lines', 'ü'.repeat(512)]);
      expect(await events.nth(2, 'progress', job.id)).toMatchObject({ progress: { done: 3 } });
    });

    it('takes the values of an Observable for progress, the last one for the result', async () => {
      const open = gate();
      const values = () =>
        concat(
          of('a', 'b'),
          defer(() => open.promise.then(() => 'c')),
        );
      const { app } = await startApp({ providers: [handlerOf('work', values)] }, options());
      const queues = app.get(QueueService);
      const events = await EventLog.open(queues, 'work');
      const job = await queues.enqueue<unknown, string>('work', {});
      expect(await events.first('progress', job.id)).toMatchObject({ progress: 'a' });
      open.open();
      expect(await job.result()).toBe('c');
      expect(await events.nth(2, 'progress', job.id)).toMatchObject({ progress: 'b' });
    });

    it('shows in events(), from the enqueue to the end', async () => {
      const flaky = handlerOf<string>(
        'work',
        ({ payload, attempt }) => {
          if (payload === 'bad' || attempt === 1) throw new TypeError(`no ${attempt}`);
          return { ok: payload };
        },
        { maxAttempts: 2, backoff: 0 },
      );
      const store = options();
      await startApp({ providers: [flaky] }, store);
      const { app } = await startApp({}, { ...store, ...PRODUCER });
      const queues = app.get(QueueService);
      const events = await EventLog.open(queues, 'work');
      const good = await queues.enqueue('work', 'good');
      const bad = await queues.enqueue('work', 'bad');
      expect(await events.first('completed', good.id)).toMatchObject({ queue: 'work', result: { ok: 'good' } });
      expect(await events.first('retrying', good.id)).toMatchObject({ error: { name: 'TypeError', message: 'no 1' } });
      expect(await events.first('dead', bad.id)).toMatchObject({
        reason: 'exhausted',
        error: { name: 'TypeError', message: 'no 2' },
      });
      expect(events.namesOf(good.id)).toEqual(['enqueued', 'active', 'retrying', 'active', 'completed']);
      expect(events.namesOf(bad.id)).toEqual(['enqueued', 'active', 'retrying', 'active', 'dead']);
    });

    it('calls @OnQueueEvent in another app', async () => {
      const store = options();
      const ends = new Map<string, JobEvent>();
      let onTold: () => void = () => {};
      @Injectable()
      class Listener {
        @OnQueueEvent('work', 'completed')
        @OnQueueEvent('work', 'dead')
        told(event: JobEvent & { id: string }) {
          ends.set(event.id, event);
          onTold();
        }
      }
      const fail = ({ payload }: Job<boolean>) => {
        if (payload) throw new Error('as asked');
        return 'fine';
      };
      await startApp({ providers: [handlerOf<boolean>('work', fail, { maxAttempts: 1 })] }, store);
      const { app } = await startApp({ providers: [Listener] }, { ...store, ...PRODUCER });
      const queues = app.get(QueueService);
      while (ends.size === 0) await (await queues.enqueue<unknown, unknown>('work', false)).result(); // it listens now
      const [good, bad] = [await queues.enqueue('work', false), await queues.enqueue('work', true)];
      while (!ends.has(good.id) || !ends.has(bad.id)) await new Promise<void>((resolve) => (onTold = resolve));
      expect(ends.get(good.id)).toMatchObject({ event: 'completed', result: 'fine' });
      expect(ends.get(bad.id)).toMatchObject({ event: 'dead', reason: 'exhausted' });
    });
  });

  it('currentJob() is the job of the code that asks, however deep', async () => {
    @Injectable()
    class Audit {
      async who(): Promise<string | undefined> {
        await new Promise(setImmediate);
        const [id] = await Promise.all([1].map(async () => currentJob()?.id));
        return id;
      }
    }
    const both = gate();
    let started = 0;
    @Injectable()
    class Work {
      constructor(private readonly audit: Audit) {}
      @Processor('work')
      async run(job: Job) {
        if (++started === 2) both.open();
        await both.promise; // the other job runs beside this one
        return { same: currentJob() === job, id: await this.audit.who() };
      }
    }
    const { app } = await startApp({ providers: [Audit, Work] }, options());
    const queues = app.get(QueueService);
    const jobs = await queues.enqueueMany('work', [{ payload: 1 }, { payload: 2, id: 'second' }]);
    expect(await Promise.all(jobs.map((job) => job.result()))).toEqual([
      { same: true, id: jobs[0].id },
      { same: true, id: 'second' },
    ]);
    expect(currentJob()).toBeUndefined();
  });

  it('handlers enqueue more jobs, and may await their results', async () => {
    @Injectable()
    class Tree {
      constructor(private readonly queues: QueueService) {}
      @Processor('work')
      async grow({ payload }: Job<number>): Promise<number> {
        if (payload === 0) return 1;
        const children = await this.queues.enqueueMany<number, number>('work', [
          { payload: payload - 1 },
          { payload: payload - 1 },
        ]);
        const leaves = await Promise.all(children.map((child) => child.result()));
        return leaves[0] + leaves[1];
      }
    }
    const { app } = await startApp({ providers: [Tree] }, options());
    expect(await (await app.get(QueueService).enqueue<number, number>('work', 2)).result()).toBe(4);
  });

  describe('retention', () => {
    it('keeps the newest of so many', async () => {
      const fail = handlerOf<boolean>(
        'work',
        ({ payload }) => {
          if (payload) throw new Error('as asked');
        },
        { maxAttempts: 1, retention: { completed: { count: 2 }, dead: { count: 3 } } },
      );
      const { app, logs } = await startApp({ providers: [fail] }, options());
      const queues = app.get(QueueService);
      const ids: string[] = [];
      for (let n = 0; n < 10; n++) {
        const job = await queues.enqueue('work', n % 2 === 1);
        await job.result().catch(() => {});
        ids.push(job.id);
      }
      expect(await queues.counts('work')).toMatchObject({ completed: 2, dead: 3 });
      const kept = async (state: 'completed' | 'dead') =>
        (await queues.jobs('work', { state })).jobs.map(({ id }) => id);
      expect(await kept('completed')).toEqual([ids[8], ids[6]]);
      expect(await kept('dead')).toEqual([ids[9], ids[7], ids[5]]);
      expect(logs.matching(/retention trimmed 1 dead letters/).length).toBeGreaterThan(0);
    });

    it('false keeps nothing, and who awaits it still gets the end', async () => {
      const started = gate();
      const open = gate();
      const work = handlerOf<string>('work', async ({ payload }) => {
        started.open();
        await open.promise;
        if (payload === 'bad') throw new Error('as asked');
        return payload;
      });
      const { app } = await startApp({ providers: [work] }, options());
      const queues = app.get(QueueService);
      const nothing = { maxAttempts: 1, retention: { completed: false, dead: false } } as const;
      const good = await queues.enqueue<string, string>('work', 'good', { ...nothing, id: 'good' });
      const bad = await queues.enqueue('work', 'bad', nothing);
      const ends = Promise.allSettled([good.result(), bad.result()]);
      await started.promise;
      await good.result({ timeout: 0 }).catch(() => {}); // both waits are registered by now
      await bad.result({ timeout: 0 }).catch(() => {});
      open.open();
      expect(await ends).toMatchObject([
        { status: 'fulfilled', value: 'good' },
        { status: 'rejected', reason: { code: 'TASK_QUEUE_JOB_DEAD', lastError: { message: 'as asked' } } },
      ]);
      expect(await queues.getJob('work', 'good')).toBeUndefined();
      expect(await queues.counts('work')).toMatchObject({ completed: 0, dead: 0, active: 0, ready: 0 });
      await expect(good.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
      // The id is free again.
      expect(await queues.enqueue('work', 'again', { id: 'good' })).toMatchObject({ created: true });
    });
  });

  it('an Observable that never ends is unsubscribed when its run is aborted', async () => {
    const unsubscribed = gate();
    const endless = () => defer(() => concat(of(1), NEVER));
    @Injectable()
    class Work {
      @Processor('work', { timeout: 1, maxAttempts: 1 })
      run() {
        const values = endless();
        const subscribe = values.subscribe.bind(values);
        values.subscribe = ((observer: never) => {
          const subscription = subscribe(observer);
          subscription.add(() => unsubscribed.open());
          return subscription;
        }) as typeof values.subscribe;
        return values;
      }
    }
    const { app } = await startApp({ providers: [Work] }, options());
    const job = await app.get(QueueService).enqueue('work', {});
    await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted' });
    await unsubscribed.promise;
  });
});
