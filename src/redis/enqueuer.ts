import { randomBytes } from 'node:crypto';
import type { EnqueueReceipt, NewJob } from '../core/broker.js';
import { EnqueueOutcomeUnknownError } from '../core/errors.js';
import type { JobState } from '../core/job.js';
import type { JobNumbers } from './job-numbers.js';
import type { QueueKeys } from './keys.js';
import type { Link } from './link.js';
import type { Script } from './script-library.js';
import { ReplyLostError } from './store-errors.js';

/** Jobs of one script: 100 have the whole gain, 1000 hold Redis up for a millisecond. */
const BATCH = 250;
/** Scripts of one queue under way at once: Redis works on one while Node writes the next. */
const LANES = 4;

interface Group {
  jobs: readonly NewJob[];
  resolve(receipts: EnqueueReceipt[]): void;
  reject(error: unknown): void;
}

/** One sequence of calls, each under a number of its own: the store remembers the last one of every lane. */
interface Lane {
  caller: string;
  call: number;
}

/**
 * Collects the enqueues of one tick of one queue into as few scripts as possible. A lone enqueue waits for nothing but
 * the end of the tick. What one caller gave together stays together in one script.
 */
export class Enqueuer {
  private groups: Group[] = [];
  private flushing = false;
  private readonly lanes: Lane[] = Array.from({ length: LANES }, newLane);
  private readonly flush = () => {
    this.flushing = false;
    this.send();
  };

  constructor(
    private readonly queue: string,
    private readonly link: Link,
    keys: QueueKeys,
    private readonly script: Script,
    private readonly numbers: JobNumbers,
    private readonly onClock: (nowText: string) => void,
  ) {
    this.plainKeys = [keys.meta, keys.jobs, keys.ready, keys.calls, keys.idle];
    this.fullKeys = [...this.plainKeys, keys.priority, keys.scheduled, keys.ids, keys.levels, keys.inflight, keys.parked];
  }

  private readonly plainKeys: string[];
  private readonly fullKeys: string[];

  enqueue(jobs: readonly NewJob[]): Promise<EnqueueReceipt[]> {
    return new Promise((resolve, reject) => {
      this.groups.push({ jobs, resolve, reject });
      if (!this.flushing) {
        this.flushing = true;
        process.nextTick(this.flush);
      }
    });
  }

  private send(): void {
    while (this.groups.length > 0 && this.lanes.length > 0) {
      const lane = this.lanes.pop() as Lane;
      const batch = this.nextBatch();
      void this.sendBatch(lane, batch).then((usable) => {
        this.lanes.push(usable);
        this.send();
      });
    }
  }

  private nextBatch(): Group[] {
    let size = this.groups[0].jobs.length;
    let taken = 1;
    while (taken < this.groups.length && size + this.groups[taken].jobs.length <= BATCH) size += this.groups[taken++].jobs.length;
    return this.groups.splice(0, taken);
  }

  /** @returns the lane to use next: a fresh one when the outcome of this call stays open */
  private async sendBatch(lane: Lane, batch: Group[]): Promise<Lane> {
    const jobs = batch.length === 1 ? batch[0].jobs : batch.flatMap((group) => group.jobs);
    let ids: string[];
    try {
      ids = this.numbers.tryTake(jobs.length) ?? (await this.numbers.take(jobs.length));
    } catch (error) {
      for (const group of batch) group.reject(error);
      return lane;
    }
    const plain = jobs.every(isPlain);
    const args = [lane.caller, String(++lane.call), plain ? 'plain' : 'full', ...(plain ? plainArgs(jobs, ids) : fullArgs(jobs, ids))];
    const keys = plain ? this.plainKeys : this.fullKeys;
    const execute = async () => receiptsOf(await this.link.run(this.script, keys, args), jobs, ids, this.onClock);
    try {
      const receipts = await execute();
      let first = 0;
      for (const group of batch) group.resolve(batch.length === 1 ? receipts : receipts.slice(first, (first += group.jobs.length)));
      return lane;
    } catch (error) {
      if (!(error instanceof ReplyLostError)) {
        for (const group of batch) group.reject(error);
        return lane;
      }
      let first = 0;
      for (const group of batch) {
        const from = first;
        const to = (first += group.jobs.length);
        const retry = async () => (await execute()).slice(from, to);
        group.reject(new EnqueueOutcomeUnknownError(this.queue, ids.slice(from, to), retry, { cause: error }));
      }
      return newLane(); // the old one remembers the open call until somebody asks again
    }
  }
}

function newLane(): Lane {
  return { caller: randomBytes(9).toString('base64url'), call: 0 };
}

function isPlain(job: NewJob): boolean {
  return job.userId === undefined && job.delayMs === undefined && job.runAt === undefined && !job.priority;
}

function plainArgs(jobs: readonly NewJob[], ids: string[]): string[] {
  const args = new Array<string>(jobs.length * 2);
  for (let index = 0; index < jobs.length; index++) {
    args[index * 2] = ids[index];
    args[index * 2 + 1] = jobs[index].envelope;
  }
  return args;
}

function fullArgs(jobs: readonly NewJob[], ids: string[]): string[] {
  return jobs.flatMap((job, index) => [ids[index], job.envelope, job.userId ?? '', dueOf(job), String(job.priority ?? 0)]);
}

function dueOf(job: NewJob): string {
  if (job.delayMs !== undefined) return job.delayMs > 0 ? `+${job.delayMs}` : '';
  return job.runAt === undefined ? '' : String(job.runAt);
}

function receiptsOf(reply: unknown, jobs: readonly NewJob[], ids: string[], onClock: (nowText: string) => void): EnqueueReceipt[] {
  const [nowText, outcomes] = reply as [string, string[]];
  onClock(nowText);
  const now = Number(nowText);
  return jobs.map((job, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined || outcome === '') {
      return { id: ids[index], created: true, state: isLater(job, now) ? 'scheduled' : 'ready' };
    }
    const space = outcome.indexOf(' ');
    return { id: outcome.slice(space + 1), created: false, state: outcome.slice(0, space) as JobState };
  });
}

function isLater(job: NewJob, now: number): boolean {
  if (job.delayMs !== undefined) return job.delayMs > 0;
  return job.runAt !== undefined && job.runAt > now;
}
