import type { Connection } from '../../core/ports/connection.js';
import type { Reservation, WorkerTurn } from '../../core/ports/worker-store.js';
import type { SessionPlan } from '../../core/ports/worker-store.js';
import type { RedisQueue } from '../redis-queue.js';
import type { Batch, SettlementDivider } from './settlement-divider.js';

const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2000;

/** Makes the same call again until the store answers it: it answers a repeated call as the first. */
export class TurnRepeater {
  private closed = false;
  private outage = false;
  /** Calls that wait before they are made again. */
  private readonly pauses = new Set<() => void>();

  /** @param needsNoAnswer whether a turn that carries no settlements may stay unanswered */
  constructor(
    private readonly queue: Pick<RedisQueue, 'settleAndReserve'>,
    private readonly connection: Pick<Connection, 'hasReported'>,
    private readonly plan: SessionPlan,
    private readonly divider: SettlementDivider,
    private readonly needsNoAnswer: () => boolean,
  ) {}

  /**
   * A call that the store may refuse for what the turn carries is made without that, under the same number; where this is
   * answered, the rest is divided.
   * @returns undefined where the session ended first
   */
  async untilAnswered(turn: WorkerTurn, batch: Batch): Promise<Reservation | undefined> {
    let backoffMs = FIRST_BACKOFF_MS;
    let refusal: unknown;
    while (!this.closed) {
      try {
        const asked = refusal === undefined ? turn : { ...turn, settlements: [] };
        const reservation = await this.queue.settleAndReserve(asked);
        this.endOutage();
        if (refusal !== undefined) this.divide(batch, refusal);
        return reservation;
      } catch (error) {
        if (this.closed) return undefined;
        if (refusal === undefined && this.divider.mayBlame(error, turn.settlements)) {
          refusal = error;
          continue;
        }
        refusal = undefined; // an empty turn is refused as well: it is the store
        if (turn.settlements.length === 0 && this.needsNoAnswer()) return undefined;
        this.beginOutage(error);
        await this.pauseFor(backoffMs * (0.5 + Math.random() / 2));
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      }
    }
    return undefined;
  }

  /** Calls that wait are made at once. */
  hurry(): void {
    for (const end of this.pauses) end();
  }

  close(): void {
    this.closed = true;
    this.hurry();
  }

  private divide(batch: Batch, refusal: unknown): void {
    const { deadRetention, logger, onBuried, queue } = this.plan;
    if (!batch.isPart) {
      logger.warn(
        `Queue "${queue}": the store refuses ${batch.settlements.length} settlement(s) together and takes other calls: ` +
          `${messageOf(refusal)} They are divided until the one is found that it refuses.`,
      );
    }
    const found = this.divider.divide(batch, refusal, deadRetention);
    if (found === undefined) return;
    if ('buried' in found) onBuried(found.buried);
    else logger.error(`Queue "${queue}": the end of job "${found.dropped.id}" is not stored: ${messageOf(refusal)}`);
  }

  private beginOutage(error: unknown): void {
    if (this.outage || this.connection.hasReported?.(error)) return;
    this.outage = true;
    this.plan.logger.error(`Queue "${this.plan.queue}": ${messageOf(error)} Trying again until it works.`);
  }

  private endOutage(): void {
    if (!this.outage) return;
    this.outage = false;
    this.plan.logger.log(`Queue "${this.plan.queue}": the store answers again`);
  }

  private pauseFor(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.pauses.add(end);
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
