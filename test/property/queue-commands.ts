import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import type { HeldJob, NewJob, Settlement, WorkerTurn } from '../../src/core/broker.js';
import { decodeEnvelope, encodeEnvelope, type EnvelopeHeader } from '../../src/core/envelope.js';
import { JOB_STATES, type RetentionLimit, type RetentionRule } from '../../src/core/job.js';
import { expectedOf, LEASE_MS, ModelledQueue, seenOf } from './modelled-queue.js';
import type { ModelJob, QueueModel } from './queue-model.js';

type Command = fc.AsyncCommand<QueueModel, ModelledQueue>;

const KEEP: RetentionLimit = { count: 1000, ageMs: 86_400_000, bytes: 10_000_000 };
const STRANGER = 'zzzzzzzzzz';

// ---------------------------------------------------------------- what commands are made of

/** Two begin alike: a worker must not be taken for another one. */
const WORKERS = ['w1', 'w2', 'w10'];
/** More often one that holds jobs: {@link workerOf} knows which. */
const workers = fc.nat(20);
const userIds = fc.constantFrom('a', 'b', 'order-7');
const delays = fc.constantFrom(0, 0, 1, 50, 1000, LEASE_MS, 60_000);
const priorities = fc.constantFrom(0, 0, 0, 1, 5, 9);
const picks = fc.nat(30);
const adoptions = fc.constantFrom(undefined, undefined, '*' as const, ['resize'], ['two', 'resize'], ['default']);
/** Foreign producers name jobs as they like. */
const names = fc.constantFrom(undefined, undefined, 'resize', 'two', 'two words');
const someLimits = (...counts: number[]) => counts.map((count): RetentionRule => ({ ...KEEP, count }));
const keeps = fc.constantFrom<RetentionRule[]>(KEEP, KEEP, false, ...someLimits(0, 1, 2), { ...KEEP, bytes: 200 });
const completedKeeps = fc.constantFrom<RetentionRule[]>(KEEP, KEEP, false, ...someLimits(0, 1, 3));

interface Seed {
  userId: string | undefined;
  delayMs: number | undefined;
  priority: number;
  name: string | undefined;
}

const seeds: fc.Arbitrary<Seed> = fc.record({
  userId: fc.option(userIds, { nil: undefined, freq: 3 }),
  delayMs: fc.option(delays, { nil: undefined }),
  priority: priorities,
  name: names,
});

interface End {
  pick: number;
  /** Of a lease of this worker that may have ended long ago. */
  anyLease: boolean;
  op: Settlement['op'];
  delayMs: number;
  rewritten: boolean;
  keep: RetentionRule;
}

const ends: fc.Arbitrary<End> = fc.record({
  pick: picks,
  anyLease: fc.constantFrom(false, false, false, true),
  op: fc.constantFrom<Settlement['op'][]>(
    'complete',
    'complete',
    'retry',
    'snooze',
    'release',
    'park',
    'cancel',
    'bury',
  ),
  delayMs: delays,
  rewritten: fc.boolean(),
  keep: keeps,
});

function newJob(model: QueueModel, seed: Seed): NewJob {
  const header: EnvelopeHeader = {};
  if (seed.name !== undefined) header.n = seed.name;
  if (seed.priority > 0) header.p = seed.priority;
  const envelope = encodeEnvelope(model.now, seed.userId, header, `"${model.jobs.size}"`);
  const { name: _name, ...rest } = seed;
  return { envelope, ...rest };
}

/** The envelope of the next attempt, as a worker writes it. */
function nextEnvelope({ envelope }: ModelJob): string {
  const { enqueuedAt, userId, header, payload } = decodeEnvelope(envelope);
  return encodeEnvelope(enqueuedAt, userId, { ...header, a: (header.a ?? 1) + 1 }, payload);
}

function workerOf(model: QueueModel, pick: number): string {
  const holders = WORKERS.filter((worker) => model.heldBy(worker).length > 0);
  return pickFrom([...WORKERS, ...holders, ...holders], pick) as string;
}

function pickFrom<T>(all: readonly T[], pick: number): T | undefined {
  return all[pick % Math.max(all.length, 1)];
}

function leasesOf(model: QueueModel, worker: string): HeldJob[] {
  return model.heldBy(worker).map(({ id, token }) => ({ id, token }));
}

function settlementOf(model: QueueModel, worker: string, end: End, completedKeep: RetentionRule) {
  const issued = model.issued.filter((lease) => lease.worker === worker);
  const lease = pickFrom(
    end.anyLease ? [...issued, { id: STRANGER, token: `${worker}:1` }] : leasesOf(model, worker),
    end.pick,
  );
  if (lease === undefined) return [];
  const { id, token } = lease;
  const job = model.jobs.get(id);
  const stored = job?.envelope ?? encodeEnvelope(model.now, undefined, undefined, '0');
  const envelope = end.rewritten && job !== undefined ? nextEnvelope(job) : undefined;
  const { op, delayMs, keep } = end;
  const made: Record<Settlement['op'], Settlement> = {
    complete: {
      op: 'complete',
      id,
      token,
      result: String(end.pick),
      keep: completedKeep,
      ...(end.rewritten ? { envelope: stored } : {}),
    },
    retry: { op: 'retry', id, token, delayMs, envelope: envelope ?? stored, error: 'no' },
    snooze: { op: 'snooze', id, token, delayMs, envelope },
    release: { op: 'release', id, token },
    park: { op: 'park', id, token, name: decodeEnvelope(stored).header.n ?? 'default' },
    cancel: { op: 'cancel', id, token, keep },
    bury: { op: 'bury', id, token, detail: '{"reason":"exhausted","message":"no"}', envelope, keep },
  };
  return [made[op]];
}

/** A command of this name: acts on the real queue and the model, then everything is compared. */
function command<T>(
  name: string,
  data: fc.Arbitrary<T>,
  act: (queue: ModelledQueue, model: QueueModel, data: T) => Promise<void>,
  can: (model: QueueModel, data: T) => boolean = () => true,
): fc.Arbitrary<Command> {
  return data.map((value) => ({
    check: (model) => can(model as QueueModel, value),
    async run(model, queue) {
      await act(queue, model, value);
      await queue.expectFit(model);
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }));
}

const hasJobs = (model: QueueModel) => model.jobs.size > 0;
const anyJob = (model: QueueModel, pick: number) => pickFrom([...model.jobs.values()], pick);
/** A job by either of its ids, or one that is not there. */
const anyId = (model: QueueModel, pick: number, byUser: boolean) => {
  const job = pickFrom([...model.jobs.values(), undefined], pick);
  return (byUser ? job?.userId : undefined) ?? job?.id ?? STRANGER;
};

// ---------------------------------------------------------------- producers

const enqueue = command('enqueue', fc.array(seeds, { minLength: 1, maxLength: 4 }), async (queue, model, data) => {
  const jobs = data.map((seed) => newJob(model, seed));
  const receipts = await queue.broker.enqueue(queue.name, jobs);
  queue.expectNew(receipts.filter(({ created }) => created).map(({ id }) => id));
  expect(receipts).toEqual(
    model.enqueue(
      jobs,
      receipts.map(({ id }) => id),
    ),
  );
});

const enqueuePlain = command('enqueuePlain', fc.integer({ min: 1, max: 4 }), async (queue, model, count) => {
  const jobs = Array.from({ length: count }, (): NewJob => ({
    envelope: encodeEnvelope(model.now, undefined, undefined, '1'),
  }));
  const ids = (await queue.broker.enqueue(queue.name, jobs)).map(({ id }) => id);
  queue.expectNew(ids);
  model.enqueue(jobs, ids);
});

const repeatEnqueue = command('repeatEnqueue', fc.nat(2), (queue, _, age) => queue.store.repeatEnqueue(age));

const inbox = command(
  'inbox',
  fc.record({ push: fc.nat(3), take: fc.nat(3) }),
  async (queue, model, { push, take }) => {
    for (let index = 0; index < push; index++) {
      model.inbox.push(`"element ${index}"`);
      await queue.store.pushInbox(queue.inbox, `"element ${index}"`);
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

// ---------------------------------------------------------------- workers

const turns = fc.record({
  worker: workers,
  want: fc.nat(4),
  alone: fc.boolean(),
  adopt: adoptions,
  ends: fc.array(ends, { maxLength: 4 }),
  completedKeep: completedKeeps,
});

const takeTurn = command('turn', turns, async (queue, model, data) => {
  const { worker, want, alone, adopt, completedKeep } = data;
  const settlements = data.ends.flatMap((end) => settlementOf(model, worker, end, completedKeep));
  const call = (model.calls.get(worker) ?? 0) + 1;
  model.calls.set(worker, call);
  const turn: WorkerTurn = { worker, call, leaseMs: LEASE_MS, want, alone, adopt, settlements };
  const before = model.fence;
  const reply = await queue.turn(model, turn);
  if (reply.jobs.length > 0) expect(reply.fence).toBeGreaterThan(before);
  else expect(reply.fence).toBe(before);
  for (const { token } of reply.jobs) expect(token.split(':').slice(0, 2)).toEqual([worker, String(reply.fence)]);
  model.grant(turn, reply);
});

/** The reply of a turn was lost, or a socket delivers a copy of it after others. */
const repeatTurn = command(
  'repeatTurn',
  fc.record({ worker: workers, age: fc.constantFrom(0, 0, 0, 1, 2) }),
  async (queue, model, { worker, age }) => {
    const made = model.turns.get(worker) ?? [];
    const first = made[made.length - 1 - age];
    const reply = await queue.turn(model, first.turn);
    expect(reply.fence).toBe(made.at(-1)?.fence);
    for (const { id, token } of reply.jobs) expect(model.jobs.get(id)?.token).toBe(token);
  },
  (model, { worker, age }) => (model.turns.get(worker)?.length ?? 0) > age,
);

const beat = command('beat', workers, (queue, model, worker) => queue.beat(model, worker));

const reconcile = command(
  'reconcile',
  fc.record({ worker: workers, held: fc.nat(15), old: fc.boolean() }),
  async (queue, model, data) => {
    const { worker } = data;
    const held = leasesOf(model, worker).filter((_, index) => (data.held >> index) % 2 === 1);
    const old = pickFrom(
      model.issued.filter(
        (lease) => lease.worker === worker && !leasesOf(model, worker).some(({ id }) => id === lease.id),
      ),
      data.held,
    );
    if (data.old && old !== undefined) held.push({ id: old.id, token: old.token });
    expect(await queue.broker.reconcile(queue.name, worker, held)).toEqual(model.reconcile(worker, held));
  },
);

const leave = command('leave', workers, async (queue, model, worker) => {
  await queue.broker.leave(queue.name, worker);
  model.leave(worker);
});

const reports = fc.record({
  worker: workers,
  pick: picks,
  progress: fc.constantFrom(undefined, '1', '{"done":2}'),
  logs: fc.array(fc.constantFrom('one', 'two', ''), { maxLength: 3 }),
});

const report = command('report', reports, async (queue, model, { worker, pick, progress, logs }) => {
  const lease = pickFrom([...leasesOf(model, worker), ...model.issued.filter((each) => each.worker === worker)], pick);
  if (lease === undefined) return;
  const sent = [{ id: lease.id, token: lease.token, progress, logs }];
  expect(await queue.broker.report(queue.name, sent)).toEqual(model.report(sent));
  expect(await queue.broker.logs(queue.name, lease.id)).toEqual(model.jobs.get(lease.id)?.logs ?? []);
});

// ---------------------------------------------------------------- time

const instants = fc.constantFrom(
  1,
  7,
  50,
  1000,
  LEASE_MS / 4,
  LEASE_MS / 2 + 1,
  LEASE_MS,
  3 * LEASE_MS,
  60_000,
  900_000,
);
const advance = command('advance', instants, (queue, model, ms) => queue.advance(model, ms));

const scan = command('reclaim', fc.constant(0), (queue, model) => queue.scan(model));

/** A worker falls silent for a lease and more, while the others beat and the scan goes on. */
const crash = command('crash', workers, async (queue, model, worker) => {
  await queue.scan(model);
  for (let step = 0; step < 4; step++) {
    await queue.advance(model, LEASE_MS / 4 + 1);
    for (const other of model.leases.keys()) if (other !== worker) await queue.beat(model, other);
    await queue.scan(model);
  }
});

const promote = command('promote', fc.nat(3), async (queue, model, limit) => {
  expect(await queue.broker.promote(queue.name, limit)).toEqual(model.promote(limit));
});

// ---------------------------------------------------------------- people

const pause = command('pause', fc.boolean(), async (queue, model, paused) => {
  await queue.broker.setPaused(queue.name, paused);
  model.paused = paused;
});

const byId = fc.record({ pick: picks, byUser: fc.boolean() });

const cancel = command('cancel', byId, async (queue, model, { pick, byUser }) => {
  const id = anyId(model, pick, byUser);
  expect(await queue.broker.cancel(queue.name, id)).toBe(model.cancel(id));
});

const remove = command('remove', byId, async (queue, model, { pick, byUser }) => {
  const id = anyId(model, pick, byUser);
  expect(await queue.broker.remove(queue.name, id)).toBe(model.remove(id));
});

const retries = fc.record({
  pick: picks,
  dead: fc.constantFrom(true, true, true, false),
  changed: fc.constantFrom(0, 0, 0, 1),
  priority: priorities,
});

const retryDead = command(
  'retryDead',
  retries,
  async (queue, model, { pick, dead, changed, priority }) => {
    const job = (dead ? pickFrom(model.inState('dead'), pick) : undefined) ?? (anyJob(model, pick) as ModelJob);
    const { userId, header, payload } = decodeEnvelope(job.envelope);
    const { p: _priority, a: _attempt, ...kept } = header;
    const envelope = encodeEnvelope(model.now, userId, priority > 0 ? { ...kept, p: priority } : kept, payload);
    const id = pick % 2 === 0 ? job.id : (userId ?? STRANGER);
    const settledAt = job.settledAt + changed;
    expect(await queue.broker.retryDead(queue.name, id, settledAt, envelope)).toBe(
      model.retryDead(id, settledAt, envelope),
    );
  },
  hasJobs,
);

const purges = fc.record({
  state: fc.constantFrom('scheduled', 'ready', 'parked', 'completed', 'cancelled', 'dead'),
  limit: fc.integer({ min: 1, max: 5 }),
});

const purge = command('purge', purges, async (queue, model, { state, limit }) => {
  const { removed, more } = await queue.broker.purge(queue.name, state, limit);
  const before = model.inState(state).length;
  expect(removed).toBeLessThanOrEqual(Math.min(limit, before));
  // Holes in the line count as work: a step may remove fewer, and says that there is more.
  if (state !== 'ready') expect(removed).toBe(Math.min(limit, before));
  model.purge(state, removed);
  if (model.inState(state).length > 0) expect(more).toBe(true);
  else if (state !== 'ready' && state !== 'completed') expect(more).toBe(false);
});

const trims = fc.record({
  completed: completedKeeps,
  cancelled: keeps,
  dead: keeps,
  ageMs: fc.constantFrom(0, 999, LEASE_MS, 86_400_000),
});

const trim = command('trim', trims, async (queue, model, { ageMs, ...rules }) => {
  const aged = (rule: RetentionRule) => rule && { ...rule, ageMs };
  const retention = { completed: aged(rules.completed), cancelled: aged(rules.cancelled), dead: aged(rules.dead) };
  const before = model.inState('completed').length;
  const reply = await queue.broker.trim(queue.name, retention);
  const { trimmedCancelled, trimmedDead } = model.trim(retention);
  const { completed: left } = await queue.broker.counts(queue.name);
  expect(reply).toEqual({ trimmed: before - left + trimmedCancelled + trimmedDead, trimmedDead, more: false });
  // Jobs that ended together go together.
  expect(left).toBeLessThanOrEqual((model.mayTrimTo ?? 0) + Math.max(model.largestTurn - 1, 0));
});

// ---------------------------------------------------------------- readers

const read = command('read', fc.array(byId, { minLength: 1, maxLength: 4 }), async (queue, model, data) => {
  const ids = data.map(({ pick, byUser }) => anyId(model, pick, byUser));
  const expected = ids.map((id) => model.find(id)).map((job) => job && expectedOf(job));
  expect((await queue.broker.read(queue.name, ids)).map((job) => job && seenOf(job))).toEqual(expected);
  const awaited = await queue.broker.awaitSettled(queue.name, ids[0], 5000);
  expect(awaited && seenOf(awaited)).toEqual(expected[0]);
});

const listing = command(
  'list',
  fc.record({ state: fc.constantFrom(...JOB_STATES), size: fc.integer({ min: 1, max: 4 }) }),
  async (queue, model, { state, size }) => {
    const ids: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await queue.broker.list(queue.name, state, cursor, size);
      ids.push(...page.jobs.map(({ id }) => id));
      ({ cursor } = page);
      if (++pages > 200) throw new Error(`The listing of ${state} does not end`);
    } while (cursor !== undefined);
    const expected = model.inState(state).map(({ id }) => id);
    // A hash may tell one of its fields twice.
    expect(state === 'active' ? [...new Set(ids)].sort() : ids).toEqual(expected);
  },
);

// ---------------------------------------------------------------- schedules

const rules = fc.constantFrom('digest', 'nightly');
const hashes = fc.constantFrom('h1', 'h1', 'h2');
const ticks = fc.constantFrom(0, 1000, 60_000);

const register = command(
  'register',
  fc.record({ name: rules, specHash: hashes, inMs: ticks }),
  async (queue, model, { name, specHash, inMs }) => {
    const schedule = { name, specHash, spec: `{"rule":"${specHash}"}`, nextTick: model.now + inMs };
    expect(await queue.broker.registerSchedule(queue.name, schedule)).toBe(model.register(schedule));
  },
);

const fires = fc.record({
  name: rules,
  specHash: hashes,
  off: fc.constantFrom(0, 0, 0, 0, 1),
  priority: priorities,
  ends: fc.constantFrom(false, false, false, true),
  skips: fc.constantFrom(false, false, true),
});

const fire = command('fire', fires, async (queue, model, data) => {
  const { name, specHash } = data;
  const { now, due } = await queue.broker.dueSchedules(queue.name, 10);
  const coming = model.coming();
  expect({ now, due }).toEqual({
    now: model.now,
    due: coming.filter(({ tick }) => tick <= model.now).map(({ lastTick: _, ...rule }) => rule),
  });
  const tick = (coming.find((rule) => rule.name === name)?.tick ?? model.now) + data.off;
  const userId = `cron~${name}~${tick}`;
  const seed = { userId, name, priority: data.priority, delayMs: undefined };
  const job = data.skips ? undefined : newJob(model, seed);
  const sent = { name, specHash, tick, nextTick: data.ends ? undefined : tick + 60_000, job };
  const { answer, adds } = model.fire(sent);
  expect(await queue.broker.fireSchedule(queue.name, sent)).toBe(answer);
  if (!adds || job === undefined) return;
  const [stored] = await queue.broker.read(queue.name, [userId]);
  queue.expectNew([String(stored?.id)]);
  model.add(String(stored?.id), job);
});

const forgetRule = command('removeSchedule', rules, async (queue, model, name) => {
  expect(await queue.broker.removeSchedule(queue.name, name)).toBe(model.rules.delete(name));
});

/** What happens often in life is in the list more than once. */
export const QUEUE_COMMANDS: fc.Arbitrary<Command>[] = [
  ...[enqueue, enqueue, enqueue, enqueuePlain, repeatEnqueue, inbox],
  ...[
    takeTurn,
    takeTurn,
    takeTurn,
    takeTurn,
    takeTurn,
    takeTurn,
    repeatTurn,
    repeatTurn,
    beat,
    reconcile,
    leave,
    report,
  ],
  ...[advance, advance, scan, crash, crash, promote],
  ...[pause, cancel, cancel, remove, retryDead, retryDead, purge, trim],
  ...[read, listing, register, fire, fire, forgetRule],
];
