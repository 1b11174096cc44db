import { nearestName } from '../nearest.js';
import { messageOfThrown } from '../thrown-reader.js';
import { TaskQueueError } from './task-queue-error.js';

/** The queue is neither registered, configured, processed nor named by an imported definition. */
export class UnknownQueueError extends TaskQueueError {
  override readonly name = 'UnknownQueueError';
  readonly code = 'TASK_QUEUE_UNKNOWN_QUEUE';
  readonly nearest: string | undefined;
  constructor(
    readonly queue: string,
    known: Iterable<string>,
    /** Whether the app has looked for its handlers: before, no queue of theirs is known. */
    hasStarted = false,
  ) {
    const names = [...known];
    const nearest = nearestName(queue, names);
    const none = hasStarted
      ? `none; is the class with @Processor("${queue}") in the providers of an imported module?`
      : 'none, until app.init() or app.listen() has started the app.';
    super(
      `Unknown queue "${queue}". ` +
        (nearest ? `Did you mean "${nearest}"? ` : '') +
        `${nearest ? 'Or, if it is a new one, register' : 'Register'} it with TaskQueueModule.registerQueue({ name: "${queue}" }). ` +
        `Known queues: ${names.length === 0 ? none : `${names.join(', ')}.`}`,
    );
    this.nearest = nearest;
  }
}

/** A job name that no handler and no definition of this process knows, where the queue has `strictNames`. */
export class UnknownJobNameError extends TaskQueueError {
  override readonly name = 'UnknownJobNameError';
  readonly code = 'TASK_QUEUE_UNKNOWN_JOB_NAME';
  readonly nearest: string | undefined;
  constructor(
    readonly queue: string,
    readonly jobName: string,
    known: readonly string[],
  ) {
    const nearest = nearestName(jobName, known);
    super(
      `No handler and no definition here knows job name "${jobName}" of queue "${queue}". ` +
        (nearest === undefined ? `Known names: ${known.slice(0, 20).join(', ')}.` : `Did you mean "${nearest}"?`),
    );
    this.nearest = nearest;
  }
}

/** The payload cannot be stored: JSON cannot carry it, or it fails its schema. */
export class InvalidPayloadError extends TaskQueueError {
  override readonly name = 'InvalidPayloadError';
  readonly code = 'TASK_QUEUE_INVALID_PAYLOAD';
  constructor(
    readonly queue: string,
    readonly jobName: string,
    /** What is wrong and where: `path` is empty for the payload itself. */
    readonly issues: readonly { path: string; message: string }[],
    field: 'payload' | 'result' | 'progress' = 'payload',
  ) {
    super(
      `Invalid ${field} for "${queue}/${jobName}": ` +
        issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '),
    );
  }
}

/** The encoded payload is larger than `payloadLimit`. */
export class PayloadTooLargeError extends TaskQueueError {
  override readonly name = 'PayloadTooLargeError';
  readonly code = 'TASK_QUEUE_PAYLOAD_TOO_LARGE';
  constructor(
    readonly queue: string,
    readonly bytes: number,
    readonly limit: number,
  ) {
    super(
      `Payload for "${queue}" has ${bytes} bytes, more than payloadLimit (${limit}). ` +
        'Store the content elsewhere and enqueue a reference, or raise payloadLimit.',
    );
  }
}

/** `enqueueMany` was given more than one atomic call may carry. */
export class BulkTooLargeError extends TaskQueueError {
  override readonly name = 'BulkTooLargeError';
  readonly code = 'TASK_QUEUE_BULK_TOO_LARGE';
  constructor(
    readonly limit: { jobs: number; bytes: number },
    readonly actual: { jobs: number; bytes: number },
  ) {
    super(
      `enqueueMany got ${actual.jobs} jobs and ${actual.bytes} bytes; one atomic call takes at most ${limit.jobs} jobs and ` +
        `${limit.bytes} bytes. Pass { chunk: true } to split the call (atomic per chunk).`,
    );
  }
}

/** The call was sent and its reply never came: the jobs may or may not be stored. */
export class EnqueueOutcomeUnknownError extends TaskQueueError {
  override readonly name = 'EnqueueOutcomeUnknownError';
  readonly code = 'TASK_QUEUE_ENQUEUE_OUTCOME_UNKNOWN';
  constructor(
    readonly queue: string,
    /** The ids the jobs have if they are stored. */
    readonly ids: readonly string[],
    /** Repeats the very same call; within ten minutes it can not store a job twice. */
    readonly retry: () => Promise<unknown>,
    options?: ErrorOptions,
  ) {
    super(
      `The reply to an enqueue on "${queue}" was lost: ${ids.length} job(s), first id "${ids[0]}", may be stored. ` +
        'Call retry() on this error within 10 minutes: it stores nothing twice.',
      options,
    );
  }
}

/** The jobs are stored, and fewer servers than asked for confirmed it in time. */
export class DurabilityUnconfirmedError extends TaskQueueError {
  override readonly name = 'DurabilityUnconfirmedError';
  readonly code = 'TASK_QUEUE_DURABILITY_UNCONFIRMED';
  constructor(
    readonly queue: string,
    /** The ids the store gave the jobs: the primary holds them, and a crash or a failover may lose them. */
    readonly ids: readonly string[],
    /** Confirmations asked for: replicas, and for `fsync` the disk of the primary as well. */
    readonly wanted: number,
    /** Confirmations that came in time. */
    readonly got: number,
    /** Asks again for the confirmations of the very same jobs; stores nothing. */
    readonly retry: () => Promise<unknown>,
    options?: ErrorOptions,
  ) {
    const what = `${got} of ${wanted} confirmations came in time for ${ids.length} job(s) on "${queue}", first id "${ids[0]}"`;
    const why = options?.cause === undefined ? '' : `: ${messageOfThrown(options.cause)}`;
    super(
      `${what}${why}. They were stored; a crash or a failover may lose them. Call retry() on this error, or enqueue again ` +
        'with the same id.',
      options,
    );
  }
}
