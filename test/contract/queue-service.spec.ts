import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, take, toArray } from 'rxjs';
import type { Store } from '../../src/core/ports/store.js';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.js';
import { defineJob } from '../../src/queue/job-definition.js';
import type { JobEvent } from '../../src/queue/job-event.js';
import { Queue } from '../../src/queue/queue.js';
import { QueueService } from '../../src/queue/queue.service.js';
import { readModuleOptions } from '../../src/options/options-reader.js';
import { memoryKind, redisKind } from '../support/stores.js';
import { knownQueues } from '../support/known-queues.js';
import { MessageLog } from '../support/message-log.js';
import { StoreDriver, KEEP, QUEUE } from './store-driver.js';

interface Mail {
  to: string;
}

function serviceOn(store: Store): QueueService {
  return new QueueService(store, readModuleOptions({ connection: 'memory://' }), knownQueues([QUEUE]));
}

describe.each([memoryKind, redisKind])('QueueService on $name', ({ openStore }) => {
  let driver: StoreDriver;
  let service: QueueService;
  let mail: Queue<Mail, { sent: number }>;

  beforeEach(async () => {
    driver = new StoreDriver(await openStore());
    service = serviceOn(driver.store);
    mail = new Queue(QUEUE, service);
  });

  afterEach(async () => {
    service.endWaits();
    await driver.fixture.close();
  });

  const bury = ({ id, token }: ReservedJob, reason: string, envelope?: string): Settlement => ({
    op: 'bury',
    id,
    token,
    detail: JSON.stringify({ reason, name: 'TypeError', message: 'no route' }),
    envelope,
    keep: { ...KEEP, count: 1000 },
  });

  /** How many jobs were read by calls of their own since. */
  function countReads(): () => number {
    const { curation } = driver.store;
    const read = curation.read.bind(curation);
    let count = 0;
    curation.read = (queue, ids) => {
      count += ids.length;
      return read(queue, ids);
    };
    return () => count;
  }

  /** Gets a message whenever a wait of this service is registered at the store. */
  function watchRegistrations(): MessageLog<string> {
    const { notices } = driver.store;
    const log = new MessageLog<string>();
    const awaitSettled = notices.awaitSettled.bind(notices);
    notices.awaitSettled = async (queue, id, ttlMs) => {
      const stored = await awaitSettled(queue, id, ttlMs);
      log.listener(id);
      return stored;
    };
    return log;
  }

  /** The next ready job ends dead, its error in the history. */
  async function buryNext(reason = 'exhausted'): Promise<ReservedJob> {
    const [job] = (await driver.reserve('w1')).jobs;
    const { enqueuedAt, userId, header, payload } = decodeEnvelope(job.envelope);
    const error = { attempt: 3, at: driver.now(), name: 'TypeError', message: 'no route' };
    const envelope = encodeEnvelope(enqueuedAt, userId, { ...header, a: 3, e: [error] }, payload);
    await driver.settle('w1', bury(job, reason, envelope));
    return job;
  }

  describe('enqueue and getJob', () => {
    it('finds a job by its number and by the id of its producer', async () => {
      const plain = await mail.enqueue({ to: 'a' });
      const named = await mail.enqueue({ to: 'b' }, { id: 'order-7', name: 'welcome', delay: '10s' });
      expect(await mail.getJob(plain.id)).toMatchObject({
        id: plain.id,
        payload: { to: 'a' },
        state: 'ready',
        created: false,
      });
      const found = await mail.getJob('order-7');
      expect(found).toMatchObject({ id: 'order-7', name: 'welcome', payload: { to: 'b' }, state: 'scheduled' });
      expect(found).toMatchObject({
        // By the clock of the store; the producer knows it to some milliseconds.
        dueAt: driver.now() + 10_000,
        scheduledFor: named.scheduledFor,
        enqueuedAt: named.enqueuedAt,
      });
      expect(JSON.parse(JSON.stringify(found))).toMatchObject({
        id: 'order-7',
        state: 'scheduled',
        attempt: 1,
        errors: [],
      });
    });

    it('finds nothing where nothing is kept, whatever the id looks like', async () => {
      for (const id of ['nobody', '', 'a b', 'x'.repeat(1000), '\n']) expect(await mail.getJob(id)).toBeUndefined();
      await expect(mail.getJob(5 as never)).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
    });

    it('shows the first job of an id to whoever enqueues it again', async () => {
      const first = await mail.enqueue({ to: 'first' }, { id: 'x' });
      await driver.reserve('w1');
      const again = await mail.enqueue({ to: 'second' }, { id: 'x' });
      expect([first.created, again.created]).toEqual([true, false]);
      expect(again).toMatchObject({ id: 'x', state: 'active', payload: { to: 'first' } });
      const many = await mail.enqueueMany([{ payload: { to: 'third' } }, { payload: { to: 'fourth' }, id: 'x' }]);
      expect(many.map(({ created, payload }) => [created, payload.to])).toEqual([[true, 'third'], [false, 'first']]); // prettier-ignore
    });

    it('shows the jobs that enqueues have met without reading them', async () => {
      const [first, other] = [
        await service.enqueue(QUEUE, 1, { unique: 'a' }),
        await service.enqueue(QUEUE, 2, { unique: 'b' }),
      ];
      const reads = countReads();
      const keys = ['a', 'b', 'a', 'b', 'a'];
      const met = await Promise.all(keys.map((unique) => service.enqueue(QUEUE, 3, { unique })));
      expect(met.map(({ id, created, payload }) => [id, created, payload])).toEqual(
        keys.map((key) => (key === 'a' ? [first.id, false, 1] : [other.id, false, 2])),
      );
      expect(reads()).toBe(0);
    });

    it('reads once what many enqueues have met where the store does not show it', async () => {
      const text = 'x'.repeat(20_000);
      const first = await service.enqueue(QUEUE, text, { unique: 'a' });
      const reads = countReads();
      const met = await Promise.all(Array.from({ length: 20 }, () => service.enqueue(QUEUE, 3, { unique: 'a' })));
      expect(met.map(({ id, payload }) => [id, payload])).toEqual(met.map(() => [first.id, text]));
      expect(reads()).toBeLessThanOrEqual(1);
    });

    it('shows all of the jobs that a long answer leaves out', async () => {
      const texts = Array.from({ length: 40 }, (_, index) => String(index).padEnd(3500, 'x'));
      const jobs = texts.map((payload, index) => ({ payload, unique: `key-${index}` }));
      await service.enqueueMany(QUEUE, jobs);
      const met = await service.enqueueMany(
        QUEUE,
        jobs.map(({ unique }) => ({ payload: '', unique })),
      );
      expect(met.map(({ payload, created }) => [payload, created])).toEqual(texts.map((text) => [text, false]));
    });

    it('hands jobs out by priority, and in order inside one', async () => {
      await mail.enqueueMany([
        { payload: { to: '1' } },
        { payload: { to: '2' }, priority: 5 },
        { payload: { to: '3' } },
      ]);
      await mail.enqueue({ to: '4' }, { priority: 9 });
      const { jobs } = await driver.reserve('w1', 10);
      expect(jobs.map(({ envelope }) => JSON.parse(decodeEnvelope(envelope).payload).to)).toEqual(['4', '2', '1', '3']);
    });

    it('takes a definition wherever a queue is named', async () => {
      const text = defineJob<{ n: number }, string>({ queue: 'sms', name: 'text', priority: 2 });
      const job = await service.enqueue(text, { n: 1 });
      expect(await service.getJob(text, job.id)).toMatchObject({
        queue: 'sms',
        name: 'text',
        priority: 2,
        payload: { n: 1 },
      });
      expect(await service.counts(text)).toMatchObject({ ready: 1 });
      await expect(service.counts('smss')).rejects.toMatchObject({ code: 'TASK_QUEUE_UNKNOWN_QUEUE', nearest: 'sms' });
    });
  });

  describe('jobs', () => {
    it('gives a page at a time', async () => {
      await mail.enqueueMany(Array.from({ length: 7 }, (_, index) => ({ payload: { to: String(index) } })));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await mail.jobs({ state: 'ready', limit: 3, ...(cursor === undefined ? {} : { cursor }) });
        expect(page.jobs.length).toBeLessThanOrEqual(3);
        seen.push(...page.jobs.map(({ payload }) => payload.to));
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(seen).toEqual(['0', '1', '2', '3', '4', '5', '6']);
      expect(await mail.jobs({ state: 'dead' })).toEqual({ jobs: [], cursor: undefined });
    });

    it('takes the cursor of a page of the same list alone', async () => {
      await mail.enqueueMany(Array.from({ length: 3 }, (_, index) => ({ payload: { to: String(index) } })));
      const text = defineJob<{ n: number }, string>({ queue: 'sms', name: 'text' });
      const { cursor } = await mail.jobs({ state: 'ready', limit: 1 });
      expect(cursor).toMatch(/^[\w-]+$/);
      await expect(mail.jobs({ state: 'dead', cursor })).rejects.toThrow(
        'this one lists ready jobs of queue "mail"; pass one that lists dead jobs of queue "mail", or none'.replace(
          't',
          'T',
        ),
      );
      await expect(service.jobs(text, { state: 'ready', cursor })).rejects.toThrow(/lists ready jobs of queue "mail"/);
      const broken = [
        '',
        'r:0:x',
        `${cursor}A`,
        cursor?.slice(0, -2),
        cursor?.toUpperCase(),
        ` ${cursor}`,
        '5',
        'x'.repeat(9000),
      ];
      for (const each of [...broken, null, 5, {}, ['a']]) {
        await expect(mail.jobs({ state: 'ready', cursor: each as string })).rejects.toMatchObject({
          code: 'TASK_QUEUE_INVALID_VALUE',
          what: 'cursor',
        });
      }
    });

    it('meets every dead job once in a loop that retries or removes each', async () => {
      await mail.enqueueMany(Array.from({ length: 230 }, (_, index) => ({ payload: { to: String(index) } })));
      const { jobs } = await driver.reserve('w1', 230);
      await driver.settle('w1', ...jobs.map((job) => bury(job, 'exhausted')));
      const met: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await mail.jobs({ state: 'dead', limit: 50, ...(cursor === undefined ? {} : { cursor }) });
        for (const [index, job] of page.jobs.entries()) {
          met.push(job.payload.to);
          await (index % 2 === 0 ? mail.retry(job.id) : mail.remove(job.id));
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
      expect(new Set(met).size).toBe(230);
      await driver.expectCounts({ ready: 115 });
    });

    it('lists what it cannot read beside what it can', async () => {
      await driver.store.intake.enqueue(QUEUE, [{ envelope: '9from the future' }, { envelope: '1\n{broken' }]);
      await mail.enqueue({ to: 'a' });
      const { jobs } = await mail.jobs({ state: 'ready' });
      expect(jobs.map(({ unreadable, payload }) => [unreadable, payload])).toEqual([
        [true, undefined],
        [true, undefined],
        [false, { to: 'a' }],
      ]);
      expect(jobs[0]).toMatchObject({ raw: '9from the future', name: 'default', attempt: 1, errors: [] });
      expect(JSON.stringify(jobs)).toContain('"unreadable":true');
    });

    it.each([
      ['a state', { state: 'failed' }, /state.*failed/],
      ['no state', {}, /Invalid state/],
      ['no query', undefined, /query of jobs/],
      ['a limit over 500', { state: 'dead', limit: 501 }, /limit.*1 to 500/],
      ['a limit of nothing', { state: 'dead', limit: 0 }, /limit/],
      ['a cursor', { state: 'dead', cursor: 5 }, /cursor/],
      ['an unknown key', { state: 'dead', offset: 5 }, /offset/],
    ])('refuses %s', async (_what, query, message) => {
      await expect(mail.jobs(query as never)).rejects.toThrow(message);
    });
  });

  describe('pause, cancel, remove, purge', () => {
    it('pauses and resumes', async () => {
      await mail.enqueue({ to: 'a' });
      expect(await mail.isPaused()).toBe(false);
      await mail.pause();
      expect(await mail.isPaused()).toBe(true);
      expect((await driver.reserve('w1')).jobs).toEqual([]);
      await mail.resume();
      expect((await driver.reserve('w1')).jobs.length).toBe(1);
    });

    it('says what became of a cancellation', async () => {
      const waiting = await mail.enqueue({ to: 'a' }, { id: 'waiting' });
      expect(await mail.cancel('waiting')).toBe('cancelled');
      expect(await mail.cancel(waiting.id)).toBe('finished');
      const active = await mail.enqueue({ to: 'b' });
      await driver.reserve('w1');
      expect(await mail.cancel(active.id)).toBe('requested');
      expect(await active.refresh()).toMatchObject({ state: 'active', cancelling: true });
    });

    it('removes what does not run', async () => {
      const job = await mail.enqueue({ to: 'a' }, { id: 'x' });
      await driver.reserve('w1');
      await expect(mail.remove('x')).rejects.toMatchObject({
        code: 'TASK_QUEUE_JOB_STATE',
        state: 'active',
        verb: 'remove',
      });
      await driver.store.workers.leave(QUEUE, 'w1');
      await mail.remove('x');
      await expect(job.refresh()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND', id: 'x' });
    });

    it('purges a state, step by step', async () => {
      const jobs = Array.from({ length: 1000 }, () => ({ payload: { to: 'a' } }));
      for (let call = 0; call < 3; call++) await mail.enqueueMany(jobs);
      await mail.enqueue({ to: 'later' }, { delay: '1h' });
      expect(await mail.purge({ state: 'ready' })).toBe(3000);
      await driver.expectCounts({ scheduled: 1 });
      expect(await mail.purge({ state: 'ready' })).toBe(0);
      await expect(mail.purge({ state: 'active' as never })).rejects.toThrow(/cancel them/);
      await expect(mail.purge(undefined as never)).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
    });
  });

  it('shows the number of a job, which its events carry, beside its id', async () => {
    const handle = await mail.enqueue({ to: 'a' }, { id: 'x' });
    expect(handle.toJSON()).toMatchObject({ id: 'x', number: handle.number, queue: QUEUE, state: 'ready' });
    const plain = await mail.enqueue({ to: 'b' });
    expect(plain.toJSON()).toMatchObject({ id: plain.number, number: plain.number });
    expect(plain.number).not.toBe(handle.number);
  });

  describe('retry', () => {
    it('gives a dead job its attempts again and keeps its history', async () => {
      await mail.enqueue({ to: 'a' }, { id: 'x', priority: 4, maxAttempts: 3 });
      await buryNext();
      const dead = await mail.getJob('x');
      expect(dead).toMatchObject({ state: 'dead', attempt: 3, deadReason: 'exhausted', deadMessage: 'no route' });
      expect(dead?.settledAt).toBe(driver.now());
      const again = await mail.retry('x');
      expect(again).toMatchObject({
        id: 'x',
        state: 'ready',
        attempt: 1,
        priority: 4,
        maxAttempts: 3,
        payload: { to: 'a' },
      });
      expect(again).toMatchObject({ deadReason: undefined, settledAt: undefined });
      expect(again.errors).toEqual([{ attempt: 3, at: driver.now(), name: 'TypeError', message: 'no route' }]);
      expect((await driver.reserve('w1')).jobs.length).toBe(1);
    });

    it('retries what is dead and nothing else', async () => {
      await mail.enqueue({ to: 'a' }, { id: 'x' });
      await expect(mail.retry('x')).rejects.toMatchObject({
        code: 'TASK_QUEUE_JOB_STATE',
        state: 'ready',
        verb: 'retry',
      });
      await expect(mail.retry('nobody')).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
      await expect(mail.retry('no such id')).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
    });

    it('makes a dead job ready once when two retry it at the same time', async () => {
      await mail.enqueue({ to: 'a' }, { id: 'x' });
      await buryNext();
      const answers = await Promise.allSettled([mail.retry('x'), mail.retry('x')]);
      expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true);
      await driver.expectCounts({ ready: 1 });
    });

    it('gives an expired job as much time as it had', async () => {
      const job = await mail.enqueue({ to: 'a' }, { expiresIn: '1m' });
      await driver.advance(120_000);
      await buryNext('expired');
      const again = await mail.retry(job.id);
      expect(again.expiresAt).toBeGreaterThan(job.expiresAt as number);
    });

    it('does not touch a dead letter that it cannot read', async () => {
      const [{ id }] = await driver.store.intake.enqueue(QUEUE, [{ envelope: '9from the future' }]);
      const [job] = (await driver.reserve('w1')).jobs;
      await driver.settle('w1', bury(job, 'unreadable'));
      expect(await mail.getJob(id)).toMatchObject({ state: 'dead', unreadable: true, deadReason: 'unreadable' });
      await expect(mail.retry(id)).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_STATE' });
    });

    it('retries all, each once', async () => {
      const [{ id: unreadable }] = await driver.store.intake.enqueue(QUEUE, [{ envelope: '9from the future' }]);
      await mail.enqueueMany(Array.from({ length: 250 }, (_, index) => ({ payload: { to: String(index) } })));
      const { jobs } = await driver.reserve('w1', 300);
      await driver.settle('w1', ...jobs.map((job) => bury(job, 'exhausted')));
      expect(await mail.retryAll()).toBe(jobs.length - 1);
      await driver.expectCounts({ ready: 250, dead: 1 });
      expect(await driver.stateOf(unreadable)).toBe('dead');
      expect(await mail.retryAll()).toBe(0);
    });
  });

  describe('result', () => {
    it('is what the handler returned, whichever process it ran in', async () => {
      const job = await mail.enqueue({ to: 'a' });
      const elsewhere = serviceOn(await driver.fixture.connect());
      const there = await elsewhere.getJob<Mail, { sent: number }>(QUEUE, job.id);
      const asked = [job.result(), there?.result() ?? Promise.reject(new Error('not found'))];
      const [reserved] = (await driver.reserve('w1')).jobs;
      await driver.settle('w1', driver.complete(reserved, '{"sent":1}'));
      expect(await Promise.all(asked)).toEqual([{ sent: 1 }, { sent: 1 }]);
      expect(await job.result()).toEqual({ sent: 1 });
      expect(await (await mail.getJob(job.id))?.result({ timeout: 0 })).toEqual({ sent: 1 });
      elsewhere.endWaits();
    });

    it('may be undefined', async () => {
      const job = await mail.enqueue({ to: 'a' });
      const [reserved] = (await driver.reserve('w1')).jobs;
      await driver.settle('w1', driver.complete(reserved, ''));
      expect(await job.result()).toBeUndefined();
      expect(await (await job.refresh()).result()).toBeUndefined();
    });

    it('reaches those who await it even if it is not kept', async () => {
      const registered = watchRegistrations();
      const job = await mail.enqueue({ to: 'a' });
      const [reserved] = (await driver.reserve('w1')).jobs;
      const asked = job.result();
      await registered.first(1);
      await driver.settle('w1', driver.complete(reserved, '{"sent":1}', false));
      expect(await asked).toEqual({ sent: 1 });
      await expect(job.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
    });

    it('rejects for a job that died, was cancelled or is away', async () => {
      const dead = await mail.enqueue({ to: 'a' });
      await buryNext('unrecoverable');
      await expect(dead.result()).rejects.toMatchObject({
        code: 'TASK_QUEUE_JOB_DEAD',
        reason: 'unrecoverable',
        lastError: { name: 'TypeError', message: 'no route' },
      });
      const cancelled = await mail.enqueue({ to: 'b' });
      const registered = watchRegistrations();
      const asked = expect(cancelled.result()).rejects.toMatchObject({
        code: 'TASK_QUEUE_JOB_CANCELLED',
        id: cancelled.id,
      });
      await registered.first(1);
      await mail.cancel(cancelled.id);
      await asked;
      await mail.remove(cancelled.id);
      await expect(cancelled.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_JOB_NOT_FOUND' });
    });

    it('waits again for a dead job that was retried', async () => {
      const job = await mail.enqueue({ to: 'a' });
      await buryNext();
      await job.refresh();
      await mail.retry(job.id);
      const [reserved] = (await driver.reserve('w1')).jobs;
      const asked = job.result();
      await driver.settle('w1', driver.complete(reserved, '{"sent":2}'));
      expect(await asked).toEqual({ sent: 2 });
    });

    it('gives up in time and leaves the job alone', async () => {
      const job = await mail.enqueue({ to: 'a' });
      await expect(job.result({ timeout: 0 })).rejects.toMatchObject({
        code: 'TASK_QUEUE_RESULT_TIMEOUT',
        timeoutMs: 0,
      });
      await expect(job.result({ timeout: 'soon' })).rejects.toMatchObject({ code: 'TASK_QUEUE_INVALID_VALUE' });
      expect((await job.refresh()).state).toBe('ready');
    });

    it('rejects with the reason when it cannot be decoded', async () => {
      const job = await mail.enqueue({ to: 'a' });
      const [reserved] = (await driver.reserve('w1')).jobs;
      await driver.settle('w1', driver.complete(reserved, '{broken'));
      await expect(job.result()).rejects.toMatchObject({ code: 'TASK_QUEUE_UNREADABLE_RECORD', field: 'result' });
    });
  });

  it('shows progress and logs of a job', async () => {
    const job = await mail.enqueue({ to: 'a' });
    expect(job.lastProgress).toBeUndefined();
    const [{ id, token }] = (await driver.reserve('w1')).jobs;
    await driver.store.workers.report(QUEUE, [{ id, token, progress: '{"done":0.5}', logs: ['one', 'two'] }]);
    expect(await job.logs()).toEqual(['one', 'two']);
    expect((await job.refresh()).lastProgress).toEqual({ done: 0.5 });
  });

  it('sends events to every subscriber, over one subscription that ends with the last of them', async () => {
    const stream = mail.events();
    const first = firstValueFrom(stream.pipe(take(4), toArray()));
    const second = firstValueFrom(stream.pipe(take(1), toArray()));
    await driver.barrier();
    const job = await mail.enqueue({ to: 'a' });
    const [reserved] = (await driver.reserve('w1')).jobs;
    await driver.settle('w1', driver.complete(reserved, '{"sent":1}'));
    await mail.pause();
    const ofQueue = { queue: QUEUE, at: driver.now() };
    const common = { ...ofQueue, number: job.id, name: 'default', attempt: 1, headers: {} };
    const told: JobEvent[] = await first;
    expect(told).toEqual([
      { event: 'enqueued', id: job.id, ...common },
      { event: 'active', id: job.id, ...common },
      { event: 'completed', id: job.id, duration: undefined, result: { sent: 1 }, ...common },
      { event: 'paused', ...ofQueue },
    ]);
    expect(await second).toEqual(told.slice(0, 1));
  });
});
