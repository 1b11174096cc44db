import { decodeEnvelope } from '../core/envelope.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { JOB_STATES, type JobState } from '../core/job.js';
import type { CancelAnswer, Curation, JobPage, OldestJobs, QueueCounts, StoredJob } from '../core/ports/curation.js';
import type { Duties } from '../core/ports/duties.js';
import { earliestOf, FIRST_OF_LINE, readySinceOf } from '../core/ready-since.js';
import { RULES } from '../core/rules.js';
import { readJobs } from './job-reader.js';
import { APART_LENGTH, headOf } from './long-payloads.js';
import type { RedisQueues } from './redis-queue.js';

/** Items that one script of a sweep looks at: some 1 ms of Redis. */
const STEP = 200;
/** Records that one script reads: each may be half a megabyte. */
const READ_STEP = 50;

/** Score and member of a sorted set. */
const RANKED = /^[\d.e+-]{1,30}:[^\n]+$/;
/** What a place of each state looks like (list.lua). */
const PLACES: Record<JobState, RegExp> = {
  scheduled: RANKED,
  ready: /^(s:[^\n]+|[pg]:[\d.e+-]{1,30}:[^\n]+|r:\d{1,15}:[^\n]+)$/,
  active: /^\d{1,20}$/,
  parked: RANKED,
  blocked: /^(?!)/,
  completed: /^\d{1,15}:\d{1,15}:[^\n]+$/,
  cancelled: RANKED,
  dead: RANKED,
};

type Promotion = Awaited<ReturnType<Curation['promoteJob']>>;
type Removal = Awaited<ReturnType<Curation['remove']>>;
type Revival = Awaited<ReturnType<Curation['retryDead']>>;

export class RedisCuration implements Curation {
  constructor(
    private readonly queues: RedisQueues,
    private readonly duties: Pick<Duties, 'promote'>,
  ) {}

  async read(queue: string, ids: readonly string[]): Promise<(StoredJob | undefined)[]> {
    return readJobs(this.queues.of(queue), ids);
  }

  async logs(queue: string, id: string): Promise<string[]> {
    const target = this.queues.of(queue);
    const [stored] = await readJobs(target, [id]);
    if (stored === undefined) return [];
    const text = (await target.command('hget', [target.keys.notes, `${stored.id}:logs`])) as string | null;
    return text === null ? [] : text.split('\n');
  }

  async list(queue: string, state: JobState, cursor: string | undefined, limit: number): Promise<JobPage> {
    const target = this.queues.of(queue);
    if (cursor !== undefined && !PLACES[state].test(cursor)) {
      throw new InvalidValueError(
        'cursor',
        cursor,
        `pass the cursor that the page of ${state} jobs before this one gave`,
      );
    }
    const [next, ids] = await target.look<[string, string[]]>('list', [state, cursor ?? '', limit]);
    // Between the two calls a job may have moved on: then it is of another page.
    const jobs: StoredJob[] = [];
    for (let first = 0; first < ids.length; first += READ_STEP) {
      const found = await readJobs(target, ids.slice(first, first + READ_STEP), true);
      for (const job of found) if (job?.state === state) jobs.push(job);
    }
    return { jobs, cursor: next === '' ? undefined : next };
  }

  async counts(queue: string): Promise<QueueCounts> {
    const target = this.queues.of(queue);
    const numbers = await target.look<number[]>('counts', []);
    const byState = Object.fromEntries(JOB_STATES.map((state, index) => [state, numbers[index]]));
    return { ...(byState as Record<JobState, number>), paused: numbers[JOB_STATES.length] === 1 };
  }

  async oldest(queue: string): Promise<OldestJobs> {
    const [nowText, due, died, ...heads] = await this.queues.of(queue).look<string[]>('oldest', [FIRST_OF_LINE]);
    const now = Number(nowText);
    const since: (number | undefined)[] = due !== '' && Number(due) <= now ? [Number(due)] : [];
    for (let index = 0; index < heads.length; index += 2) {
      since.push(readySinceOf(heads[index], heads[index + 1] === '' ? undefined : Number(heads[index + 1])));
    }
    return { now, readySince: earliestOf(since), deadSince: died === '' ? undefined : Number(died) };
  }

  async setPaused(queue: string, paused: boolean): Promise<void> {
    const target = this.queues.of(queue);
    await target.act('paused', 'set-paused', [paused ? '1' : '0']);
  }

  async isPaused(queue: string): Promise<boolean> {
    const target = this.queues.of(queue);
    return (await target.command('hexists', [target.keys.meta, 'paused'])) === 1;
  }

  async cancel(queue: string, id: string): Promise<CancelAnswer | 'not-found'> {
    const target = this.queues.of(queue);
    return target.act<CancelAnswer | 'not-found'>(['job', id], 'cancel', [id]);
  }

  async retryDead(queue: string, id: string, settledAt: number, envelope: string): Promise<Revival> {
    const target = this.queues.of(queue);
    const { header, payload } = decodeEnvelope(envelope);
    const [apart] = envelope.length > APART_LENGTH / 2 ? await target.payloadsOf([id]) : [];
    const stays = apart === payload;
    const isLong = envelope.length > APART_LENGTH && payload !== '';
    const args = [
      id,
      settledAt,
      stays || isLong ? headOf(envelope) : envelope,
      header.p ?? 0,
      stays || !isLong ? '' : payload,
    ];
    return target.act<Revival>(['job', id], 'retry-dead', args);
  }

  async promoteJob(queue: string, id: string): Promise<Promotion> {
    const target = this.queues.of(queue);
    const answer = await target.act<Promotion>(['job', id], 'promote-job', [id]);
    // It is due, and any worker or duty makes it ready: mostly this call, which also wakes a worker.
    if (answer === 'promoted') await this.duties.promote(queue, RULES.mostPromoted);
    return answer;
  }

  async remove(queue: string, id: string): Promise<Removal> {
    const target = this.queues.of(queue);
    return target.act<Removal>(['job', id], 'remove', [id]);
  }

  async purge(
    queue: string,
    state: Exclude<JobState, 'active'>,
    limit: number,
  ): Promise<{ removed: number; more: boolean }> {
    const target = this.queues.of(queue);
    const answer = await target.act(['purge', state], 'purge', [state, Math.min(limit, STEP)]);
    const [removed, more] = answer.split(' ').map(Number);
    return { removed, more: more === 1 };
  }
}
