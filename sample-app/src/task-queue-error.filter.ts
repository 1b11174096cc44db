import { Catch, HttpStatus, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CallOutcomeUnknownError, TaskQueueError } from 'nestjs-task-queue';

const STATUS_OF_CODE: Record<string, HttpStatus> = {
  TASK_QUEUE_INVALID_PAYLOAD: HttpStatus.BAD_REQUEST,
  TASK_QUEUE_PAYLOAD_TOO_LARGE: HttpStatus.PAYLOAD_TOO_LARGE,
  TASK_QUEUE_JOB_NOT_FOUND: HttpStatus.NOT_FOUND,
  TASK_QUEUE_JOB_STATE: HttpStatus.CONFLICT,
  TASK_QUEUE_BROKER_UNAVAILABLE: HttpStatus.SERVICE_UNAVAILABLE,
  TASK_QUEUE_ENQUEUE_OUTCOME_UNKNOWN: HttpStatus.SERVICE_UNAVAILABLE,
  TASK_QUEUE_CALL_OUTCOME_UNKNOWN: HttpStatus.SERVICE_UNAVAILABLE,
  TASK_QUEUE_STORE_FULL: HttpStatus.SERVICE_UNAVAILABLE,
};

/** Every error of the package has a stable code: here they become answers. */
@Catch(TaskQueueError)
export class TaskQueueErrorFilter implements ExceptionFilter<TaskQueueError> {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(error: TaskQueueError, host: ArgumentsHost): void {
    const { code, message } = error;
    const statusCode = mustLookFirst(error)
      ? HttpStatus.GATEWAY_TIMEOUT
      : (STATUS_OF_CODE[code] ?? HttpStatus.INTERNAL_SERVER_ERROR);
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { statusCode, code, message }, statusCode);
  }
}

/** 503 invites to repeat a request; here its sender has to look first. */
function mustLookFirst(error: TaskQueueError): boolean {
  return error instanceof CallOutcomeUnknownError && !error.safeToRepeat;
}
