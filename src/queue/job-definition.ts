import { InvalidValueError } from '../core/errors/option-errors.js';
import { readJobHeaders, type JobHeaders } from '../core/job-headers.js';
import { checkJobName, checkKeyName } from '../core/names.js';
import { refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { isStandardSchema, type StandardSchemaV1 } from '../core/standard-schema.js';
import { DEFINITION } from '../core/constants.js';
import { GIVEN_JOB_KEYS, readGivenJobOptions } from '../options/job-options-reader.js';
import { readGroup, type GroupOption, type GroupRequest } from '../options/group-option.js';
import type { GivenJobOptions, JobOptions } from '../options/options.js';

/**
 * What both sides of a job agree on; made by {@link defineJob}.
 * @typeParam P what a handler gets
 * @typeParam R what a handler returns
 * @typeParam I what a producer passes: differs from P where the schema fills in or transforms
 */
export interface JobDefinition<P = unknown, R = unknown, I = P> {
  readonly queue: string;
  readonly name: string;
  readonly schema: StandardSchemaV1<I, P> | undefined;
  /** Its job options in engine units: only what was given. */
  readonly options: GivenJobOptions;
  /** Of each of its jobs. */
  readonly headers: JobHeaders | undefined;
  /** Of each of its jobs. */
  readonly group: GroupRequest | undefined;
  readonly [DEFINITION]: { readonly result?: R };
}

/** What {@link defineJob} takes: where the job goes, and the options of each of its jobs. */
export interface JobDefinitionSpec extends JobOptions {
  queue: string;
  /** Picks the handler inside the queue. */
  name: string;
  /** Texts beside the payload of each job; a call may add others. At most 16, 2 KiB together. */
  headers?: JobHeaders;
  /** The group of each job, unless a call says another one. */
  group?: GroupOption;
}

const SPEC_KEYS = ['queue', 'name', 'schema', 'headers', 'group', ...GIVEN_JOB_KEYS] as const;

/**
 * One object that producers and handlers import: `enqueue(welcome, payload)` and `@Processor(welcome)` agree on queue,
 * name, payload and result.
 *
 * With a `schema` (any Standard Schema: zod, valibot, arktype) payloads are checked before they are stored and again
 * before they are handled. What is stored is the schema's output as JSON, so a schema has to accept its own output.
 *
 * @example
 * ```ts
 * export const welcome = defineJob<{ to: string }, { messageId: string }>({ queue: 'mail', name: 'welcome', maxAttempts: 5 });
 * export const report = defineJob({ queue: 'files', name: 'report', schema: z.object({ path: z.string() }) });
 * ```
 * @throws InvalidValueError, UnknownOptionError
 */
export function defineJob<S extends StandardSchemaV1>(
  spec: JobDefinitionSpec & { schema: S },
): JobDefinition<StandardSchemaV1.InferOutput<S>, unknown, StandardSchemaV1.InferInput<S>>;
export function defineJob<Payload = unknown, Result = unknown, Input = Payload>(
  spec: JobDefinitionSpec & { schema?: StandardSchemaV1<Input, Payload> },
): JobDefinition<Payload, Result, Input>;
export function defineJob(spec: JobDefinitionSpec & { schema?: StandardSchemaV1 }): JobDefinition {
  requireObject(spec, 'job definition', 'pass { queue, name, schema?, …job options }');
  refuseUnknownKeys(spec, SPEC_KEYS, 'defineJob', ['schema', 'group']);
  const queue = checkKeyName(spec.queue, 'queue in defineJob');
  const name = checkJobName(spec.name);
  if (spec.schema !== undefined && !isStandardSchema(spec.schema)) {
    throw new InvalidValueError(
      'schema in defineJob',
      spec.schema,
      'pass a Standard Schema, such as one of zod, valibot or arktype',
    );
  }
  const place = `defineJob("${queue}/${name}")`;
  const options = Object.freeze(readGivenJobOptions(spec, place));
  const headers = spec.headers === undefined ? undefined : Object.freeze(readJobHeaders(spec.headers, place));
  const group = spec.group === undefined ? undefined : Object.freeze(readGroup(spec.group, place));
  const definition = Object.freeze({ queue, name, schema: spec.schema, options, headers, group, [DEFINITION]: {} });
  remember(definition);
  return definition;
}

const definitions = new Map<string, Map<string, JobDefinition>>();
/** Definitions are constants of modules. Whoever makes them by the thousand is not remembered with all of them. */
const MOST_REMEMBERED = 10_000;
let remembered = 0;

/** The first of its queue and name: a second one is the same constant, loaded twice. */
function remember(definition: JobDefinition): void {
  const { queue, name } = definition;
  const ofQueue = definitions.get(queue) ?? new Map<string, JobDefinition>();
  if (ofQueue.has(name) || remembered >= MOST_REMEMBERED) return;
  remembered++;
  definitions.set(queue, ofQueue.set(name, definition));
}

/** Job names that definitions of this process give to jobs of a queue. */
export function namesOfDefinitions(queue: string): readonly string[] {
  return [...(definitions.get(queue)?.keys() ?? [])];
}

/** The definition of this process that makes jobs of this name. */
export function definitionOf(queue: string, name: string): JobDefinition | undefined {
  return definitions.get(queue)?.get(name);
}

export function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === 'object' && value !== null && DEFINITION in value;
}
