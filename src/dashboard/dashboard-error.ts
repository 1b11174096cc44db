import { HTTP_STATUSES } from '../core/errors/http-statuses.js';
import { InvalidCronError } from '../core/errors/option-errors.js';
import { InvalidPayloadError } from '../core/errors/enqueue-errors.js';
import { TaskQueueError } from '../core/errors/task-queue-error.js';
import type { Failure } from './wire.js';

/** A request that the dashboard itself refuses. */
export class DashboardError extends Error {
  override readonly name = 'DashboardError';
  constructor(
    readonly status: number,
    readonly code: `DASHBOARD_${string}`,
    message: string,
  ) {
    super(message);
  }
}

/** Somebody may not do this. */
export function forbidden(message: string): DashboardError {
  return new DashboardError(403, 'DASHBOARD_FORBIDDEN', message);
}

/** Names that come from a request here, and from the code of the app elsewhere. */
const OF_REQUESTS = ['TASK_QUEUE_UNKNOWN_OPTION', 'TASK_QUEUE_UNKNOWN_JOB_NAME'];

export interface Refusal {
  status: number;
  failure: Failure;
  /** Nothing that a client could have done otherwise. */
  unexpected: boolean;
}

/** What a client is told of an error. An error of nobody's making says nothing of itself: it is for the log. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof DashboardError) {
    const { status, code, message } = error;
    return { status, failure: { code, message }, unexpected: false };
  }
  if (error instanceof TaskQueueError) {
    const { code } = error;
    const known = Object.hasOwn(HTTP_STATUSES, code) ? HTTP_STATUSES[code] : 500;
    const status = OF_REQUESTS.includes(code) ? 400 : known;
    return { status, failure: failureOf(error), unexpected: status === 500 };
  }
  const message = 'The dashboard failed; the log of the app says why.';
  return { status: 500, failure: { code: 'DASHBOARD_INTERNAL', message }, unexpected: true };
}

function failureOf(error: TaskQueueError): Failure {
  const { code, message } = error;
  const position =
    error instanceof InvalidCronError ? error.place?.position : (error as { position?: number }).position;
  return {
    code,
    message,
    ...(typeof position === 'number' && { position }),
    ...(error instanceof InvalidPayloadError && { issues: [...error.issues] }),
  };
}
