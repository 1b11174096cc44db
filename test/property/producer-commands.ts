import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import type { NewJob } from '../../src/core/broker.js';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.js';
import { LEASE_MS } from './modelled-queue.js';
import { command, newJob, priorities, type Seed } from './command.js';

const often = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });

const seeds: fc.Arbitrary<Seed> = fc.record({
  userId: often(fc.constantFrom('a', 'b', 'order-7')),
  delayMs: fc.constantFrom(undefined, undefined, undefined, 0, 1, 50, LEASE_MS, 60_000),
  priority: priorities,
  /** Foreign producers name jobs as they like. */
  name: fc.constantFrom(undefined, undefined, 'resize', 'two', 'two words'),
});

export const enqueue = command(
  'enqueue',
  fc.array(seeds, { minLength: 1, maxLength: 4 }),
  async (queue, model, data) => {
    const jobs = data.map((seed) => newJob(model, seed));
    const receipts = await queue.broker.enqueue(queue.name, jobs);
    const ids = receipts.map(({ id }) => id);
    queue.expectNew(ids.filter((_, index) => receipts[index].created));
    expect(receipts).toEqual(model.enqueue(jobs, ids));
  },
);

export const enqueuePlain = command('enqueuePlain', fc.integer({ min: 1, max: 4 }), async (queue, model, count) => {
  const jobs = Array.from({ length: count }, (): NewJob => newJob(model, { priority: 0 }));
  const receipts = await queue.broker.enqueue(queue.name, jobs);
  const ids = receipts.map(({ id }) => id);
  queue.expectNew(ids);
  expect(receipts).toEqual(model.enqueue(jobs, ids));
});

/** The reply was lost, or a socket delivers a copy of the call after others. */
export const repeatEnqueue = command('repeatEnqueue', fc.nat(2), (queue, _, age) => queue.store.repeatEnqueue(age));

export const inbox = command(
  'inbox',
  fc.record({ push: fc.nat(3), take: fc.nat(3) }),
  async (queue, model, { push, take }) => {
    for (let index = 0; index < push; index++) {
      const element = `"element ${index}"`;
      model.inbox.push(element);
      await queue.store.pushInbox(queue.inbox, element);
    }
    const elements = model.inbox.splice(0, take);
    expect(await queue.broker.takeInbox(queue.name, queue.inbox, take)).toBe(elements.length);
    const { jobs } = await queue.broker.list(queue.name, 'ready', undefined, 1000);
    const added = jobs.filter(({ id }) => !model.jobs.has(id));
    expect(added.map(({ record }) => decodeEnvelope(record).payload)).toEqual(elements);
    queue.expectNew(added.map(({ id }) => id));
    for (const { id, record } of added) model.add(id, { envelope: record });
  },
);

// ---------------------------------------------------------------- schedules

const rules = fc.constantFrom('digest', 'nightly');
const hashes = fc.constantFrom('h1', 'h1', 'h1', 'h2');

export const register = command(
  'register',
  fc.record({ name: rules, specHash: hashes, inMs: fc.constantFrom(0, 0, 1000, 60_000) }),
  async (queue, model, { name, specHash, inMs }) => {
    const schedule = { name, specHash, spec: `{"rule":"${specHash}"}`, nextTick: model.now + inMs };
    expect(await queue.broker.registerSchedule(queue.name, schedule)).toBe(model.rules.register(schedule));
  },
);

const fires = fc.record({
  name: rules,
  specHash: hashes,
  off: fc.constantFrom(0, 0, 0, 0, 1),
  priority: priorities,
  again: fc.constantFrom(true, true, true, false),
  skips: fc.constantFrom(false, false, true),
});

/** An instance fires what it thinks is due: rightly, too late, too early, or by an old rule. */
export const fire = command('fire', fires, async (queue, model, { name, specHash, off, priority, again, skips }) => {
  const { now, due } = await queue.broker.dueSchedules(queue.name, 10);
  const coming = model.rules.coming();
  expect(now).toBe(model.now);
  expect(due).toMatchObject(coming.filter((rule) => rule.tick <= now).map(({ lastTick: _lastTick, ...rule }) => rule));
  const tick = (coming.find((rule) => rule.name === name)?.tick ?? model.now) + off;
  const userId = `cron~${name}~${tick}`;
  const job = skips ? undefined : newJob(model, { userId, name, priority });
  const sent = { name, specHash, tick, nextTick: again ? tick + 60_000 : undefined, job };
  const answer = model.rules.fire(sent, now);
  expect(await queue.broker.fireSchedule(queue.name, sent)).toBe(answer);
  if (answer !== 'fired' || job === undefined || model.find(userId) !== undefined) return;
  const [stored] = await queue.broker.read(queue.name, [userId]);
  queue.expectNew([String(stored?.id)]);
  model.add(String(stored?.id), job);
});

export const forgetRule = command('removeSchedule', rules, async (queue, model, name) => {
  expect(await queue.broker.removeSchedule(queue.name, name)).toBe(model.rules.remove(name));
});

/** The envelope a retry by a person begins with. */
export function freshEnvelope(now: number, envelope: string, priority: number): string {
  const { userId, header, payload } = decodeEnvelope(envelope);
  const { p: _priority, a: _attempt, ...kept } = header;
  return encodeEnvelope(now, userId, priority > 0 ? { ...kept, p: priority } : kept, payload);
}
