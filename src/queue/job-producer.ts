import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { strongestOf } from '../core/durability.js';
import {
  DurabilityUnconfirmedError,
  EnqueueOutcomeUnknownError,
  InvalidPayloadError,
} from '../core/errors/enqueue-errors.js';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { encodePayload } from '../core/payload-encoder.js';
import { validate, type SchemaIssue, type StandardSchemaV1, type Validated } from '../core/standard-schema.js';
import type { EnqueueRequest } from './enqueue-options.js';
import { isDear, refuseTooDear } from './cost-checker.js';
import { composeJob, jobNameFor, type PreparedJob } from './job-composer.js';
import type { JobDefinition } from './job-definition.js';
import { JobHandle } from './job-handle.js';
import { readKept } from './kept-job-reader.js';
import type { QueueScope } from './queue-scope.js';
import { uniqueKeyOf } from '../core/unique-key.js';

/** Definitions whose schema was seen to accept its own output. */
const provenDefinitions = new WeakSet<JobDefinition>();

/**
 * Checks and encodes one job; stays synchronous where the schema does.
 * @throws InvalidPayloadError, PayloadTooLargeError, InvalidValueError
 */
export function prepareJob(
  scope: QueueScope,
  definition: JobDefinition | undefined,
  payload: unknown,
  request: EnqueueRequest | undefined,
): PreparedJob | Promise<PreparedJob> {
  const jobName = jobNameFor(definition, request);
  if (definition === undefined) scope.names.check(jobName);
  const jobId = request?.userId;
  const encode = (value: unknown): string =>
    encodePayload(scope.codec, value, scope.queue, jobName, scope.payloadLimit, jobId);
  const compose = (value: unknown, text: string): PreparedJob => {
    const key = request?.unique && uniqueKeyOf(request.unique.key, value, scope.queue, jobName);
    return composeJob(scope, definition, request, jobName, text, key);
  };
  if (definition?.schema === undefined) return compose(payload, encode(payload));

  const { schema } = definition;
  const finish = (checked: Validated<unknown>): PreparedJob | Promise<PreparedJob> => {
    if (!checked.ok) throw new InvalidPayloadError(scope.queue, jobName, checked.issues);
    const text = encode(checked.value);
    const proof = provenDefinitions.has(definition)
      ? undefined
      : proveRepeatable(scope, definition, schema, text, jobId);
    return proof === undefined ? compose(checked.value, text) : proof.then(() => compose(checked.value, text));
  };
  const checked = validate(schema, payload);
  return checked instanceof Promise ? checked.then(finish) : finish(checked);
}

/**
 * A payload is checked again before it is handled, as JSON brought it there. A schema that refuses what it returned
 * (`z.date()` after JSON made a string of it) would bury every job: better told at the first enqueue.
 */
function proveRepeatable(
  scope: QueueScope,
  definition: JobDefinition,
  schema: StandardSchemaV1,
  text: string,
  jobId = '',
): Promise<void> | undefined {
  let stored: unknown;
  try {
    stored = scope.codec.decode(text, { queue: scope.queue, jobName: definition.name, jobId, field: 'payload' });
  } catch {
    return undefined; // a producer may lack the key to read what it wrote
  }
  const judge = (again: Validated<unknown>): void => {
    if (!again.ok) throw refusalOfSchema(definition, again.issues);
    provenDefinitions.add(definition);
  };
  const again = validate(schema, stored);
  if (again instanceof Promise) return again.then(judge);
  judge(again);
  return undefined;
}

function refusalOfSchema({ queue, name }: JobDefinition, issues: readonly SchemaIssue[]): ConfigurationError {
  const [{ path, message }] = issues;
  return new ConfigurationError(
    `The schema of "${queue}/${name}" does not accept its own output once JSON carried it (${path === '' ? '' : `${path}: `}${message}). ` +
      'Payloads are checked before they are stored and again before they are handled: make the schema accept what it returns, ' +
      'such as z.coerce.date() in place of z.date().',
  );
}

export async function storeJob(scope: QueueScope, job: PreparedJob): Promise<JobHandle> {
  try {
    return (await storeJobs<unknown, unknown>(scope, [job]))[0];
  } catch (error) {
    throw withRetry(error, (handles) => (handles as JobHandle[])[0]);
  }
}

/** Stores all of them or none, and answers with a handle each. */
export async function storeJobs<P, R>(scope: QueueScope, jobs: readonly PreparedJob[]): Promise<JobHandle<P, R>[]> {
  let receipts: EnqueueReceipt[];
  if (jobs.some(isDear)) await refuseTooDear(scope, jobs);
  try {
    const durability = strongestOf(jobs.map((job) => job.durability));
    receipts = await scope.store.intake.enqueue(scope.queue, jobs, durability);
  } catch (error) {
    throw withHandles(error, (late) => handlesOf(scope, jobs, late));
  }
  return handlesOf(scope, jobs, receipts);
}

/** The `retry()` of an enqueue whose reply was lost, or which too few servers confirmed, answers with handles, too. */
export function withHandles(error: unknown, handles: (receipts: EnqueueReceipt[]) => unknown): unknown {
  return withRetry(error, (receipts) => handles(receipts as EnqueueReceipt[]));
}

/** The same error, whose `retry()` answers what `map` makes of its answer, however often it takes. */
function withRetry(error: unknown, map: (answer: unknown) => unknown): unknown {
  const lost = error instanceof EnqueueOutcomeUnknownError;
  if (!lost && !(error instanceof DurabilityUnconfirmedError)) return error;
  const retry = async (): Promise<unknown> => {
    let answer: unknown;
    try {
      answer = await error.retry();
    } catch (again) {
      throw withRetry(again, map);
    }
    return map(answer);
  };
  const { queue, ids } = error;
  if (lost) return new EnqueueOutcomeUnknownError(queue, ids, retry, { cause: error });
  return new DurabilityUnconfirmedError(queue, ids, error.wanted, error.got, retry, { cause: error.cause });
}

/** The handle of a job that was there already shows that job, not what this call wanted to store. */
export async function handlesOf<P, R>(
  scope: QueueScope,
  jobs: readonly NewJob[],
  receipts: readonly EnqueueReceipt[],
): Promise<JobHandle<P, R>[]> {
  const unread = receipts.filter(({ created, job }) => !created && job === undefined).map(({ id }) => id);
  const kept = unread.length === 0 ? undefined : await readKept(scope, unread);
  return receipts.map((receipt, index) => {
    if (receipt.created) return JobHandle.ofEnqueued(scope, receipt, jobs[index].envelope);
    const stored = receipt.job ?? kept?.get(receipt.id);
    return stored ? JobHandle.ofStored(scope, stored, receipt.conflict) : JobHandle.ofEnqueued(scope, receipt, '');
  });
}
