import type { Broker, NewSchedule, RegisterAnswer } from '../core/broker.js';
import type { DutyLogger } from './duty-logger.js';
import type { ScheduleBook } from './schedule-book.js';

/** Stores the schedules that the code of this process declares, and says what that changed. */
export class ScheduleRegistrar {
  constructor(
    private readonly broker: Broker,
    /** Undefined: nobody announces them, as in a store of this process alone. */
    private readonly app: string | undefined,
    private readonly logger: DutyLogger,
    private readonly isStopping: () => boolean,
  ) {}

  async register(book: ScheduleBook): Promise<void> {
    if (book.unregistered.size === 0) return;
    const { now } = await this.broker.dueSchedules(book.queue, 1);
    for (const schedule of book.unregistered) {
      if (this.isStopping()) return;
      const registration = schedule.registration(now, this.app);
      const answer = await this.broker.registerSchedule(book.queue, registration);
      book.unregistered.delete(schedule);
      this.tell(book, registration, answer);
    }
  }

  private tell(book: ScheduleBook, { name, nextTick }: NewSchedule, answer: RegisterAnswer): void {
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
        if (book.isNews(name, answer)) {
          this.logger.error(
            `Schedule "${name}" of queue "${book.queue}" is declared here, and one of that name was made at run time: ` +
              `that one stays. Rename one of them, or delete it with ScheduleService.remove("${name}").`,
          );
        }
    }
  }
}
