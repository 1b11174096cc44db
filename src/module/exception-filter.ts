import { Catch, HttpException, Logger, type ArgumentsHost, type HttpServer } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { HTTP_STATUSES } from '../core/errors/http-statuses.js';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { TaskQueueError } from '../core/errors/task-queue-error.js';
import { LogBudget } from '../core/log-budget.js';
import { guardLogger } from '../discovery/guarded-logger.js';

/** What a client is told: nothing in the words of the error, which speaks of queues, servers and what handlers threw. */
interface Answer {
  message: string;
  /** Properties of the error that the body has, too. */
  shows?: readonly string[];
  /** Seconds. */
  retryAfter?: number;
  /** Of the line that has the error's own message. */
  level: 'error' | 'warn' | 'debug';
}

const AWAY = 5;
const FULL = 30;

const client = (message: string, ...shows: string[]): Answer => ({
  message,
  shows,
  level: 'debug',
});
const unavailable = (retryAfter: number): Answer => ({
  message: 'The job queue is not available now',
  retryAfter,
  level: 'warn',
});
const unanswered = (...shows: string[]): Answer => ({
  message: 'The job queue did not answer in time; the outcome is not known',
  shows,
  level: 'warn',
});

/** By code. What is not here is a mistake of the program or its setup. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  TASK_QUEUE_INVALID_PATCH: client('The patch is not valid', 'operation', 'path'),
  TASK_QUEUE_INVALID_PAYLOAD: client('The payload is not valid', 'issues'),
  TASK_QUEUE_INVALID_VALUE: client('A value of the request is not valid'),
  TASK_QUEUE_INVALID_CRON: client('The cron expression is not valid'),
  TASK_QUEUE_WHERE_SYNTAX: client('The search cannot be read', 'position'),
  TASK_QUEUE_REDACTED_FIELD: client('The search names a hidden field'),
  TASK_QUEUE_JOB_NOT_FOUND: client('There is no such job', 'id'),
  TASK_QUEUE_SCHEDULE_NOT_FOUND: client('There is no such schedule'),
  // Where a name comes from the URL; a typo in the code shows in the log, at its first request.
  TASK_QUEUE_UNKNOWN_QUEUE: { ...client('There is no such queue'), level: 'warn' },
  TASK_QUEUE_JOB_STATE: client('The job is in a state that does not allow this', 'id', 'state'),
  TASK_QUEUE_JOB_DEAD: client('The job failed', 'id', 'reason'),
  TASK_QUEUE_JOB_CANCELLED: client('The job was cancelled', 'id'),
  TASK_QUEUE_SCHEDULE_CONFLICT: client('The schedule conflicts with one that exists'),
  TASK_QUEUE_SCHEDULE_STATE: client('The schedule is in a state that does not allow this'),
  TASK_QUEUE_PAYLOAD_TOO_LARGE: client('The payload is too large', 'limit'),
  TASK_QUEUE_BULK_TOO_LARGE: client('These are too many jobs for one request', 'limit'),
  TASK_QUEUE_UNSUPPORTED: { message: 'Not supported here', level: 'warn' },
  TASK_QUEUE_BROKER_UNAVAILABLE: unavailable(AWAY),
  TASK_QUEUE_BROKER_REFUSED: unavailable(AWAY),
  TASK_QUEUE_STORE_FULL: unavailable(FULL),
  TASK_QUEUE_RUN_ABORTED: unavailable(AWAY),
  // It may be done: a client that repeats it at once may do it twice.
  TASK_QUEUE_ENQUEUE_OUTCOME_UNKNOWN: unanswered(),
  TASK_QUEUE_CALL_OUTCOME_UNKNOWN: unanswered(),
  TASK_QUEUE_DURABILITY_UNCONFIRMED: unanswered(),
  TASK_QUEUE_RESULT_TIMEOUT: { ...unanswered('id'), level: 'debug' },
};
const MISTAKE: Answer = { message: 'Internal server error', level: 'error' };

/**
 * Answers HTTP requests whose handler ended with an error of this package: a status by its code, a body with that code and general
 * words, and `Retry-After` where trying again helps. The error's own message goes to the log. All other errors, and other kinds of requests, are left to Nest.
 *
 * @example
 * ```ts
 * providers: [{ provide: APP_FILTER, useClass: TaskQueueExceptionFilter }]
 * ```
 */
@Catch(TaskQueueError)
export class TaskQueueExceptionFilter extends BaseExceptionFilter<TaskQueueError> {
  private readonly logger = guardLogger(new Logger('TaskQueueExceptionFilter'));
  /** By status: of a flood of bad requests, the first of every second, and no mistake of the program behind them. */
  private readonly budgets = new Map<number, LogBudget>();

  override catch(error: TaskQueueError, host: ArgumentsHost): void {
    if (host.getType<string>() !== 'http') throw error;
    const adapter = (this.applicationRef ?? this.httpAdapterHost?.httpAdapter) as HttpServer | undefined;
    if (adapter === undefined) {
      throw new ConfigurationError(
        'TaskQueueExceptionFilter was made without the HTTP adapter of its app: provide it by APP_FILTER, name its class in ' +
          '@UseFilters, or pass app.getHttpAdapter() to its constructor.',
        { cause: error },
      );
    }
    const answer = answerTo(error);
    const { retryAfter } = answer;
    const status = answer === MISTAKE ? 500 : HTTP_STATUSES[error.code];
    this.tell(error, status, answer);
    const response: unknown = host.getArgByIndex(1);
    if (retryAfter !== undefined && !adapter.isHeadersSent?.(response)) {
      adapter.setHeader?.(response, 'Retry-After', String(retryAfter));
    }
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's `catch` is no promise's
    super.catch(new HttpException(bodyOf(error, status, answer), status, { cause: error }) as never, host);
  }

  private tell(error: TaskQueueError, status: number, { level }: Answer): void {
    const budget = this.budgets.get(status) ?? new LogBudget();
    this.budgets.set(status, budget);
    const unsaid = budget.take(performance.now());
    if (unsaid === undefined) return;
    const line = `${status} ${error.code}: ${error.message}${unsaid > 0 ? ` (and ${unsaid} more answers of ${status} before)` : ''}`;
    if (level === 'error') this.logger.error(line, error.stack);
    else this.logger[level](line);
  }
}

function answerTo({ code }: TaskQueueError): Answer {
  return Object.hasOwn(ANSWERS, code) ? ANSWERS[code] : MISTAKE;
}

function bodyOf(error: TaskQueueError, status: number, { message, shows = [] }: Answer): Record<string, unknown> {
  const { code } = error;
  const shown = shows.map((property) => [property, (error as unknown as Record<string, unknown>)[property]] as const);
  return { statusCode: status, code, message, ...Object.fromEntries(shown) };
}
