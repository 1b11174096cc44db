import type { Unsubscribe } from '../../core/ports/connection.js';
import type { HeldJob, TurnVerbs, RunReport, Settlement } from '../../core/ports/worker-store.js';
import type { SessionPlan, TurnAnswer, TurnNeed, TurnRequest, WorkerSession } from '../../core/ports/worker-store.js';
import type { MemoryConnection } from '../connection.js';

/** Jobs of one turn: it blocks the process for as long as it takes. */
const MOST_JOBS = 1000;

/** The turns of one worker on one queue: one after the other, each answered at once. */
export class MemoryWorkerSession implements WorkerSession {
  readonly mostJobs = MOST_JOBS;
  private settlements: Settlement[] = [];
  private calls = 0;
  private turning = false;
  private unsubscribe: Unsubscribe | undefined;

  constructor(
    private readonly connection: MemoryConnection,
    private readonly verbs: TurnVerbs,
    private readonly plan: SessionPlan,
  ) {}

  async listen(): Promise<void> {
    const { onWake, queue, worker } = this.plan;
    this.unsubscribe = await this.verbs.onWake(worker, (woken) => {
      if (woken === queue) onWake();
    });
  }

  settle(settlement: Settlement): void {
    this.settlements.push(settlement);
  }

  get hasUnsettled(): boolean {
    return this.settlements.length > 0;
  }

  /** Nothing is handed over in memory. */
  get hasRegisteredRoom(): boolean {
    return false;
  }

  hasFullBatch(): boolean {
    return false;
  }

  isWorthATurn({ hungry, probing }: TurnNeed): boolean {
    return !this.turning && (hungry || probing || this.hasUnsettled);
  }

  async turn({ want, alone, adopt }: TurnRequest): Promise<TurnAnswer | undefined> {
    if (this.connection.isClosed) return undefined;
    const { leaseMs, queue, worker } = this.plan;
    const { settlements } = this;
    this.settlements = [];
    const call = ++this.calls;
    this.turning = true;
    const turn = { worker, call, leaseMs, want, alone, adopt, settlements };
    const { jobs, backlog, ...answer } = await this.verbs.settleAndReserve(queue, turn);
    this.turning = false;
    return { ...answer, jobs, renewed: jobs.length > 0, more: want > 0 && (jobs.length >= want || backlog) };
  }

  async reconcile(held: readonly HeldJob[]): Promise<void> {
    const { onLost, queue, worker } = this.plan;
    const { lost } = await this.verbs.reconcile(queue, worker, [...held, ...this.settlements]);
    onLost(held.filter(({ id }) => lost.includes(id)));
  }

  report(reports: readonly RunReport[]) {
    return this.verbs.report(this.plan.queue, reports);
  }

  beat() {
    return this.verbs.beat(this.plan.queue, this.plan.worker, this.plan.leaseMs);
  }

  stopReserving(): void {}

  async close(): Promise<void> {
    await this.unsubscribe?.();
  }

  leave(): Promise<void> {
    return this.verbs.leave(this.plan.queue, this.plan.worker);
  }
}
