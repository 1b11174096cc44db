import { performance } from 'node:perf_hooks';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { instantOf, isHeadAlone } from '../core/record-head.js';
import type { JobState } from '../core/job.js';
import type { StoredJob } from '../core/ports/curation.js';
import type { Needle, ScanRequest, ScanStep, Search } from '../core/ports/search.js';
import { readJobs } from './job-reader.js';
import type { RedisQueue, RedisQueues } from './redis-queue.js';
import type { ReplicaQueues } from './replica-queues.js';

/** Jobs that one script looks at, and bytes of their records: some 1 ms of Redis. */
const MOST_JOBS = 300;
const MOST_BYTES = 160 * 1024;
/** Long records that one script reads. */
const READ_STEP = 8;

const RANKED = /^[\d.e+-]{1,30}:[^\n]+$/;
/** What a place of each state looks like (scan.lua). */
const PLACES: Record<JobState, RegExp> = {
  scheduled: RANKED,
  ready: /^(r:\d{1,15}:[^\n]+|[pg]|[pg]:[\d.e+-]{1,30}:[^\n]+|s|s:[^\n]+)$/,
  active: /^\d{1,20}$/,
  parked: RANKED,
  blocked: /^(?!)/,
  completed: /^\d{1,15}:\d{1,15}:[^\n]+$/,
  cancelled: RANKED,
  dead: RANKED,
};

export class RedisSearch implements Search {
  constructor(
    private readonly queues: RedisQueues,
    private readonly replicas: Pick<ReplicaQueues, 'of'>,
  ) {}

  async scan(
    queue: string,
    state: JobState,
    cursor: string | undefined,
    { needles, payloads, on, most = MOST_JOBS }: ScanRequest,
  ): Promise<ScanStep> {
    if (cursor !== undefined && !PLACES[state].test(cursor)) {
      throw new InvalidValueError('cursor', cursor, `pass the cursor of the step before this one`);
    }
    const target = (on === 'replica' ? this.replicas : this.queues).of(queue);
    const groups = needles.flatMap((needle) => [letterOf(needle), needle.anyOf.length, ...needle.anyOf]);
    const args = [state, cursor ?? '', Math.min(most, MOST_JOBS), MOST_BYTES, ...groups];
    const startedAt = performance.now();
    const [next, looked, head, ...found] = await target.look<[string, number, string, ...string[]]>('scan', args);
    const jobs: StoredJob[] = [];
    for (let at = 0; at < found.length; at += 3) jobs.push(jobOf(state, found[at], found[at + 1], found[at + 2]));
    const whole = await addLongRecords(target, jobs);
    return {
      jobs: await addPayloads(target, whole, payloads),
      looked,
      reachedAt: instantOf(head),
      cursor: next === '' ? undefined : next,
      spentMs: performance.now() - startedAt,
    };
  }
}

/** Where a text may be, as scan.lua reads it. */
function letterOf({ inPayload, inNumber }: Needle): string {
  if (inPayload) return 'p';
  return inNumber === true ? 'i' : 'r';
}

function jobOf(state: JobState, id: string, record: string, beside: string): StoredJob {
  return {
    id,
    state,
    record,
    dueAt: state === 'scheduled' && beside !== '' ? Number(beside) : undefined,
    progress: undefined,
    cancelling: false,
    token: state === 'active' ? beside : undefined,
  };
}

/** Records that the script left to this: each may be half a megabyte. Of a job that has moved on since, nothing. */
async function addLongRecords(target: RedisQueue, jobs: StoredJob[]): Promise<StoredJob[]> {
  const long = jobs.filter(({ record }) => record === '');
  if (long.length === 0) return jobs;
  const read = new Map<string, StoredJob>();
  for (let first = 0; first < long.length; first += READ_STEP) {
    const ids = long.slice(first, first + READ_STEP).map(({ id }) => id);
    for (const job of await readJobs(target, ids, true)) if (job !== undefined) read.set(job.id, job);
  }
  return jobs
    .map((job) => (job.record === '' ? read.get(job.id) : job))
    .filter((job): job is StoredJob => job !== undefined && job.state === jobs[0].state);
}

async function addPayloads(target: RedisQueue, jobs: StoredJob[], areWanted: boolean): Promise<StoredJob[]> {
  const apart = jobs.filter(({ record }) => isHeadAlone(record));
  if (apart.length === 0) return jobs;
  const payloads = areWanted ? await target.payloadsOf(apart.map(({ id }) => id)) : apart.map(() => '');
  const gone = new Set<StoredJob>();
  for (const [index, job] of apart.entries()) {
    const payload = payloads[index];
    if (payload === null) gone.add(job);
    else job.record += '\n' + payload;
  }
  // Deleted since, or its payload by hand: then nobody can read it.
  return gone.size === 0 ? jobs : jobs.filter((job) => !gone.has(job));
}
