import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import {
  defineJob,
  OnQueueEvent,
  Processor,
  QueueService,
  SnoozeError,
  type Codec,
  type Job,
  type JobDefinition,
} from 'nestjs-task-queue';
import type { StandardSchemaV1 } from '../../src/core/standard-schema.js';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

function fail(message = 'as asked'): never {
  throw new Error(message);
}

/** Jest fails the test in which a rejection stays unhandled: until here it would have come. */
async function turns(): Promise<void> {
  for (let round = 0; round < 5; round++) await new Promise(setImmediate);
}

describe.each(STORES)('callbacks of users on $name', ({ options }) => {
  describe('a backoff strategy', () => {
    it.each<[string, () => unknown, RegExp]>([
      ['throws', () => fail('broken'), /"mine" threw Error: broken/],
      ['throws nothing', () => { throw undefined; }, /"mine" threw undefined/], // prettier-ignore
      ['rejects', async () => fail('late'), /"mine" answered a promise/],
      ['answers NaN', () => Number.NaN, /"mine" answered NaN/],
      ['answers a text', () => '5s', /"mine" answered "5s"/],
      ['answers nothing', () => undefined, /"mine" answered undefined/],
      ['answers a lazy thenable', () => ({ then: (_: unknown, reject: (e: Error) => void) => reject(new Error('x')) }), /promise/], // prettier-ignore
    ])('that %s is told once and delays by the default', async (_what, mine, told) => {
      const work = handlerOf('work', () => fail(), { maxAttempts: 3, backoff: { type: 'mine', max: 1 } });
      const { app, logs } = await startApp({ providers: [work] }, { ...options(), backoffs: { mine: mine as () => number } }); // prettier-ignore
      const job = await app.get(QueueService).enqueue('work', {});
      await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted' });
      expect((await job.refresh()).errors).toHaveLength(3);
      expect(logs.matching(/backoff strategy/)).toEqual([expect.stringMatching(told)]);
    });
  });

  describe('a listener', () => {
    let started: string[] = [];
    const lazy = (settle: (resolve: () => void, reject: (error: Error) => void) => void) => ({
      then(resolve: () => void, reject: (error: Error) => void) {
        started.push('thenable');
        settle(resolve, reject);
      },
    });
    it.each<[string, () => unknown, string | undefined, string[]]>([
      ['throws', () => fail('at once'), 'at once', []],
      ['rejects', async () => fail('later'), 'later', []],
      ['returns a thenable that rejects', () => lazy((_, reject) => reject(new Error('query'))), 'query', ['thenable']],
      ['returns a lazy query', () => lazy((resolve) => resolve()), undefined, ['thenable']],
      ['returns a thenable that throws', () => lazy(() => fail('in then')), 'in then', ['thenable']],
      ['returns a function that is awaited', () => Object.assign(() => {}, lazy((_, reject) => reject(new Error('f')))), 'f', ['thenable']], // prettier-ignore
      ['returns an Observable that fails', () => new Observable((to) => { started.push('observable'); to.error(new Error('stream')); }), 'stream', ['observable']], // prettier-ignore
      ['returns an Observable', () => new Observable((to) => { started.push('observable'); to.next(1); }), undefined, ['observable']], // prettier-ignore
      ['has a then that throws', () => Object.defineProperty({}, 'then', { get: () => fail('getter') }), 'getter', []],
    ])('that %s is told once, and what it returned is started', async (_what, listen, told, starts) => {
      started = [];
      const called = gate();
      @Injectable()
      class Work {
        @Processor('work')
        run() {}

        @OnQueueEvent('work', 'completed')
        completed() {
          called.open();
          return listen();
        }
      }
      const { app, logs } = await startApp({ providers: [Work] }, options());
      const queues = app.get(QueueService);
      await (await queues.enqueue('work', {})).result();
      await called.promise;
      await turns();
      const lines = logs.matching(/Work\.completed threw/);
      expect(lines.map((line) => line.includes(told ?? 'nothing'))).toEqual(told === undefined ? [] : [true]);
      expect(started).toEqual(starts);
      await (await queues.enqueue('work', {})).result();
    });
  });

  describe('a codec', () => {
    const plain: Codec = { encode: (value) => JSON.stringify(value), decode: (text) => JSON.parse(text) as unknown };
    const asynchronous = async (): Promise<never> => fail('no key');

    it('that encodes to a promise is refused at the call, and its rejection ends nothing', async () => {
      const codec = { ...plain, encode: asynchronous as unknown as Codec['encode'] };
      const { app } = await startApp({ providers: [handlerOf('work', () => {})] }, { ...options(), codec });
      const queues = app.get(QueueService);
      await expect(queues.enqueue('work', {})).rejects.toMatchObject({
        code: 'TASK_QUEUE_CONFIGURATION',
        message: expect.stringMatching(/must encode at once; for a payload of "work\/default" it returned a promise/),
      });
      await turns();
    });

    it.each<[string, Codec['decode']]>([
      ['decodes to a promise', asynchronous],
      ['throws', () => fail('no key')],
      ['throws nothing', () => { throw undefined; }], // prettier-ignore
    ])('that %s makes its job dead as unreadable', async (_what, decode) => {
      let runs = 0;
      const work = handlerOf('work', () => void runs++);
      const { app } = await startApp({ providers: [work] }, { ...options(), codec: { ...plain, decode } });
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', {});
      await expect(job.result()).rejects.toMatchObject({ reason: 'unreadable' });
      expect((await queues.getJob('work', job.id))?.unreadable).toBe(true);
      await turns();
      expect(runs).toBe(0);
    });
  });

  describe('a schema', () => {
    const definitionOf = (validate: (value: unknown) => unknown): JobDefinition<unknown, unknown, unknown> =>
      defineJob({
        queue: 'work',
        name: 'checked',
        schema: { '~standard': { version: 1, vendor: 'x', validate } } as unknown as StandardSchemaV1,
      });

    it.each<[string, () => unknown, RegExp]>([
      ['throws', () => fail('broken'), /broken/],
      ['rejects', async () => fail('late'), /late/],
      ['answers nothing', () => undefined, /A schema answered undefined: validate\(\) must return/],
      ['answers a text', () => 'no', /A schema answered "no"/],
      ['answers issues that are none', () => ({ issues: 'wrong' }), /Invalid payload.*"wrong"/],
      [
        'answers odd issues',
        () => ({ issues: [null, { message: 7 }, { message: 'm', path: 'x' }] }),
        /null.*message.*m/,
      ],
      ['rejects as a thenable', () => ({ then: (_: unknown, no: (e: Error) => void) => no(new Error('lazy')) }), /lazy/], // prettier-ignore
    ])('that %s is told at the call', async (_what, validate, message) => {
      const { app } = await startApp({}, { ...options(), queues: { work: {} } });
      await expect(app.get(QueueService).enqueue(definitionOf(validate), {})).rejects.toThrow(message);
    });

    it('that answers by a thenable is waited for', async () => {
      const lazy = (value: unknown) => ({ then: (resolve: (answer: unknown) => void) => resolve({ value }) });
      const definition = definitionOf(lazy);
      @Injectable()
      class Work {
        @Processor(definition)
        run({ payload }: Job) {
          return payload;
        }
      }
      const { app } = await startApp({ providers: [Work] }, options());
      expect(await (await app.get(QueueService).enqueue(definition, { to: 'x' })).result()).toEqual({ to: 'x' });
    });
  });

  it('a logger that throws loses its lines, and nothing else', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    @Injectable()
    class Work {
      @Processor('work', { maxAttempts: 1 })
      run({ payload }: Job<{ fails?: boolean }>) {
        if (payload.fails) fail();
        return 1;
      }

      @OnQueueEvent('work', 'dead')
      dead() {
        fail('in the listener');
      }
    }
    const { app, logs } = await startApp({ providers: [Work] }, options());
    for (const level of ['log', 'warn', 'error'] as const) logs[level] = () => fail('the disk is full');
    const queues = app.get(QueueService);
    await expect((await queues.enqueue('work', { fails: true })).result()).rejects.toMatchObject({
      reason: 'exhausted',
    });
    expect(await (await queues.enqueue<object, unknown>('work', {})).result()).toBe(1);
    await turns();
    const told = /^The logger of the app threw: Error: the disk is full\./;
    // One each of the parts that log; none of them at every line.
    expect(warn.mock.calls.every(([message]) => told.test(message as string))).toBe(true);
    expect(warn.mock.calls.length).toBeGreaterThanOrEqual(1);
    expect(warn.mock.calls.length).toBeLessThanOrEqual(2);
    warn.mockRestore();
  });

  describe('a computed time', () => {
    it.each<[string, number]>([
      ['of the past', -5],
      ['long past', -1e300],
      ['of now', 0],
    ])('%s snoozes until at once', async (_what, delay) => {
      let runs = 0;
      const work = handlerOf('work', () => {
        if (runs++ === 0) throw new SnoozeError(delay);
        return runs;
      });
      const { app } = await startApp({ providers: [work] }, options());
      expect(await (await app.get(QueueService).enqueue<object, unknown>('work', {})).result()).toBe(2);
    });

    it.each([Number.NaN, Infinity, -Infinity])('%p fails the run, which says why it wanted to wait', async (delay) => {
      const work = handlerOf('work', () => { throw new SnoozeError(delay, 'the API is busy'); }, { maxAttempts: 1 }); // prettier-ignore
      const { app } = await startApp({ providers: [work] }, options());
      const job = await app.get(QueueService).enqueue('work', {});
      await expect(job.result()).rejects.toMatchObject({
        reason: 'exhausted',
        lastError: {
          name: 'InvalidValueError',
          message: expect.stringMatching(/^Invalid snooze: -?(NaN|Infinity)\..* \(cause: Error: the API is busy\)$/),
        },
      });
    });

    it('of the past delays, dates and awaits not at all; what is no time is refused', async () => {
      const { app } = await startApp({ providers: [handlerOf('work', () => 1)] }, options());
      const queues = app.get(QueueService);
      for (const past of [{ delay: -5 }, { runAt: -5 }, { runAt: new Date(-5) }, { runAt: Date.now() - 60_000 }])
        await (await queues.enqueue('work', {}, past)).result();
      for (const odd of [
        { delay: Number.NaN },
        { delay: Infinity },
        { runAt: Number.NaN },
        { runAt: new Date(Number.NaN) },
      ])
        await expect(queues.enqueue('work', {}, odd)).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
      const later = await queues.enqueue('work', {}, { delay: '1h' });
      await expect(later.result({ timeout: -5 })).rejects.toMatchObject({ code: 'TASK_QUEUE_RESULT_TIMEOUT' });
    });
  });
});
