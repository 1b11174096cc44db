import { expect } from '@jest/globals';
import type { ReclaimReply } from '../../src/core/ports/duties.js';
import type { NewJob, OnConflict } from '../../src/core/ports/intake.js';
import type { Store } from '../../src/core/ports/store.js';
import type { Reservation, ReservedJob, Settlement, WorkerTurn } from '../../src/core/ports/worker-store.js';
import { encodeEnvelope, splitRecord, type EnvelopeHeader } from '../../src/core/envelope.js';
import { JOB_STATES, type JobState, type RetentionLimit } from '../../src/core/job.js';
import type { StoreFixture } from '../support/stores.js';
import { MessageLog } from '../support/message-log.js';

export const QUEUE = 'mail';
export const LEASE_MS = 8000;
export const DAY_MS = 86_400_000;
export const KEEP: RetentionLimit = { count: 100, ageMs: DAY_MS, bytes: 1_000_000 };

/** How a test speaks of a job that it stores. */
export interface Seed {
  payload?: string;
  userId?: string;
  uniqueKey?: string;
  freeWhileRunning?: boolean;
  onConflict?: OnConflict;
  name?: string;
  delayMs?: number;
  runAt?: number;
  priority?: number;
  cost?: number;
  group?: string;
  ordered?: boolean;
}

/** Seeds, acts and reads for the contract: what all of its tests say in the same way. */
export class StoreDriver {
  private readonly calls = new Map<string, number>();
  private barriers = 0;

  constructor(readonly fixture: StoreFixture) {}

  get store(): Store {
    return this.fixture.store;
  }

  now(): number {
    return this.fixture.clock.now();
  }

  advance(ms: number): Promise<void> {
    return this.fixture.clock.advance(ms);
  }

  // ---------------------------------------------------------------- seed

  envelope(seed: Seed = {}): string {
    const header: EnvelopeHeader = {};
    if (seed.name !== undefined) header.n = seed.name;
    if (seed.priority) header.p = seed.priority;
    if (seed.group !== undefined) header.g = seed.group;
    if (seed.ordered) header.o = 1;
    return encodeEnvelope(this.now(), seed.userId, header, seed.payload ?? '"hello"');
  }

  newJob(seed: Seed = {}): NewJob {
    const { userId, uniqueKey, freeWhileRunning, onConflict, delayMs, runAt, priority, cost, group, ordered } = seed;
    return {
      envelope: this.envelope(seed),
      ...(userId === undefined ? {} : { userId }),
      ...(uniqueKey === undefined ? {} : { uniqueKey }),
      ...(freeWhileRunning === undefined ? {} : { freeWhileRunning }),
      ...(onConflict === undefined ? {} : { onConflict }),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(runAt === undefined ? {} : { runAt }),
      ...(priority === undefined ? {} : { priority }),
      ...(cost === undefined ? {} : { cost }),
      ...(group === undefined ? {} : { group }),
      ...(ordered === undefined ? {} : { ordered }),
    };
  }

  /** Stores one job each; answers their ids. */
  async put(...seeds: Seed[]): Promise<string[]> {
    const receipts = await this.store.intake.enqueue(
      QUEUE,
      seeds.map((seed) => this.newJob(seed)),
    );
    return receipts.map(({ id }) => id);
  }

  async putOne(seed: Seed = {}): Promise<string> {
    return (await this.put(seed))[0];
  }

  putMany(count: number, seed: Seed = {}): Promise<string[]> {
    return this.put(...Array.from({ length: count }, () => seed));
  }

  /** Stores and ends jobs one turn at a time, so that each ends by itself; answers their ids, oldest end first. */
  async putEnded(
    state: 'completed' | 'cancelled' | 'dead',
    count: number,
    keep = KEEP,
    seed: Seed = {},
  ): Promise<string[]> {
    const ids: string[] = [];
    for (let index = 0; index < count; index++) {
      const job = await this.start('seeder', seed);
      ids.push(job.id);
      await this.settle('seeder', this.ending(state, job, keep));
    }
    return ids;
  }

  private ending(state: 'completed' | 'cancelled' | 'dead', job: ReservedJob, keep: RetentionLimit): Settlement {
    const { id, token } = job;
    if (state === 'completed') return this.complete(job, '1', keep);
    if (state === 'cancelled') return { op: 'cancel', id, token, keep };
    return { op: 'bury', id, token, detail: '{"reason":"exhausted","message":"no"}', envelope: undefined, keep };
  }

  // ---------------------------------------------------------------- act

  /** A new call of this worker. */
  turn(worker: string, turn: Partial<WorkerTurn> = {}): WorkerTurn {
    const call = turn.call ?? (this.calls.get(worker) ?? 0) + 1;
    this.calls.set(worker, call);
    return { worker, leaseMs: LEASE_MS, want: 1, alone: false, adopt: undefined, settlements: [], ...turn, call };
  }

  reserve(worker: string, want = 1, turn: Partial<WorkerTurn> = {}): Promise<Reservation> {
    return this.store.workers.settleAndReserve(QUEUE, this.turn(worker, { want, ...turn }));
  }

  settle(worker: string, ...settlements: Settlement[]): Promise<Reservation> {
    return this.reserve(worker, 0, { settlements });
  }

  /** Stores a job and has this worker run it; the queue must have been without ready jobs. */
  async start(worker: string, seed: Seed = {}): Promise<ReservedJob> {
    const id = await this.putOne(seed);
    const { jobs } = await this.reserve(worker);
    expect(jobs.map((job) => job.id)).toEqual([id]);
    return jobs[0];
  }

  complete(
    { id, token, envelope }: { id: string; token: string; envelope?: string },
    result = '1',
    keep: RetentionLimit | false = KEEP,
  ): Settlement {
    return { op: 'complete', id, token, result, envelope, keep };
  }

  /** Every lease ends, and the scan that is on all the while returns what their workers held: no grace is due. */
  async expireLeases(): Promise<ReclaimReply> {
    const replies = [await this.scan()];
    for (let step = 0; step < 4; step++) {
      await this.advance(LEASE_MS / 4 + 1);
      replies.push(await this.scan());
    }
    return {
      ...(replies.at(-1) as ReclaimReply),
      reclaimed: replies.reduce((sum, reply) => sum + reply.reclaimed, 0),
      poisoned: replies.flatMap(({ poisoned }) => poisoned),
    };
  }

  /** The reclaim scan, every step of it. */
  async scan(): Promise<ReclaimReply> {
    let reclaimed = 0;
    const poisoned: string[] = [];
    for (;;) {
      const reply = await this.store.duties.reclaim(QUEUE, LEASE_MS);
      reclaimed += reply.reclaimed;
      poisoned.push(...reply.poisoned);
      if (!reply.more) return { ...reply, reclaimed, poisoned };
    }
  }

  // ---------------------------------------------------------------- read

  async stateOf(id: string): Promise<JobState | undefined> {
    return (await this.store.curation.read(QUEUE, [id]))[0]?.state;
  }

  async settledOf(id: string) {
    const [stored] = await this.store.curation.read(QUEUE, [id]);
    return stored && splitRecord(stored.record).settled;
  }

  /** All ids of a state, page by page. */
  async idsIn(state: JobState, limit = 50): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await this.store.curation.list(QUEUE, state, cursor, limit);
      ids.push(...page.jobs.map(({ id }) => id));
      cursor = page.cursor;
      if (++pages > 1000) throw new Error(`The listing of ${state} does not end`);
    } while (cursor !== undefined);
    return ids;
  }

  async expectCounts(expected: Partial<Record<JobState, number>>): Promise<void> {
    const none = Object.fromEntries(JOB_STATES.map((state) => [state, 0]));
    const { paused: _paused, ...counts } = await this.store.curation.counts(QUEUE);
    expect(counts).toEqual({ ...none, ...expected });
  }

  /** Each job is in exactly one place, and every place agrees with the counts and with what reading says. */
  async expectConserved(): Promise<void> {
    const counts = await this.store.curation.counts(QUEUE);
    const seen: string[] = [];
    // Those that are blocked are ready.
    for (const state of JOB_STATES.filter((one) => one !== 'blocked')) {
      // One page: between two, a store may move active jobs about.
      const ids = await this.idsIn(state, 1000);
      expect({ state, listed: ids.length }).toEqual({ state, listed: counts[state] });
      for (const stored of await this.store.curation.read(QUEUE, ids)) expect(stored?.state).toBe(state);
      seen.push(...ids);
    }
    expect(new Set(seen).size).toBe(seen.length);
  }

  // ---------------------------------------------------------------- wait

  /** What this worker is told from now on. */
  async wakesOf(worker: string): Promise<MessageLog<string>> {
    const log = new MessageLog<string>();
    await this.store.workers.onWake(worker, log.listener);
    return log;
  }

  /** Resolves when whatever was sent to listeners before has arrived: what is not there by then was never sent. */
  async barrier(): Promise<void> {
    const name = `barrier-${++this.barriers}`;
    const log = await this.wakesOf(name);
    await this.store.workers.settleAndReserve(name, this.turn(name));
    await this.store.intake.enqueue(name, [this.newJob()]);
    await log.first(1);
  }
}
