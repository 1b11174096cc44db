import type { NewJob } from '../core/ports/intake.js';
import { encodeTraits } from './traits.js';

/** Whether `enqueue-plain.lua` may store the job. */
export function isPlain(job: NewJob): boolean {
  return job.delayMs === undefined && job.runAt === undefined && encodeTraits(job) === '';
}

/** Arguments of `enqueue-plain.lua`. */
export function plainRows(jobs: readonly NewJob[], ids: readonly string[]): string[] {
  const pairs = new Array<string>(jobs.length * 2);
  for (let index = 0; index < jobs.length; index++) {
    pairs[index * 2] = ids[index];
    pairs[index * 2 + 1] = jobs[index].envelope;
  }
  return pairs;
}

/** Arguments of `enqueue.lua`. */
export function rows(jobs: readonly NewJob[], ids: readonly string[]): string[] {
  return jobs.flatMap((job, index) => [ids[index], job.envelope, dueOf(job), encodeTraits(job)]);
}

function dueOf(job: NewJob): string {
  if (job.delayMs !== undefined) return job.delayMs > 0 ? `+${job.delayMs}` : '';
  return job.runAt === undefined ? '' : String(job.runAt);
}
