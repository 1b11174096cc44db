import type { DueSchedule, DueSchedules, FireAnswer, ScheduleFire, Timetable } from '../core/ports/timetable.js';
import type { BrokerRefusedError } from '../core/errors/store-errors.js';
import type { JobMaking } from './rule/schedule.js';
import type { DutyLogger } from '../duties/duty-logger.js';
import type { ScheduleBook } from './schedule-book.js';

/** Fires of one call, a script's bound, and the jobs after which a call is full. */
const MOST_FIRES = 50;
const ENOUGH_JOBS = 100;
/** A tick that waits for a run to end, or whose time the store takes for not come, is looked at again after this. */
const AGAIN_MS = 1000;
/** A rule whose jobs the server refuses is tried again after this: somebody may have raised its limit. */
const REFUSED_AGAIN_MS = 10 * 60_000;

/** What became of a page of due schedules. */
export interface FiredPage {
  /** Earliest look-at time of what was fired, as far as it is known; Infinity: none. */
  next: number;
  /** The store has moved on, by this process or another. */
  moved: boolean;
  /** Schedules that this process must leave to others. */
  left: boolean;
}

/** Fires due schedules in batches; the store decides about each, because other instances fire the same ones. */
export class TickFirer {
  constructor(
    private readonly timetable: Timetable,
    private readonly logger: DutyLogger,
    private readonly makingOf: (queue: string) => JobMaking,
    private readonly isStopping: () => boolean,
    /** A number in [0, 1). */
    private readonly random: () => number,
  ) {}

  async fire(book: ScheduleBook, { now, due }: DueSchedules): Promise<FiredPage> {
    const page: FiredPage = { next: Infinity, moved: false, left: false };
    const groups = this.groupsOf(due);
    for (const [at, group] of groups.entries()) {
      const isAhead = await this.fireGroup(book, group, now, page);
      if (isAhead && !this.isStopping()) continue;
      // Another instance has fired that group, and perhaps others: a new page shows what is left.
      if (at < groups.length - 1) page.next = now;
      break;
    }
    return page;
  }

  /**
   * In any order: instances look at one page in the same millisecond, and would otherwise race each other through it, each
   * making jobs for nothing every other time.
   */
  private groupsOf(due: readonly DueSchedule[]): DueSchedule[][] {
    const groups: DueSchedule[][] = [];
    for (let from = 0; from < due.length; from += MOST_FIRES) groups.push(due.slice(from, from + MOST_FIRES));
    for (let last = groups.length - 1; last > 0; last--) {
      const other = Math.floor(this.random() * (last + 1));
      [groups[last], groups[other]] = [groups[other], groups[last]];
    }
    return groups;
  }

  /** @returns whether this instance was the first at most of them */
  private async fireGroup(
    book: ScheduleBook,
    group: readonly DueSchedule[],
    now: number,
    page: FiredPage,
  ): Promise<boolean> {
    const making = this.makingOf(book.queue);
    let batch: ScheduleFire[] = [];
    let jobs = 0;
    let stale = 0;
    for (const [at, schedule] of group.entries()) {
      const fire = this.fireOf(book, schedule, now, making);
      if (fire === undefined) page.left = true;
      else {
        batch.push(fire);
        jobs += fire.jobs.length;
      }
      if (batch.length === 0 || (jobs < ENOUGH_JOBS && at < group.length - 1)) continue;
      if (this.isStopping()) break;
      stale += await this.send(book, batch, now, page);
      batch = [];
      jobs = 0;
    }
    return stale <= group.length / 2;
  }

  /** @returns undefined where this process cannot fire it */
  private fireOf(book: ScheduleBook, due: DueSchedule, now: number, making: JobMaking): ScheduleFire | undefined {
    const schedule = book.find(due, now);
    if (schedule === 'unreadable') {
      this.logger.warn(
        `Schedule "${due.name}" was stored by another version and cannot be read here: others must fire it.`,
      );
    }
    if (typeof schedule === 'string') return undefined;
    try {
      return schedule.fire(due, now, making);
    } catch (error) {
      // A codec is the user's code: one schedule that it fails at must not hold up the others.
      book.leave(due);
      this.logger.error(`Schedule "${due.name}" cannot be fired here: ${String(error)}`);
      return undefined;
    }
  }

  /** @returns how many of them were stale */
  private async send(
    book: ScheduleBook,
    fires: readonly ScheduleFire[],
    now: number,
    page: FiredPage,
  ): Promise<number> {
    const answers = await this.timetable.fire(book.queue, fires);
    page.moved = true;
    let stale = 0;
    for (const [at, fire] of fires.entries()) {
      const answer = answers[at];
      if (typeof answer !== 'string') {
        this.leave(book, fire, now, answer);
        page.left = true;
        continue;
      }
      if (answer === 'stale') stale++;
      page.next = Math.min(page.next, nextLookOf(fire, answer, now));
      this.logAnswer(fire, answer);
    }
    return stale;
  }

  /** The tick stays stored, and no other schedule waits for it. */
  private leave(book: ScheduleBook, fire: ScheduleFire, now: number, refusal: BrokerRefusedError): void {
    book.leave(fire, now + REFUSED_AGAIN_MS);
    if (!book.isNews(fire.name, `refused ${fire.specHash}`)) return;
    this.logger.error(
      `Schedule "${fire.name}" of queue "${book.queue}" cannot be fired: ${refusal.message} Its tick is kept and tried again ` +
        'every ten minutes; other schedules go on. Make its payload smaller, or raise the limit of the server.',
    );
  }

  private logAnswer({ name, tick, jobs, pauseOnFailure }: ScheduleFire, answer: FireAnswer): void {
    if (answer === 'paused' && pauseOnFailure) {
      this.logger.warn(
        `Schedule "${name}" is paused, because a job of it ended dead. ScheduleService.resume("${name}") lets it go on.`,
      );
    }
    if (answer === 'ended') this.logger.log(`Schedule "${name}" has ended.`);
    if (answer !== 'overlapped' && (answer !== 'fired' || jobs.length > 0)) return;
    const isUnique = jobs.some(({ uniqueKey }) => uniqueKey !== undefined);
    const before = isUnique ? 'the job before it, or another one of its unique key,' : 'the job before it';
    const reason = answer === 'overlapped' ? `${before} has not settled` : 'it came too late';
    this.logger.debug?.(`Schedule "${name}" skipped tick ${new Date(tick).toISOString()}: ${reason}.`);
  }
}

function nextLookOf(fire: ScheduleFire, answer: FireAnswer, now: number): number {
  switch (answer) {
    case 'held':
    case 'early':
      return now + AGAIN_MS;
    case 'paused':
    case 'ended':
      return Infinity;
    case 'fired':
    case 'overlapped':
    // Another instance set the same next tick, or the rule was changed, which its signal shows.
    case 'stale':
      return fire.lookAt ?? fire.nextTick ?? Infinity;
  }
}
