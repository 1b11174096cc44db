import type { StandardSchemaV1 } from '../core/standard-schema.js';
import type { Duration } from '../core/duration.js';
import { PROCESSOR_METADATA } from '../core/constants.js';
import type { GivenJobOptions, HandledJobOptions, WorkerOptions } from '../options/options.js';
import { appendMetadata } from './append-metadata.js';
import { checkDecoratorCall } from './decorator-mode.js';

/** How a method takes many jobs, all of one name, in one call. */
export interface BatchOptions {
  /** Jobs of one call, at most: 1 to 1000. */
  size: number;
  /** How long the first job of a call waits for others, at most 1 h. Default 0: it takes what is there. */
  wait?: Duration;
  /** `'group'`: all jobs of a call are of one group; those without a group are in calls of their own. Default: of any group. */
  by?: 'group';
}

/** Options of `@Processor`: job options and worker options of the queue, and which jobs the method takes. */
export interface ProcessorOptions extends HandledJobOptions, WorkerOptions {
  /** The job name this method takes. Default: every name of the queue that has no handler of its own. */
  name?: string;
  /** The method takes an array of jobs in one call: `handle(jobs: BatchJob[])`. Default: one job in each call. */
  batch?: BatchOptions;
  /** A Redis list that other programs fill by LPUSH; each element becomes a job of this queue. */
  inbox?: string;
}

/** What `@Processor` reads of a `defineJob` definition. */
export interface ProcessedDefinition {
  readonly queue: string;
  readonly name?: string;
  readonly schema?: StandardSchemaV1 | undefined;
  readonly options?: GivenJobOptions;
  readonly group?: { readonly ordered: boolean } | undefined;
}

/** What one `@Processor` left on its method. */
export interface ProcessorMetadata {
  target: string | ProcessedDefinition;
  options: ProcessorOptions;
}

/**
 * The method runs the jobs of a queue, or of one job name of it. It gets the `Job`, or what its parameter decorators ask
 * for, and may return a value, a promise or an Observable (each value is progress, the last one the result).
 *
 * @example
 * ```ts
 * @Processor('mail', { concurrency: 20, maxAttempts: 5 })
 * async send(job: Job<WelcomeMail>) {}
 * ```
 *
 * @param target a queue, or a definition made by `defineJob`: its name picks the jobs, its schema checks their payloads
 */
export function Processor(target: string | ProcessedDefinition, options: ProcessorOptions = {}): MethodDecorator {
  checkDecoratorCall('@Processor', [...arguments], 2);
  const metadata: ProcessorMetadata = { target, options };
  return appendMetadata(PROCESSOR_METADATA, metadata, '@Processor');
}
