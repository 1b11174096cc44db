import { UnsupportedError } from '../core/errors/store-errors.js';
import { isSettled, type JobState } from '../core/job.js';
import type { ScanRequest, ScanStep, Search } from '../core/ports/search.js';
import { instantOf } from '../core/record-head.js';
import type { MemoryConnection } from './connection.js';
import { viewOf } from './job-reader.js';
import type { KeptJob } from './kept-job.js';
import type { MemoryQueue } from './memory-queue.js';
import { newestReadyBehind, readyPartOf } from './ready-listing.js';
import { inParkedOrder, parkedKeyOf } from './reserver.js';

/** Jobs of one step, as on Redis, where a step must not hold others up. */
const STEP = 500;

export class MemorySearch implements Search {
  constructor(private readonly connection: MemoryConnection) {}

  async scan(
    queue: string,
    state: JobState,
    cursor: string | undefined,
    { needles, on, most = STEP }: ScanRequest,
  ): Promise<ScanStep> {
    if (on === 'replica') throw new UnsupportedError('A store in memory has no replica: search on the primary.');
    const page = newestOf(this.connection.queue(queue), state, cursor, Math.min(most, STEP));
    const looked = page.slice(0, Math.min(most, STEP));
    const last = looked.at(-1);
    const isCandidate = ({ id, record }: KeptJob) =>
      needles.every(({ anyOf, inNumber }) =>
        anyOf.some((text) => record.includes(text) || (inNumber === true && id.includes(text))),
      );
    return {
      jobs: looked.filter(isCandidate).map((job) => ({ ...viewOf(job), progress: undefined, cancelling: false })),
      looked: looked.length,
      reachedAt: last && instantOf(last.record),
      cursor: page.length > looked.length && last !== undefined ? placeOf(state, last) : undefined,
      spentMs: 0,
    };
  }
}

/** What comes behind the place, one more than a step: it says whether another follows. */
function newestOf(queue: MemoryQueue, state: JobState, cursor: string | undefined, step: number): KeptJob[] {
  const split = cursor?.indexOf(':') ?? 0;
  const head = cursor?.slice(0, split);
  const id = cursor?.slice(split + 1);
  if (isSettled(state) || state === 'scheduled') {
    const order = state === 'scheduled' ? queue.scheduled : queue.ended[state].order;
    return order.pageBefore(id === undefined ? undefined : { rank: Number(head), id }, step + 1).jobs;
  }
  if (state === 'ready') {
    const all = newestReadyBehind(queue.lanes, id === undefined ? undefined : { part: head ?? '', id });
    return [...all].slice(0, step + 1);
  }
  const sorted = (state === 'parked' ? inParkedOrder(queue) : state === 'active' ? [...queue.active.values()] : [])
    .map((job) => ({ job, key: keyOf(state, job) }))
    .filter(({ key }) => id === undefined || key < id)
    .sort((a, b) => (a.key < b.key ? 1 : -1));
  return sorted.slice(0, step + 1).map(({ job }) => job);
}

function keyOf(state: JobState, job: KeptJob): string {
  return state === 'parked' ? parkedKeyOf(job) : job.id;
}

function placeOf(state: JobState, job: KeptJob): string {
  if (state === 'ready') return `${readyPartOf(job)}:${job.id}`;
  return isSettled(state) || state === 'scheduled' ? `${job.rank}:${job.id}` : `:${keyOf(state, job)}`;
}
