import type { QueueLimits } from '../core/limits.js';
import type { Limits } from '../core/ports/limits.js';
import type { DutyLogger } from './duty-logger.js';

/** As often as schedules are announced: three declarations lie in the time for which one is believed. */
const DECLARE_EVERY_MS = 20_000;
/** Where nothing is limited: a deployment that was withdrawn may have left limits that nobody else would take away. */
const LOOK_EVERY_MS = 300_000;

/** Says what the code of this deployment limits, so that a newer deployment is told from an older one. */
export class LimitDeclarer {
  private isOutdated = false;
  /** The queue has or had limits of code: without any, this deployment says so as often. */
  private isKnown = false;

  constructor(
    private readonly limits: Limits,
    private readonly queue: string,
    private readonly declared: QueueLimits | undefined,
    private readonly logger: DutyLogger,
  ) {}

  /** @returns the delay before the next declaration, ms */
  async declare(): Promise<number> {
    const answer = await this.limits.declare(this.queue, this.declared);
    this.isKnown ||= this.declared !== undefined || answer !== 'same';
    const isOutdated = answer === 'outdated';
    if (isOutdated && !this.isOutdated) {
      this.logger.warn(
        `Queue "${this.queue}": its limits are those of a newer deployment; what this process declares is not applied`,
      );
    }
    this.isOutdated = isOutdated;
    return this.isKnown ? DECLARE_EVERY_MS : LOOK_EVERY_MS;
  }
}
