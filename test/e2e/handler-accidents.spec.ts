import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, UseGuards } from '@nestjs/common';
import { concat, Observable, of, throwError } from 'rxjs';
import {
  ConfigurationError,
  Processor,
  QueueService,
  UnrecoverableError,
  type Codec,
  type Job,
  type ProcessorOptions,
} from 'nestjs-task-queue';
import type { Store } from '../../src/core/ports/store.js';
import { STORE } from '../../src/core/constants.js';
import { closeApps, startApp, STORES, type RunningApp } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

const TWICE: ProcessorOptions = { maxAttempts: 2, backoff: 0, concurrency: 1 };

interface Step {
  accident?: boolean;
}

function cyclic(): Record<string, unknown> {
  const value: Record<string, unknown> = { name: 'cyclic' };
  value.self = value;
  return value;
}

function withThrowingGetters(): Error {
  const error = new Error('hidden');
  for (const key of ['name', 'message', 'stack', 'cause']) {
    Object.defineProperty(error, key, {
      get() {
        throw new Error(`getter of ${key}`);
      },
    });
  }
  return error;
}

/** Every look at it throws. */
function hostileProxy(): object {
  const fail = () => {
    throw new Error('trap');
  };
  const traps = { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail };
  return new Proxy({}, traps);
}

function huge(): Error {
  const text = 'x'.repeat(10 * 1024 * 1024);
  return Object.assign(new Error(text), { stack: text, name: text });
}

const THROWN: [string, () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['a number', () => 7],
  ['a symbol', () => Symbol('thrown')],
  ['a BigInt', () => 7n],
  ['a function', () => () => {}],
  ['a cyclic object', cyclic],
  ['an object without prototype', () => Object.create(null) as unknown],
  ['an object that cannot become text', () => ({ toString: () => cyclic(), [Symbol.toPrimitive]: () => ({}) })],
  ['an object whose toJSON throws', () => ({ toJSON: () => fail('toJSON') })],
  ['an error whose getters throw', withThrowingGetters],
  ['an error whose message is an object', () => Object.assign(new Error('x'), { message: cyclic(), stack: 7 })],
  ['an error with 10 MB of name, message and stack', huge],
  ['a text of 10 MB', () => 'ü'.repeat(5 * 1024 * 1024)],
  ['lone surrogates and newlines', () => new Error('\ud800\n\r\u2028\0')],
  ['a proxy whose every trap throws', hostileProxy],
];

function fail(message: string): never {
  throw new Error(message);
}

describe.each(STORES)('on $name', ({ options }) => {
  /** Runs one job whose handler has the accident, then one without: the worker must have survived. */
  async function afterAccident(
    accident: (job: Job<Step>) => unknown,
    given: ProcessorOptions = TWICE,
  ): Promise<{ error: { reason: string }; runs: number; running: RunningApp; id: string }> {
    let runs = 0;
    const work = handlerOf<Step>(
      'work',
      (job) => {
        if (!job.payload.accident) return { alive: true };
        runs++;
        return accident(job);
      },
      given,
    );
    const running = await startApp({ providers: [work] }, options());
    const queues = running.app.get(QueueService);
    const job = await queues.enqueue<Step>('work', { accident: true });
    const error = await job.result().then(
      () => fail('The job completed'),
      (reason: { reason: string }) => reason,
    );
    expect(await (await queues.enqueue<Step>('work', {})).result()).toEqual({ alive: true });
    expect(await queues.counts('work')).toMatchObject({ active: 0, ready: 0, scheduled: 0 });
    return { error, runs, running, id: job.id };
  }

  describe('a handler that throws', () => {
    it.each(THROWN)('%s fails like any other', async (_what, thrown) => {
      const { error, runs, running, id } = await afterAccident(() => {
        throw thrown();
      });
      expect(runs).toBe(2);
      expect(error).toMatchObject({ code: 'TASK_QUEUE_JOB_DEAD', reason: 'exhausted' });
      const dead = await running.app.get(QueueService).getJob('work', id);
      expect(dead?.errors.map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect(dead?.errors.every(({ name, message }) => name !== '' && typeof message === 'string')).toBe(true);
      expect(dead?.raw.length).toBeLessThan(20_000);
      expect(running.logs.matching(/is dead \(exhausted\)/)).toHaveLength(1);
      expect(running.logs.lines.every((line) => line.length < 5000)).toBe(true);
    });

    it.each(THROWN)('%s behind a guard fails like any other', async (_what, thrown) => {
      @Injectable()
      class Work {
        @UseGuards({ canActivate: () => true })
        @Processor('work', TWICE)
        run() {
          throw thrown();
        }
      }
      const { app } = await startApp({ providers: [Work] }, options());
      const job = await app.get(QueueService).enqueue('work', {});
      await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted' });
    });

    it('it late fails like any other', async () => {
      const { error, runs } = await afterAccident(async () => {
        await new Promise(setImmediate);
        throw withThrowingGetters();
      });
      expect({ runs, reason: error.reason }).toEqual({ runs: 2, reason: 'exhausted' });
    });
  });

  describe('what is behind an error', () => {
    it.each<[string, () => Error, RegExp]>([
      ['its causes', () => new Error('outer', { cause: new TypeError('inner') }), /outer \(cause: TypeError: inner\)/],
      ['the errors that it holds', () => new AggregateError([new Error('one'), 'two'], 'all'), /all \(errors: Error: one; two\)/], // prettier-ignore
      ['those of another realm', () => runInNewContext(`new Error('far', { cause: new Error('off') })`) as Error, /far \(cause: Error: off\)/], // prettier-ignore
    ])('%s are in the history, in the log and in the dead message', async (_what, thrown, told) => {
      const { error, running, id } = await afterAccident(() => {
        throw thrown();
      });
      expect(error).toMatchObject({ message: expect.stringMatching(told) });
      const dead = await running.app.get(QueueService).getJob('work', id);
      expect(dead?.deadMessage).toMatch(told);
      expect(dead?.errors.map(({ message }) => told.test(message))).toEqual([true, true]);
      expect(dead?.errors[0].stack).toMatch(/Error: /);
      expect(running.logs.matching(told)).toEqual([expect.stringMatching(/^warn/), expect.stringMatching(/is dead/)]);
    });

    it('the cause of what gave the job up is kept, too', async () => {
      const { error } = await afterAccident(() => {
        throw new UnrecoverableError('no such customer', { cause: new RangeError('id 7') });
      });
      expect(error).toMatchObject({
        reason: 'unrecoverable',
        message: expect.stringContaining('no such customer (cause: RangeError: id 7)'),
      });
    });
  });

  describe('a result that cannot be stored', () => {
    it.each<[string, () => unknown]>([
      ['a BigInt', () => 7n],
      ['an object with a BigInt', () => ({ rows: [{ id: 7n }] })],
      ['a cyclic object', cyclic],
      ['a promise of a cyclic object', async () => cyclic()],
      ['an object whose toJSON throws', () => ({ toJSON: () => fail('toJSON') })],
      ['more than payloadLimit', () => 'x'.repeat(300 * 1024)],
      ['more bytes than payloadLimit', () => 'ü'.repeat(140 * 1024)],
      ['an Observable whose last value is cyclic', () => of('fine', cyclic())],
    ])('%s ends the job dead, without a second run', async (_what, returned) => {
      const { error, runs, running, id } = await afterAccident(returned);
      expect(error.reason).toBe('result');
      expect(String(error)).not.toMatch(/circular structure|serialize a BigInt/);
      expect(runs).toBe(1);
      expect(await running.app.get(QueueService).getJob('work', id)).toMatchObject({
        state: 'dead',
        deadReason: 'result',
        attempt: 1,
      });
    });

    it.each<[string, () => unknown]>([
      ['a proxy whose every trap throws', hostileProxy],
      [
        'a promise of an object whose getters throw',
        async () => ({
          get lift() {
            return fail('lift');
          },
        }),
      ],
      [
        'an object whose getters throw',
        () => ({
          get lift() {
            return fail('lift');
          },
        }),
      ],
      ['what looks like an Observable and is none', () => ({ lift: () => {}, subscribe: () => fail('subscribe') })],
    ])('%s does not stop the worker', async (_what, returned) => {
      const { error } = await afterAccident(returned);
      expect(error.reason).toMatch(/result|exhausted/);
    });
  });

  describe('a text with a newline, which a codec made', () => {
    const codec: Codec = {
      encode: (value) => (typeof value === 'string' ? value : JSON.stringify(value)),
      decode: (text) => (text.startsWith('{') ? (JSON.parse(text) as unknown) : text),
    };

    async function afterText(run: (job: Job) => unknown) {
      const { app } = await startApp({ providers: [handlerOf('work', run, TWICE)] }, { ...options(), codec });
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', { kept: 'whole' });
      await job.result().catch(() => {});
      return queues.getJob('work', job.id);
    }

    it('ends the job dead where it is a result, without a second run', async () => {
      expect(await (await afterText(() => 'fine'))?.result()).toBe('fine');
      const dead = await afterText(() => 'two\nlines');
      expect(dead).toMatchObject({ state: 'dead', deadReason: 'result', attempt: 1, payload: { kept: 'whole' } });
      expect(dead?.errors[0].message).toMatch(/without newlines; for a result of "work\/default"/);
    });

    it('is an error to the handler where it is progress', async () => {
      const thrown: unknown[] = [];
      const completed = await afterText((job) => {
        job.progress('fine');
        try {
          job.progress('two\nlines');
        } catch (error) {
          thrown.push(error);
        }
      });
      expect(thrown).toEqual([expect.any(ConfigurationError)]);
      expect(completed).toMatchObject({ state: 'completed', lastProgress: 'fine' });
    });
  });

  describe('an Observable', () => {
    it.each<[string, () => unknown]>([
      ['whose progress is no JSON', () => of(1n, 'last')],
      [
        'that fails',
        () =>
          concat(
            of(1),
            throwError(() => cyclic()),
          ),
      ],
      ['that fails with nothing', () => throwError(() => undefined)],
    ])('%s fails like any other', async (_what, returned) => {
      const { error, runs } = await afterAccident(returned);
      expect({ runs, reason: error.reason }).toEqual({ runs: 2, reason: 'exhausted' });
    });

    it('whose progress is no JSON fails behind a guard as well', async () => {
      @Injectable()
      class Work {
        @UseGuards({ canActivate: () => true })
        @Processor('work', TWICE)
        run() {
          return of(1n, 'last');
        }
      }
      const { app } = await startApp({ providers: [Work] }, options());
      const job = await app.get(QueueService).enqueue('work', {});
      await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted' });
    });
  });

  it('progress and log lines that cannot be stored fail the run, not the worker', async () => {
    const reports: ((job: Job<Step>) => void)[] = [
      (job) => job.progress(7n),
      (job) => job.progress(cyclic()),
      (job) => job.progress('x'.repeat(300 * 1024)),
      (job) => job.log(7 as never),
    ];
    for (const report of reports) {
      const { error, runs } = await afterAccident(report);
      expect({ runs, reason: error.reason }).toEqual({ runs: 2, reason: 'exhausted' });
      await closeApps();
    }
  });

  it('a log line that is no text says what to pass', async () => {
    const { error } = await afterAccident((job) => job.log({ sent: 3 } as never));
    expect(String(error)).toContain(
      'Invalid line of job.log(): {"sent":3}. Pass a text, such as JSON.stringify(value).',
    );
  });

  it.each<[string, () => unknown]>([
    ['a promise', () => new Promise(() => {})],
    ['a thenable', () => ({ then: () => {} })],
  ])('%s that never settles ends at the timeout', async (_what, returned) => {
    const { error, runs } = await afterAccident(returned, { ...TWICE, timeout: 1 });
    expect({ runs, reason: error.reason }).toEqual({ runs: 2, reason: 'exhausted' });
  });

  it.each([
    ['is stopped by its timeout', 1, /TimeoutError|teardown/],
    ['reports what cannot be stored', undefined, /teardown/],
  ])('an Observable whose teardown throws when it %s fails its own job alone', async (_, timeout, message) => {
    const source = (values: unknown[]) =>
      new Observable((subscriber) => {
        queueMicrotask(() => values.forEach((value) => subscriber.next(value)));
        return () => {
          throw new Error('teardown');
        };
      });
    const work = handlerOf<string>('work', ({ payload }) => (payload === 'fine' ? 1 : source([1n, 2n])), TWICE);
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    const values = timeout === undefined ? {} : { timeout };
    const failing = await queues.enqueue('work', 'odd', { maxAttempts: 1, ...values });
    await expect(failing.result()).rejects.toMatchObject({
      reason: 'exhausted',
      message: expect.stringMatching(message),
    });
    expect(await (await queues.enqueue<string, unknown>('work', 'fine')).result()).toBe(1);
  });

  it('what settles twice, or after the timeout, settles its job once', async () => {
    const late: ((value: unknown) => void)[] = [];
    const work = handlerOf<string>(
      'work',
      ({ payload }) => {
        if (payload === 'late') return new Promise((resolve) => late.push(resolve));
        return {
          then(resolve: (value: unknown) => void, reject: (error: Error) => void) {
            resolve('first');
            resolve('second');
            reject(new Error('third'));
            throw new Error('fourth');
          },
        };
      },
      { ...TWICE, timeout: 1 },
    );
    const { app } = await startApp({ providers: [work] }, options());
    const queues = app.get(QueueService);
    expect(await (await queues.enqueue<string, unknown>('work', 'twice', { timeout: '1h' })).result()).toBe('first');
    const job = await queues.enqueue('work', 'late');
    await expect(job.result()).rejects.toMatchObject({ reason: 'exhausted' });
    for (const resolve of late) resolve({ too: 'late' });
    expect(await (await queues.enqueue<string, unknown>('work', 'twice', { timeout: '1h' })).result()).toBe('first');
    expect(await job.refresh()).toMatchObject({ state: 'dead', deadReason: 'exhausted' });
    expect(await queues.counts('work')).toMatchObject({ completed: 2, dead: 1 });
  });

  describe('a stored envelope that no producer of ours wrote', () => {
    /** Stores these texts as they are, runs what can be run, and gives back the jobs in order. */
    async function jobsOf(texts: string[], runs: unknown[] = [], given: ProcessorOptions = {}) {
      const store = options();
      const { app } = await startApp({}, { ...store, role: 'producer', queues: { work: {} } });
      const receipts = await app.get<Store>(STORE).intake.enqueue(
        'work',
        texts.map((envelope) => ({ envelope })),
      );
      const handle = ({ payload }: Job) => {
        runs.push(payload);
        if (payload === 'fail') throw new Error('as asked');
      };
      const worker = await startApp({ providers: [handlerOf('work', handle, { ...TWICE, ...given })] }, store);
      const queues = app.get(QueueService);
      await (await queues.enqueue('work', 'control')).result();
      return Promise.all(
        receipts.map(async ({ id }) => {
          const job = await queues.getJob('work', id);
          await job?.result().catch(() => {});
          return { job: await job?.refresh(), logs: worker.logs };
        }),
      );
    }

    it.each([
      ['of another version', '9abc\n{}'],
      ['without a payload', '1abc'],
      ['with no JSON for a payload', '1abc\n{"to":'],
      ['with an empty payload', '1abc\n'],
      ['with no JSON for a header', '1abc {"n":\n{}'],
      ['with another kind of header', '1abc {"n":7}\n{}'],
      ['with an incomplete backoff', '1abc {"b":{"type":"fixed","delayMs":5}}\n"fail"'],
      ['with a history that is no list', '1abc {"e":{}}\n"fail"'],
      ['with a retention that is none', '1abc {"r":{"dead":true,"completed":7}}\n"fail"'],
      ['with a history of no errors', '1abc {"e":[null,7]}\n"fail"'],
      ['with plain words', 'hello'],
      ['with nothing', ''],
    ])('%s is dead as unreadable, with its text', async (_what, text) => {
      const runs: unknown[] = [];
      const [{ job, logs }] = await jobsOf([text], runs);
      expect(runs).toEqual(['control']);
      expect(job).toMatchObject({ state: 'dead', deadReason: 'unreadable', unreadable: true });
      expect(job?.raw.slice(job.raw.indexOf('\n') + 1)).toBe(text);
      expect(logs.matching(/is dead \(unreadable\)/)).toHaveLength(1);
    });

    it.each(['two words', 'two\nlines', '', '*', 'ü', 'x'.repeat(200)])(
      'with a name that no handler can have (%j) is dead instead of parked',
      async (name) => {
        const runs: unknown[] = [];
        const text = `1abc ${JSON.stringify({ n: name })}\n{}`;
        const [{ job }] = await jobsOf([text], runs, { name: 'default' });
        expect(job).toMatchObject({ state: 'dead', deadReason: 'unreadable' });
        expect(job?.deadMessage).toMatch(/^No handler can have the job name "/);
        expect(runs).toEqual(['control']);
      },
    );

    it.each([
      ['no attempts allowed', '1abc {"m":0}\n"fail"', 'exhausted'],
      ['odd numbers', '1abc {"a":-3.5,"m":-1e300,"t":1e300,"s":-1,"p":99}\n"fail"', 'exhausted'],
      ['an unknown backoff', '1abc {"b":{"type":"gone","delayMs":0,"maxMs":0,"jitter":5}}\n"fail"', 'exhausted'],
      ['no time', '1zzzzzzzzzzzzzzzz\n"fail"', 'exhausted'],
      ['more fields than we know', '1abc {"zz":{"a":[1]},"__proto__":{"m":9}}\n"fail"', 'exhausted'],
    ])('with %s ends all the same', async (_what, text, reason) => {
      const [{ job }] = await jobsOf([text]);
      expect(job).toMatchObject({ state: 'dead', deadReason: reason });
      expect(({} as { m?: number }).m).toBeUndefined();
    });
  });
});
