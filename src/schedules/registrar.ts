import type { NewSchedule, Timetable } from '../core/ports/timetable.js';
import { storeRule, type StoredRule } from './rule/rule-replacer.js';
import { refusesRequest } from '../core/request-refusal.js';
import type { JobMaking, Schedule } from './rule/schedule.js';
import type { DutyLogger } from '../duties/duty-logger.js';
import type { ScheduleBook } from './schedule-book.js';

/** Stores the schedules that the code of this process declares, and says what that changed. */
export class ScheduleRegistrar {
  constructor(
    private readonly timetable: Timetable,
    /** Undefined: nobody announces them, as in a store of this process alone. */
    private readonly app: string | undefined,
    private readonly logger: DutyLogger,
    private readonly makingOf: (queue: string) => JobMaking,
    private readonly isStopping: () => boolean,
  ) {}

  async register(book: ScheduleBook): Promise<void> {
    for (const schedule of book.unregistered) {
      if (this.isStopping()) return;
      const stored = await this.store(book, schedule);
      if (stored === undefined) continue;
      book.unregistered.delete(schedule);
      await this.logAnswer(book, stored.registration, stored.answer);
    }
  }

  /** Undefined where the server refuses this one, mostly for its size: it stays among the unregistered, and others go on. */
  private async store(book: ScheduleBook, schedule: Schedule): Promise<StoredRule | undefined> {
    try {
      return await storeRule(this.timetable, schedule, this.makingOf(book.queue), this.app);
    } catch (error) {
      if (!refusesRequest(error)) throw error;
      if (book.isNews(schedule.name, 'refused')) {
        this.logger.error(
          `Schedule "${schedule.name}" of queue "${book.queue}" cannot be stored: ${error.message} It does not fire until it ` +
            'is; other schedules go on. Make its payload smaller, or raise the limit of the server.',
        );
      }
      return undefined;
    }
  }

  private async logAnswer(book: ScheduleBook, schedule: NewSchedule, answer: StoredRule['answer']): Promise<void> {
    const { name, nextTick } = schedule;
    switch (answer) {
      case 'created':
      case 'replaced':
        book.settle(name);
        if (nextTick === undefined) {
          this.logger.warn(`Schedule "${name}" has no tick after now: it is stored as ended.`);
        } else {
          const change = answer === 'created' ? 'is new; first' : 'has changed; next';
          this.logger.log(`Schedule "${name}" ${change} tick ${new Date(nextTick).toISOString()}.`);
        }
        return;
      case 'unchanged':
        book.settle(name);
        return;
      case 'outdated':
        if (book.isNews(name, answer)) {
          this.logger.warn(`Schedule "${name}" was changed by a newer deployment: its rule stays.`);
        }
        return;
      case 'conflict':
        if (book.isNews(name, answer)) await this.logConflict(book.queue, name);
    }
  }

  private async logConflict(queue: string, name: string): Promise<void> {
    const [other] = await this.timetable.read(queue, [name]);
    const text = `Schedule "${name}" of queue "${queue}" is declared here, and`;
    this.logger.error(
      other?.app === undefined
        ? `${text} one of that name was made at run time: that one stays. Rename one of them, or delete it with ` +
            `ScheduleService.remove("${name}").`
        : `${text} app "${other.app}" declares one of that name, too: that one stays. Give them names or queues of their ` +
            `own. An app that was renamed takes it over a minute after the last instance of "${other.app}" has gone.`,
    );
  }
}
