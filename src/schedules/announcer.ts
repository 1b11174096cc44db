import type { Timetable } from '../core/ports/timetable.js';
import { RULES } from '../core/rules.js';
import type { DutyLogger } from '../duties/duty-logger.js';
import type { ScheduleBook } from './schedule-book.js';

/** A schedule that nobody announced for three times as long is paused: two announcements may be lost. */
export const ANNOUNCE_EVERY_MS = RULES.silenceMs / 3;
/** Schedules of one call, the store's bound. */
const PAGE = 100;

/** Tells the store which schedules the code of this process declares, so that it knows what was removed from the code. */
export class ScheduleAnnouncer {
  constructor(
    private readonly timetable: Timetable,
    private readonly app: string,
    private readonly logger: DutyLogger,
  ) {}

  /**
   * A process without schedules in a queue that has stored ones announces its app without names: otherwise removing the last
   * schedule of a queue from the code would never be noticed.
   * @returns whether schedules have to be registered
   */
  async announce(book: ScheduleBook): Promise<boolean> {
    if (!book.isInUse) return false;
    const registered = [...book.declared.values()].filter((schedule) => !book.unregistered.has(schedule));
    for (let from = 0; from === 0 || from < registered.length; from += PAGE) {
      const page = registered.slice(from, from + PAGE).map(({ name, specHash }) => ({ name, specHash }));
      const { outdated, unknown, removed } = await this.timetable.announce(book.queue, this.app, page);
      // An outdated one, too: after a rollback it is the one to stay, once the newer instances have gone.
      for (const name of [...unknown, ...outdated]) {
        const schedule = book.declared.get(name);
        if (schedule) book.unregistered.add(schedule);
      }
      for (const name of removed) this.warnRemoved(book, name);
    }
    return book.unregistered.size > 0;
  }

  private warnRemoved(book: ScheduleBook, name: string): void {
    this.logger.warn(
      book.isDisabled(name)
        ? `Schedule "${name}" of queue "${book.queue}" is paused: it is disabled in every instance of app "${this.app}".`
        : `Schedule "${name}" of queue "${book.queue}" is paused: no instance of app "${this.app}" declares it any more. ` +
            `Delete it with ScheduleService.remove("${name}"), or declare it again and it goes on.`,
    );
  }
}
