import type { Broker, DueSchedule } from '../core/broker.js';
import { jsonCodec, type Codec } from '../core/codec.js';
import { isSettled } from '../core/job.js';
import type { ScheduleDeclaration } from '../core/schedule-declaration.js';
import { DEFAULTS } from '../task-queue.options.js';
import type { DutyLogger } from './duty-logger.js';
import { OutageLog } from './outage-log.js';
import { PeriodicLoop } from './periodic-loop.js';
import { tickUserId, type ProducerJobOptions, type Schedule } from './schedule.js';
import { ScheduleBook } from './schedule-book.js';

/** Schedules fired in one turn, before the next page is asked for. */
const PAGE = 100;
/** With no tick near, the queue is asked this often: another process may have registered a nearer one and died. */
const IDLE_POLL_MS = 10_000;
/** Near a tick, this often: the store's clock may have been set while the timer ran. */
const NEAR_POLL_MS = 1000;
const NEAR_MS = 2000;
/** Instances look for a tick this much apart at most, so that one fires it and the others find nothing due. */
const SPREAD_MS = 40;

export interface SchedulerOptions {
  broker: Broker;
  declarations: readonly ScheduleDeclaration[];
  logger: DutyLogger;
  /** Default JSON. */
  codec?: Codec;
  /** Largest encoded payload in bytes, default 262144. */
  payloadLimit?: number;
  /** Job options of a queue that must be written with the job: priority and expiry. Default none. */
  jobOptionsOf?: (queue: string) => ProducerJobOptions;
  outages?: OutageLog;
  /** A number in [0, 1). */
  random?: () => number;
}

/**
 * Enqueues a job at each tick of the schedules in its queues. Any number of instances may do so: the store compares and
 * sets (schedule, tick), and no instance leads.
 *
 * An instance fires every stored rule it can read, also one that only other versions of the code declare: the rule
 * carries everything its jobs need. So a rule that no code declares any more still fires.
 */
export class Scheduler {
  private readonly books = new Map<string, ScheduleBook>();
  private readonly loops: PeriodicLoop[] = [];
  private readonly broker: Broker;
  private readonly logger: DutyLogger;
  private readonly codec: Codec;
  private readonly jobOptionsOf: (queue: string) => ProducerJobOptions;
  private readonly random: () => number;
  private stopping = false;

  /** @throws InvalidCronError, InvalidValueError, InvalidPayloadError, PayloadTooLargeError for a declaration */
  constructor(options: SchedulerOptions) {
    this.broker = options.broker;
    this.logger = options.logger;
    this.codec = options.codec ?? jsonCodec;
    this.jobOptionsOf = options.jobOptionsOf ?? (() => ({}));
    this.random = options.random ?? Math.random;
    const { payloadLimit = DEFAULTS.payloadLimit } = options;
    for (const declaration of options.declarations) {
      this.bookOf(declaration.queue).declare(declaration, this.codec, payloadLimit);
    }
    const outages = options.outages ?? new OutageLog(this.logger);
    for (const book of this.books.values()) {
      if (book.isIdle) continue;
      const name = `scheduler of "${book.queue}"`;
      // Its delays end at a tick, so it spreads them itself.
      this.loops.push(new PeriodicLoop({ name, step: () => this.turn(book), jitter: 0, outages, random: this.random }));
    }
  }

  /** Registers the declared schedules and begins to fire. A store that is away is tried again, and fails nothing here. */
  async start(): Promise<void> {
    this.stopping = false;
    for (const loop of this.loops) loop.start();
    await this.runOnce();
  }

  /** No tick is fired after it resolves. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  /** Registers what is not registered and fires what is due now, without waiting for a timer: for tests that move a clock. */
  async runOnce(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.runOnce()));
  }

  /** @returns the delay before the next turn, ms */
  private async turn(book: ScheduleBook): Promise<number> {
    if (book.unregistered.size > 0) await this.register(book);
    const limit = PAGE + book.ignored;
    const { now, due, nextTickAt } = await this.broker.dueSchedules(book.queue, limit);
    let next = nextTickAt ?? Infinity;
    let fired = 0;
    for (const schedule of due) {
      if (this.stopping) return IDLE_POLL_MS;
      const following = await this.fire(book, schedule, now);
      if (following === undefined) continue;
      fired++;
      next = Math.min(next, following);
    }
    if (fired > 0 && due.length >= limit) return 0;
    return this.delayUntil(next - now);
  }

  private async register(book: ScheduleBook): Promise<void> {
    const { now } = await this.broker.dueSchedules(book.queue, 1);
    for (const schedule of book.unregistered) {
      if (this.stopping) return;
      const registration = schedule.registration(now);
      if (registration === undefined) {
        this.logger.warn(`Schedule "${schedule.name}" has no tick after now: it is not registered.`);
      } else {
        const answer = await this.broker.registerSchedule(book.queue, registration);
        const first = new Date(registration.nextTick).toISOString();
        if (answer === 'created') this.logger.log(`Schedule "${schedule.name}" is new; first tick ${first}.`);
        if (answer === 'replaced') this.logger.log(`Schedule "${schedule.name}" has changed; next tick ${first}.`);
        if (answer === 'outdated')
          this.logger.warn(`Schedule "${schedule.name}" was changed by a newer deployment: its rule stays.`);
      }
      book.unregistered.delete(schedule);
    }
  }

  /** @returns the schedule's next tick as far as it is known; undefined where this process does not fire it */
  private async fire(book: ScheduleBook, due: DueSchedule, now: number): Promise<number | undefined> {
    const schedule = book.find(due);
    if (typeof schedule === 'string') {
      if (schedule === 'unreadable-anew') {
        this.logger.warn(
          `Schedule "${due.name}" was stored by another version and cannot be read here: others must fire it.`,
        );
      }
      return undefined;
    }
    const fire = schedule.fire(due.tick, now, this.codec, this.jobOptionsOf(book.queue));
    const waits = fire.job !== undefined && schedule.waits && (await this.isUnsettled(book.queue, schedule));
    if (waits) fire.job = undefined;
    const answer = await this.broker.fireSchedule(book.queue, fire);
    if (answer === 'fired' && fire.job === undefined) {
      const reason = waits ? 'the job before it has not settled' : 'it came too late';
      this.logger.debug?.(`Schedule "${due.name}" skipped tick ${new Date(due.tick).toISOString()}: ${reason}.`);
    }
    // 'stale': another instance fired it and set the same next tick, or the rule was changed, which the next poll shows.
    return answer === 'early' ? due.tick : (fire.nextTick ?? Infinity);
  }

  /** The job before this tick still runs or waits. It can only settle meanwhile, and one instance alone fires the tick. */
  private async isUnsettled(queue: string, schedule: Schedule): Promise<boolean> {
    const stored = (await this.broker.schedules(queue)).find(({ name }) => name === schedule.name);
    if (stored?.lastTick === undefined) return false;
    const [job] = await this.broker.read(queue, [tickUserId(schedule.name, stored.lastTick)]);
    return job !== undefined && !isSettled(job.state);
  }

  private delayUntil(waitMs: number): number {
    if (waitMs > IDLE_POLL_MS) return IDLE_POLL_MS * (0.8 + 0.2 * this.random());
    if (waitMs > NEAR_MS) return waitMs - NEAR_POLL_MS + SPREAD_MS * this.random();
    return Math.min(Math.max(0, waitMs), NEAR_POLL_MS) + SPREAD_MS * this.random();
  }

  private bookOf(queue: string): ScheduleBook {
    let book = this.books.get(queue);
    if (book === undefined) {
      book = new ScheduleBook(queue);
      this.books.set(queue, book);
    }
    return book;
  }
}
