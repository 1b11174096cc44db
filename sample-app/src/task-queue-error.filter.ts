import { Catch, HttpException, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { TaskQueueError } from 'nestjs-task-queue';

/** Every error of the package has a stable code: here they become answers. */
const STATUS_OF_CODE: Record<string, number> = {
  TASK_QUEUE_INVALID_PAYLOAD: 400,
  TASK_QUEUE_PAYLOAD_TOO_LARGE: 413,
  TASK_QUEUE_JOB_NOT_FOUND: 404,
  TASK_QUEUE_JOB_STATE: 409,
  TASK_QUEUE_BROKER_UNAVAILABLE: 503,
  TASK_QUEUE_ENQUEUE_OUTCOME_UNKNOWN: 503,
  TASK_QUEUE_STORE_FULL: 503,
};

@Catch(TaskQueueError)
export class TaskQueueErrorFilter extends BaseExceptionFilter {
  override catch(error: TaskQueueError, host: ArgumentsHost): void {
    const status = STATUS_OF_CODE[error.code];
    if (status === undefined) return super.catch(error, host);
    super.catch(new HttpException({ statusCode: status, code: error.code, message: error.message }, status), host);
  }
}
