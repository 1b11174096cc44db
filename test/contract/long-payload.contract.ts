import { describe, expect, it } from '@jest/globals';
import { decodeEnvelope, encodeFailed, splitRecord } from '../../src/core/envelope.js';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';

const PAYLOAD = JSON.stringify({ text: 'é😀 \\n'.repeat(4000), end: '}' });
const SEED = { name: 'resize', payload: PAYLOAD };
const ERROR = { attempt: 1, at: 1, name: 'Error', message: 'no' };

/** As a worker settles: with the envelope that it was given, and without the payload where that came apart from it. */
const ENDS: [title: string, state: string, settle: (job: ReservedJob) => Partial<Settlement>][] = [
  ['completes', 'completed', ({ envelope }) => ({ op: 'complete', result: '1', envelope, keep: KEEP })],
  ['completes, as it is stored', 'completed', () => ({ op: 'complete', result: '1', envelope: undefined, keep: KEEP })],
  ['fails', 'ready', (job) => ({ op: 'retry', delayMs: 0, envelope: failedOf(job) })],
  ['fails, for later', 'scheduled', (job) => ({ op: 'retry', delayMs: 9, envelope: failedOf(job) })],
  ['is snoozed', 'scheduled', () => ({ op: 'snooze', delayMs: 9, envelope: undefined })],
  ['is released', 'ready', () => ({ op: 'release' })],
  ['is parked', 'parked', () => ({ op: 'park', name: 'resize' })],
  ['is cancelled', 'cancelled', () => ({ op: 'cancel', keep: KEEP })],
  ['dies', 'dead', (job) => ({ op: 'bury', detail: '{}', envelope: failedOf(job), keep: KEEP })],
  ['dies, as it is stored', 'dead', () => ({ op: 'bury', detail: '{}', envelope: undefined, keep: KEEP })],
];

function failedOf({ envelope, payload }: ReservedJob): string {
  return encodeFailed(decodeEnvelope(envelope, payload), 2, [ERROR]);
}

async function payloadOf(driver: StoreDriver, id: string): Promise<string> {
  const [stored] = await driver.store.curation.read(QUEUE, [id]);
  return decodeEnvelope(splitRecord(stored?.record ?? '').envelope).payload;
}

export function longPayloadContract(use: () => StoreDriver): void {
  it('comes to a worker and to readers byte for byte, among short ones', async () => {
    const driver = use();
    const seeds = [{}, { payload: PAYLOAD, userId: 'a' }, { payload: 'x'.repeat(20_000) }, {}];
    const ids = await driver.put(...seeds);
    const { jobs } = await driver.reserve('w1', 10);
    expect(jobs.map(({ id }) => id)).toEqual(ids);
    const payloads = jobs.map(({ envelope, payload }) => decodeEnvelope(envelope, payload).payload);
    expect(payloads).toEqual(seeds.map(({ payload = '"hello"' }) => payload));
    const read = await driver.store.curation.read(QUEUE, ids);
    expect(read.map((job) => job?.record)).toEqual(seeds.map((seed) => driver.envelope(seed)));
    const { jobs: listed } = await driver.store.curation.list(QUEUE, 'active', undefined, 10);
    expect(listed.map(({ record }) => record).sort()).toEqual(seeds.map((seed) => driver.envelope(seed)).sort());
  });

  it('comes again with a repeated turn', async () => {
    const driver = use();
    await driver.putOne(SEED);
    const turn = driver.turn('w1');
    const first = await driver.store.workers.settleAndReserve(QUEUE, turn);
    const again = await driver.store.workers.settleAndReserve(QUEUE, turn);
    expect(again.jobs).toEqual(first.jobs);
  });

  it.each(ENDS)('stays when its job %s', async (_, state, settle) => {
    const driver = use();
    const job = await driver.start('w1', { ...SEED, userId: 'a' });
    const { id, token } = job;
    expect((await driver.settle('w1', { id, token, ...settle(job) } as Settlement)).lost).toEqual([]);
    expect(await driver.stateOf('a')).toBe(state);
    expect(await payloadOf(driver, 'a')).toBe(PAYLOAD);
  });

  it.each(['completed', 'cancelled', 'dead'] as const)('counts as bytes of its job, %s', async (state) => {
    const driver = use();
    const ids = await driver.putEnded(state, 3, KEEP, SEED);
    const { ends } = await driver.store.duties.readEnds(QUEUE, state, undefined, 10);
    const read = await driver.store.curation.read(QUEUE, ids);
    const sizes = read.map((job) => Buffer.byteLength(job?.record ?? ''));
    expect(ends.map(({ bytes }) => bytes)).toEqual(sizes);
    const rule = { ...KEEP, bytes: sizes[1] + sizes[2] };
    const keep = { completed: KEEP, cancelled: KEEP, dead: KEEP, [state]: rule };
    await driver.store.duties.trim(QUEUE, keep);
    expect(await driver.idsIn(state)).toEqual([ids[2], ids[1]]);
    await driver.store.duties.trim(QUEUE, { ...keep, [state]: { ...rule, bytes: rule.bytes - 1 } });
    expect(await driver.idsIn(state)).toEqual([ids[2]]);
  });

  it.each([SEED, { ...SEED, payload: '"another"' }, { ...SEED, payload: PAYLOAD.replace('}', '{') }])(
    'is what a dead job is retried with',
    async (seed) => {
      const driver = use();
      const [id] = await driver.putEnded('dead', 1, KEEP, SEED);
      const settledAt = (await driver.settledOf(id))?.settledAt ?? 0;
      expect(await driver.store.curation.retryDead(QUEUE, id, settledAt, driver.envelope(seed))).toBe('retried');
      expect(await payloadOf(driver, id)).toBe(seed.payload);
      const [job] = (await driver.reserve('w1')).jobs;
      expect(decodeEnvelope(job.envelope, job.payload).payload).toBe(seed.payload);
    },
  );

  it('is what a dead job with a short payload is retried with', async () => {
    const driver = use();
    const [id] = await driver.putEnded('dead', 1, KEEP, { ...SEED, payload: '"short"' });
    const settledAt = (await driver.settledOf(id))?.settledAt ?? 0;
    expect(await driver.store.curation.retryDead(QUEUE, id, settledAt - 1, driver.envelope(SEED))).toBe('changed');
    expect(await payloadOf(driver, id)).toBe('"short"');
    expect(await driver.store.curation.retryDead(QUEUE, id, settledAt, driver.envelope(SEED))).toBe('retried');
    expect(await payloadOf(driver, id)).toBe(PAYLOAD);
    const [job] = (await driver.reserve('w1')).jobs;
    expect(decodeEnvelope(job.envelope, job.payload).payload).toBe(PAYLOAD);
    await driver.settle('w1', driver.complete(job));
    expect(await payloadOf(driver, id)).toBe(PAYLOAD);
    await driver.store.curation.remove(QUEUE, id);
  });

  describe('of a user id that is taken', () => {
    it('is not stored, and what was stored first stays', async () => {
      const driver = use();
      const id = await driver.putOne({ userId: 'a', payload: PAYLOAD });
      const job = driver.newJob({ userId: 'a', payload: `"${'y'.repeat(20_000)}"` });
      const [receipt] = await driver.store.intake.enqueue(QUEUE, [job]);
      expect(receipt).toMatchObject({ id, created: false, state: 'ready' });
      expect(await payloadOf(driver, 'a')).toBe(PAYLOAD);
    });
  });
}
