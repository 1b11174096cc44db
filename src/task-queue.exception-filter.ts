import { Catch, HttpException, Logger, type ArgumentsHost, type HttpServer } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { ConfigurationError, InvalidPayloadError, TaskQueueError } from './core/errors.js';

/** What a client is told. From 500 on the message stays in the log: it speaks of the server. */
interface Answer {
  status: number;
  /** Seconds. */
  retryAfter?: number;
}

const AWAY = 5;
const FULL = 30;

/** By code. What is not here is a mistake of the program or its setup: 500. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  TASK_QUEUE_INVALID_PAYLOAD: { status: 400 },
  TASK_QUEUE_INVALID_VALUE: { status: 400 },
  TASK_QUEUE_INVALID_CRON: { status: 400 },
  TASK_QUEUE_JOB_NOT_FOUND: { status: 404 },
  TASK_QUEUE_SCHEDULE_NOT_FOUND: { status: 404 },
  // Where a name comes from the URL; a typo in the code shows at its first request.
  TASK_QUEUE_UNKNOWN_QUEUE: { status: 404 },
  TASK_QUEUE_JOB_STATE: { status: 409 },
  TASK_QUEUE_JOB_DEAD: { status: 409 },
  TASK_QUEUE_JOB_CANCELLED: { status: 409 },
  TASK_QUEUE_SCHEDULE_CONFLICT: { status: 409 },
  TASK_QUEUE_SCHEDULE_STATE: { status: 409 },
  TASK_QUEUE_PAYLOAD_TOO_LARGE: { status: 413 },
  TASK_QUEUE_BULK_TOO_LARGE: { status: 413 },
  TASK_QUEUE_UNSUPPORTED: { status: 501 },
  TASK_QUEUE_BROKER_UNAVAILABLE: { status: 503, retryAfter: AWAY },
  TASK_QUEUE_BROKER_REFUSED: { status: 503, retryAfter: AWAY },
  TASK_QUEUE_STORE_FULL: { status: 503, retryAfter: FULL },
  TASK_QUEUE_RUN_ABORTED: { status: 503, retryAfter: AWAY },
  // It may be done: a client that repeats it at once may do it twice.
  TASK_QUEUE_ENQUEUE_OUTCOME_UNKNOWN: { status: 504 },
  TASK_QUEUE_CALL_OUTCOME_UNKNOWN: { status: 504 },
  TASK_QUEUE_DURABILITY_UNCONFIRMED: { status: 504 },
  TASK_QUEUE_RESULT_TIMEOUT: { status: 504 },
};

const WORDS: Readonly<Record<number, string>> = {
  500: 'Internal server error',
  501: 'Not supported here',
  503: 'The job queue is not available now',
  504: 'The job queue did not answer in time; the outcome is not known',
};

/**
 * Answers HTTP requests whose handler ended with an error of this package: a status by its code, a body with that code, and
 * `Retry-After` where trying again helps. All other errors, and other kinds of requests, are left to Nest.
 *
 * @example
 * ```ts
 * providers: [{ provide: APP_FILTER, useClass: TaskQueueExceptionFilter }]
 * ```
 */
@Catch(TaskQueueError)
export class TaskQueueExceptionFilter extends BaseExceptionFilter<TaskQueueError> {
  private readonly logger = new Logger('TaskQueueExceptionFilter');

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
    const { status, retryAfter } = answerTo(error);
    if (status === 500) this.logger.error(error.message, error.stack);
    const response: unknown = host.getArgByIndex(1);
    if (retryAfter !== undefined && !adapter.isHeadersSent?.(response)) {
      adapter.setHeader?.(response, 'Retry-After', String(retryAfter));
    }
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- a filter's `catch` is no promise's
    super.catch(new HttpException(bodyOf(error, status), status, { cause: error }) as never, host);
  }
}

function answerTo({ code }: TaskQueueError): Answer {
  return Object.hasOwn(ANSWERS, code) ? ANSWERS[code] : { status: 500 };
}

function bodyOf(error: TaskQueueError, status: number): Record<string, unknown> {
  const { code } = error;
  if (status >= 500) return { statusCode: status, code, message: WORDS[status] };
  const body = { statusCode: status, code, message: error.message };
  return error instanceof InvalidPayloadError ? { ...body, issues: error.issues } : body;
}
