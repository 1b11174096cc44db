import * as fc from 'fast-check';
import { encodeEnvelope, type EnvelopeHeader } from '../../src/core/envelope.js';
import type { NewJob, OnConflict } from '../../src/core/ports/intake.js';
import type { HeldJob } from '../../src/core/ports/worker-store.js';
import type { JobState, RetentionLimit, RetentionRule } from '../../src/core/job.js';
import type { ModelledQueue } from './modelled-queue.js';
import type { ModelJob } from './model-job.js';
import type { QueueModel } from './queue-model.js';

export type Command = fc.AsyncCommand<QueueModel, ModelledQueue>;

/**
 * A command of this name: acts on the real queue and the model, then everything is compared. Its data never names a job
 * or a token: it picks one of those that are there, so that a shorter sequence still makes sense.
 */
export function command<T>(
  name: string,
  data: fc.Arbitrary<T>,
  act: (queue: ModelledQueue, model: QueueModel, data: T) => Promise<void>,
): fc.Arbitrary<Command> {
  return data.map((value) => ({
    check: () => true,
    async run(model, queue) {
      await act(queue, model, value);
      await queue.expectFit(model);
    },
    toString: () => `${name}(${fc.stringify(value)})`,
  }));
}

const KEEP: RetentionLimit = { count: 1000, ageMs: 86_400_000, bytes: 10_000_000 };
/** An id that no store makes. */
export const STRANGER = 'zzzzzzzzzz';
/** Two begin alike: a worker must not be taken for another one. */
export const WORKERS = ['w1', 'w2', 'w10'];

export const picks = fc.nat(30);
export const priorities = fc.constantFrom(0, 0, 0, 1, 5, 9);
export const keeps = rules(0, 1, 2, { ...KEEP, bytes: 200 });

/** How much of what may differ between stores, by design, a sequence may touch. */
export interface Freedom {
  completedKeeps: fc.Arbitrary<RetentionRule>;
  purgeable: fc.Arbitrary<Exclude<JobState, 'active'>>;
  /** Some workers take jobs that are handed over. */
  handOver: fc.Arbitrary<boolean>;
}

const PURGEABLE = ['scheduled', 'parked', 'completed', 'cancelled', 'dead'] as const;

export const ANY: Freedom = {
  completedKeeps: rules(0, 1, 3),
  purgeable: fc.constantFrom('ready', ...PURGEABLE),
  handOver: fc.boolean(),
};

/**
 * A store may trim completed jobs together that ended together, take a hole in the line for a job of a purge, and hand jobs
 * over. Without these all stores do the same.
 */
export const EXACT: Freedom = {
  completedKeeps: rules(),
  purgeable: fc.constantFrom(...PURGEABLE),
  handOver: fc.constant(false),
};

function rules(...some: (number | RetentionRule)[]): fc.Arbitrary<RetentionRule> {
  const limits = some.map((rule) => (typeof rule === 'number' ? { ...KEEP, count: rule } : rule));
  return fc.constantFrom<RetentionRule[]>(KEEP, KEEP, KEEP, false, ...limits);
}

export function pickFrom<T>(all: readonly T[], pick: number): T | undefined {
  return all[pick % Math.max(all.length, 1)];
}

/** More often one that holds jobs. */
export function workerOf(model: QueueModel, pick: number): string {
  const holders = WORKERS.filter((worker) => model.heldBy(worker).length > 0);
  return pickFrom([...WORKERS, ...holders, ...holders, ...holders], pick) as string;
}

export function leasesOf(model: QueueModel, worker: string): HeldJob[] {
  return model.heldBy(worker).map(({ id, token }) => ({ id, token }));
}

/** Leases that this worker once had: more often of jobs that run again, the newest of a job may be among them. */
export function oldLeasesOf(model: QueueModel, worker: string): HeldJob[] {
  const issued = model.issued.filter((lease) => lease.worker === worker).map(({ id, token }) => ({ id, token }));
  const superseded = issued.filter(({ id, token }) => {
    const job = model.jobs.get(id);
    return job?.state === 'active' && job.token !== token;
  });
  return [...issued, ...superseded, ...superseded, ...superseded, { id: STRANGER, token: `${worker}:1` }];
}

export function anyJob(model: QueueModel, pick: number): ModelJob | undefined {
  return pickFrom([...model.jobs.values()], pick);
}

/** A job by either of its ids, or one that is not there. */
export function anyId(model: QueueModel, pick: number, byUser: boolean): string {
  const job = pickFrom([...model.jobs.values(), undefined], pick);
  return (byUser ? job?.userId : undefined) ?? job?.id ?? STRANGER;
}

export interface Seed {
  userId?: string | undefined;
  uniqueKey?: string | undefined;
  freeWhileRunning?: boolean;
  onConflict?: OnConflict | undefined;
  delayMs?: number | undefined;
  priority: number;
  name?: string | undefined;
}

export function newJob(model: QueueModel, { name, ...rest }: Seed): NewJob {
  const header: EnvelopeHeader = {};
  if (name !== undefined) header.n = name;
  if (rest.priority > 0) header.p = rest.priority;
  const envelope = encodeEnvelope(model.now, rest.userId, header, String(model.jobs.size));
  // A window and a debounce say when a job is due.
  const isTimed = rest.onConflict !== undefined && rest.onConflict.kind !== 'replace';
  return { envelope, ...rest, delayMs: isTimed ? undefined : rest.delayMs };
}
