import { randomBytes } from 'node:crypto';
import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { EnqueueOutcomeUnknownError } from '../core/errors/enqueue-errors.js';
import { BrokerRefusedError, BrokerUnavailableError, StoreFullError } from '../core/errors/store-errors.js';
import { RULES } from '../core/rules.js';
import { nextTick } from '../process/real-timers.js';
import { describeRefusal, refusesRequest } from '../core/request-refusal.js';
import { isPlain, plainRows, rows } from './enqueue-rows.js';
import type { JobNumbers } from './job-numbers.js';
import type { QueueKeys } from './keys.js';
import { LongPayloads } from './long-payloads.js';
import { receiptsOf, type EnqueueReply } from './receipts.js';
import { withoutRepeatedKeys } from './repeated-keys.js';
import type { Link } from './wire/link.js';
import type { ScriptCall, ScriptLibrary } from './wire/script-library.js';
import { ReplyLostError } from './wire/store-errors.js';

/** Jobs of one script: 100 have the whole gain, 1000 hold Redis up for a millisecond. */
const BATCH = 250;
/** Text of one script, in characters. */
const BATCH_LENGTH = 256 * 1024;
/** Scripts of one queue under way at once: Redis works on one while Node writes the next. */
const LANES = 4;
/** Long payloads that were stored are missing again so often only where somebody deletes them. */
const STORE_TRIES = 3;

/**
 * The store remembers a call for so long from when it was executed, which may have been as soon as it was sent: one that is
 * repeated and executed later than that could be a second execution. The last question goes out a while before.
 */
const ASKABLE_MS = RULES.callMemoryMs - 60_000;
const ANSWERABLE_MS = RULES.callMemoryMs - 30_000;

/** Of what was asked for in one tick. It begins with the end of the tick, which may be one that blocks the loop. */
interface Term {
  /** performance.now() at which the calls must have settled, if the loop has not stood still until then. */
  deadline: number;
  /** For how long it had stood still when the term began. */
  stoodStillMs: number;
}

interface Group {
  jobs: readonly NewJob[];
  term: Term;
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
  private term: Term = { deadline: 0, stoodStillMs: 0 };
  /** A batch waits for job numbers: those behind it wait, too, so that calls keep their order. */
  private numbering = false;
  private readonly lanes: Lane[] = Array.from({ length: LANES }, newLane);
  private readonly idle = newLane();
  private readonly flush = () => {
    this.flushing = false;
    this.beginTerm();
    this.send();
  };

  constructor(
    private readonly queue: string,
    private readonly link: Link,
    private readonly keys: QueueKeys,
    private readonly scripts: ScriptLibrary,
    private readonly numbers: JobNumbers,
    private readonly clock: { now(): number; learn(nowText: string): void },
    /** Takes back what a script stored that stopped before its jobs had a place: their callers hear that they are refused. */
    private readonly withdraw: (error: unknown, caller: string, ids: readonly string[]) => Promise<void>,
  ) {}

  enqueue(jobs: readonly NewJob[]): Promise<EnqueueReceipt[]> {
    if (jobs.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (!this.flushing) {
        this.flushing = true;
        this.term = { deadline: Infinity, stoodStillMs: 0 };
        nextTick(this.flush);
      }
      this.groups.push({ jobs, term: this.term, resolve, reject });
    });
  }

  /** An enqueue of no jobs: a write in the queue's slot that nobody sees. Each one is a call of its own. */
  emptyCall(): ScriptCall {
    return {
      script: this.scripts.enqueue,
      keys: this.keys.all,
      args: [this.idle.caller, String(++this.idle.call)],
    };
  }

  private beginTerm(): void {
    if (this.term.deadline !== Infinity) return;
    this.term.deadline = performance.now() + this.link.timeoutMs;
    this.term.stoodStillMs = this.link.stoodStillMs;
  }

  private deadlineOf({ term }: Group): number {
    return term.deadline + this.link.stoodStillMs - term.stoodStillMs;
  }

  private send(): void {
    this.beginTerm(); // a lane may have become free before the tick ended
    while (!this.numbering && this.lanes.length > 0) {
      this.refuseLate();
      if (this.groups.length === 0) return;
      const batch = this.nextBatch();
      const count = batch.reduce((sum, group) => sum + group.jobs.length, 0);
      const ids = this.numbers.tryTake(count);
      if (ids === undefined) void this.awaitNumbers(batch, count);
      else this.dispatch(batch, ids);
    }
  }

  /** Calls that waited behind others until their time was over were never sent. */
  private refuseLate(): void {
    const late = this.countUntil(this.groups, performance.now());
    for (const group of this.groups.splice(0, late)) group.reject(this.link.neverSent());
  }

  /** How many of these must have settled by then. */
  private countUntil(groups: readonly Group[], time: number): number {
    let count = 0;
    while (count < groups.length && this.deadlineOf(groups[count]) <= time) count++;
    return count;
  }

  /** Each attempt ends one of them at least, also where it failed before its time: the store was closed. */
  private countTried(groups: readonly Group[], until: number): number {
    return Math.max(1, this.countUntil(groups, until));
  }

  /**
   * Nothing of it is stored. What was asked for first decided for how long the batch was tried: the others are tried again for as
   * long as they have.
   */
  private refuse(batch: readonly Group[], triedUntil: number, error: unknown): void {
    const count = error instanceof BrokerUnavailableError ? this.countTried(batch, triedUntil) : batch.length;
    for (const group of batch.slice(0, count)) group.reject(error);
    this.groups.unshift(...batch.slice(count));
  }

  private async awaitNumbers(batch: Group[], count: number): Promise<void> {
    this.numbering = true;
    const deadline = this.deadlineOf(batch[0]);
    try {
      this.dispatch(batch, await this.numbers.take(count, deadline));
    } catch (error) {
      // Taking numbers stores no job, whatever became of it.
      const reason = error instanceof ReplyLostError ? this.link.neverSent(error) : error;
      this.refuse(batch, deadline, reason);
    } finally {
      this.numbering = false;
      this.send();
    }
  }

  private dispatch(batch: Group[], ids: string[]): void {
    const lane = this.lanes.pop() as Lane;
    void this.sendBatch(lane, batch, ids).then((usable) => {
      this.lanes.push(usable);
      this.send();
    });
  }

  private nextBatch(): Group[] {
    let size = 0;
    let length = 0;
    let taken = 0;
    // What one caller gave together stays together, however large; nothing joins it beyond the limits.
    while (taken < this.groups.length) {
      const { jobs } = this.groups[taken];
      size += jobs.length;
      for (const { envelope } of jobs) length += envelope.length;
      if (taken > 0 && (size > BATCH || length > BATCH_LENGTH)) break;
      taken++;
    }
    return this.groups.splice(0, taken);
  }

  /** @returns the lane to use next: a fresh one when the outcome of this call stays open */
  private async sendBatch(lane: Lane, batch: Group[], ids: string[]): Promise<Lane> {
    const jobs = batch.length === 1 ? batch[0].jobs : batch.flatMap((group) => group.jobs);
    const call = [lane.caller, String(++lane.call)];
    const rows = withoutRepeatedKeys(jobs, ids);
    const long = LongPayloads.of(this.link, this.keys, rows.jobs, rows.ids);
    const execute = async (deadline?: number) => {
      const running = long
        ? this.runLong(call, long, rows.ids, deadline)
        : this.run(call, rows.jobs, rows.ids, deadline);
      const reply = (await running) as EnqueueReply;
      this.clock.learn(reply[0]);
      return rows.spread(receiptsOf(reply, rows.jobs, rows.ids));
    };
    const sentAt = performance.now();
    // Groups, and their jobs, whose callers know that the outcome is open.
    let rejected = 0;
    let first = 0;
    for (;;) {
      const deadline = Math.min(this.deadlineOf(batch[rejected]), rejected === 0 ? Infinity : sentAt + ANSWERABLE_MS);
      try {
        const receipts = await execute(deadline);
        for (const group of batch.slice(rejected))
          group.resolve(batch.length === 1 ? receipts : receipts.slice(first, (first += group.jobs.length)));
        return rejected === 0 ? lane : newLane();
      } catch (error) {
        if (rejected === 0 && !(error instanceof ReplyLostError)) {
          if (error instanceof BrokerUnavailableError || error instanceof StoreFullError) long?.drop();
          // The next call of a lane takes the place of its note.
          const usable = long ? newLane() : lane;
          if (refusesRequest(error)) return this.divide(error, usable, batch, ids);
          await this.withdraw(error, lane.caller, ids);
          this.refuse(batch, deadline, error);
          return usable;
        }
        // Those that have time left: the same call again, for as long as they have.
        const isLast = performance.now() > sentAt + ASKABLE_MS;
        const over = isLast ? batch.length : rejected + this.countTried(batch.slice(rejected), deadline);
        for (; rejected < over; rejected++) {
          const from = first;
          first += batch[rejected].jobs.length;
          batch[rejected].reject(this.outcomeUnknown(execute, ids, from, first, sentAt, error));
        }
        // The old lane remembers the open call until somebody asks again.
        if (rejected === batch.length) return newLane();
      }
    }
  }

  /** By the script that plain jobs need, unless that leaves them to the whole one. */
  private async run(
    call: readonly string[],
    jobs: readonly NewJob[],
    ids: readonly string[],
    deadline?: number,
  ): Promise<unknown> {
    if (jobs.every(isPlain)) {
      const args = [...call, ...plainRows(jobs, ids)];
      const reply = await this.link.run(this.scripts['enqueue-plain'], this.keys.plainEnqueue, args, deadline);
      if (reply !== 'full') return reply;
    }
    return this.link.run(this.scripts.enqueue, this.keys.all, [...call, ...rows(jobs, ids)], deadline);
  }

  /** With long payloads, which are written just before the script. */
  private async runLong(
    call: readonly string[],
    long: LongPayloads,
    ids: readonly string[],
    deadline?: number,
  ): Promise<unknown> {
    const args = [...call, ...rows(long.jobs, ids), long.ids.join(',')];
    long.send(call, this.clock.now());
    for (let tries = 0; tries <= STORE_TRIES; tries++) {
      const reply = await this.link.run(this.scripts.enqueue, this.keys.all, args, deadline);
      if (reply !== 'missing') return reply;
      await long.store(call, this.clock.now(), deadline);
    }
    throw new BrokerUnavailableError(`Something deletes from ${this.keys.payloads}; nothing was stored`);
  }

  /** Refused as a whole: in halves, until the one is alone that the server does not take. Nothing of it has begun. */
  private async divide(error: BrokerRefusedError, lane: Lane, batch: Group[], ids: string[]): Promise<Lane> {
    if (batch.length === 1) {
      batch[0].reject(describeRefusal(error, batch[0].jobs));
      return lane;
    }
    const half = Math.ceil(batch.length / 2);
    const first = batch.slice(0, half);
    const count = first.reduce((sum, { jobs }) => sum + jobs.length, 0);
    const next = await this.sendBatch(lane, first, ids.slice(0, count));
    return this.sendBatch(next, batch.slice(half), ids.slice(count));
  }

  /** The store remembers the call: asking again answers what became of it, as often as it takes. */
  private outcomeUnknown(
    execute: (deadline: number) => Promise<EnqueueReceipt[]>,
    ids: string[],
    from: number,
    to: number,
    sentAt: number,
    cause: unknown,
  ): Error {
    const retry = async (): Promise<EnqueueReceipt[]> => {
      const now = performance.now();
      if (now > sentAt + ASKABLE_MS) {
        throw new BrokerRefusedError(
          'EXPIRED',
          'the store remembers a call for ten minutes: look the job up by its id.',
          { cause },
        );
      }
      try {
        return (await execute(Math.min(now + this.link.timeoutMs, sentAt + ANSWERABLE_MS))).slice(from, to);
      } catch (error) {
        // Whatever kept this call from its answer says nothing about the first one.
        throw this.outcomeUnknown(execute, ids, from, to, sentAt, error);
      }
    };
    return new EnqueueOutcomeUnknownError(this.queue, ids.slice(from, to), retry, { cause });
  }
}

function newLane(): Lane {
  return { caller: randomBytes(9).toString('base64url'), call: 0 };
}
