import type { StoredJob } from '../core/ports/curation.js';
import { instantOf } from '../core/record-head.js';
import { isStorableId } from '../queue/job-curator.js';
import type { QueueScope } from '../queue/queue-scope.js';
import { DutyCycle } from './duty-cycle.js';
import { StateWalker } from './state-walker.js';
import { looksIntoPayloads, testOf } from './where/job-test.js';
import { needlesOf } from './where/needles.js';
import type { Where } from './where/where.js';

export interface WalkOptions {
  signal?: AbortSignal;
  on?: 'primary' | 'replica';
}

interface Walk extends WalkOptions {
  /** Whoever gets the jobs looks into their payloads, too. */
  payloads?: boolean;
}

interface Match {
  stored: StoredJob;
  /** When it ended, or was enqueued, ms. */
  at: number;
}

/**
 * The jobs that fit, newest first: one that has ended by its end, another one by its enqueue. Of live jobs, which lie in the order of
 * their line, those of one step of the store are sorted. What is yielded together was found together.
 */
export async function* walkMatches(
  scope: QueueScope,
  where: Where,
  { signal, on = 'primary', payloads = false }: Walk,
): AsyncGenerator<StoredJob[], void, void> {
  signal?.throwIfAborted();
  const { store, queue, codec, redactor } = scope;
  const fits = testOf(scope, where, await storeTimeFor(scope, where));
  const ids = idsOf(where);
  if (ids !== undefined) {
    const named = await store.curation.read(queue, ids);
    const found = new Map(named.filter((job) => job !== undefined).map((job) => [job.id, job]));
    yield [...found.values()].filter((job) => where.states.includes(job.state) && fits(job));
    return;
  }
  const request = { needles: needlesOf(where, codec), payloads: payloads || looksIntoPayloads(where, redactor), on };
  const walkers = where.states.map((state) => new StateWalker(store.search, queue, state, request));
  const duty = new DutyCycle();
  let waiting: Match[] = [];
  for (;;) {
    const walker = newestOf(walkers);
    if (walker === undefined) break;
    const { jobs, spentMs } = await walker.step();
    for (const stored of jobs) {
      if (fits(stored)) waiting.push({ stored, at: instantOf(stored.record) ?? walker.reachedAt });
    }
    waiting.sort((a, b) => b.at - a.at);
    // What another state may hold in between is looked at first.
    const ahead = newestOf(walkers)?.reachedAt ?? -Infinity;
    const count = walkers.length === 1 ? waiting.length : countUntil(waiting, ahead);
    if (count > 0) yield waiting.slice(0, count).map(({ stored }) => stored);
    waiting = waiting.slice(count);
    await duty.rest(spentMs, signal);
  }
  if (waiting.length > 0) yield waiting.map(({ stored }) => stored);
}

/** The ids of which one must be the job's, where they stand in the `where`: then nothing else is looked at. */
export function idsOf({ terms }: Where): string[] | undefined {
  const term = terms.find(
    ({ field, isNegated, values }) => field === 'id' && !isNegated && values.every(({ kind }) => kind === 'is'),
  );
  return term?.values.flatMap((value) => (value.kind === 'is' && isStorableId(value.text) ? [value.text] : []));
}

/** The one whose next jobs are newest; undefined where all have ended. */
function newestOf(walkers: readonly StateWalker[]): StateWalker | undefined {
  let newest: StateWalker | undefined;
  for (const walker of walkers) {
    if (!walker.hasEnded && (newest === undefined || walker.reachedAt > newest.reachedAt)) newest = walker;
  }
  return newest;
}

function countUntil(sorted: readonly Match[], ahead: number): number {
  const index = sorted.findIndex(({ at }) => at < ahead);
  return index < 0 ? sorted.length : index;
}

/** This process's own guess of that time may be stale after an outage. */
async function storeTimeFor({ store, queue }: QueueScope, { terms }: Where): Promise<number> {
  if (!terms.some(({ field }) => field === 'age')) return store.connection.now();
  return askStoreTime({ store, queue });
}

/** ms */
export async function askStoreTime({ store, queue }: Pick<QueueScope, 'store' | 'queue'>): Promise<number> {
  return (await store.timetable.due(queue, 1)).now;
}
