import { InvalidValueError } from '../core/errors/option-errors.js';
import type { RateLimit } from '../core/limits.js';
import type { NewJob } from '../core/ports/intake.js';
import type { QueueScope } from './queue-scope.js';

/** What was read holds for so long, as far as it lets a job pass. */
const BELIEVED_MS = 10_000;

interface Rates {
  readAt: number;
  queue: RateLimit | undefined;
  groups: RateLimit | undefined;
}

const known = new WeakMap<QueueScope, Rates>();

/**
 * A job that costs more than its queue or its group may start in a whole window was a mistake of whoever wrote it. The limits are those
 * that the store holds, and are read anew before a job is refused. A job that slips through, and one whose group has a rate of its own,
 * starts alone in its window.
 * @throws InvalidValueError
 */
export async function refuseTooDear(scope: QueueScope, jobs: readonly NewJob[]): Promise<void> {
  const dear = jobs.filter(isDear);
  const before = known.get(scope);
  const isFresh = before !== undefined && performance.now() - before.readAt < BELIEVED_MS;
  if (isFresh && dear.every((job) => exceeded(job, before) === undefined)) return;
  const rates = await readRates(scope);
  known.set(scope, rates);
  for (const job of dear) {
    const limit = exceeded(job, rates);
    if (limit !== undefined) throw tooDear(scope, job, limit, limit === rates.queue ? 'queue' : 'group');
  }
}

/** Limits were changed by this process. */
export function forgetRates(scope: QueueScope): void {
  known.delete(scope);
}

/** Whether the cost of a job needs a look at the limits. */
export function isDear({ cost = 1 }: NewJob): boolean {
  return cost > 1;
}

async function readRates({ store, queue }: QueueScope): Promise<Rates> {
  const limits = await store.limits.read(queue);
  return { readAt: performance.now(), queue: limits?.rate, groups: limits?.groups?.rate };
}

function exceeded({ cost = 1, group }: NewJob, { queue, groups }: Rates): RateLimit | undefined {
  const limits = [queue, group === undefined ? undefined : groups];
  return limits.find((rate) => rate !== undefined && cost > rate.limit);
}

function tooDear({ queue }: QueueScope, { cost }: NewJob, { limit, perMs }: RateLimit, of: 'queue' | 'group'): Error {
  return new InvalidValueError(
    `cost of a job of "${queue}"`,
    cost,
    `the rate of its ${of} is ${limit} in ${perMs} ms, and no window has room for more: divide the job, let it cost at most ${limit}, or raise the rate`,
  );
}
