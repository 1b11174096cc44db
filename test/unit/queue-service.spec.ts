import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { EnqueueReceipt, NewJob } from '../../src/core/ports/intake.js';
import type { Store } from '../../src/core/ports/store.js';
import { jsonCodec } from '../../src/core/codec.js';
import { decodeEnvelope, type EnvelopeHeader } from '../../src/core/envelope.js';
import { EnqueueOutcomeUnknownError } from '../../src/core/errors/enqueue-errors.js';
import { BrokerUnavailableError } from '../../src/core/errors/store-errors.js';
import { TaskQueueError } from '../../src/core/errors/task-queue-error.js';
import type { BulkJob } from '../../src/queue/enqueue-options.js';
import { defineJob } from '../../src/queue/job-definition.js';
import { JobHandle } from '../../src/queue/job-handle.js';
import { QueueService } from '../../src/queue/queue.service.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import type { TaskQueueModuleOptions } from '../../src/options/options.js';
import { knownQueues } from '../support/known-queues.js';

const NOW = 1_800_000_000_000;

/** Records what a store is given and answers as one would. */
class RecordingStore {
  readonly calls: { queue: string; jobs: readonly NewJob[] }[] = [];
  fail: ((call: number) => unknown) | undefined;
  readonly store = {
    connection: { now: () => NOW },
    intake: {
      enqueue: async (queue: string, jobs: readonly NewJob[]) => {
        const error = this.fail?.(this.calls.length);
        this.calls.push({ queue, jobs });
        if (error) throw error;
        return this.receiptsOf(jobs);
      },
    },
    curation: { read: async () => [] },
    presence: { queues: async () => [] },
  } as unknown as Store;

  receiptsOf(jobs: readonly NewJob[]): EnqueueReceipt[] {
    return jobs.map((job, index) => ({
      id: `n${index}`,
      created: true,
      state: job.delayMs === undefined && job.runAt === undefined ? 'ready' : 'scheduled',
    }));
  }

  get last(): NewJob {
    return this.calls.at(-1)?.jobs[0] as NewJob;
  }

  get header(): EnvelopeHeader {
    return decodeEnvelope(this.last.envelope).header;
  }
}

function make(options: Partial<TaskQueueModuleOptions> = {}) {
  const resolved = readModuleOptions({ connection: 'memory://', ...options });
  const recorder = new RecordingStore();
  const known = knownQueues(['mail', ...Object.keys(resolved.queues)], { get: (name) => resolved.queues[name] });
  const service = new QueueService(recorder.store, resolved, known);
  return { recorder, service };
}

const strategies = { backoffs: { slow: () => 1 } };

describe('QueueService.enqueue', () => {
  it('stores a plain job with nothing beside its payload', async () => {
    const { service, recorder } = make();
    const job = await service.enqueue('mail', { to: 'a@b.c' });
    expect(recorder.calls).toEqual([{ queue: 'mail', jobs: [{ envelope: `1${NOW.toString(36)}\n{"to":"a@b.c"}` }] }]);
    expect(job).toBeInstanceOf(JobHandle);
    expect(job).toMatchObject({
      id: 'n0',
      queue: 'mail',
      name: 'default',
      state: 'ready',
      created: true,
      attempt: 1,
      maxAttempts: undefined,
    });
    expect(job).toMatchObject({
      payload: { to: 'a@b.c' },
      enqueuedAt: NOW,
      scheduledFor: undefined,
      unreadable: false,
    });
  });

  it('writes what the call says into the header', async () => {
    const { service, recorder } = make(strategies);
    const job = await service.enqueue('mail', 1, {
      name: 'welcome',
      id: 'w-1',
      delay: '10s',
      priority: 7,
      maxAttempts: 2,
      backoff: { type: 'slow', delay: '2s' },
      timeout: '1m',
      expiresIn: '5m',
      retention: { completed: false },
    });
    expect(recorder.header).toEqual({
      n: 'welcome',
      m: 2,
      b: { type: 'slow', delayMs: 2000, maxMs: 3_600_000, jitter: 0 },
      t: 60_000,
      r: { completed: false },
      p: 7,
      s: NOW + 10_000,
      x: NOW + 310_000,
    });
    expect(recorder.last).toMatchObject({ userId: 'w-1', delayMs: 10_000, runAt: undefined, priority: 7 });
    expect(job).toMatchObject({ id: 'w-1', name: 'welcome', maxAttempts: 2, priority: 7, scheduledFor: NOW + 10_000 });
    expect(job).toMatchObject({ state: 'scheduled', dueAt: NOW + 10_000, expiresAt: NOW + 310_000 });
  });

  it('takes instants as Dates and numbers, and the past as at once', async () => {
    const { service, recorder } = make();
    await service.enqueue('mail', 1, { runAt: new Date(NOW + 5000) });
    expect(recorder.last).toMatchObject({ runAt: NOW + 5000, delayMs: undefined });
    await service.enqueue('mail', 1, { runAt: 5, expiresIn: 1000 });
    expect(recorder.last.runAt).toBe(5);
    expect(recorder.header.x).toBe(NOW + 1000);
    for (const delay of [0, '0s', -5]) {
      await service.enqueue('mail', 1, { delay });
      expect(recorder.last.delayMs).toBeUndefined();
      expect(recorder.header.s).toBeUndefined();
    }
  });

  it('prefers the call over the definition over the queue over the defaults', async () => {
    const { service, recorder } = make({
      defaults: { priority: 1, expiresIn: '1m', maxAttempts: 9 },
      queues: { sms: { priority: 2, timeout: '1s', retention: { dead: false } } },
    });
    const text = defineJob({
      queue: 'sms',
      name: 'text',
      priority: 3,
      retention: { completed: false, cancelled: false },
    });
    await service.enqueue('mail', 1);
    expect(recorder.header).toEqual({ p: 1, x: NOW + 60_000 });
    // What a worker resolves by itself is not stored.
    await service.enqueue('sms', 1);
    expect(recorder.header).toEqual({ p: 2, x: NOW + 60_000 });
    await service.enqueue(text, 1);
    expect(recorder.header).toEqual({ n: 'text', p: 3, x: NOW + 60_000, r: { completed: false, cancelled: false } });
    const job = await service.enqueue(text, 1, {
      priority: 0,
      expiresIn: '2m',
      retention: { completed: { count: 1 } },
    });
    expect(recorder.header).toMatchObject({
      n: 'text',
      x: NOW + 120_000,
      r: { completed: { count: 1 }, cancelled: false },
    });
    expect(recorder.header.p).toBeUndefined();
    expect(recorder.last.priority).toBe(0);
    expect(job.maxAttempts).toBeUndefined(); // a handler elsewhere may say otherwise than the defaults
  });

  it('stores the time for retries, and of an expiry what becomes of the job, as the closest level says it', async () => {
    const { service, recorder } = make({
      defaults: { retryFor: '1d', expiresIn: { in: '1m', then: 'drop' } },
      queues: { sms: { expiresIn: { in: '2m', then: 'dead' } } },
    });
    await service.enqueue('mail', 1);
    // A worker knows the time for retries of queues and defaults by itself.
    expect(recorder.header).toEqual({ x: NOW + 60_000, y: 1 });
    await service.enqueue('sms', 1);
    expect(recorder.header).toEqual({ x: NOW + 120_000 });
    const text = defineJob({ queue: 'sms', name: 'text', retryFor: '1h', expiresIn: { in: '3m', then: 'drop' } });
    await service.enqueue(text, 1);
    expect(recorder.header).toEqual({ n: 'text', w: 3_600_000, x: NOW + 180_000, y: 1 });
    await service.enqueue(text, 1, { retryFor: '2h', expiresIn: '4m' });
    expect(recorder.header).toEqual({ n: 'text', w: 7_200_000, x: NOW + 240_000 });
  });

  it.each([
    ['an unknown queue', 'mial', 1, undefined, 'TASK_QUEUE_UNKNOWN_QUEUE', /Did you mean "mail"/],
    ['a queue that is none', 5, 1, undefined, 'TASK_QUEUE_INVALID_VALUE', /Invalid queue: 5/],
    [
      'a plain object for a definition',
      { queue: 'mail', name: 'x' },
      1,
      undefined,
      'TASK_QUEUE_INVALID_VALUE',
      /defineJob/,
    ],
    ['an unknown option', 'mail', 1, { prority: 1 }, 'TASK_QUEUE_UNKNOWN_OPTION', /enqueue\("mail"\).*"priority"/],
    ['a payload among the options', 'mail', 1, { payload: 1 }, 'TASK_QUEUE_UNKNOWN_OPTION', /payload/],
    ['an option that does not exist', 'mail', 1, { dedupe: true }, 'TASK_QUEUE_UNKNOWN_OPTION', /dedupe/],
    ['options that are none', 'mail', 1, '10s', 'TASK_QUEUE_INVALID_VALUE', /options of enqueue/],
    ['null options', 'mail', 1, null, 'TASK_QUEUE_INVALID_VALUE', /options of enqueue/],
    ['delay with runAt', 'mail', 1, { delay: 1, runAt: 1 }, 'TASK_QUEUE_INVALID_VALUE', /either delay or runAt/],
    [
      'a bad delay',
      'mail',
      1,
      { delay: 'soon' },
      'TASK_QUEUE_INVALID_VALUE',
      /Invalid delay in enqueue\("mail"\): "soon"/,
    ],
    ['a NaN delay', 'mail', 1, { delay: Number.NaN }, 'TASK_QUEUE_INVALID_VALUE', /Invalid delay/],
    ['an invalid Date', 'mail', 1, { runAt: new Date(Number.NaN) }, 'TASK_QUEUE_INVALID_VALUE', /Invalid Date/],
    ['a text for an instant', 'mail', 1, { runAt: '2026-01-01' }, 'TASK_QUEUE_INVALID_VALUE', /Invalid runAt/],
    ['an id of a tick', 'mail', 1, { id: 'cron~a~1' }, 'TASK_QUEUE_INVALID_VALUE', /belong to schedules/],
    ['a delay beyond reason', 'mail', 1, { delay: 1e18 }, 'TASK_QUEUE_INVALID_VALUE', /from 0 to a hundred years/],
    ['an id with a colon', 'mail', 1, { id: 'a:b' }, 'TASK_QUEUE_INVALID_VALUE', /Invalid id/],
    ['a name with a space', 'mail', 1, { name: 'a b' }, 'TASK_QUEUE_INVALID_VALUE', /Invalid name/],
    ['a priority out of range', 'mail', 1, { priority: 10 }, 'TASK_QUEUE_INVALID_VALUE', /priority/],
    ['an unregistered backoff', 'mail', 1, { backoff: { type: 'slwo' } }, 'TASK_QUEUE_INVALID_VALUE', /slow/],
    ['no payload', 'mail', undefined, undefined, 'TASK_QUEUE_INVALID_PAYLOAD', /undefined/],
    [
      'a payload over the limit',
      'mail',
      'x'.repeat(300_000),
      undefined,
      'TASK_QUEUE_PAYLOAD_TOO_LARGE',
      /payloadLimit/,
    ],
  ])('refuses %s by a rejection, storing nothing', async (_what, target, payload, options, code, message) => {
    const { service, recorder } = make(strategies);
    const error = await service.enqueue(target as string, payload, options as never).then(() => undefined, (reason: unknown) => reason); // prettier-ignore
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(recorder.calls).toEqual([]);
  });

  it('gives handles to who repeats an enqueue whose reply was lost', async () => {
    const { service, recorder } = make();
    for (const options of [undefined, { name: 'x' }]) {
      const retry = async () => recorder.receiptsOf(recorder.calls.at(-1)?.jobs ?? []);
      recorder.fail = () => new EnqueueOutcomeUnknownError('mail', ['n0'], retry);
      const error = await service.enqueue('mail', { a: 1 }, options).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'TASK_QUEUE_ENQUEUE_OUTCOME_UNKNOWN', ids: ['n0'] });
      const [job] = [await (error as EnqueueOutcomeUnknownError).retry()].flat();
      expect(job).toBeInstanceOf(JobHandle);
      expect(job).toMatchObject({ id: 'n0', payload: { a: 1 } });
    }
  });

  it('checks a payload by the schema of its definition and stores what the schema made of it', async () => {
    const { service, recorder } = make();
    const schema = z.object({ to: z.email(), copies: z.number().default(1) });
    const send = defineJob({ queue: 'post', name: 'send', schema });
    await expect(service.getJob('post', 'x')).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_QUEUE' });
    const job = await service.enqueue(send, { to: 'ann@mail.example' });
    expect(decodeEnvelope(recorder.last.envelope).payload).toBe('{"to":"ann@mail.example","copies":1}');
    expect(job.payload.copies).toBe(1);
    await expect(service.enqueue(send, { to: 'nobody' })).rejects.toMatchObject({
      code: 'TASK_QUEUE_INVALID_PAYLOAD',
      jobName: 'send',
      issues: [{ path: 'to', message: expect.any(String) }],
    });
    await expect(service.enqueue(send, { to: 'ann@mail.example' }, { name: 'other' } as never)).rejects.toThrow(
      /names its jobs "send"/,
    );
    // The definition made its queue known.
    expect(await service.getJob('post', 'x')).toBeUndefined();
  });

  it('waits for a schema that takes its time', async () => {
    const { service, recorder } = make();
    const schema = z.string().refine(async (value) => value !== 'taken');
    const claim = defineJob({ queue: 'mail', name: 'claim', schema });
    await service.enqueue(claim, 'free');
    expect(decodeEnvelope(recorder.last.envelope).payload).toBe('"free"');
    await expect(service.enqueue(claim, 'taken')).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_PAYLOAD' });
    await expect(service.enqueueMany(claim, [{ payload: 'free' }, { payload: 'taken' }])).rejects.toThrow(/\[1\]/);
    expect(recorder.calls.length).toBe(1);
  });

  it('tells a schema that would refuse what it made', async () => {
    const { service, recorder } = make();
    const strict = defineJob({ queue: 'mail', name: 'strict', schema: z.object({ at: z.date() }) });
    await expect(service.enqueue(strict, { at: new Date(0) })).rejects.toMatchObject({
      code: 'TASK_QUEUE_CONFIGURATION',
      message: expect.stringMatching(/mail\/strict.*at: .*z\.coerce\.date/),
    });
    expect(recorder.calls).toEqual([]);
    const lenient = defineJob({ queue: 'mail', name: 'lenient', schema: z.object({ at: z.coerce.date() }) });
    await service.enqueue(lenient, { at: new Date(0) });
    expect(decodeEnvelope(recorder.last.envelope).payload).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
  });

  it('hands the codec its context', async () => {
    const contexts: unknown[] = [];
    const codec = {
      ...jsonCodec,
      encode: (value: unknown, context: unknown) => (contexts.push(context), JSON.stringify(value)),
    };
    const { service } = make({ codec });
    await service.enqueue('mail', 1, { name: 'welcome' });
    expect(contexts).toEqual([{ queue: 'mail', jobName: 'welcome', jobId: '', field: 'payload' }]);
  });
});

describe('QueueService.enqueueMany', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => ({ payload: index }));

  it('stores everything in one call, each job with its own options', async () => {
    const { service, recorder } = make();
    const jobs = await service.enqueueMany('mail', [{ payload: 1 }, { payload: 2, priority: 3, name: 'x' }]);
    expect(recorder.calls.length).toBe(1);
    expect(jobs.map(({ payload, priority, name }) => [payload, priority, name])).toEqual([[1, 0, 'default'], [2, 3, 'x']]); // prettier-ignore
    expect(await service.enqueueMany('mail', [])).toEqual([]);
    expect(recorder.calls.length).toBe(1);
  });

  it.each([
    ['no array', { payload: 1 }, undefined, /jobs of enqueueMany/],
    ['a job that is no object', [{ payload: 1 }, 5], undefined, /enqueueMany\("mail"\)\[1\]/],
    ['an unknown option', [{ payload: 1, dealy: 5 }], undefined, /enqueueMany\("mail"\)\[0\].*"delay"/],
    ['a payload forgotten', [{ payload: 1 }, { name: 'x' }], undefined, /\[1\]: undefined is not/],
    ['a payload JSON refuses', [{ payload: { a: { b: 1n } } }], undefined, /\[0\]\.a\.b: a BigInt/],
    ['options of the jobs beside them', [{ payload: 1 }], { priority: 1 }, /beside its payload/],
    ['a chunk that is no boolean', [{ payload: 1 }], { chunk: 5 }, /Invalid chunk/],
  ])('refuses %s, storing none', async (_what, jobs, options, message) => {
    const { service, recorder } = make();
    await expect(service.enqueueMany('mail', jobs as never, options as never)).rejects.toThrow(message);
    expect(recorder.calls).toEqual([]);
  });

  it('names the limit of one atomic call', async () => {
    const { service, recorder } = make();
    await service.enqueueMany('mail', many(1000));
    await expect(service.enqueueMany('mail', many(1001))).rejects.toMatchObject({
      code: 'TASK_QUEUE_BULK_TOO_LARGE',
      limit: DEFAULTS.bulk,
      actual: { jobs: 1001, bytes: expect.any(Number) },
    });
    const heavy = Array.from({ length: 17 }, () => ({ payload: 'x'.repeat(260_000) }));
    await expect(service.enqueueMany('mail', heavy)).rejects.toMatchObject({ actual: { jobs: 17 } });
    await service.enqueueMany('mail', heavy.slice(0, 16));
    expect(recorder.calls.length).toBe(2);
  });

  it('splits when asked to, and reports per chunk', async () => {
    const { service, recorder } = make();
    const report = await service.enqueueMany('mail', many(2500), { chunk: true });
    const sizes = report.map((chunk) => ({ ...chunk, jobs: chunk.outcome === 'stored' ? chunk.jobs.length : 0 }));
    expect(sizes).toEqual([
      { from: 0, to: 1000, outcome: 'stored', jobs: 1000 },
      { from: 1000, to: 2000, outcome: 'stored', jobs: 1000 },
      { from: 2000, to: 2500, outcome: 'stored', jobs: 500 },
    ]);
    const heavy = Array.from({ length: 17 }, () => ({ payload: 'x'.repeat(260_000) }));
    const spans = await service.enqueueMany('mail', heavy, { chunk: true });
    expect(spans.map(({ from, to }) => [from, to])).toEqual([[0, 16], [16, 17]]); // prettier-ignore
    recorder.calls.length = 0;
    const failure = new BrokerUnavailableError('away');
    recorder.fail = (call) => (call === 1 ? failure : undefined);
    expect(await service.enqueueMany('mail', many(2500), { chunk: true })).toEqual([
      { from: 0, to: 1000, outcome: 'stored', jobs: expect.anything() },
      { from: 1000, to: 2000, outcome: 'failed', error: failure },
      { from: 2000, to: 2500, outcome: 'skipped' },
    ]);
    expect(recorder.calls.length).toBe(2);
  });

  it('checks everything before the first chunk is stored', async () => {
    const { service, recorder } = make();
    const jobs = [...many(1500), { payload: Number.NaN }];
    await expect(service.enqueueMany('mail', jobs, { chunk: true })).rejects.toThrow(/\[1500\]: NaN/);
    expect(recorder.calls).toEqual([]);
  });
});

describe('an error about one job of enqueueMany', () => {
  const fine = { payload: 1 };
  const strict = defineJob({ queue: 'mail', name: 'strict', schema: z.object({ to: z.string() }) });
  const lossy = defineJob({ queue: 'mail', name: 'lossy', schema: z.object({ at: z.date() }) });

  it.each<[string, unknown, unknown, string]>([
    ['too large', 'mail', { payload: 'x'.repeat(300_000) }, 'TASK_QUEUE_PAYLOAD_TOO_LARGE'],
    ['no JSON', 'mail', { payload: { at: 1n } }, 'TASK_QUEUE_INVALID_PAYLOAD'],
    ['an unknown option', 'mail', { payload: 1, dealy: 5 }, 'TASK_QUEUE_UNKNOWN_OPTION'],
    ['a bad name', 'mail', { payload: 1, name: 'a b' }, 'TASK_QUEUE_INVALID_VALUE'],
    ['a bad id', 'mail', { payload: 1, id: 'a:b' }, 'TASK_QUEUE_INVALID_VALUE'],
    ['two times', 'mail', { payload: 1, delay: 5, runAt: 5 }, 'TASK_QUEUE_INVALID_VALUE'],
    ['bad headers', 'mail', { payload: 1, headers: { a: 1 } }, 'TASK_QUEUE_INVALID_VALUE'],
    ['nothing', 'mail', undefined, 'TASK_QUEUE_INVALID_VALUE'],
    ['a payload its schema refuses', strict, { payload: { to: 5 } }, 'TASK_QUEUE_INVALID_PAYLOAD'],
    ['a name beside its definition', strict, { payload: { to: 'a' }, name: 'other' }, 'TASK_QUEUE_INVALID_VALUE'],
    ['a schema that refuses what it made', lossy, { payload: { at: new Date() } }, 'TASK_QUEUE_CONFIGURATION'],
  ])('says which one: %s', async (_what, target, item, code) => {
    const { service, recorder } = make();
    const good = target === 'mail' ? [fine, fine] : [];
    const call = service.enqueueMany(target as string, [...good, item] as BulkJob<unknown>[]);
    const index = good.length;
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown as TaskQueueError,
    );
    expect(error).toMatchObject({ code, index });
    expect(error?.message).toMatch(new RegExp(`\\[${index}\\]|Item ${index} of enqueueMany`));
    expect(error?.stack).toContain(error?.message.split('\n')[0]);
    expect(recorder.calls).toEqual([]);
  });

  it('alone says none', async () => {
    const error = await make()
      .service.enqueue('mail', 1n)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskQueueError);
    expect(error).not.toHaveProperty('index');
  });
});
