import type { ReclaimReply } from '../core/ports/duties.js';
import type { Duties } from '../core/ports/duties.js';

/** Jobs promoted in one call, a script's bound. */
const STEP = 1000;
/** Turns of workers promote due jobs. A job that is due for longer than this has no worker to do it. */
const LEFT_FOR_MS = 250;

/** Makes due jobs ready where no turn of a worker does it: the queue is paused, or every worker is busy or gone. */
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
