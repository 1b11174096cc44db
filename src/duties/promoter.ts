import type { ReclaimReply } from '../core/ports/duties.js';
import type { Duties } from '../core/ports/duties.js';

/** Jobs promoted in one call, a script's bound. */
const STEP = 1000;
/** Due jobs are promoted by the workers' own turns; only what they left for this long is nobody's. */
const LEFT_FOR_MS = 250;

/** Makes due jobs ready where no worker's turn does it: its queue is paused, or every worker is busy or gone. */
export class Promoter {
  constructor(private readonly duties: Duties) {}

  /** @returns how many jobs it made ready */
  async catchUp(
    queue: string,
    { now, nextDueAt }: Pick<ReclaimReply, 'now' | 'nextDueAt'>,
    isStopping: () => boolean,
  ): Promise<number> {
    let dueAt = nextDueAt;
    let total = 0;
    while (dueAt !== undefined && dueAt <= now - LEFT_FOR_MS && !isStopping()) {
      const { promoted, nextDueAt: following } = await this.duties.promote(queue, STEP);
      total += promoted;
      if (promoted === 0) break;
      dueAt = following;
    }
    return total;
  }
}
