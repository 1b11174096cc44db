import { Injectable, Logger } from '@nestjs/common';
// Written for @nestjs/schedule, whose name stood in this line; nothing else was changed.
import { Cron, CronExpression, Interval, Timeout } from 'nestjs-task-queue';

export const calls: string[] = [];

/** What its documentation shows, in one provider. */
@Injectable()
export class MovedTasks {
  private readonly logger = new Logger(MovedTasks.name);

  @Cron('45 * * * * *')
  handleCron() {
    this.logger.debug('Called when the current second is 45');
    calls.push('handleCron');
  }

  @Cron(CronExpression.EVERY_30_SECONDS, { name: 'half-minutes' })
  everyHalfMinute() {
    calls.push('half-minutes');
  }

  @Cron('0 30 14 * * *', { name: 'berlin', timeZone: 'Europe/Berlin' })
  inBerlin() {
    calls.push('berlin');
  }

  @Cron('0 45 17 * * *', { name: 'offset', utcOffset: 330 })
  byOffset() {
    calls.push('offset');
  }

  @Cron(new Date('2026-06-01T12:40:00Z'), { name: 'once' })
  atOneInstant() {
    calls.push('once');
  }

  @Cron(CronExpression.EVERY_SECOND, { name: 'off', disabled: true })
  disabled() {
    calls.push('off');
  }

  @Cron('0 */10 * * * *', { name: 'slow', waitForCompletion: true })
  async slow() {
    calls.push('slow');
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  @Cron('0 */20 * * * *', { name: 'failing' })
  async failing() {
    calls.push('failing');
    throw new Error('its errors never ended the process');
  }

  @Interval(600_000)
  anonymousInterval() {
    calls.push('anonymousInterval');
  }

  @Interval('notifications', 900_000)
  handleInterval() {
    calls.push('notifications');
  }

  @Timeout(5000)
  anonymousTimeout() {
    calls.push('anonymousTimeout');
  }

  @Timeout('greeting', 300)
  handleTimeout() {
    calls.push('greeting');
  }
}
