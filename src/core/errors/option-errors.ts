import { nearestName } from '../nearest.js';
import { describeValue } from './described-value.js';
import { TaskQueueError } from './task-queue-error.js';

/** An option, name, duration or other argument has a value that cannot be used. */
export class InvalidValueError extends TaskQueueError {
  override readonly name: string = 'InvalidValueError';
  readonly code: string = 'TASK_QUEUE_INVALID_VALUE';
  constructor(
    /** Which option or argument. */
    readonly what: string,
    readonly value: unknown,
    readonly remedy: string,
  ) {
    super(`Invalid ${what}: ${describeValue(value)}. ${toSentence(remedy)}`);
  }
}

/** A cron expression that cannot be read or never matches. */
export class InvalidCronError extends InvalidValueError {
  override readonly name = 'InvalidCronError';
  override readonly code = 'TASK_QUEUE_INVALID_CRON';
  constructor(
    what: string,
    value: unknown,
    remedy: string,
    /** The field at fault and where it begins in the expression (1 is the first character), where one can be named. */
    readonly place?: { field: string; position: number },
  ) {
    super(what, value, remedy);
  }
}

/** The wiring of the application is wrong; it does not start. */
export class ConfigurationError extends TaskQueueError {
  override readonly name = 'ConfigurationError';
  readonly code = 'TASK_QUEUE_CONFIGURATION';
}

/** A remedy may be a question. */
function toSentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;
}

/** What other queues call an option: hands remember those names. */
const NAMES_ELSEWHERE: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  attempts: 'maxAttempts',
  retries: 'maxAttempts',
  jobId: 'id',
  removeOnComplete: 'retention',
  removeOnFail: 'retention',
  lockDuration: 'lease',
  stalledInterval: 'lease',
  redis: 'connection',
  tz: 'timeZone',
  startDate: 'startAt',
  endDate: 'endAt',
  ttl: 'expiresIn',
  retryUntil: 'retryFor',
});

/** Shorter ones are close to any short word. */
const LEAST_ALIAS = 5;

/** The known option that is meant: another queue's name for it, or a typo of either. */
function nearestOption(option: string, names: readonly string[]): string | undefined {
  const exact = NAMES_ELSEWHERE[option];
  if (exact !== undefined && names.includes(exact)) return exact;
  const own = nearestName(option, names);
  if (own !== undefined) return own;
  const aliases = Object.keys(NAMES_ELSEWHERE).filter(
    (alias) => alias.length >= LEAST_ALIAS && names.includes(NAMES_ELSEWHERE[alias]),
  );
  const alias = nearestName(option, aliases);
  return alias === undefined ? undefined : NAMES_ELSEWHERE[alias];
}

/** An option that does not exist, or not there. */
export class UnknownOptionError extends TaskQueueError {
  override readonly name = 'UnknownOptionError';
  readonly code = 'TASK_QUEUE_UNKNOWN_OPTION';
  readonly nearest: string | undefined;
  constructor(
    readonly option: string,
    /** Where it was given, such as `forRoot` or `@Processor on MailService.send`. */
    readonly place: string,
    known: Iterable<string>,
    /** The known option that is certainly meant. */
    meant?: string,
    /** Where no name of an option is the answer. */
    remedy?: string,
  ) {
    const names = [...known];
    const nearest = meant ?? nearestOption(option, names);
    super(
      `Unknown option "${option}" in ${place}. ` +
        (remedy !== undefined
          ? toSentence(remedy)
          : names.length === 0
            ? 'None is declared.'
            : nearest
              ? `Did you mean "${nearest}"?`
              : `Known options: ${names.join(', ')}.`),
    );
    this.nearest = nearest;
  }
}
