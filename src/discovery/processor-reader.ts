import { describeValue } from '../core/errors/described-value.js';
import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import type { BatchHandling } from '../core/handler.js';
import { DEFINITION } from '../core/constants.js';
import { checkJobName, checkKeyName, isKeyName } from '../core/names.js';
import { readCount, readMs, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { ProcessorMetadata, ProcessorOptions } from '../decorators/processor.decorator.js';
import {
  GIVEN_WORKER_KEYS,
  HANDLED_JOB_KEYS,
  readBackoffType,
  readGivenJobOptions,
  readGivenWorkerOptions,
} from '../options/job-options-reader.js';
import { refuseOrderInBatch } from '../options/group-option.js';
import { readInbox } from '../options/options-reader.js';
import type { GivenJobOptions, ResolvedWorkerOptions } from '../options/options.js';

const PROCESSOR_KEYS = [
  ...HANDLED_JOB_KEYS,
  ...GIVEN_WORKER_KEYS,
  'name',
  'batch',
  'inbox',
] as const satisfies readonly (keyof ProcessorOptions)[];

/** How many jobs a call takes, and how long the first of them waits, ms. */
export type BatchRule = Pick<BatchHandling, 'size' | 'waitMs' | 'byGroup'>;

/** One `@Processor`, checked and in engine units. */
export interface ProcessorDeclaration {
  queue: string;
  name: string | undefined;
  schema: StandardSchemaV1 | undefined;
  job: GivenJobOptions;
  worker: Partial<ResolvedWorkerOptions>;
  batch: BatchRule | undefined;
  inbox: string | undefined;
}

/**
 * @param label `Class.method`
 * @throws UnknownOptionError, InvalidValueError, ConfigurationError
 */
export function readProcessor(
  { target, options }: ProcessorMetadata,
  label: string,
  strategies: readonly string[],
): ProcessorDeclaration {
  const place = `@Processor on ${label}`;
  requireObject(options, `options of ${place}`, 'pass an object');
  refuseProducerOptions(options, place);
  refuseUnknownKeys(options, PROCESSOR_KEYS, place, ['name', 'inbox']);
  const definition = readDefinition(target, place);
  const queue = checkKeyName(definition ? definition.queue : target, `queue of ${place}`);
  const job = readGivenJobOptions(options, place, strategies);
  if (definition?.options !== undefined) refuseOverridden(job, definition.options, place, strategies);
  const batch = readBatch(options.batch, `batch in ${place}`);
  if (definition?.group?.ordered && batch?.byGroup === false) {
    refuseOrderInBatch(`A job of the definition in ${place}`, label);
  }
  return {
    queue,
    name: nameOf(definition?.name, options.name, place),
    schema: definition?.schema,
    // Producers of the definition write its options into each job; these are for jobs that came another way.
    job: { ...job, ...definition?.options },
    worker: readGivenWorkerOptions(options, place),
    batch,
    inbox: readInbox(options.inbox, place),
  };
}

/** Options that act when a job is stored: no enqueue sees those of a handler, which may be of another process. */
function refuseProducerOptions(options: object, place: string): void {
  const option = ['priority', 'cost', 'durability'].find(
    (key) => (options as Record<string, unknown>)[key] !== undefined,
  );
  if (option === undefined) return;
  throw new ConfigurationError(
    `${place}: ${option} acts when a job is stored, and no enqueue sees the options of a handler. ` +
      `Give it at the call, in defineJob, or for the queue: queues: { mail: { ${option}: … } }.`,
  );
}

const MOST_IN_BATCH = 1000;
const LONGEST_WAIT = 3_600_000;

function readBatch(given: unknown, place: string): BatchRule | undefined {
  if (given === undefined) return undefined;
  requireObject(given, place, "use { size: 100, wait: '200ms' }");
  refuseUnknownKeys(given, ['size', 'wait', 'by'], place, ['size', 'by']);
  const { size, wait, by } = given as { size?: unknown; wait?: unknown; by?: unknown };
  const byGroup = readOneOf(by, ['group'], `by in ${place}`) === 'group';
  const read = readCount(size, `size in ${place}`, 1, MOST_IN_BATCH);
  if (read === undefined)
    throw new InvalidValueError(`size in ${place}`, size, 'say how many jobs a call takes at most');
  return { size: read, waitMs: readMs(wait, `wait in ${place}`, 0, LONGEST_WAIT) ?? 0, byGroup };
}

/** @returns undefined for the name of a queue @throws InvalidValueError for an object that `defineJob` did not make */
export function readDefinition<D extends object>(target: string | D, place: string): D | undefined {
  if (target === undefined) {
    const remedy = `the queue name is missing: write ${callOf(place, 'mail')}, with the name of your queue`;
    throw new InvalidValueError(`queue of ${place}`, target, remedy);
  }
  if (typeof target !== 'object' || target === null) return undefined;
  if (DEFINITION in target) return target;
  const { name, queue } = target as { name?: unknown; queue?: unknown };
  throw new InvalidValueError(
    `queue of ${place}`,
    target,
    isKeyName(name) && queue === undefined
      ? `write ${callOf(place, name)}: the name of the queue comes first, options behind it`
      : 'pass the name of a queue, with options behind it, or a definition by defineJob',
  );
}

function callOf(place: string, queue: string): string {
  return place.startsWith('@Processor') ? `@Processor('${queue}')` : `@OnQueueEvent('${queue}', …)`;
}

/** The definition wins wherever its jobs come from: what is said twice would be said to nobody. */
function refuseOverridden(
  job: GivenJobOptions,
  defined: GivenJobOptions,
  place: string,
  strategies: readonly string[],
): void {
  if (defined.backoff !== undefined)
    readBackoffType(defined.backoff.type, `backoff of the definition in ${place}`, strategies);
  const twice = Object.keys(job).find((option) => option in defined);
  if (twice === undefined) return;
  throw new ConfigurationError(
    `${place} gives ${twice.replace(/Ms$/, '')}, and so does its definition, which wins. Leave it out here, or change it in defineJob.`,
  );
}

function nameOf(defined: string | undefined, given: unknown, place: string): string | undefined {
  if (given === undefined) return defined;
  if (defined !== undefined && defined !== given) {
    throw new ConfigurationError(
      `${place} takes the jobs of a definition named "${defined}" and says name: ${describeValue(given)}. Leave the name out.`,
    );
  }
  try {
    return checkJobName(given);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new InvalidValueError(`name in ${place}`, error.value, error.remedy);
  }
}
