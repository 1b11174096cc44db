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
  const texts = new Array<string>(jobs.length * 4);
  for (let index = 0; index < jobs.length; index++) {
    const job = jobs[index];
    texts[index * 4] = ids[index];
    texts[index * 4 + 1] = job.envelope;
    texts[index * 4 + 2] = dueOf(job);
    texts[index * 4 + 3] = encodeTraits(job);
  }
  return texts;
}

function dueOf(job: NewJob): string {
  if (job.delayMs !== undefined) return job.delayMs > 0 ? `+${job.delayMs}` : '';
  return job.runAt === undefined ? '' : String(job.runAt);
}
