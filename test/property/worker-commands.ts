import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { callerOf, type Settlement, type WorkerTurn } from '../../src/core/ports/worker-store.js';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.js';
import type { RetentionRule } from '../../src/core/job.js';
import { command, type Freedom, keeps, leasesOf, newJob, oldLeasesOf, pickFrom, picks, workerOf } from './command.js';
import { LEASE_MS, type ModelledQueue } from './modelled-queue.js';
import type { ModelJob } from './model-job.js';
import { enqueueJobs } from './producer-commands.js';
import type { QueueModel } from './queue-model.js';
import { CALL_MEMORY_MS } from './stores.js';

const sometimes = fc.constantFrom(false, false, false, true);
const adoptions = fc.constantFrom(undefined, '*' as const, ['resize'], ['two', 'resize'], ['default']);

/** Limits have no model: limit.contract.ts has them. */
type Kind = Exclude<Settlement['op'], 'limit'>;

interface End {
  pick: number;
  /** Of a lease that this worker had once, which may have ended long ago. */
  old: boolean;
  op: Kind;
  delayMs: number;
  rewritten: boolean;
  keep: RetentionRule;
}

const ends: fc.Arbitrary<End> = fc.record({
  pick: picks,
  old: sometimes,
  op: fc.constantFrom<Kind[]>('complete', 'complete', 'retry', 'snooze', 'release', 'park', 'cancel', 'bury'),
  delayMs: fc.constantFrom(0, 0, 1, 50, LEASE_MS),
  rewritten: fc.boolean(),
  keep: keeps,
});

/** The envelope of the next attempt, as a worker writes it. */
function nextEnvelope({ envelope }: ModelJob): string {
  const { enqueuedAt, userId, header, payload } = decodeEnvelope(envelope);
  return encodeEnvelope(enqueuedAt, userId, { ...header, a: (header.a ?? 1) + 1 }, payload);
}

function settlementsOf(model: QueueModel, worker: string, some: readonly End[], completedKeep: RetentionRule) {
  const made = new Map<string, Settlement>(); // a worker ends a run once
  for (const { pick, old, op, delayMs, rewritten, keep } of some) {
    const lease = pickFrom(old ? oldLeasesOf(model, worker) : leasesOf(model, worker), pick);
    if (lease === undefined || made.has(lease.id)) continue;
    const { id, token } = lease;
    const job = model.jobs.get(id);
    const stored = job?.envelope ?? encodeEnvelope(model.now, undefined, undefined, '0');
    const envelope = rewritten && job !== undefined ? nextEnvelope(job) : undefined;
    const sentBack = rewritten ? { envelope: stored } : {};
    const all: Record<Kind, Settlement> = {
      complete: { op: 'complete', id, token, result: String(pick), keep: completedKeep, ...sentBack },
      retry: { op: 'retry', id, token, delayMs, envelope: envelope ?? stored },
      snooze: { op: 'snooze', id, token, delayMs, envelope },
      release: { op: 'release', id, token },
      park: { op: 'park', id, token, name: decodeEnvelope(stored).header.n ?? 'default' },
      cancel: { op: 'cancel', id, token, keep },
      bury: { op: 'bury', id, token, detail: '{"reason":"exhausted","message":"no"}', envelope, keep },
    };
    made.set(id, all[op]);
  }
  return [...made.values()];
}

/** A new call of this worker; what it is given, and under which fence, is for the model to judge. */
async function newTurn(queue: ModelledQueue, model: QueueModel, worker: string, fields: Partial<WorkerTurn>) {
  const caller = callerOf({ worker, ...fields });
  const call = (model.calls.get(caller) ?? 0) + 1;
  model.calls.set(caller, call);
  const none = { want: 0, alone: false, adopt: undefined, settlements: [] };
  const handedFence = handedFenceOf(model, worker, 0);
  const turn: WorkerTurn = { ...none, handedFence, ...fields, worker, call, leaseMs: LEASE_MS };
  const before = model.fence;
  const reply = await queue.turn(model, turn);
  const reserved = reply.jobs.filter(({ handed }) => !handed);
  if (reserved.length > 0) expect(reply.fence).toBeGreaterThan(before);
  else expect(reply.fence).toBe(before);
  for (const { token } of reserved) expect(token.split(':').slice(0, 2)).toEqual([worker, String(reply.fence)]);
  model.grant(turn, reply);
}

/** Of the last job that arrived by hand-over: none of the last ones, some, or all. An old slot may be gone by now. */
function handedFenceOf(model: QueueModel, worker: string, arrived: number): number {
  const { at, jobs } = model.handed.get(worker) ?? { at: 0, jobs: [] };
  const count = model.now - at > CALL_MEMORY_MS ? jobs.length : Math.min(arrived, jobs.length);
  return count === 0 ? 0 : Number(jobs[count - 1].token.split(':')[1]);
}

const lanes = fc.constantFrom(0, 0, 1);

export function takeTurn({ completedKeeps, handOver }: Freedom) {
  const turns = fc.record({
    worker: picks,
    lane: lanes,
    takesHanded: handOver,
    arrived: fc.nat(4),
    want: fc.nat(5),
    alone: fc.boolean(),
    adopt: adoptions,
    ends: fc.array(ends, { maxLength: 5 }),
    completedKeep: completedKeeps,
  });
  return command('turn', turns, async (queue, model, { want, lane, alone, adopt, takesHanded, ...data }) => {
    const worker = workerOf(model, data.worker);
    const settlements = settlementsOf(model, worker, data.ends, data.completedKeep);
    const handedFence = handedFenceOf(model, worker, data.arrived);
    await newTurn(queue, model, worker, { want, lane, alone, adopt, takesHanded, handedFence, settlements });
  });
}

/** A worker takes all there is and waits; the next jobs may be handed over to it. */
export function awaitJobs({ handOver }: Freedom) {
  const waits = fc.record({ worker: picks, lane: lanes, takesHanded: handOver, count: fc.integer({ min: 1, max: 9 }) });
  return command('awaitJobs', waits, async (queue, model, { worker: pick, count, ...fields }) => {
    const worker = workerOf(model, pick);
    const handedFence = handedFenceOf(model, worker, Infinity);
    await newTurn(queue, model, worker, { ...fields, want: 50, adopt: '*', handedFence });
    await enqueueJobs(
      queue,
      model,
      Array.from({ length: count }, () => newJob(model, { priority: 0 })),
    );
  });
}

/** The reply of a turn was lost, or a socket delivers a copy of it after others. */
export const repeatTurn = command(
  'repeatTurn',
  fc.record({ worker: picks, lane: lanes, age: fc.constantFrom(0, 0, 0, 1, 2) }),
  async (queue, model, data) => {
    const made = model.turns.get(callerOf({ worker: workerOf(model, data.worker), lane: data.lane })) ?? [];
    const first = made[made.length - 1 - data.age];
    if (first === undefined) return;
    const reply = await queue.turn(model, first.turn);
    expect(reply.fence).toBe(made.at(-1)?.fence);
    for (const { id, token } of reply.jobs) expect(model.jobs.get(id)?.token).toBe(token);
  },
);

export const beat = command('beat', picks, (queue, model, pick) => queue.beat(model, workerOf(model, pick)));

export const reconcile = command(
  'reconcile',
  fc.record({ worker: picks, held: fc.nat(15), old: fc.boolean() }),
  async (queue, model, data) => {
    const worker = workerOf(model, data.worker);
    const held = leasesOf(model, worker).filter((_, index) => (data.held >> index) % 2 === 1);
    const old = pickFrom(oldLeasesOf(model, worker), data.held);
    if (data.old && old !== undefined && held.every(({ id }) => id !== old.id)) held.push(old);
    expect(await queue.store.workers.reconcile(queue.name, worker, held)).toMatchObject(model.reconcile(worker, held));
  },
);

export const leave = command('leave', picks, async (queue, model, pick) => {
  const worker = workerOf(model, pick);
  await queue.store.workers.leave(queue.name, worker);
  model.leave(worker);
});

const reports = fc.record({
  worker: picks,
  pick: picks,
  old: sometimes,
  progress: fc.constantFrom(undefined, '1', '{"done":2}'),
  logs: fc.array(fc.constantFrom('one', 'two é'), { maxLength: 3 }),
});

export const report = command('report', reports, async (queue, model, { pick, old, progress, logs, ...data }) => {
  const worker = workerOf(model, data.worker);
  const lease = pickFrom(old ? oldLeasesOf(model, worker) : leasesOf(model, worker), pick);
  if (lease === undefined) return;
  const sent = [{ ...lease, progress, logs }];
  expect(await queue.store.workers.report(queue.name, sent)).toEqual(model.report(sent));
  expect(await queue.store.curation.logs(queue.name, lease.id)).toEqual(model.jobs.get(lease.id)?.logs ?? []);
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

export const advance = command('advance', instants, (queue, model, ms) => queue.advance(model, ms));

export const scan = command('reclaim', fc.constant('all'), (queue, model) => queue.scan(model));

/** A worker falls silent for a lease, while the others beat and the scan goes on. */
async function fallSilent(queue: ModelledQueue, model: QueueModel, worker: string): Promise<void> {
  await queue.scan(model);
  for (let step = 0; step < 4; step++) {
    await queue.advance(model, LEASE_MS / 4 + 1);
    for (const other of model.leases.keys()) if (other !== worker) await queue.beat(model, other);
    await queue.scan(model);
  }
}

export const crash = command('crash', picks, (queue, model, pick) => fallSilent(queue, model, workerOf(model, pick)));

/** What a worker takes ends it, and the next one: suspects and poison come of this. */
export const crashLoop = command(
  'crashLoop',
  fc.record({ times: fc.integer({ min: 1, max: 3 }), want: fc.integer({ min: 1, max: 3 }), alone: fc.boolean() }),
  async (queue, model, { times, want, alone }) => {
    for (let time = 0; time < times; time++) {
      const worker = workerOf(model, time);
      await newTurn(queue, model, worker, { want, alone });
      await fallSilent(queue, model, worker);
    }
  },
);

export const promote = command('promote', fc.nat(3), async (queue, model, limit) => {
  expect(await queue.store.duties.promote(queue.name, limit)).toEqual(model.promote(limit));
});
