import { expect } from '@jest/globals';
import type { Unsubscribe } from '../../src/core/ports/connection.js';
import type { StoredJob } from '../../src/core/ports/curation.js';
import type { ReclaimReply } from '../../src/core/ports/duties.js';
import type { Store } from '../../src/core/ports/store.js';
import type { Reservation, WorkerTurn } from '../../src/core/ports/worker-store.js';
import { splitRecord } from '../../src/core/envelope.js';
import { isSettled, JOB_STATES, type JobState } from '../../src/core/job.js';
import { WORKERS } from './command.js';
import type { ModelJob } from './model-job.js';
import type { QueueModel } from './queue-model.js';
import { CALL_MEMORY_MS, type ModelledStore } from './stores.js';

export const LEASE_MS = 8000;

/** One queue of a real store, and the steps that commands are made of: each compares what is answered with the model. */
export class ModelledQueue {
  private lastId = '';
  private stopListening: Unsubscribe | undefined;

  constructor(
    readonly fixture: ModelledStore,
    readonly name: string,
  ) {}

  get store(): Store {
    return this.fixture.store;
  }

  get inbox(): string {
    return `${this.name}-inbox`;
  }

  // ---------------------------------------------------------------- act

  async advance(model: QueueModel, ms: number): Promise<void> {
    await this.fixture.advance(ms);
    model.now = this.fixture.now();
    for (const [caller, made] of model.turns) {
      if (made.some(({ at }) => model.now - at > CALL_MEMORY_MS)) model.turns.set(caller, []);
    }
  }

  async turn(model: QueueModel, turn: WorkerTurn): Promise<Reservation> {
    const reply = await this.store.workers.settleAndReserve(this.name, turn);
    const { ids, handed, ...expected } = model.turn(turn);
    const { jobs, fence: _fence, awaited: _hint, ...answered } = reply;
    expect(jobs.filter(({ handed }) => handed).map(({ id, token }) => ({ id, token }))).toEqual(handed);
    if (model.mayHaveHoles) expected.backlog ||= answered.backlog;
    model.mayHaveHoles &&= answered.backlog;
    expect(sortedIn(answered)).toEqual(sortedIn(expected));
    expect(jobs.map(({ id, envelope, crashes }) => ({ id, envelope, crashes }))).toEqual(
      ids
        .map((id) => model.jobs.get(id))
        .map((job) => ({ id: job?.id, envelope: job?.envelope, crashes: job?.crashes })),
    );
    return reply;
  }

  async scan(model: QueueModel): Promise<void> {
    let reply: ReclaimReply;
    do {
      reply = await this.store.duties.reclaim(this.name, LEASE_MS);
      const expected = model.reclaim(LEASE_MS);
      if (model.mayHaveHoles) expected.ready = Math.max(expected.ready, reply.ready);
      expect(sortedIn(reply)).toEqual(sortedIn(expected));
    } while (reply.more);
  }

  async beat(model: QueueModel, worker: string): Promise<void> {
    expect(sortedIn(await this.store.workers.beat(this.name, worker, LEASE_MS))).toEqual(
      sortedIn(model.beat(worker, LEASE_MS)),
    );
  }

  /** New jobs are ready, unless the store reserved them for a worker that waited. */
  async takeHandOvers(model: QueueModel, added: readonly string[]): Promise<void> {
    for (const worker of WORKERS) {
      const handed = (await this.fixture.handedTo(this.name, worker)).filter(({ id }) => added.includes(id));
      if (handed.length > 0) model.handOver(worker, handed, added);
    }
  }

  /** Ids that the store made: of ten characters, rising, never seen before. */
  expectNew(ids: readonly string[]): void {
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-z]{10}$/);
      expect(id > this.lastId).toBe(true);
      this.lastId = id;
    }
  }

  /** While somebody listens, stores make events, and go other ways. */
  async listen(): Promise<void> {
    this.stopListening ??= await this.store.notices.onEvents(this.name, () => {});
  }

  async close(): Promise<void> {
    await this.stopListening?.();
    await this.fixture.drop(this.name, this.inbox);
  }

  // ---------------------------------------------------------------- look

  /** Every job is in the one state the model says, in its place of the line; nothing else is there. */
  async expectFit(model: QueueModel): Promise<void> {
    const [counts, paused, { schedules }, ...pages] = await Promise.all([
      this.store.curation.counts(this.name),
      this.store.curation.isPaused(this.name),
      this.store.timetable.list(this.name, undefined, 500),
      ...JOB_STATES.map((state) => this.store.curation.list(this.name, state, undefined, 1000)),
    ]);
    const listed = new Map<JobState, StoredJob[]>(JOB_STATES.map((state, index) => [state, pages[index].jobs]));
    model.takeTrimmed(new Set(listed.get('completed')?.map(({ id }) => id)));
    for (const state of JOB_STATES) {
      const jobs = (listed.get(state) ?? []).map(seenOf);
      if (state === 'active') jobs.sort((a, b) => (a.id < b.id ? -1 : 1)); // these have no order
      expect(jobs).toEqual(model.listed(state).map(expectedOf));
    }
    schedules.sort((a, b) => (a.name < b.name ? -1 : 1));
    expect({ counts, paused, schedules }).toEqual({
      counts: { ...model.counts(), paused: model.paused },
      paused: model.paused,
      schedules: model.rules.all(),
    });
    await this.fixture.audit(this.name, model);
  }
}

/** Answers of which the order says nothing. */
function sortedIn<T extends object>(answer: T): T {
  const lists = Object.entries(answer).filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]));
  return {
    ...answer,
    ...Object.fromEntries(
      lists.map(([key, list]) => [key, [...list].sort((a, b) => (String(a) < String(b) ? -1 : 1))]),
    ),
  };
}

export function seenOf({ id, state, record, dueAt, progress, cancelling }: StoredJob) {
  const { settled, envelope } = splitRecord(record);
  // A worker's store stamps a completion with the time as it knows it: near enough, not to the millisecond.
  const settledAt = state === 'completed' ? undefined : settled?.settledAt;
  return {
    id,
    state,
    envelope,
    dueAt,
    progress,
    cancelling,
    settledAs: settled?.state,
    settledAt,
    detail: settled?.detail,
  };
}

export function expectedOf(job: ModelJob): ReturnType<typeof seenOf> {
  const { id, state, envelope, progress, cancelling } = job;
  const settled = isSettled(state);
  return {
    ...{ id, state, envelope, progress, cancelling },
    dueAt: state === 'scheduled' ? job.dueAt : undefined,
    settledAs: settled ? state : undefined,
    settledAt: settled && state !== 'completed' ? job.settledAt : undefined,
    detail: settled ? job.detail : undefined,
  };
}
