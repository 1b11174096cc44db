import { nearestName } from './nearest.js';
import { messageOfThrown } from './thrown-reader.js';

/** Every error this package throws on purpose has a stable `code`, so that callers need no `instanceof`. */
export abstract class TaskQueueError extends Error {
  abstract readonly code: string;
  /** Of a call with many items, such as `enqueueMany`: which one is at fault, counted from 0. */
  declare index?: number;
}

/** The same error, saying in `index` and its message which item of a call it is about. */
export function withItemIndex(error: unknown, index: number, call: string): unknown {
  if (!(error instanceof TaskQueueError)) return error;
  error.index = index;
  const { message } = error;
  if (message.includes(`[${index}]`)) return error;
  error.message = `Item ${index} of ${call}: ${message}`;
  if (error.stack !== undefined) error.stack = error.stack.replace(message, error.message);
  return error;
}

/** Text of a value for a message: short, on one line, and never a throw. */
export function describeValue(value: unknown): string {
  let text: string;
  try {
    text =
      typeof value === 'string'
        ? JSON.stringify(value)
        : typeof value === 'object' && value !== null
          ? textOfObject(value)
          : String(value);
  } catch {
    text = Object.prototype.toString.call(value);
  }
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function textOfObject(value: object): string {
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value);
  const text = JSON.stringify(value);
  const { name } = value.constructor ?? Object;
  return text !== '{}' || name === 'Object' ? text : `a ${name}`;
}

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

/** The wiring of the application is wrong; it does not start. */
export class ConfigurationError extends TaskQueueError {
  override readonly name = 'ConfigurationError';
  readonly code = 'TASK_QUEUE_CONFIGURATION';
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

/** The store could not be reached and nothing was sent: the jobs are not stored. */
export class BrokerUnavailableError extends TaskQueueError {
  override readonly name = 'BrokerUnavailableError';
  readonly code = 'TASK_QUEUE_BROKER_UNAVAILABLE';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
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

/** A call that changes what is stored, other than an enqueue, was sent and its reply never came: it may be done. */
export class CallOutcomeUnknownError extends TaskQueueError {
  override readonly name = 'CallOutcomeUnknownError';
  readonly code = 'TASK_QUEUE_CALL_OUTCOME_UNKNOWN';
  constructor(
    readonly queue: string,
    /** What was called: the name of its script, such as `cancel` or `retry-dead`. */
    readonly call: string,
    /**
     * Calling again does nothing twice. False for calls on a job, whose id may be another job's by then, and for a schedule that
     * is run by hand: look first, then call again.
     */
    readonly safeToRepeat: boolean,
    options?: ErrorOptions,
  ) {
    super(
      `The reply to ${call} on queue "${queue}" was lost: it may be done. ` +
        (safeToRepeat
          ? 'It is safe to call it again: nothing is done twice, and what is done already is answered as such.'
          : call === 'run-schedule'
            ? 'Look at the history of the schedule, and call it again only if it has not run: that may run it twice.'
            : 'Look at the state of the job, and call it again if it is not done: another job may have that id by now.'),
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

/** The store answered and refused: full, read-only, not permitted, misconfigured. */
export class BrokerRefusedError extends TaskQueueError {
  override readonly name: string = 'BrokerRefusedError';
  readonly code: string = 'TASK_QUEUE_BROKER_REFUSED';
  constructor(
    /** First word of the server's answer, such as `OOM` or `NOPERM`. */
    readonly reply: string,
    readonly remedy: string,
    /** `index`: of jobs that were refused together because the request is too large, the place of the largest. */
    { index, ...options }: ErrorOptions & { index?: number } = {},
  ) {
    super(`The store refused the call (${reply}): ${remedy}`, options);
    if (index !== undefined) this.index = index;
  }
}

/** The store is out of memory: nothing was stored; running jobs still settle. */
export class StoreFullError extends BrokerRefusedError {
  override readonly name = 'StoreFullError';
  override readonly code: string = 'TASK_QUEUE_STORE_FULL';
  constructor(options?: ErrorOptions) {
    super(
      'OOM',
      'Redis is at maxmemory. Raise maxmemory, lower retention, or wait until the backlog is worked off.',
      options,
    );
  }
}

/** The store cannot do what was asked, and says so instead of pretending. */
export class UnsupportedError extends TaskQueueError {
  override readonly name = 'UnsupportedError';
  readonly code = 'TASK_QUEUE_UNSUPPORTED';
}

/** No job of that id is kept: it never was, was removed, or was trimmed by retention. */
export class JobNotFoundError extends TaskQueueError {
  override readonly name = 'JobNotFoundError';
  readonly code = 'TASK_QUEUE_JOB_NOT_FOUND';
  constructor(
    readonly queue: string,
    readonly id: string,
  ) {
    super(`No job "${id}" is kept in queue "${queue}": it was never stored, was removed, or left by retention.`);
  }
}

/** The job is in a state in which the call makes no sense, such as removing an active job. */
export class JobStateError extends TaskQueueError {
  override readonly name = 'JobStateError';
  readonly code = 'TASK_QUEUE_JOB_STATE';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly state: string,
    readonly verb: string,
    remedy: string,
  ) {
    super(`Cannot ${verb} job "${id}" of queue "${queue}": it is ${state}. ${remedy}`);
  }
}

/** `result()` waited its time; the job goes on. */
export class ResultTimeoutError extends TaskQueueError {
  override readonly name = 'ResultTimeoutError';
  readonly code = 'TASK_QUEUE_RESULT_TIMEOUT';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly timeoutMs: number,
  ) {
    super(
      `Job "${id}" of queue "${queue}" did not settle within ${timeoutMs} ms. It is not cancelled; ask again or pass a longer timeout.`,
    );
  }
}

/** `result()` of a job that ended dead: carries what its last run threw. */
export class JobDeadError extends TaskQueueError {
  override readonly name = 'JobDeadError';
  readonly code = 'TASK_QUEUE_JOB_DEAD';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly reason: string,
    readonly lastError: { name: string; message: string } | undefined,
  ) {
    super(
      `Job "${id}" of queue "${queue}" is dead (${reason})` +
        (lastError ? `: ${lastError.name}: ${lastError.message}` : '.'),
    );
  }
}

/** `result()` of a job that was cancelled. */
export class JobCancelledError extends TaskQueueError {
  override readonly name = 'JobCancelledError';
  readonly code = 'TASK_QUEUE_JOB_CANCELLED';
  constructor(
    readonly queue: string,
    readonly id: string,
  ) {
    super(`Job "${id}" of queue "${queue}" was cancelled.`);
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

/** Aborts a run's `signal`: the lease was lost, the job was cancelled, timed out, or the process shuts down. */
export class RunAbortedError extends TaskQueueError {
  override readonly name = 'RunAbortedError';
  readonly code = 'TASK_QUEUE_RUN_ABORTED';
  constructor(readonly reason: 'cancelled' | 'timeout' | 'lease-lost' | 'shutdown') {
    super(`The run was aborted: ${reason}`);
  }
}

/** The store speaks another format, or is not what this package needs. */
export class IncompatibleStoreError extends TaskQueueError {
  override readonly name = 'IncompatibleStoreError';
  readonly code = 'TASK_QUEUE_INCOMPATIBLE_STORE';
}

/** What is stored of a job, or its result, cannot be decoded: another codec, key or program wrote it. */
export class UnreadableRecordError extends TaskQueueError {
  override readonly name = 'UnreadableRecordError';
  readonly code = 'TASK_QUEUE_UNREADABLE_RECORD';
  constructor(
    readonly queue: string,
    readonly id: string,
    readonly field: 'envelope' | 'result',
    options?: ErrorOptions,
  ) {
    super(
      `The stored ${field} of job "${id}" of queue "${queue}" cannot be decoded. Check the codec and its keys.`,
      options,
    );
  }
}

/** A text names a key that this process does not have: it was encrypted after a rotation, or its key was removed. */
export class UnknownKeyError extends TaskQueueError {
  override readonly name = 'UnknownKeyError';
  readonly code = 'TASK_QUEUE_UNKNOWN_KEY';
  constructor(
    readonly keyId: string,
    readonly known: readonly string[],
  ) {
    super(
      `No key "${keyId}" is configured (known: ${known.join(', ')}). Add it to the keys of encryptedCodec; ` +
        'when you rotate, give the new key to every process before one of them encrypts with it.',
    );
  }
}

/** A stored text does not decrypt at its place: it was changed, moved from another job, or is not encrypted. */
export class DecryptionError extends TaskQueueError {
  override readonly name = 'DecryptionError';
  readonly code = 'TASK_QUEUE_DECRYPTION';
  readonly queue: string;
  readonly field: string;
  constructor({ queue, field }: { queue: string; field: string }, why: string, options?: ErrorOptions) {
    super(`A ${field} of queue "${queue}" cannot be decrypted: ${why}.`, options);
    this.queue = queue;
    this.field = field;
  }
}
