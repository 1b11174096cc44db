import { describe, expect, it } from '@jest/globals';
import { decodeEnvelope, splitRecord } from '../../src/core/envelope.js';
import type { EnqueueReceipt, OnConflict } from '../../src/core/ports/intake.js';
import { MessageLog } from '../support/message-log.js';
import { enqueueTogether } from './receipts.js';
import { KEEP, QUEUE, type Seed, type StoreDriver } from './store-driver.js';

const KEY = 'default invoice-17';
const LONG = JSON.stringify('é'.repeat(6000));
const REPLACE: OnConflict = { kind: 'replace' };
const LEADING: OnConflict = { kind: 'throttle', ms: 1000, both: false };
const BOTH: OnConflict = { kind: 'throttle', ms: 1000, both: true };
const DEBOUNCE: OnConflict = { kind: 'debounce', ms: 1000, atMostMs: 2500 };

const seedOf = (onConflict: OnConflict | undefined, payload: string, more: Seed = {}): Seed => ({
  uniqueKey: KEY,
  payload,
  ...(onConflict && { onConflict }),
  ...(onConflict?.kind === 'debounce' && { freeWhileRunning: true }),
  ...more,
});

async function call(driver: StoreDriver, ...seeds: Seed[]): Promise<EnqueueReceipt[]> {
  return enqueueTogether(
    driver,
    seeds.map((seed) => driver.newJob(seed)),
  );
}

async function callOnce(driver: StoreDriver, onConflict: OnConflict | undefined, payload: string, more: Seed = {}) {
  return (await call(driver, seedOf(onConflict, payload, more)))[0];
}

async function payloadOf(driver: StoreDriver, id: string): Promise<string> {
  const [stored] = await driver.store.curation.read(QUEUE, [id]);
  return decodeEnvelope(splitRecord(stored?.record ?? '').envelope).payload;
}

async function dueOf(driver: StoreDriver, id: string): Promise<number | undefined> {
  return (await driver.store.curation.read(QUEUE, [id]))[0]?.dueAt;
}

/** Runs all that is ready; answers the payloads in the order of the runs. */
async function runAll(driver: StoreDriver): Promise<string[]> {
  const { jobs } = await driver.reserve('runner', 50);
  await driver.settle('runner', ...jobs.map((job) => driver.complete(job)));
  return jobs.map(({ envelope, payload }) => decodeEnvelope(envelope, payload).payload);
}

/** What an enqueue does where another job has its unique key: replace, throttle, debounce. */
export function conflictContract(use: () => StoreDriver): void {
  describe('replace', () => {
    it('gives the job that waits in the line what the call brings, in its place', async () => {
      const driver = use();
      const [before, id, behind] = await driver.put({ payload: '1' }, seedOf(undefined, '2'), { payload: '3' });
      const receipt = await callOnce(driver, REPLACE, '4', { cost: 3 });
      expect(receipt).toEqual({ id, created: false, state: 'ready', conflict: 'replaced' });
      expect(await driver.idsIn('ready')).toEqual([before, id, behind]);
      expect(await runAll(driver)).toEqual(['1', '4', '3']);
      expect(await callOnce(driver, REPLACE, '5')).toMatchObject({ created: true });
    });

    it('moves a scheduled job to the due time of the call, and leaves one in the line where it is', async () => {
      const driver = use();
      const at = driver.now();
      const id = await driver.putOne(seedOf(REPLACE, '1', { delayMs: 500 }));
      expect(await callOnce(driver, REPLACE, '2', { runAt: at + 9000 })).toMatchObject({ state: 'scheduled' });
      expect(await dueOf(driver, id)).toBe(at + 9000);
      await callOnce(driver, REPLACE, '3', { runAt: at + 300 });
      expect(await dueOf(driver, id)).toBe(at + 300);
      await driver.advance(300);
      await driver.store.duties.promote(QUEUE, 10);
      expect(await callOnce(driver, REPLACE, '4', { delayMs: 5000 })).toMatchObject({ id, state: 'ready' });
      expect(await runAll(driver)).toEqual(['4']);
    });

    it('makes a scheduled job due now where the call names no time', async () => {
      const driver = use();
      const id = await driver.putOne(seedOf(REPLACE, '1', { delayMs: 500 }));
      expect(await callOnce(driver, REPLACE, '2')).toMatchObject({ id, conflict: 'replaced' });
      expect(await runAll(driver)).toEqual(['2']);
    });

    it('wakes a worker that waits for a later time', async () => {
      const driver = use();
      await driver.putOne(seedOf(REPLACE, '1', { delayMs: 5000 }));
      const wakes = await driver.wakesOf('w1');
      await driver.reserve('w1');
      await callOnce(driver, REPLACE, '2', { delayMs: 100 });
      await wakes.has(QUEUE);
    });

    it('counts another priority from when the job is placed next', async () => {
      const driver = use();
      const [id] = await driver.put(seedOf(undefined, '1'), { payload: '2' });
      await callOnce(driver, REPLACE, '3', { priority: 9 });
      await driver.putOne({ payload: '4', priority: 1 });
      expect((await driver.idsIn('ready'))[1]).toBe(id);
      const [first, second] = (await driver.reserve('w1', 2)).jobs;
      expect(second.id).toBe(id);
      await driver.settle('w1', ...[first, second].map((job) => driver.complete(job)).slice(0, 1), {
        op: 'release',
        id,
        token: second.token,
      });
      await driver.putOne({ priority: 5 });
      expect((await driver.idsIn('ready'))[0]).toBe(id);
    });

    it('replaces a job that waits for its next attempt, whose attempts begin anew', async () => {
      const driver = use();
      const { id, token } = await driver.start('w1', seedOf(REPLACE, '1'));
      await driver.settle('w1', { op: 'retry', id, token, delayMs: 500, envelope: '1 {"a":2}\n1' });
      expect(await callOnce(driver, REPLACE, '2', { delayMs: 100 })).toMatchObject({ id, conflict: 'replaced' });
      await driver.advance(100);
      const [job] = (await driver.reserve('w1')).jobs;
      expect(decodeEnvelope(job.envelope).header.a).toBeUndefined();
      await driver.settle('w1', driver.complete(job));
    });

    it('replaces a parked job, which stays parked', async () => {
      const driver = use();
      const { id, token } = await driver.start('w1', seedOf(REPLACE, '1'));
      await driver.settle('w1', { op: 'park', id, token, name: 'default' });
      expect(await callOnce(driver, REPLACE, '2')).toEqual({
        id,
        created: false,
        state: 'parked',
        conflict: 'replaced',
      });
      const [job] = (await driver.reserve('w1', 1, { adopt: '*' })).jobs;
      expect(decodeEnvelope(job.envelope).payload).toBe('2');
    });

    it('keeps a job that runs', async () => {
      const driver = use();
      const { id } = await driver.start('w1', seedOf(REPLACE, '1'));
      expect(await callOnce(driver, REPLACE, '2')).toEqual({ id, created: false, state: 'active', conflict: 'kept' });
      expect(await payloadOf(driver, id)).toBe('1');
    });

    it('replaces the one that waits behind a run whose key is free meanwhile', async () => {
      const driver = use();
      await driver.start('w1', seedOf(REPLACE, '1', { freeWhileRunning: true }));
      const more = { freeWhileRunning: true };
      const second = await callOnce(driver, REPLACE, '2', more);
      expect(second.created).toBe(true);
      expect(await callOnce(driver, REPLACE, '3', more)).toMatchObject({ id: second.id, conflict: 'replaced' });
      expect(await payloadOf(driver, second.id)).toBe('3');
    });

    it('keeps a job that has an id of its own', async () => {
      const driver = use();
      const id = await driver.putOne(seedOf(undefined, '1', { userId: 'a' }));
      expect(await callOnce(driver, REPLACE, '2')).toMatchObject({ id, conflict: 'kept' });
      expect(await callOnce(driver, DEBOUNCE, '2')).toMatchObject({ id, conflict: 'kept' });
      expect(await payloadOf(driver, id)).toBe('1');
    });

    it('counts the last of a key in one call', async () => {
      const driver = use();
      const [first, second, other, third] = await call(
        driver,
        seedOf(REPLACE, '1', { delayMs: 9 }),
        seedOf(REPLACE, LONG, { delayMs: 50 }),
        {},
        seedOf(REPLACE, '3', { delayMs: 70, priority: 2 }),
      );
      expect([first.created, second.created, other.created, third.created]).toEqual([true, false, true, false]);
      expect([second, third]).toEqual(
        [0, 1].map(() => ({ id: first.id, created: false, state: 'scheduled', conflict: 'replaced' })),
      );
      expect(await payloadOf(driver, first.id)).toBe('3');
      expect(await dueOf(driver, first.id)).toBe(driver.now() + 70);
    });

    it.each([
      ['a long payload by a short one', LONG, '2'],
      ['a short one by a long one', '1', LONG],
      ['a long one by a long one', LONG, JSON.stringify('x'.repeat(9000))],
    ])('replaces %s', async (_, first, second) => {
      const driver = use();
      const [id] = await driver.put(seedOf(undefined, first), {});
      expect(await callOnce(driver, REPLACE, second)).toMatchObject({ id, conflict: 'replaced' });
      expect(await payloadOf(driver, id)).toBe(second);
      expect((await runAll(driver))[0]).toBe(second);
      const [ended] = await driver.store.curation.read(QUEUE, [id]);
      expect(decodeEnvelope(splitRecord(ended?.record ?? '').envelope).payload).toBe(second);
    });

    it('tells that a job was replaced', async () => {
      const driver = use();
      await driver.put(seedOf(undefined, '1', { name: 'resize' }));
      const log = new MessageLog<string>();
      await driver.store.notices.onEvents(QUEUE, (events) => {
        for (const { event, id } of events) log.listener(`${event} ${id}`);
      });
      const { id } = await callOnce(driver, REPLACE, '2');
      await log.has(`replaced ${id}`);
      const debounced = { uniqueKey: 'default other' };
      await callOnce(driver, DEBOUNCE, '1', debounced);
      const extended = await callOnce(driver, DEBOUNCE, '2', debounced);
      await log.has(`extended ${extended.id}`);
    });
  });

  describe('throttle', () => {
    it('stores the first call of a window, and keeps its job, whatever becomes of it', async () => {
      const driver = use();
      const first = await callOnce(driver, LEADING, '1');
      expect(first).toMatchObject({ created: true, state: 'ready' });
      expect(await callOnce(driver, LEADING, '2')).toMatchObject({ id: first.id, state: 'ready', conflict: 'kept' });
      expect(await runAll(driver)).toEqual(['1']);
      await driver.advance(999);
      expect(await callOnce(driver, LEADING, '3')).toMatchObject({
        id: first.id,
        state: 'completed',
        conflict: 'kept',
      });
      await driver.advance(1);
      expect(await callOnce(driver, LEADING, '4')).toMatchObject({ created: true });
    });

    it('keeps a window whose job is gone', async () => {
      const driver = use();
      const { id, token } = await driver.start('w1', seedOf(LEADING, '1'));
      await driver.settle('w1', driver.complete({ id, token }, '1', false));
      expect(await callOnce(driver, LEADING, '2')).toEqual({
        id,
        created: false,
        state: 'completed',
        conflict: 'kept',
      });
      await driver.advance(1000);
      expect(await callOnce(driver, LEADING, '3')).toMatchObject({ created: true });
    });

    it('opens another window while the job of the first one still waits', async () => {
      const driver = use();
      await callOnce(driver, LEADING, '1');
      await driver.advance(1000);
      expect(await callOnce(driver, LEADING, '2')).toMatchObject({ created: true });
      await driver.expectCounts({ ready: 2 });
    });

    it('makes one job of the last call at the end of the window, and a window of that', async () => {
      const driver = use();
      const at = driver.now();
      await callOnce(driver, BOTH, '1');
      expect(await runAll(driver)).toEqual(['1']);
      await driver.advance(400);
      const trailing = await callOnce(driver, BOTH, '2');
      expect(trailing).toMatchObject({ created: true, state: 'scheduled' });
      expect(await dueOf(driver, trailing.id)).toBe(at + 1000);
      await driver.advance(599);
      const last = await callOnce(driver, BOTH, LONG);
      expect(last).toEqual({ id: trailing.id, created: false, state: 'scheduled', conflict: 'replaced' });
      expect(await dueOf(driver, trailing.id)).toBe(at + 1000);
      expect(await runAll(driver)).toEqual([]);
      await driver.advance(1);
      expect(await runAll(driver)).toEqual([LONG]);
      // The job of that end has opened a window of its own.
      const next = await callOnce(driver, BOTH, '4');
      expect(await dueOf(driver, next.id)).toBe(at + 2000);
      await driver.advance(1000);
      expect(await runAll(driver)).toEqual(['4']);
      await driver.advance(1000);
      expect(await callOnce(driver, BOTH, '5')).toMatchObject({ created: true, state: 'ready' });
    });

    it('makes another job at the end of the window where the one that waited was cancelled', async () => {
      const driver = use();
      const at = driver.now();
      const [, trailing] = await call(driver, seedOf(BOTH, '1'), seedOf(BOTH, '2'));
      expect(trailing).toMatchObject({ created: true, state: 'scheduled' });
      await driver.store.curation.cancel(QUEUE, trailing.id);
      const another = await callOnce(driver, BOTH, '3');
      expect(another).toMatchObject({ created: true, state: 'scheduled' });
      expect(await dueOf(driver, another.id)).toBe(at + 1000);
    });

    it('decides within one call, too', async () => {
      const driver = use();
      const receipts = await call(
        driver,
        seedOf(BOTH, '1'),
        seedOf(BOTH, '2'),
        seedOf(BOTH, '3'),
        seedOf(LEADING, '4'),
      );
      expect(receipts.map(({ created, conflict }) => [created, conflict])).toEqual([
        [true, undefined],
        [true, undefined],
        [false, 'replaced'],
        [false, 'kept'],
      ]);
      expect(await payloadOf(driver, receipts[1].id)).toBe('3');
      expect(await runAll(driver)).toEqual(['1']);
    });

    it('keeps a job that holds the key without a window', async () => {
      const driver = use();
      const id = await driver.putOne(seedOf(undefined, '1'));
      expect(await callOnce(driver, LEADING, '2')).toMatchObject({ id, conflict: 'kept' });
      expect(await runAll(driver)).toEqual(['1']);
      expect(await callOnce(driver, LEADING, '3')).toMatchObject({ created: true });
    });

    it('keeps the window where its dead job is retried by hand', async () => {
      const driver = use();
      const [id] = await driver.putEnded('dead', 1, KEEP, seedOf(LEADING, '1'));
      const answer = await driver.store.curation.retryDead(QUEUE, id, driver.now(), driver.envelope());
      expect(answer).toBe('retried');
      expect(await callOnce(driver, LEADING, '2')).toMatchObject({ id, conflict: 'kept' });
      await driver.advance(1000);
      expect(await callOnce(driver, LEADING, '3')).toMatchObject({ created: true });
    });
  });

  describe('debounce', () => {
    it('moves the one job that waits behind each call, and runs what the last one brought', async () => {
      const driver = use();
      const at = driver.now();
      const first = await callOnce(driver, DEBOUNCE, '1');
      expect(first).toMatchObject({ created: true, state: 'scheduled' });
      expect(await dueOf(driver, first.id)).toBe(at + 1000);
      await driver.advance(900);
      const second = await callOnce(driver, DEBOUNCE, LONG);
      expect(second).toEqual({ id: first.id, created: false, state: 'scheduled', conflict: 'extended' });
      expect(await dueOf(driver, first.id)).toBe(at + 1900);
      await driver.advance(999);
      expect(await runAll(driver)).toEqual([]);
      await driver.advance(1);
      expect(await runAll(driver)).toEqual([LONG]);
      expect(await callOnce(driver, DEBOUNCE, '3')).toMatchObject({ created: true });
    });

    it('runs at the latest so long after the first call, to the millisecond', async () => {
      const driver = use();
      const at = driver.now();
      const { id } = await callOnce(driver, DEBOUNCE, '0');
      for (let step = 1; step <= 4; step++) {
        await driver.advance(600);
        expect(await callOnce(driver, DEBOUNCE, String(step))).toMatchObject({ id, conflict: 'extended' });
        expect(await dueOf(driver, id)).toBe(Math.min(driver.now() + 1000, at + 2500));
      }
      await driver.advance(99);
      expect(await runAll(driver)).toEqual([]);
      await driver.advance(1);
      expect(driver.now()).toBe(at + 2500);
      expect(await runAll(driver)).toEqual(['4']);
    });

    it('leaves a job in the line that is due, and gives it what the call brings', async () => {
      const driver = use();
      const { id } = await callOnce(driver, DEBOUNCE, '1');
      await driver.advance(1000);
      await driver.store.duties.promote(QUEUE, 10);
      expect(await callOnce(driver, DEBOUNCE, '2')).toEqual({
        ...{ id, created: false, state: 'ready', conflict: 'replaced' },
      });
      expect(await runAll(driver)).toEqual(['2']);
    });

    it('makes a new job while one runs, and another burst of calls', async () => {
      const driver = use();
      const first = await callOnce(driver, DEBOUNCE, '1');
      await driver.advance(1000);
      const [running] = (await driver.reserve('w1')).jobs;
      expect(running.id).toBe(first.id);
      const at = driver.now();
      const second = await callOnce(driver, DEBOUNCE, '2');
      expect(second).toMatchObject({ created: true, state: 'scheduled' });
      await driver.settle('w1', driver.complete(running));
      await driver.advance(900);
      expect(await callOnce(driver, DEBOUNCE, '3')).toMatchObject({ id: second.id, conflict: 'extended' });
      expect(await dueOf(driver, second.id)).toBe(at + 1900);
    });

    it('begins anew where its job waits for its next attempt', async () => {
      const driver = use();
      const { id } = await callOnce(driver, DEBOUNCE, '1');
      await driver.advance(1000);
      const [job] = (await driver.reserve('w1')).jobs;
      await driver.settle('w1', { op: 'retry', id, token: job.token, delayMs: 60_000, envelope: job.envelope });
      await driver.advance(50_000);
      const at = driver.now();
      expect(await callOnce(driver, DEBOUNCE, '2')).toMatchObject({ id, conflict: 'extended' });
      expect(await dueOf(driver, id)).toBe(at + 1000);
      await driver.advance(800);
      await callOnce(driver, DEBOUNCE, '3');
      expect(await dueOf(driver, id)).toBe(at + 1800);
    });

    it('frees its key when its job ends in any way', async () => {
      const driver = use();
      const first = await callOnce(driver, DEBOUNCE, '1');
      await driver.store.curation.cancel(QUEUE, first.id);
      const second = await callOnce(driver, DEBOUNCE, '2');
      expect(second.created).toBe(true);
      await driver.store.curation.remove(QUEUE, second.id);
      const third = await callOnce(driver, DEBOUNCE, '3');
      expect(third.created).toBe(true);
      await driver.store.curation.purge(QUEUE, 'scheduled', 10);
      expect(await callOnce(driver, undefined, '4')).toMatchObject({ created: true });
    });

    it('counts the last of a key in one call', async () => {
      const driver = use();
      const receipts = await call(driver, seedOf(DEBOUNCE, '1'), seedOf(DEBOUNCE, '2'));
      expect(receipts.map(({ conflict }) => conflict)).toEqual([undefined, 'extended']);
      expect(receipts[0]).toMatchObject({ created: true, state: 'scheduled' });
      await driver.advance(1000);
      expect(await runAll(driver)).toEqual(['2']);
    });
  });

  it('moves a job that one call stores, has due now and has wait again', async () => {
    const driver = use();
    const seeds = [seedOf(undefined, '1', { delayMs: 8000 }), seedOf(REPLACE, '2'), seedOf(DEBOUNCE, '3')];
    const [{ id }] = await call(driver, ...seeds);
    expect(await dueOf(driver, id)).toBe(driver.now() + 1000);
    expect(await payloadOf(driver, id)).toBe('3');
  });

  it('keeps the job for a call that says nothing of what is to be done', async () => {
    const driver = use();
    const { id } = await callOnce(driver, DEBOUNCE, '1');
    expect(await callOnce(driver, undefined, '2')).toMatchObject({ id, conflict: 'kept' });
    const other = { uniqueKey: 'default other' };
    const throttled = await callOnce(driver, LEADING, '1', other);
    expect(await callOnce(driver, undefined, '2', other)).toMatchObject({ id: throttled.id, conflict: 'kept' });
    expect(await runAll(driver)).toEqual(['1']);
    expect(await callOnce(driver, undefined, '3', other)).toMatchObject({ created: true });
  });
}
