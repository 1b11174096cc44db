import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeEnvelope } from '../../src/core/envelope.js';
import { JOB_STATES, type RetentionRule } from '../../src/core/job.js';
import { anyId, anyJob, command, type Freedom, keeps, pickFrom, picks, priorities, STRANGER } from './command.js';
import { expectedOf, LEASE_MS, seenOf } from './modelled-queue.js';
import { freshEnvelope } from './producer-commands.js';

const byId = fc.record({ pick: picks, byUser: fc.boolean() });

export const pause = command('pause', fc.constantFrom(true, false, false), async (queue, model, paused) => {
  await queue.store.curation.setPaused(queue.name, paused);
  model.paused = paused;
});

export const cancel = command('cancel', byId, async (queue, model, { pick, byUser }) => {
  const id = anyId(model, pick, byUser);
  expect(await queue.store.curation.cancel(queue.name, id)).toBe(model.cancel(id));
});

export const remove = command('remove', byId, async (queue, model, { pick, byUser }) => {
  const id = anyId(model, pick, byUser);
  expect(await queue.store.curation.remove(queue.name, id)).toBe(model.remove(id));
});

const retries = fc.record({
  pick: picks,
  byUser: fc.boolean(),
  /** Not a dead one: somebody else was faster. */
  other: fc.constantFrom(false, false, false, true),
  changed: fc.constantFrom(0, 0, 0, 1),
  priority: priorities,
});

export const retryDead = command('retryDead', retries, async (queue, model, { pick, other, ...data }) => {
  const job = other ? anyJob(model, pick) : pickFrom(model.inState('dead'), pick);
  if (job === undefined) return;
  const envelope = freshEnvelope(model.now, job.envelope, data.priority);
  const id = data.byUser ? (decodeEnvelope(job.envelope).userId ?? STRANGER) : job.id;
  const settledAt = job.settledAt + data.changed;
  const expected = model.retryDead(id, settledAt, envelope);
  expect(await queue.store.curation.retryDead(queue.name, id, settledAt, envelope)).toBe(expected);
});

export function purge({ purgeable }: Freedom) {
  const purges = fc.record({ state: purgeable, limit: fc.integer({ min: 1, max: 5 }) });
  return command('purge', purges, async (queue, model, { state, limit }) => {
    const { removed, more } = await queue.store.curation.purge(queue.name, state, limit);
    const before = model.inState(state).length;
    const expected = Math.min(limit, before);
    // A hole in the line takes the place of a job: such a step removes fewer.
    if (state === 'ready' && model.mayHaveHoles) expect(removed).toBeLessThanOrEqual(expected);
    else expect(removed).toBe(expected);
    model.purge(state, removed);
    if (removed < before) expect(more).toBe(true);
  });
}

export function trim({ completedKeeps }: Freedom) {
  const trims = fc.record({
    completed: completedKeeps,
    cancelled: keeps,
    dead: keeps,
    ageMs: fc.constantFrom(0, 999, LEASE_MS, 86_400_000),
  });
  return command('trim', trims, async (queue, model, { ageMs, ...rules }) => {
    const aged = (rule: RetentionRule) => rule && { ...rule, ageMs };
    const retention = { completed: aged(rules.completed), cancelled: aged(rules.cancelled), dead: aged(rules.dead) };
    const before = model.inState('completed').length;
    const reply = await queue.store.duties.trim(queue.name, retention);
    const { trimmedCancelled, trimmedDead } = model.trim(retention);
    const { completed: left } = await queue.store.curation.counts(queue.name);
    expect(reply).toEqual({ trimmed: before - left + trimmedCancelled + trimmedDead, trimmedDead, more: false });
    // Jobs that ended together go together.
    expect(left).toBeLessThanOrEqual((model.mayTrimTo ?? 0) + Math.max(model.largestTurn - 1, 0));
  });
}

// ---------------------------------------------------------------- look

export const listen = command('listen', fc.constant('events'), (queue) => queue.listen());

export const read = command('read', fc.array(byId, { minLength: 1, maxLength: 4 }), async (queue, model, data) => {
  const ids = data.map(({ pick, byUser }) => anyId(model, pick, byUser));
  const expected = ids.map((id) => model.find(id)).map((job) => job && expectedOf(job));
  expect((await queue.store.curation.read(queue.name, ids)).map((job) => job && seenOf(job))).toEqual(expected);
  const awaited = await queue.store.notices.awaitSettled(queue.name, ids[0], 5000);
  expect(awaited && seenOf(awaited)).toEqual(expected[0]);
});

export const listing = command(
  'list',
  fc.record({ state: fc.constantFrom(...JOB_STATES), size: fc.integer({ min: 1, max: 4 }) }),
  async (queue, model, { state, size }) => {
    const ids: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await queue.store.curation.list(queue.name, state, cursor, size);
      ids.push(...page.jobs.map(({ id }) => id));
      ({ cursor } = page);
      if (++pages > 200) throw new Error(`The listing of ${state} does not end`);
    } while (cursor !== undefined);
    const expected = model.listed(state).map(({ id }) => id);
    // A hash may tell one of its fields twice, in any order.
    expect(state === 'active' ? [...new Set(ids)].sort() : ids).toEqual(expected);
  },
);
