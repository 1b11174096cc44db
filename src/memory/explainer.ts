import { wholeHeadOf } from '../core/envelope-head.js';
import type { Explainer, GroupStanding, JobStanding } from '../core/ports/explainer.js';
import type { MemoryConnection } from './connection.js';
import { isSuspect, type KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';

export class MemoryExplainer implements Explainer {
  constructor(private readonly connection: MemoryConnection) {}

  async explain(name: string, id: string): Promise<JobStanding | undefined> {
    const queue = this.connection.queue(name);
    const job = queue.find(id);
    if (job === undefined) return undefined;
    const { limits, gate } = queue.allowance;
    const { movedMs } = queue.clock;
    return {
      now: queue.now(),
      state: job.state,
      head: wholeHeadOf(job.record),
      dueAt: job.state === 'scheduled' ? job.rank : undefined,
      isSuspect: job.state === 'ready' && isSuspect(job),
      parkedAs: job.state === 'parked' ? job.parkedAs : undefined,
      ahead: job.state === 'ready' ? { count: aheadOf(queue, job), isExact: true } : undefined,
      isPaused: queue.paused,
      hasWorkers:
        queue.idle.size > 0 || [...queue.leases.values()].some(({ endsAt, killed }) => !killed && endsAt > movedMs),
      running: queue.active.size,
      group: standingOf(queue, job),
      limits,
      gateUntil: gate > queue.now() ? gate : undefined,
      rateOpensAt: queue.allowance.window.opensAt(job.cost),
    };
  }
}

function aheadOf(queue: MemoryQueue, job: KeptJob): number {
  let count = 0;
  for (const other of job.inLane ? queue.lanes.of(job.group).line : queue.lanes.suspects.live()) {
    if (other === job) break;
    count++;
  }
  return count;
}

/** A job that waits in its line is held by what holds the one that runs next. */
function standingOf(queue: MemoryQueue, job: KeptJob): GroupStanding | undefined {
  const { group: key, ordered } = job;
  if (key === undefined) return undefined;
  const lane = queue.lanes.of(key);
  const { running, rule } = lane.view();
  return { key, ordered, running, rule, hold: job.inLane ? lane.holdOf() : lane.holdOf(job) };
}
