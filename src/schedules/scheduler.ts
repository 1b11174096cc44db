import type { QueueSignal } from '../core/ports/notices.js';
import type { Store } from '../core/ports/store.js';
import { jsonCodec, type Codec } from '../core/codec.js';
import type { ProducerJobOptions } from './rule/schedule.js';
import type { ScheduleDeclaration } from './rule/declaration.js';
import { DEFAULTS } from '../options/defaults.js';
import type { DutyLogger } from '../duties/duty-logger.js';
import { OutageLog } from '../duties/outage-log.js';
import { PeriodicLoop, UNTIL_WOKEN } from '../duties/periodic-loop.js';
import { ANNOUNCE_EVERY_MS, ScheduleAnnouncer } from './announcer.js';
import { ScheduleBook } from './schedule-book.js';
import { ScheduleRegistrar } from './registrar.js';
import { TickFirer } from './tick-firer.js';

/** Schedules fired in one turn, before the next page is asked for: enough groups for several instances. */
const PAGE = 400;
const LONGEST_PAGE = 1000;
/** How often a queue is read whose due schedules this process must leave to others. */
const LEFT_POLL_MS = 10_000;
/** The longest sleep before a tick: the store's clock may be set meanwhile. */
const LONGEST_SLEEP_MS = 60_000;
/** Within {@link NEAR_MS} of a tick, the clock is read this often. */
const NEAR_POLL_MS = 1000;
const NEAR_MS = 2000;
/** Instances look for a tick this much apart at most, so that one fires it and the others find nothing due. */
const SPREAD_MS = 40;
/** A scan that finds a schedule due for this long wakes the scheduler of the queue. */
const LEFT_FOR_MS = 250;

export interface SchedulerOptions {
  store: Pick<Store, 'connection' | 'notices' | 'timetable'>;
  declarations: readonly ScheduleDeclaration[];
  /** Further queues that this process serves: schedules made at run time may fire there. Default none. */
  queues?: readonly string[];
  /** Which app declares them. Undefined (default): nobody announces them, for a store that only this process uses. */
  app?: string;
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

/** The schedules of one queue, with their loops. */
interface QueueEntry {
  book: ScheduleBook;
  ticks: PeriodicLoop;
  /** Undefined where nothing is announced. */
  announcements: PeriodicLoop | undefined;
}

/**
 * Enqueues a job at each tick of the schedules in its queues. Any number of instances may do so: the store compares and
 * sets (schedule, tick), and no instance leads.
 *
 * An instance fires every stored rule it can read, also one that was made at run time or that only other versions of the
 * code declare: the rule carries everything its jobs need. What the code does not declare any more is paused by the store
 * some time after the last announcement.
 *
 * It sleeps until the next look-at time that it knows. The queue's signals and the scans for dead workers ({@link expect})
 * wake it for a nearer one, so a queue without schedules costs nothing here.
 */
export class Scheduler {
  private readonly entries = new Map<string, QueueEntry>();
  private readonly store: SchedulerOptions['store'];
  private readonly registrar: ScheduleRegistrar;
  private readonly announcer: ScheduleAnnouncer | undefined;
  private readonly firer: TickFirer;
  private readonly random: () => number;
  private readonly outages: OutageLog;
  private readonly declare: (entry: QueueEntry, declaration: ScheduleDeclaration) => void;
  private readonly declared = new Set<ScheduleDeclaration>();
  private stopping = false;

  /** @throws InvalidValueError, InvalidPayloadError, PayloadTooLargeError for a declaration */
  constructor(options: SchedulerOptions) {
    const { store, app, logger, codec = jsonCodec, jobOptionsOf, random = Math.random } = options;
    const isStopping = (): boolean => this.stopping;
    const makingOf = (queue: string) => ({ codec, queueOptions: jobOptionsOf?.(queue) });
    this.store = store;
    this.random = random;
    this.registrar = new ScheduleRegistrar(store.timetable, app, logger, makingOf, isStopping);
    this.announcer = app === undefined ? undefined : new ScheduleAnnouncer(store.timetable, app, logger);
    this.firer = new TickFirer(store.timetable, logger, makingOf, isStopping, random);
    this.outages = options.outages ?? new OutageLog(logger, store.connection);
    const { payloadLimit = DEFAULTS.payloadLimit } = options;
    this.declare = ({ book }, declaration) => book.declare(declaration, codec, payloadLimit);
    this.add(options.declarations, options.queues);
  }

  /** Adds schedules and queues. Those that are known stay as they are. */
  add(declarations: readonly ScheduleDeclaration[], queues: readonly string[] = []): void {
    for (const declaration of declarations) {
      if (this.declared.has(declaration)) continue;
      this.declare(this.entryOf(declaration.queue), declaration);
      this.declared.add(declaration);
    }
    for (const queue of queues) this.entryOf(queue);
  }

  /**
   * Registers the declared schedules and begins to fire, also those that were added since. A store that is away is tried
   * again, and fails nothing here.
   */
  async start(): Promise<void> {
    this.stopping = false;
    for (const { ticks, announcements } of this.entries.values()) {
      ticks.start();
      // What is registered at the start counts as announced.
      announcements?.start(ANNOUNCE_EVERY_MS * (0.5 + 0.5 * this.random()));
    }
    await this.runOnce();
  }

  /** No tick is fired after it resolves. */
  async stop(): Promise<void> {
    this.stopping = true;
    const entries = [...this.entries.values()];
    await Promise.all(entries.flatMap((entry) => loopsOf(entry).map((loop) => loop.stop())));
    for (const { book } of entries) {
      const { unsubscribe } = book;
      book.unsubscribe = undefined;
      await unsubscribe?.();
    }
  }

  /** Registers what is not registered and fires what is due now, without waiting for a timer: for tests that move a clock. */
  async runOnce(): Promise<void> {
    await Promise.all([...this.entries.values()].map(({ ticks }) => ticks.runOnce()));
  }

  /** Announces what is declared, without waiting for a timer: for tests that move a clock. */
  async announceOnce(): Promise<void> {
    const announcements = [...this.entries.values()].flatMap((entry) => entry.announcements ?? []);
    await Promise.all(announcements.map((loop) => loop.runOnce()));
  }

  /**
   * Takes the time of the next due schedule from a scan, which read it anyway.
   * @param lookAt undefined: it has no schedule with a tick
   * @param now store time of the reading, ms
   */
  expect(queue: string, lookAt: number | undefined, now: number): void {
    const entry = this.entries.get(queue);
    if (entry === undefined || lookAt === undefined) return;
    entry.book.seen();
    const isLate = lookAt <= now - LEFT_FOR_MS && !entry.book.leavesDue;
    if (isLate || lookAt < entry.book.plannedAt) entry.ticks.wake();
  }

  /** @returns the delay before the next turn, ms */
  private async turn(book: ScheduleBook): Promise<number> {
    book.plannedAt = -Infinity;
    // First, or what is registered elsewhere between look and subscription would wake nobody.
    book.unsubscribe ??= await this.store.notices.onSignal(book.queue, (signal) =>
      this.applySignal(book.queue, signal),
    );
    await this.registrar.register(book);
    const limit = Math.min(PAGE + book.ignored, LONGEST_PAGE);
    const look = await this.store.timetable.due(book.queue, limit);
    if (look.due.length > 0 || look.nextLookAt !== undefined) book.seen();
    const page = await this.firer.fire(book, look);
    book.leavesDue = page.left;
    let next = Math.min(look.nextLookAt ?? Infinity, page.next);
    // Schedules that are left to others fill the page: what lies behind it cannot be seen.
    if (!page.moved && next <= look.now) next = Infinity;
    if (page.left) next = Math.min(next, look.now + LEFT_POLL_MS);
    book.plannedAt = next;
    return this.delayUntil(next - look.now);
  }

  private applySignal(queue: string, signal: QueueSignal): void {
    if (signal.type === 'schedules' || signal.type === 'resync') this.entries.get(queue)?.ticks.wake();
  }

  private delayUntil(waitMs: number): number {
    if (waitMs === Infinity) return UNTIL_WOKEN;
    if (waitMs > LONGEST_SLEEP_MS) return LONGEST_SLEEP_MS * (0.8 + 0.2 * this.random());
    if (waitMs > NEAR_MS) return waitMs - NEAR_POLL_MS + SPREAD_MS * this.random();
    if (waitMs <= 0) return 0;
    return Math.min(waitMs, NEAR_POLL_MS) + SPREAD_MS * this.random();
  }

  private entryOf(queue: string): QueueEntry {
    const known = this.entries.get(queue);
    if (known !== undefined) return known;
    const book = new ScheduleBook(queue);
    const { announcer, outages, random } = this;
    const entry: QueueEntry = {
      book,
      // Its delays end at a tick, so it spreads them itself.
      ticks: new PeriodicLoop({
        name: `scheduler of "${queue}"`,
        step: () => this.turn(book),
        jitter: 0,
        outages,
        random,
      }),
      announcements:
        announcer &&
        new PeriodicLoop({
          name: `schedule announcer of "${queue}"`,
          step: () => this.announce(announcer, entry),
          outages,
          random,
        }),
    };
    this.entries.set(queue, entry);
    return entry;
  }

  private async announce(announcer: ScheduleAnnouncer, { book, ticks }: QueueEntry): Promise<number> {
    if (await announcer.announce(book)) ticks.wake();
    return ANNOUNCE_EVERY_MS;
  }
}

function loopsOf({ ticks, announcements }: QueueEntry): PeriodicLoop[] {
  return announcements === undefined ? [ticks] : [ticks, announcements];
}
