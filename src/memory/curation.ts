import { wholeHeadOf } from '../core/envelope-head.js';
import { isSettled, type JobState } from '../core/job.js';
import type {
  CancelAnswer,
  Curation,
  JobPage,
  OldestJobs,
  QueueCounts,
  RetryAnswer,
  StoredJob,
} from '../core/ports/curation.js';
import { earliestOf, failedAtOf, FIRST_OF_LINE, readySinceOf } from '../core/ready-since.js';
import type { MemoryConnection } from './connection.js';
import { cancelJob, promoteJob, removeJob, reviveJob } from './curate-job.js';
import { pageOf } from './job-pager.js';
import { readJobs } from './job-reader.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEvent, signal } from './notify.js';
import { inParkedOrder } from './reserver.js';
import { wake, wakeAll } from './wake.js';

/** Items of one step, as on Redis, where a step must not hold others up. */
const STEP = 1000;

export class MemoryCuration implements Curation {
  constructor(private readonly connection: MemoryConnection) {}

  async read(queue: string, ids: readonly string[]): Promise<(StoredJob | undefined)[]> {
    return readJobs(this.connection.queue(queue), ids);
  }

  async logs(queue: string, id: string): Promise<string[]> {
    return [...(this.connection.queue(queue).find(id)?.logs ?? [])];
  }

  async list(queue: string, state: JobState, cursor: string | undefined, limit: number): Promise<JobPage> {
    return pageOf(this.connection.queue(queue), state, cursor, limit);
  }

  async counts(queue: string): Promise<QueueCounts> {
    const { counts, lanes, paused } = this.connection.queue(queue);
    return { ...counts, blocked: lanes.countBlocked(), paused };
  }

  async oldest(name: string): Promise<OldestJobs> {
    const queue = this.connection.queue(name);
    const now = queue.now();
    const due = queue.nextDueAt();
    const waiting = queue.lanes.firstOnes(FIRST_OF_LINE).map(({ record }) => record);
    return {
      now,
      readySince: earliestOf([
        due !== undefined && due <= now ? due : undefined,
        ...waiting.map((record) => readySinceOf(wholeHeadOf(record), failedAtOf(record))),
      ]),
      deadSince: queue.ended.dead.order.first()?.rank,
    };
  }

  async setPaused(name: string, paused: boolean): Promise<void> {
    const queue = this.connection.queue(name);
    if (queue.paused === paused) return;
    queue.paused = paused;
    const type = paused ? 'paused' : 'resumed';
    signal(queue, { type });
    addEvent(queue, type, undefined, '');
    if (!paused) wakeAll(queue);
  }

  async isPaused(queue: string): Promise<boolean> {
    return this.connection.queue(queue).paused;
  }

  async cancel(name: string, id: string): Promise<CancelAnswer | 'not-found'> {
    const queue = this.connection.queue(name);
    const job = queue.find(id);
    if (!job) return 'not-found';
    if (isSettled(job.state)) return 'finished';
    return cancelJob(queue, job);
  }

  async retryDead(name: string, id: string, settledAt: number, envelope: string): Promise<RetryAnswer> {
    const queue = this.connection.queue(name);
    const job = queue.find(id);
    if (!job) return 'not-found';
    if (job.state !== 'dead' || job.rank !== settledAt) return 'changed';
    const holder = reviveJob(queue, job, envelope);
    if (holder) return `conflict ${holder.id}`;
    wake(queue);
    return 'retried';
  }

  async promoteJob(name: string, id: string): Promise<'promoted' | Exclude<JobState, 'scheduled'> | 'not-found'> {
    const queue = this.connection.queue(name);
    const job = queue.find(id);
    if (!job) return 'not-found';
    if (job.state !== 'scheduled') return job.state;
    promoteJob(queue, job);
    wake(queue);
    return 'promoted';
  }

  async remove(name: string, id: string): Promise<'removed' | 'active' | 'not-found'> {
    const queue = this.connection.queue(name);
    const job = queue.find(id);
    if (!job) return 'not-found';
    if (job.state === 'active') return 'active';
    removeJob(queue, job);
    return 'removed';
  }

  async purge(
    name: string,
    state: Exclude<JobState, 'active'>,
    limit: number,
  ): Promise<{ removed: number; more: boolean }> {
    const queue = this.connection.queue(name);
    const victims = oldestOf(queue, state, Math.min(limit, STEP));
    for (const job of victims) removeJob(queue, job);
    return { removed: victims.length, more: queue.counts[state] > 0 };
  }
}

function oldestOf(queue: MemoryQueue, state: Exclude<JobState, 'active'>, limit: number): KeptJob[] {
  if (state === 'blocked' || limit <= 0) return [];
  if (state === 'scheduled') return queue.scheduled.slice(0, limit);
  if (state === 'parked') return inParkedOrder(queue).slice(0, limit);
  if (isSettled(state)) return queue.ended[state].order.slice(0, limit);
  return takeReady(queue, limit);
}

/** Taken out of the line, or purging a long one would leave as many holes. */
function takeReady(queue: MemoryQueue, limit: number): KeptJob[] {
  const { lanes } = queue;
  const victims = lanes.suspects.live().slice(0, limit);
  for (const suspect of victims) lanes.suspects.delete(suspect);
  for (const { line } of [lanes.own, ...lanes.inOrder()]) {
    while (victims.length < limit) {
      const job = line.take();
      if (!job) break;
      victims.push(job);
    }
  }
  return victims;
}
