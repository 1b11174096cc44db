import type { StoredJob } from '../core/ports/curation.js';
import { isHeadAlone } from '../core/record-head.js';
import { jobOf, type View } from './job-view.js';
import type { RedisQueue } from './redis-queue.js';

type Reply = [string, ...View[]];

/** Reads jobs. @param numbersOnly the ids are the store's own: no user's id is looked for */
export async function readJobs(
  queue: RedisQueue,
  ids: readonly string[],
  numbersOnly = false,
): Promise<(StoredJob | undefined)[]> {
  if (ids.length === 0) return [];
  const jobs = await look(queue, ids, numbersOnly);
  const apart = jobs.filter((job): job is StoredJob => job !== undefined && isHeadAlone(job.record));
  if (apart.length === 0) return jobs;
  const gone = await addPayloads(queue, apart);
  if (gone.length === 0) return jobs;
  // Deleted between the two calls; or the payload alone, by hand.
  const again = await look(
    queue,
    gone.map(({ id }) => id),
    true,
  );
  return jobs.map((job) => (job !== undefined && gone.includes(job) ? again[gone.indexOf(job)] : job));
}

async function look(
  queue: RedisQueue,
  ids: readonly string[],
  numbersOnly: boolean,
): Promise<(StoredJob | undefined)[]> {
  const [, ...found] = await queue.look<Reply>('read', ['', numbersOnly ? '1' : '0', ...ids]);
  return found.map(jobOf);
}

/** @returns jobs whose payloads are not there */
async function addPayloads(queue: RedisQueue, jobs: readonly StoredJob[]): Promise<StoredJob[]> {
  const payloads = await queue.payloadsOf(jobs.map(({ id }) => id));
  return jobs.filter((job, index) => {
    if (payloads[index] === null) return true;
    job.record += '\n' + payloads[index];
    return false;
  });
}

/** Reads a job and registers interest in its end for `ttlMs`, in one step. A long payload is not read. */
export async function readAwaited(queue: RedisQueue, id: string, ttlMs: number): Promise<StoredJob | undefined> {
  const [, view] = await queue.run<Reply>('read', [String(ttlMs), '0', id]);
  return jobOf(view ?? []);
}
