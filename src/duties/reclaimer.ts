import type { ReclaimReply } from '../core/ports/duties.js';
import type { Duties } from '../core/ports/duties.js';
import type { DutyLogger } from './duty-logger.js';
import type { Promoter } from './promoter.js';

/** While anything is in flight: a crash must be repaired within 10 s, of which the lease takes 8. */
const BUSY_SCAN_MS = 1000;
/** Nobody's lease can have run out before the next scan: the jobs that are reserved meanwhile have whole ones. */
const IDLE_SCAN_MS = 5000;
/** With its jitter still less than three quarters of a lease: a longer gap would be taken for an outage and grant a grace. */
const IDLE_SHARE_OF_LEASE = 0.65;
/** Of both delays. */
export const SCAN_JITTER = 0.1;
const IDS_IN_LOG = 10;

export interface ReclaimedQueue {
  name: string;
  leaseMs: number;
}

/** Called after a scan. */
export type ScanListener = (queue: string, reply: ReclaimReply) => void;

/** Returns the jobs of dead workers to their queue, and wakes workers for work that they may have missed. */
export class Reclaimer {
  constructor(
    private readonly duties: Duties,
    private readonly promoter: Promoter,
    private readonly logger: DutyLogger,
    /** Called when a scan found work that workers may have missed. */
    private readonly onBacklog: ScanListener,
    private readonly onScan: ScanListener = () => {},
  ) {}

  /** @returns the delay before the next scan, ms */
  async scan({ name: queue, leaseMs }: ReclaimedQueue, isStopping: () => boolean): Promise<number> {
    let reclaimed = 0;
    const poisoned: string[] = [];
    let reply: ReclaimReply;
    do {
      reply = await this.duties.reclaim(queue, leaseMs);
      reclaimed += reply.reclaimed;
      poisoned.push(...reply.poisoned);
      this.logPoisoned(queue, reply.poisoned);
    } while (reply.more && !isStopping());
    if (reclaimed > 0) {
      this.logger.warn(`Queue "${queue}": ${reclaimed} job(s) of workers that stopped answering are ready again.`);
    }
    this.onScan(queue, { ...reply, poisoned });
    const promoted = await this.promoter.catchUp(queue, reply, isStopping);
    const isDue = reply.nextDueAt !== undefined && reply.nextDueAt <= reply.now;
    if (reply.ready > 0 || isDue || promoted > 0 || reply.parked > 0) this.onBacklog(queue, reply);
    // A lease shorter than the default shortens the scan, too, or every scan would be a gap that passes for an outage.
    return reply.inflight > 0
      ? Math.min(BUSY_SCAN_MS, leaseMs / 4)
      : Math.min(IDLE_SCAN_MS, leaseMs * IDLE_SHARE_OF_LEASE);
  }

  private logPoisoned(queue: string, ids: readonly string[]): void {
    if (ids.length === 0) return;
    const shown = ids.slice(0, IDS_IN_LOG).join(', ') + (ids.length > IDS_IN_LOG ? ', …' : '');
    this.logger.error(
      `Queue "${queue}": ${ids.length} job(s) are dead as poison, each crashed its worker too often: ${shown}`,
    );
  }
}
