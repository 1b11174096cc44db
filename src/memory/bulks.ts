import type { JobState } from '../core/job.js';
import type {
  ActAnswer,
  ActedJob,
  BulkAction,
  BulkRecord,
  Bulks,
  BulkStep,
  ExecutorLease,
} from '../core/ports/bulks.js';
import { RULES } from '../core/rules.js';
import { act } from './act.js';
import type { MemoryConnection } from './connection.js';
import type { MemoryQueue } from './memory-queue.js';

export class MemoryBulks implements Bulks {
  constructor(private readonly connection: MemoryConnection) {}

  async start(name: string, id: string, request: string, lease: ExecutorLease): Promise<'started' | 'full'> {
    const queue = this.connection.queue(name);
    if (runningIn(queue).length >= RULES.mostBulks) return 'full';
    queue.bulks.set(id, {
      ...{ id, request, createdAt: queue.now(), highest: queue.highestNumber, state: 'running' },
      ...leased(queue, lease),
      ...{ looked: 0, matched: 0, done: 0, skipped: 0, failed: 0, known: 0, watched: [] },
      ...{ endedAt: undefined, place: '0 ' },
    });
    return 'started';
  }

  async read(name: string, id?: string): Promise<BulkRecord[]> {
    const all = [...this.connection.queue(name).bulks.values()];
    return all.filter((bulk) => id === undefined || bulk.id === id).map((bulk) => ({ ...bulk }));
  }

  async claim(name: string, lease: ExecutorLease): ReturnType<Bulks['claim']> {
    const queue = this.connection.queue(name);
    const claimed: BulkRecord[] = [];
    let nextFreeAt: number | undefined;
    for (const bulk of runningIn(queue)) {
      if (bulk.executor !== lease.executor && bulk.leaseEndsAt > queue.now()) {
        nextFreeAt = Math.min(nextFreeAt ?? Infinity, bulk.leaseEndsAt);
      } else {
        Object.assign(bulk, leased(queue, lease));
        claimed.push({ ...bulk });
      }
    }
    return { claimed, nextFreeAt };
  }

  async step(name: string, step: BulkStep): ReturnType<Bulks['step']> {
    const queue = this.connection.queue(name);
    const bulk = queue.bulks.get(step.id);
    if (bulk === undefined) return 'gone';
    if (bulk.state !== 'running') return 'over';
    if (bulk.executor !== step.executor || bulk.place !== step.place) return 'lost';
    const acted = act(queue, step.action, step.state, step.jobs);
    const skipped = step.jobs.length - acted.length;
    bulk.looked += step.looked;
    bulk.matched += step.jobs.length + step.skipped;
    bulk.done += acted.length;
    bulk.skipped += skipped + step.skipped;
    bulk.failed += step.failed;
    bulk.known += step.known;
    bulk.watched = [...step.watched, ...(step.watches ? acted : [])];
    bulk.place = step.nextPlace;
    Object.assign(bulk, leased(queue, step));
    if (step.nextState !== 'running') close(queue, bulk, step.nextState);
    return { done: acted.length, skipped };
  }

  async act(name: string, action: BulkAction, state: JobState, jobs: readonly ActedJob[]): Promise<ActAnswer> {
    const done = act(this.connection.queue(name), action, state, jobs).length;
    return { done, skipped: jobs.length - done };
  }

  async cancel(name: string, id: string): Promise<'cancelled' | 'over' | 'gone'> {
    const queue = this.connection.queue(name);
    const bulk = queue.bulks.get(id);
    if (bulk === undefined) return 'gone';
    if (bulk.state !== 'running') return 'over';
    close(queue, bulk, 'cancelled');
    return 'cancelled';
  }
}

function leased(
  queue: MemoryQueue,
  { executor, leaseMs }: ExecutorLease,
): Pick<BulkRecord, 'executor' | 'leaseEndsAt'> {
  return { executor, leaseEndsAt: queue.now() + leaseMs };
}

function runningIn(queue: MemoryQueue): BulkRecord[] {
  return [...queue.bulks.values()].filter(({ state }) => state === 'running');
}

/** The oldest that ended makes room. */
function close(queue: MemoryQueue, bulk: BulkRecord, state: BulkRecord['state']): void {
  Object.assign(bulk, { state, executor: undefined, leaseEndsAt: 0, watched: [], endedAt: queue.now() });
  const ended = [...queue.bulks.values()].filter(({ endedAt }) => endedAt !== undefined);
  if (ended.length <= RULES.mostEndedBulks) return;
  const oldest = ended.reduce((one, other) => ((other.endedAt ?? 0) < (one.endedAt ?? 0) ? other : one));
  queue.bulks.delete(oldest.id);
}
