import type { Unsubscribe } from '../core/ports/connection.js';
import type {
  BeatReply,
  HeldJob,
  Reconciliation,
  Reservation,
  RunReport,
  SessionPlan,
  WorkerSession,
  WorkerStore,
  WorkerTurn,
} from '../core/ports/worker-store.js';
import { RULES } from '../core/rules.js';
import type { MemoryConnection } from './connection.js';
import { isSuspect } from './kept-job.js';
import { leave } from './leave.js';
import type { MemoryQueue } from './memory-queue.js';
import { addEvent } from './notify.js';
import { cancellingOf, takeTurn } from './reserver.js';
import { release } from './settler.js';
import { MemoryWorkerSession } from './turns/worker-session.js';
import { wake } from './wake.js';
import { updateGrace } from './update-grace.js';

/** Turns of workers and the leases of what they hold. */
export class MemoryLeases implements WorkerStore {
  constructor(private readonly connection: MemoryConnection) {}

  openSession(plan: SessionPlan): WorkerSession {
    return new MemoryWorkerSession(this.connection, this, plan);
  }

  async settleAndReserve(queue: string, turn: WorkerTurn): Promise<Reservation> {
    return takeTurn(this.connection.queue(queue), turn);
  }

  async beat(name: string, worker: string, leaseMs: number): Promise<BeatReply> {
    const queue = this.connection.queue(name);
    updateGrace(queue, leaseMs);
    const lease = queue.leases.get(worker);
    const lapsed = lease === undefined || lease.killed || lease.endsAt <= queue.clock.movedMs;
    // What a test killed stays dead until the scan has seen it.
    if (!lease?.killed) queue.leases.set(worker, { endsAt: queue.clock.movedMs + leaseMs, killed: false });
    return { now: queue.now(), lapsed, cancelling: cancellingOf(queue, worker) };
  }

  async reconcile(name: string, worker: string, held: readonly HeldJob[]): Promise<Reconciliation> {
    const queue = this.connection.queue(name);
    const lost = held.filter(({ id, token }) => queue.active.get(id)?.token !== token).map(({ id }) => id);
    for (const id of lost) forgive(queue, id);
    const ids = new Set(held.map(({ id }) => id));
    const orphans = queue.heldBy(worker).filter(({ id }) => !ids.has(id));
    for (const job of orphans.reverse()) {
      leave(queue, job);
      release(queue, job);
    }
    if (orphans.length > 0) wake(queue);
    return { lost, released: orphans.length, fence: queue.fence };
  }

  async leave(name: string, worker: string): Promise<void> {
    const queue = this.connection.queue(name);
    queue.idle.delete(worker);
    await this.reconcile(name, worker, []);
    // Its call record stays until it is old: a late copy of a turn reserves nothing.
    queue.leases.delete(worker);
  }

  async report(name: string, reports: readonly RunReport[]): Promise<{ lost: string[] }> {
    const queue = this.connection.queue(name);
    const lost: string[] = [];
    for (const { id, token, progress, logs } of reports) {
      const job = queue.active.get(id);
      if (job?.token !== token) {
        lost.push(id);
        continue;
      }
      if (progress !== undefined) {
        job.progress = progress;
        addEvent(queue, 'progress', job, progress);
      }
      if (logs.length > 0) job.logs = [...(job.logs ?? []), ...logs].slice(-RULES.logLines);
    }
    return { lost };
  }

  async onWake(worker: string, listener: (queue: string) => void): Promise<Unsubscribe> {
    return this.connection.subscribe(({ wakes }) => wakes.subscribe(worker, listener));
  }
}

/** Its worker was only slow: one crash less. A suspect stays one until it has run alone. */
function forgive(queue: MemoryQueue, id: string): void {
  const job = queue.jobs.get(id);
  if (job !== undefined && job.crashes > 0 && !isSuspect(job)) job.crashes--;
}
