import type { Duration } from '../core/duration.js';
import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { mergeHeaders } from '../core/job-headers.js';
import { checkJobName, checkScheduleName } from '../core/names.js';
import { requireObject } from '../core/option-checks.js';
import type { ScheduleDeclaration, ScheduleJobOptions } from './rule/declaration.js';
import {
  readScheduleTiming,
  SCHEDULE_TIMING_KEYS,
  type Instant,
  type ScheduleTimingOptions,
} from './rule/timing-reader.js';
import type { Uninferred } from '../core/uninferred.js';
import type { ScheduleJobSettings } from '../options/options.js';
import {
  DEFINITE_SCHEDULE_KEYS,
  readScheduleJob,
  readTickSource,
  refuseUnknownScheduleKeys,
} from '../options/schedule-options-reader.js';
import type { JobDefinition } from '../queue/job-definition.js';

/** What a schedule that is made at run time ticks by: exactly one of the three. */
export type ScheduleTicks =
  | {
      /** An expression, what `every()` returns, or the instant of one tick. */
      cron: string | Date;
      every?: undefined;
      at?: undefined;
    }
  | {
      /** An interval from the first registration, or from `startAt`, at least 1 s. */
      every: Duration;
      cron?: undefined;
      at?: undefined;
    }
  | {
      /** One tick at this instant. */
      at: Instant;
      cron?: undefined;
      every?: undefined;
    };

interface ScheduleExtras extends ScheduleTimingOptions {
  /** Options of the jobs; its `name` picks their handler. */
  job?: ScheduleJobSettings;
}

/** A schedule that is made at run time. */
export type RuntimeSchedule = ScheduleTicks &
  ScheduleExtras & {
    /** Queue that gets the jobs, default `cron`. */
    queue?: string;
    /** Payload of each job. Default: a `CronTick`. */
    payload?: unknown;
  };

/** A schedule whose jobs are those of a definition. */
export type DefinedSchedule<P, R, I> = ScheduleTicks &
  ScheduleExtras & {
    queue: JobDefinition<P, R, I>;
    payload: Uninferred<I>;
  };

const REQUEST_KEYS = ['cron', 'every', 'at', 'queue', 'payload', 'job', ...SCHEDULE_TIMING_KEYS] as const;

/**
 * @param definition of its jobs, whose name and options they get
 * @throws UnknownOptionError, InvalidValueError, InvalidCronError, ConfigurationError
 */
export function readScheduleRequest(
  name: string,
  given: RuntimeSchedule | DefinedSchedule<unknown, unknown, unknown>,
  queue: string,
  definition: JobDefinition | undefined,
  strategies: readonly string[],
): ScheduleDeclaration {
  const place = `upsert("${checkScheduleName(name, 'schedule name')}")`;
  refuseUnknownScheduleKeys(given, REQUEST_KEYS, place, DEFINITE_SCHEDULE_KEYS);
  const source = readTickSource(given, place);
  if (source === undefined)
    throw new ConfigurationError(`${place} says nothing of when it ticks: pass cron, every or at.`);
  const job = withDefinition(readScheduleJob(given.job, place, strategies), definition, place);
  if (job.name === undefined) checkJobName(name);
  return {
    ...readScheduleTiming(source, given, name, place),
    name,
    queue,
    label: place,
    scope: 'cluster',
    disabled: false,
    payload: given.payload,
    job,
  };
}

/** @throws InvalidValueError for what is no object */
export function requireRequest(name: unknown, given: unknown): void {
  requireObject(given, `schedule of upsert("${String(name)}")`, 'pass an object such as { cron: "0 12 * * *" }');
}

/** The call wins over the definition, as it does where a job is enqueued. */
function withDefinition(
  job: ScheduleJobOptions,
  definition: JobDefinition | undefined,
  place: string,
): ScheduleJobOptions {
  if (definition === undefined) return job;
  if (job.name !== undefined && job.name !== definition.name) {
    throw new InvalidValueError(
      `name in job in ${place}`,
      job.name,
      `the definition names its jobs "${definition.name}"; leave the option out`,
    );
  }
  const { durability: _, ...options } = definition.options;
  const retention = { ...options.retention, ...job.retention };
  const headers = mergeHeaders(definition.headers, job.headers, `job in ${place}`);
  return {
    ...options,
    ...job,
    name: definition.name,
    ...(Object.keys(retention).length > 0 && { retention }),
    ...(headers !== undefined && { headers }),
  };
}
