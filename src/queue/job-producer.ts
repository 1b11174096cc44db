import type { EnqueueReceipt, NewJob, StoredJob } from '../core/broker.js';
import { ConfigurationError, EnqueueOutcomeUnknownError, InvalidPayloadError } from '../core/errors.js';
import { encodePayload } from '../core/payload-encoder.js';
import { validate, type SchemaIssue, type StandardSchemaV1, type Validated } from '../core/standard-schema.js';
import type { EnqueueRequest } from './enqueue-options.js';
import { composeJob, jobNameFor } from './job-composer.js';
import type { JobDefinition } from './job-definition.js';
import { JobHandle } from './job-handle.js';
import type { QueueScope } from './queue-scope.js';

/** Jobs whose records are read by one call. */
const READ_STEP = 100;

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
): NewJob | Promise<NewJob> {
  const jobName = jobNameFor(definition, request);
  const encode = (value: unknown): string =>
    encodePayload(scope.codec, value, scope.queue, jobName, scope.payloadLimit);
  if (definition?.schema === undefined) return composeJob(scope, definition, request, jobName, encode(payload));

  const { schema } = definition;
  const finish = (checked: Validated<unknown>): NewJob | Promise<NewJob> => {
    if (!checked.ok) throw new InvalidPayloadError(scope.queue, jobName, checked.issues);
    const text = encode(checked.value);
    const proof = provenDefinitions.has(definition) ? undefined : proveRepeatable(scope, definition, schema, text);
    const compose = (): NewJob => composeJob(scope, definition, request, jobName, text);
    return proof === undefined ? compose() : proof.then(compose);
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
): Promise<void> | undefined {
  let stored: unknown;
  try {
    stored = scope.codec.decode(text, { queue: scope.queue, jobName: definition.name, field: 'payload' });
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

/** Stores all of them or none, and answers with a handle each. */
export async function storeJobs<P, R>(scope: QueueScope, jobs: readonly NewJob[]): Promise<JobHandle<P, R>[]> {
  let receipts: EnqueueReceipt[];
  try {
    receipts = await scope.broker.enqueue(scope.queue, jobs);
  } catch (error) {
    throw withHandles(error, (late) => handlesOf(scope, jobs, late));
  }
  return handlesOf(scope, jobs, receipts);
}

/** An enqueue whose reply was lost: its `retry()` answers with handles, too. */
export function withHandles(error: unknown, handles: (receipts: EnqueueReceipt[]) => unknown): unknown {
  if (!(error instanceof EnqueueOutcomeUnknownError)) return error;
  const retry = async (): Promise<unknown> => handles((await error.retry()) as EnqueueReceipt[]);
  return new EnqueueOutcomeUnknownError(error.queue, error.ids, retry, { cause: error });
}

/** The handle of a job that was there already shows that job, not what this call wanted to store. */
export async function handlesOf<P, R>(
  scope: QueueScope,
  jobs: readonly NewJob[],
  receipts: readonly EnqueueReceipt[],
): Promise<JobHandle<P, R>[]> {
  const earlier = receipts.filter(({ created }) => !created).map(({ id }) => id);
  const kept = earlier.length === 0 ? undefined : await readKept(scope, [...new Set(earlier)]);
  return receipts.map((receipt, index) => {
    if (receipt.created) return JobHandle.ofEnqueued(scope, receipt, jobs[index].envelope);
    const stored = kept?.get(receipt.id);
    return stored === undefined ? JobHandle.ofEnqueued(scope, receipt, '') : JobHandle.ofStored(scope, stored);
  });
}

/** What cannot be read now must not fail a call that has stored its jobs: such a handle is `unreadable` until refreshed. */
async function readKept(scope: QueueScope, numbers: readonly string[]): Promise<Map<string, StoredJob>> {
  const kept = new Map<string, StoredJob>();
  for (let first = 0; first < numbers.length; first += READ_STEP) {
    const found = await scope.broker.read(scope.queue, numbers.slice(first, first + READ_STEP)).catch(() => []);
    for (const stored of found) if (stored !== undefined) kept.set(stored.id, stored);
  }
  return kept;
}
