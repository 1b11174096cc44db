import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { defer, of } from 'rxjs';
import { currentJob, OnQueueEvent, Processor, QueueService, type Codec, type Job } from 'nestjs-task-queue';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const context = new AsyncLocalStorage<string>();

describe.each(STORES)('contexts on $name', ({ options }) => {
  it('a handler has none of the request that enqueued it, and what one enters the next do not see', async () => {
    const seen: unknown[] = [];
    const work = handlerOf(
      'work',
      async ({ id }) => {
        seen.push(context.getStore());
        context.enterWith(`entered by ${id}`);
        await new Promise(setImmediate);
        expect(context.getStore()).toBe(`entered by ${id}`);
        expect(currentJob()?.id).toBe(id);
      },
      { concurrency: 3 },
    );
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    await context.run('a request', async () => {
      const jobs = await queues.enqueueMany(
        'work',
        Array.from({ length: 20 }, () => ({ payload: {} })),
      );
      jobs.push(await queues.enqueue('work', {}), await queues.enqueue('work', {}, { delay: 5 }));
      for (const job of jobs) await job.result();
      expect(context.getStore()).toBe('a request');
    });
    expect(seen).toEqual(Array.from({ length: 22 }, () => undefined));
  });

  it('synchronous handlers that enter a context leave none behind', async () => {
    const seen: unknown[] = [];
    const work = handlerOf('work', ({ id }) => {
      seen.push(context.getStore());
      context.enterWith(id);
    });
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const jobs = await queues.enqueueMany(
      'work',
      Array.from({ length: 10 }, () => ({ payload: {} })),
    );
    for (const job of jobs) await job.result();
    expect(seen).toEqual(Array.from({ length: 10 }, () => undefined));
  });

  it('listeners and subscribers have no current job and no context of anybody', async () => {
    const seen: unknown[] = [];
    const all = gate();
    const note = (what: string): void => {
      seen.push([what, currentJob(), context.getStore()]);
      context.enterWith(what);
      if (seen.length === 4) all.open();
    };
    @Injectable()
    class Work {
      @Processor('work')
      run() {
        context.enterWith('the handler');
      }

      @OnQueueEvent('work', 'enqueued')
      enqueued() {
        note('enqueued');
      }

      @OnQueueEvent('work', 'completed')
      completed() {
        note('completed');
      }
    }
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    await context.run('a request', async () => {
      queues.events('work').subscribe(({ event }) => {
        if (event === 'enqueued' || event === 'completed') note(`subscriber of ${event}`);
      });
      await (await queues.enqueue('work', {})).result();
    });
    await all.promise;
    expect(seen.every((each) => (each as unknown[])[1] === undefined)).toBe(true);
    expect((seen as string[][]).filter(([what]) => !what.startsWith('subscriber')).map(([, , store]) => store)).toEqual(
      [undefined, undefined],
    );
    expect((seen as string[][]).every(([, , store]) => store !== 'a request' && store !== 'the handler')).toBe(true);
  });

  it('what a handler returns runs in no context of a request: Observables, lazy thenables, and listeners of its signal', async () => {
    const seen: unknown[] = [];
    const note = (): unknown => seen.push([currentJob()?.name, context.getStore()]);
    const aborted = gate();
    @Injectable()
    class Work {
      @Processor('work', { name: 'observable' })
      observable() {
        return defer(() => of(note()));
      }

      @Processor('work', { name: 'lazy' })
      lazy() {
        return {
          then: (resolve: (value: unknown) => void) => {
            note();
            resolve(1);
          },
        };
      }

      @Processor('work', { name: 'callable' })
      callable() {
        return Object.assign(() => {}, {
          then: (resolve: (value: unknown) => void) => {
            note();
            resolve(1);
          },
        });
      }

      @Processor('work', { name: 'aborted', timeout: 1, maxAttempts: 1 })
      run(job: Job) {
        job.signal.addEventListener('abort', () => {
          note();
          aborted.open();
        });
        return new Promise(() => {});
      }
    }
    const { app } = await startApp({ providers: [Work] }, options());
    const queues = app.get(QueueService);
    await context.run('a request', async () => {
      for (const name of ['observable', 'lazy', 'callable'])
        await (await queues.enqueue('work', {}, { name })).result();
      await queues.enqueue('work', {}, { name: 'aborted' });
    });
    await aborted.promise;
    expect(seen).toEqual([
      ['observable', undefined],
      ['lazy', undefined],
      ['callable', undefined],
      ['aborted', undefined],
    ]);
  });

  it('a codec and a backoff strategy of a worker are asked in no context of a request', async () => {
    const seen = new Set<unknown>();
    const codec: Codec = {
      encode: (value) => JSON.stringify(value),
      decode: (text, { field }) => {
        if (field === 'payload') seen.add(context.getStore());
        return JSON.parse(text) as unknown;
      },
    };
    const backoffs = { mine: () => (seen.add(context.getStore()), 0) };
    const fail = () => {
      throw new Error('no');
    };
    const work = handlerOf('work', fail, { maxAttempts: 2, backoff: { type: 'mine' } });
    const { app } = await startApp({ providers: [work] }, { ...options(), codec, backoffs });
    await context.run('a request', async () => {
      const job = await app.get(QueueService).enqueue('work', {});
      await expect(job.result()).rejects.toThrow(/dead/);
    });
    expect([...seen]).toEqual([undefined]);
  });
});

describe.each(STORES)('a job that is logged on $name', ({ options }) => {
  const FIELDS = [
    ...[
      'attempt',
      'enqueuedAt',
      'fence',
      'group',
      'headers',
      'id',
      'maxAttempts',
      'name',
      'payload',
      'queue',
      'schedule',
      'scheduledFor',
    ],
  ];

  it('shows its documented members and nothing else', async () => {
    const shown: Record<string, unknown> = {};
    const work = handlerOf('work', (job) => {
      shown.text = JSON.stringify(job);
      shown.spread = { ...job };
      shown.inspected = inspect(job, { depth: 10 });
      shown.cloned = structuredClone({ ...job });
    });
    const { app } = await startApp({ providers: [work] }, { ...options(), redact: ['password'] });
    const job = await app.get(QueueService).enqueue('work', { to: 'x', password: 'secret' }, { id: 'j1' });
    await job.result();
    const fields = JSON.parse(shown.text as string) as object;
    expect(fields).toMatchObject({ id: 'j1', queue: 'work', name: 'default', attempt: 1, payload: { to: 'x' } });
    expect(shown.text).not.toContain('secret');
    const known = (value: unknown) => Object.keys(value as object).sort();
    expect(known(shown.spread)).toEqual(FIELDS);
    expect(known(shown.cloned)).toEqual(FIELDS);
    expect(shown.inspected).not.toMatch(/token|envelope|sink|plan/);
  });
});
