import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import type { EnqueueReceipt, NewJob, OnConflict } from '../../src/core/ports/intake.js';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.js';
import { LEASE_MS, type ModelledQueue } from './modelled-queue.js';
import type { QueueModel } from './queue-model.js';
import { command, newJob, priorities, type Seed } from './command.js';

const often = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });

const CONFLICTS: OnConflict[] = [
  { kind: 'replace' },
  { kind: 'throttle', ms: 60, both: false },
  { kind: 'throttle', ms: LEASE_MS, both: true },
  { kind: 'debounce', ms: 40, atMostMs: 100 },
  { kind: 'debounce', ms: LEASE_MS, atMostMs: 20_000 },
];

const seeds: fc.Arbitrary<Seed> = fc.record({
  userId: often(fc.constantFrom('a', 'b', 'order-7')),
  uniqueKey: often(fc.constantFrom('resize one', 'default one')),
  freeWhileRunning: fc.boolean(),
  onConflict: fc.constantFrom<(OnConflict | undefined)[]>(undefined, undefined, ...CONFLICTS),
  delayMs: fc.constantFrom(undefined, undefined, undefined, 0, 1, 50, LEASE_MS, 60_000),
  priority: priorities,
  /** Foreign producers name jobs as they like. */
  name: fc.constantFrom(undefined, undefined, 'resize', 'two', 'two words'),
});

export const enqueue = command('enqueue', fc.array(seeds, { minLength: 1, maxLength: 4 }), (queue, model, data) =>
  enqueueJobs(
    queue,
    model,
    data.map((seed) => newJob(model, seed)),
  ),
);

export const enqueuePlain = command('enqueuePlain', fc.integer({ min: 1, max: 4 }), (queue, model, count) =>
  enqueueJobs(
    queue,
    model,
    Array.from({ length: count }, () => newJob(model, { priority: 0 })),
  ),
);

export async function enqueueJobs(queue: ModelledQueue, model: QueueModel, jobs: readonly NewJob[]): Promise<void> {
  const receipts = await queue.store.intake.enqueue(queue.name, jobs);
  const ids = receipts.map(({ id }) => id);
  const added = ids.filter((_, index) => receipts[index].created);
  queue.expectNew(added);
  expect(receipts.map(({ job: _met, ...told }) => told)).toEqual(model.enqueue(jobs, ids));
  await expectMetAsRead(queue, receipts);
  await queue.takeHandOvers(model, added);
}

/** A job that an enqueue has met and told of is what a read finds. */
async function expectMetAsRead(queue: ModelledQueue, receipts: readonly EnqueueReceipt[]): Promise<void> {
  const met = receipts.filter(({ job }) => job !== undefined);
  if (met.length === 0) return;
  const stored = await queue.store.curation.read(
    queue.name,
    met.map(({ id }) => id),
  );
  expect(met.map(({ job }) => job?.record)).toEqual(stored.map((job) => job?.record));
}

export const inbox = command(
  'inbox',
  fc.record({ push: fc.nat(3), take: fc.nat(3) }),
  async (queue, model, { push, take }) => {
    for (let index = 0; index < push; index++) {
      const element = `"element ${index}"`;
      model.inbox.push(element);
      await queue.fixture.pushInbox(queue.inbox, element);
    }
    const elements = model.inbox.splice(0, take);
    expect(await queue.store.intake.takeInbox(queue.name, queue.inbox, take)).toBe(elements.length);
    const { jobs } = await queue.store.curation.list(queue.name, 'ready', undefined, 1000);
    const added = jobs.filter(({ id }) => !model.jobs.has(id));
    expect(added.map(({ record }) => decodeEnvelope(record).payload)).toEqual(elements);
    queue.expectNew(added.map(({ id }) => id));
    for (const { id, record } of added) model.add(id, { envelope: record });
  },
);

/** The envelope a retry by a person begins with. */
export function freshEnvelope(now: number, envelope: string, priority: number): string {
  const { userId, header, payload } = decodeEnvelope(envelope);
  const { p: _priority, a: _attempt, ...kept } = header;
  return encodeEnvelope(now, userId, priority > 0 ? { ...kept, p: priority } : kept, payload);
}
