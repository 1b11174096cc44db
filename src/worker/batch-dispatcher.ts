import type { BatchHandling } from '../core/handler.js';
import type { Job } from '../core/job-view.js';
import type { HeldJob, ReservedJob } from '../core/ports/worker-store.js';
import type { Envelope } from '../core/envelope.js';
import { readHead, wholeHeadOf } from '../core/envelope-head.js';
import { BatchCall } from './batch-call.js';
import { BatchMember } from './batch-member.js';
import { Dispatcher, isSuspect } from './dispatcher.js';
import type { HandlerPlan } from './handler-plan.js';
import type { WaitingJob } from './held-jobs.js';
import { isSettlement, JobRunner, type RunnerContext } from './job-runner.js';
import type { RunningJob } from './running-job.js';
import { release } from './settlements.js';

/** Jobs of one name, and of one group where the handler says so, that wait for each other. */
interface OpenBatch {
  batch: BatchHandling<Job>;
  members: BatchMember[];
  timer: NodeJS.Timeout | undefined;
}

/** Its jobs are members of batches, where their handler takes batches. */
class BatchRunner extends JobRunner {
  protected override make(
    reserved: ReservedJob,
    name: string,
    envelope: Envelope,
    payload: unknown,
    plan: HandlerPlan,
  ): RunningJob {
    if (plan.handler.batch === undefined) return super.make(reserved, name, envelope, payload, plan);
    const { queue, sink } = this.context;
    const { id, token, fence, crashes } = reserved;
    return new BatchMember(queue, name, id, token, fence, crashes, envelope, reserved.envelope, payload, plan, sink);
  }
}

/**
 * Starts the jobs of a queue that has a batch handler. A call of a batch handler takes one slot of `concurrency`, as a job of any
 * other handler does. In jobs, which is how the worker asks for them, a slot is as large as the largest batch of the queue.
 */
export class BatchDispatcher extends Dispatcher {
  /** By {@link keyOf} their jobs. Each has a slot. */
  private readonly open = new Map<string, OpenBatch>();
  /** The last job for which a batch has made room. */
  private withoutSlot: ReservedJob | undefined;
  private calls = 0;
  /** How many of the running jobs are members of calls. */
  private members = 0;

  override get size(): number {
    return super.size + this.waiting.length;
  }

  override get room(): number {
    return this.context.concurrency * this.slotSize;
  }

  override get taken(): number {
    let taken = (this.slotsBusy - this.open.size) * this.slotSize;
    for (const { batch, members } of this.open.values()) taken += this.slotSize - batch.size + members.length;
    return taken;
  }

  override get slotsBusy(): number {
    return this.running.size - this.members + this.calls + this.open.size;
  }

  override list(): HeldJob[] {
    return [...this.waiting.map(({ number: id, token }) => ({ id, token })), ...super.list()];
  }

  override cancel(numbers: readonly string[]): string[] {
    const waiting = this.take(({ number }) => numbers.includes(number));
    // The store turns the release of a marked job into its cancellation.
    for (const { number, token, envelopeText } of waiting)
      this.run.session.settle(release(number, token), envelopeText);
    if (waiting.length > 0) this.context.onRefused();
    return super.cancel(numbers.filter((id) => !waiting.some(({ number }) => number === id)));
  }

  override lose(lost: readonly HeldJob[]): void {
    this.take(({ number, token }) => lost.some((job) => job.id === number && job.token === token));
    super.lose(lost);
  }

  override takeWaiting(): readonly WaitingJob[] {
    return this.take(() => true).map(({ number: id, token, envelopeText: envelope }) => ({ id, token, envelope }));
  }

  override startWaiting(): void {
    for (const [key, open] of [...this.open]) this.close(key, open);
  }

  override stop(): void {
    for (const { timer } of this.open.values()) clearTimeout(timer);
    super.stop();
  }

  protected override createRunner(context: RunnerContext): JobRunner {
    return new BatchRunner(context);
  }

  protected override startWhatFits(): void {
    const { held } = this.context;
    // Groups take turns: each call would have one job of each.
    if (this.run.handlers.hasBatchesByGroup) held.gather(groupOf);
    while (held.size > 0 && !this.quarantined && (this.hasSlot || this.open.size > 0)) {
      const reserved = held.next();
      if (reserved === undefined) break;
      const prepared = this.runner.prepare(reserved);
      if (isSettlement(prepared)) {
        this.refuse(reserved, prepared);
      } else if (!this.place(prepared)) {
        held.putBack(reserved);
        this.makeRoomFor(reserved);
        if (!this.hasSlot) break;
      }
    }
    for (const [key, open] of [...this.open]) if (open.batch.waitMs === 0) this.close(key, open);
  }

  protected override observe(job: RunningJob, ms: number): void {
    super.observe(job, job instanceof BatchMember && job.call !== undefined ? ms / job.call.members.length : ms);
  }

  protected override forget(job: RunningJob): void {
    super.forget(job);
    if (!(job instanceof BatchMember) || job.call === undefined) return;
    this.members--;
    if (--job.call.left === 0) this.calls--;
  }

  private get slotSize(): number {
    return Math.max(1, this.run.handlers.largestBatch);
  }

  private get hasSlot(): boolean {
    return this.slotsBusy < this.context.concurrency;
  }

  private get waiting(): BatchMember[] {
    return [...this.open.values()].flatMap(({ members }) => members);
  }

  /** @returns whether there is a place for it now */
  private place(job: RunningJob): boolean {
    const { batch } = job.plan.handler;
    const key = batch === undefined ? '' : keyOf(job, batch);
    const open = this.open.get(key);
    if (batch === undefined || !(job instanceof BatchMember)) {
      if (!this.hasSlot) return false;
      this.start(job);
      return true;
    }
    if (open === undefined && !this.hasSlot) return false;
    if (isSuspect(job)) this.call(batch, [job]);
    else this.join(job, key, open ?? this.openFor(key, batch));
    return true;
  }

  /** A job has no slot. What waits for others has one, and starts: the oldest of them, once for each such job. */
  private makeRoomFor(reserved: ReservedJob): void {
    if (this.withoutSlot === reserved) return;
    this.withoutSlot = reserved;
    const [oldest] = this.open;
    this.close(...oldest);
  }

  private openFor(key: string, batch: BatchHandling<Job>): OpenBatch {
    const open: OpenBatch = { batch, members: [], timer: undefined };
    if (batch.waitMs > 0) open.timer = setTimeout(() => this.close(key, open), batch.waitMs);
    this.open.set(key, open);
    return open;
  }

  private join(job: BatchMember, key: string, open: OpenBatch): void {
    open.members.push(job);
    if (open.members.length >= open.batch.size) this.close(key, open);
  }

  /** Nothing joins it any more. */
  private close(key: string, { batch, members, timer }: OpenBatch): void {
    clearTimeout(timer);
    this.open.delete(key);
    this.call(batch, members);
  }

  private call(batch: BatchHandling<Job>, members: readonly BatchMember[]): void {
    this.calls++;
    this.members += members.length;
    for (const member of members) this.add(member);
    new BatchCall(members, batch, this.runner, this.onEnd).start();
  }

  /** Jobs that wait leave their batches. */
  private take(isMeant: (job: BatchMember) => boolean): BatchMember[] {
    const taken: BatchMember[] = [];
    for (const [key, open] of [...this.open]) {
      taken.push(...open.members.filter(isMeant));
      open.members = open.members.filter((job) => !isMeant(job));
      if (open.members.length > 0) continue;
      clearTimeout(open.timer);
      this.open.delete(key);
    }
    return taken;
  }
}

/** Jobs of one call have the same. */
function keyOf({ name, group = '' }: RunningJob, { byGroup }: BatchHandling<Job>): string {
  return byGroup ? `${name} ${group}` : name;
}

function groupOf({ envelope }: ReservedJob): string {
  return readHead(wholeHeadOf(envelope))?.header.g ?? '';
}
