import type { JobState } from '../core/job.js';
import type { StoredJob } from '../core/ports/curation.js';
import type { RedisQueue } from './redis-queue.js';

type Entry = [] | [string, JobState, string, string, string, string, string];
type Reply = [string, ...Entry[]];

/** Reads jobs. @param numbersOnly the ids are the store's own: no user's id is looked for */
export async function readJobs(
  queue: RedisQueue,
  ids: readonly string[],
  numbersOnly = false,
): Promise<(StoredJob | undefined)[]> {
  if (ids.length === 0) return [];
  const [, ...found] = await queue.look<Reply>('read', ['', numbersOnly ? '1' : '0', ...ids]);
  return found.map(jobOf);
}

/** Reads a job and registers interest in its end for `ttlMs`, in one step. */
export async function readAwaited(queue: RedisQueue, id: string, ttlMs: number): Promise<StoredJob | undefined> {
  const [, entry] = await queue.run<Reply>('read', [String(ttlMs), '0', id]);
  return jobOf(entry ?? []);
}

function jobOf(entry: Entry): StoredJob | undefined {
  if (entry.length === 0) return undefined;
  const [id, state, record, due, progress, cancelling, token] = entry;
  return {
    id,
    state,
    record,
    dueAt: due === '' ? undefined : Number(due),
    progress: progress === '' ? undefined : progress,
    cancelling: cancelling === '1',
    token: token === '' ? undefined : token,
  };
}
