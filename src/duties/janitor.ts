import type { Duties } from '../core/ports/duties.js';
import type { RetentionRules } from '../core/job.js';
import type { DutyLogger } from './duty-logger.js';

/** A settlement trims as well. The janitor deletes records that grew old, and those over a limit that was lowered. */
const TRIM_EVERY_MS = 60_000;
/** Steps of one turn. The rest waits a second, so that a huge backlog never occupies the store. */
const STEPS = 100;
const REST_MS = 1000;

/** Trims settled jobs over their limits. */
export class Janitor {
  constructor(
    private readonly duties: Duties,
    private readonly logger: DutyLogger,
  ) {}

  /** @returns the delay before the next turn, ms */
  async trim(queue: string, retention: RetentionRules, isStopping: () => boolean): Promise<number> {
    let trimmedDead = 0;
    let more = true;
    try {
      for (let step = 0; more && step < STEPS && !isStopping(); step++) {
        const reply = await this.duties.trim(queue, retention);
        trimmedDead += reply.trimmedDead;
        more = reply.more;
      }
    } finally {
      // Also when a later step failed: no dead letter is deleted without a line in the log.
      if (trimmedDead > 0) {
        this.logger.warn(
          `Queue "${queue}": ${trimmedDead} dead letter(s) were over the limits of retention.dead and are deleted.`,
        );
      }
    }
    return more ? REST_MS : TRIM_EVERY_MS;
  }
}
