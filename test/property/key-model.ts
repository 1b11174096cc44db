import { isSettled } from '../../src/core/job.js';
import type { Conflict, EnqueueReceipt, NewJob } from '../../src/core/ports/intake.js';
import type { ModelJob } from './model-job.js';

/** Who claimed a unique key last, and what further calls must know. */
export interface Claim {
  id: string;
  window?: { from: number; until: number };
  burst?: { first: number; dueAt: number };
}

/** A job to be stored, due then, or an answer. */
export type Meeting = { dueAt: number; claim: Omit<Claim, 'id'> } | EnqueueReceipt;

interface Jobs {
  readonly now: number;
  readonly jobs: ReadonlyMap<string, ModelJob>;
}

/** Unique keys: what an enqueue does where another job has its key. */
export class KeyModel {
  private readonly last = new Map<string, Claim>();

  constructor(private readonly all: Jobs) {}

  /** Claims that stand: of a live job, or by a window that is open. */
  claims(): Map<string, Claim> {
    return new Map(
      [...this.last].filter(([, { id, window }]) => {
        if (window !== undefined) return window.until > this.all.now;
        const job = this.all.jobs.get(id);
        return job !== undefined && !isSettled(job.state);
      }),
    );
  }

  claim(job: ModelJob, claim: Omit<Claim, 'id'> = {}): void {
    if (job.uniqueKey !== undefined) this.last.set(job.uniqueKey, { id: job.id, ...claim });
  }

  /** A job that had ended runs again: its own window, or that of another job, stays. */
  reclaim(job: ModelJob): void {
    const claim = this.claims().get(job.uniqueKey ?? '');
    if (claim === undefined || (claim.id !== job.id && claim.window === undefined)) this.claim(job);
  }

  /** The live job that holds the key, unless it runs and leaves the key free then. */
  holderOf(key: string | undefined): ModelJob | undefined {
    const claim = this.claims().get(key ?? '');
    const job = this.all.jobs.get(claim?.id ?? '');
    if (job === undefined || isSettled(job.state)) return undefined;
    return job.freeWhileRunning && job.state === 'active' ? undefined : job;
  }

  meet(job: NewJob): Meeting {
    const { now } = this.all;
    const dueAt = job.delayMs === undefined ? (job.runAt ?? 0) : now + job.delayMs;
    const { onConflict, uniqueKey } = job;
    const claim = this.claims().get(uniqueKey ?? '');
    const holder = this.holderOf(uniqueKey);
    const waits = holder !== undefined && holder.state !== 'active' && holder.userId === undefined;
    if (uniqueKey === undefined || onConflict === undefined || job.userId !== undefined) {
      return holder === undefined ? { dueAt, claim: {} } : receiptOf(holder.id, holder, 'kept');
    }
    if (onConflict.kind === 'throttle') {
      const { ms } = onConflict;
      if (claim?.window === undefined) {
        if (holder !== undefined) return receiptOf(holder.id, holder, 'kept');
        return { dueAt: 0, claim: { window: { from: now, until: now + ms } } };
      }
      const { from, until } = claim.window;
      if (!onConflict.both) return receiptOf(claim.id, this.all.jobs.get(claim.id), 'kept');
      if (now >= from) return { dueAt: until, claim: { window: { from: until, until: until + ms } } };
      if (!waits) return { dueAt: from, claim: { window: claim.window } };
      return this.change(holder, job, from, { window: claim.window }, 'replaced');
    }
    if (holder === undefined) {
      if (onConflict.kind === 'replace') return { dueAt, claim: {} };
      const due = now + Math.min(onConflict.ms, onConflict.atMostMs);
      return { dueAt: due, claim: { burst: { first: now, dueAt: due } } };
    }
    if (!waits) return receiptOf(holder.id, holder, 'kept');
    if (onConflict.kind === 'replace') return this.change(holder, job, dueAt, {}, 'replaced');
    if (holder.state !== 'scheduled') return this.change(holder, job, 0, claim ?? {}, 'replaced');
    const first = claim?.burst?.dueAt === holder.dueAt ? claim.burst.first : now;
    const due = Math.max(now, Math.min(now + onConflict.ms, first + onConflict.atMostMs));
    return this.change(holder, job, due, { burst: { first, dueAt: due } }, 'extended');
  }

  private change(
    holder: ModelJob,
    { envelope, freeWhileRunning = false, priority = 0 }: NewJob,
    dueAt: number,
    claim: Omit<Claim, 'id'>,
    conflict: Conflict,
  ): EnqueueReceipt {
    Object.assign(holder, { envelope, freeWhileRunning, priority });
    if (holder.state === 'scheduled') holder.dueAt = Math.max(dueAt, this.all.now);
    this.last.set(holder.uniqueKey as string, { ...claim, id: holder.id });
    return receiptOf(holder.id, holder, conflict);
  }
}

function receiptOf(id: string, job: ModelJob | undefined, conflict: Conflict): EnqueueReceipt {
  return { id, created: false, state: job?.state ?? 'completed', conflict };
}
