import { InvalidValueError } from '../core/errors/option-errors.js';
import type { DurabilityLevel } from '../core/durability.js';
import { nearestName } from '../core/nearest.js';
import { readCount, readMs, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { SETTLED_STATES, type BackoffSpec, type RetentionRule, type SettledState } from '../core/job.js';
import { RULES } from '../core/rules.js';
import { DEFAULTS } from './defaults.js';
import { readLimits } from './limit-options.js';
import type {
  GivenJobOptions,
  JobOptions,
  ResolvedJobOptions,
  ResolvedWorkerOptions,
  WorkerOptions,
} from './options.js';

/** Every option that a job may be given at any level. */
export const GIVEN_JOB_KEYS = [
  'maxAttempts',
  'retryFor',
  'backoff',
  'timeout',
  'expiresIn',
  'priority',
  'cost',
  'retention',
  'durability',
] as const satisfies readonly (keyof JobOptions)[];

/** Of those, what a schedule may say: what a job costs, and what an enqueue waits for, is the producer's to decide. */
export const SCHEDULED_JOB_KEYS = GIVEN_JOB_KEYS.filter((key) => key !== 'cost' && key !== 'durability');

/** Of those, what a handler may say: no enqueue sees its options, and a priority decides where a job is put then. */
export const HANDLED_JOB_KEYS = SCHEDULED_JOB_KEYS.filter((key) => key !== 'priority');

export const GIVEN_WORKER_KEYS = [
  'concurrency',
  'prefetch',
  'lease',
  'limits',
] as const satisfies readonly (keyof WorkerOptions)[];

const BUILT_IN_BACKOFFS = ['fixed', 'exponential'];
const MOST_ATTEMPTS = 1_000_000;
const MOST_COST = 1_000_000;
const MOST_CONCURRENCY = 10_000;
/** One reserve takes at most this many jobs. */
const MOST_PREFETCH = 1000;
const SHORTEST_LEASE = 1000;
const LONGEST_LEASE = 3_600_000;

/**
 * Job options in engine units, only those that were given.
 * @param place where they stand, for the error: `defaults`, `enqueue("mail")`, `@Processor on MailService.send`
 * @param strategies names under `backoffs`; where absent, any backoff type is taken
 * @throws UnknownOptionError, InvalidValueError
 */
export function readJobOptions(given: unknown, place: string, strategies?: readonly string[]): GivenJobOptions {
  requireObject(given, `job options in ${place}`, 'pass an object');
  refuseUnknownKeys(given, GIVEN_JOB_KEYS, place);
  return readGivenJobOptions(given, place, strategies);
}

/** As {@link readJobOptions}, for an object that holds other options too, whose keys were checked by its owner. */
export function readGivenJobOptions(given: JobOptions, place: string, strategies?: readonly string[]): GivenJobOptions {
  const read: GivenJobOptions = {};
  const within = (option: string): string => `${option} in ${place}`;
  if (given.maxAttempts !== undefined) {
    read.maxAttempts = readCount(given.maxAttempts, within('maxAttempts'), 1, MOST_ATTEMPTS);
  }
  if (given.retryFor !== undefined) read.retryForMs = readMs(given.retryFor, within('retryFor'), 1);
  if (given.backoff !== undefined) read.backoff = readBackoff(given.backoff, within('backoff'), strategies);
  if (given.timeout !== undefined) read.timeoutMs = readMs(given.timeout, within('timeout'), 1);
  if (given.expiresIn !== undefined) Object.assign(read, readExpiry(given.expiresIn, within('expiresIn')));
  if (given.priority !== undefined)
    read.priority = readCount(given.priority, within('priority'), 0, RULES.highestPriority);
  if (given.cost !== undefined) read.cost = readCount(given.cost, within('cost'), 1, MOST_COST);
  if (given.retention !== undefined) read.retention = readRetention(given.retention, within('retention'));
  if (given.durability !== undefined) read.durability = readDurability(given.durability, within('durability'));
  return read;
}

/** Worker options in engine units, only those that were given. */
export function readGivenWorkerOptions(given: WorkerOptions, place: string): Partial<ResolvedWorkerOptions> {
  const read: Partial<ResolvedWorkerOptions> = {};
  if (given.concurrency !== undefined) {
    read.concurrency = readCount(given.concurrency, `concurrency in ${place}`, 1, MOST_CONCURRENCY);
  }
  if (given.prefetch !== undefined) {
    read.prefetch =
      given.prefetch === 'auto'
        ? 'auto'
        : readCount(given.prefetch, `prefetch in ${place} (or "auto")`, 0, MOST_PREFETCH);
  }
  if (given.lease !== undefined) read.leaseMs = readMs(given.lease, `lease in ${place}`, SHORTEST_LEASE, LONGEST_LEASE);
  if (given.limits !== undefined) read.limits = readLimits(given.limits, `limits in ${place}`);
  return read;
}

/** Several levels made one: what stands first wins, retention state by state, and defaults fill the rest. */
export function layerJobOptions(...levels: readonly GivenJobOptions[]): ResolvedJobOptions {
  const layered: ResolvedJobOptions = { ...DEFAULTS.job, retention: { ...DEFAULTS.job.retention } };
  for (const level of levels.toReversed()) {
    const { retention, ...options } = level;
    Object.assign(layered, options);
    Object.assign(layered.retention, retention);
    // Only the package's own default tells jobs of schedules from others.
    if (options.maxAttempts !== undefined) layered.maxAttemptsOfTicks = options.maxAttempts;
  }
  return layered;
}

/** A bare duration is that very delay; an object says everything else. Only the built-in curve has jitter by default. */
function readBackoff(given: unknown, what: string, strategies: readonly string[] | undefined): BackoffSpec {
  const defaults = DEFAULTS.job.backoff;
  if (typeof given === 'number' || typeof given === 'string') {
    const delayMs = readMs(given, what, 0) ?? 0;
    return { type: 'fixed', delayMs, maxMs: Math.max(delayMs, defaults.maxMs), jitter: 0 };
  }
  requireObject(given, what, 'use a duration such as "5s", or { type, delay, max, jitter }');
  refuseUnknownKeys(given, ['type', 'delay', 'max', 'jitter'], what);
  const { type, delay, max, jitter } = given as { type?: unknown; delay?: unknown; max?: unknown; jitter?: unknown };
  const delayMs = readMs(delay, `${what}: delay`, 0) ?? defaults.delayMs;
  const maxMs = readMs(max, `${what}: max`, 0) ?? Math.max(delayMs, defaults.maxMs);
  const read = readBackoffType(type, what, strategies);
  return {
    type: read,
    delayMs,
    maxMs,
    jitter: readJitter(jitter, what) ?? (read === defaults.type ? defaults.jitter : 0),
  };
}

/** A type that this process can compute. @throws InvalidValueError */
export function readBackoffType(given: unknown, what: string, strategies: readonly string[] | undefined): string {
  if (typeof given === 'string' && given !== '') {
    if (strategies === undefined || BUILT_IN_BACKOFFS.includes(given) || strategies.includes(given)) return given;
  }
  const known = [...BUILT_IN_BACKOFFS, ...(strategies ?? [])];
  const nearest = typeof given === 'string' ? nearestName(given, known) : undefined;
  throw new InvalidValueError(
    `${what}: type`,
    given,
    (nearest === undefined ? '' : `did you mean "${nearest}"? `) +
      `use ${known.join(', ')}, or register a strategy of that name under backoffs`,
  );
}

/** Both members, always: what a closer level says replaces the whole of it. */
function readExpiry(given: unknown, what: string): Pick<GivenJobOptions, 'expiresInMs' | 'dropsExpired'> {
  if (typeof given !== 'object') return { expiresInMs: readMs(given, what, 1), dropsExpired: undefined };
  const remedy = "use a duration such as '5m', or { in: '5m', then: 'dead' | 'drop' }";
  requireObject(given, what, remedy);
  refuseUnknownKeys(given, ['in', 'then'], what, ['in']);
  const expiry = given as { in?: unknown; then?: unknown };
  if (expiry.in === undefined) throw new InvalidValueError(what, given, remedy);
  const then = readOneOf(expiry.then, ['dead', 'drop'], `${what}: then`);
  return { expiresInMs: readMs(expiry.in, `${what}: in`, 1), dropsExpired: then === 'drop' ? true : undefined };
}

function readJitter(given: unknown, what: string): number | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'number' && given >= 0 && given <= 1) return given;
  throw new InvalidValueError(`${what}: jitter`, given, 'use a number from 0 (none) to 1 (full)');
}

function readRetention(given: unknown, what: string): Partial<Record<SettledState, RetentionRule>> {
  requireObject(given, what, 'use { completed, cancelled, dead }, each false or { count, age, bytes }');
  refuseUnknownKeys(given, SETTLED_STATES, what);
  const rules: Partial<Record<SettledState, RetentionRule>> = {};
  for (const state of SETTLED_STATES) {
    const rule = (given as Partial<Record<SettledState, unknown>>)[state];
    if (rule !== undefined) rules[state] = readRetentionRule(rule, state, `${what}: ${state}`);
  }
  return rules;
}

function readRetentionRule(given: unknown, state: SettledState, what: string): RetentionRule {
  if (given === false) return false;
  requireObject(given, what, 'use false, or { count, age, bytes }');
  refuseUnknownKeys(given, ['count', 'age', 'bytes'], what);
  const { count, age, bytes } = given as { count?: unknown; age?: unknown; bytes?: unknown };
  const defaults = DEFAULTS.job.retention[state];
  if (defaults === false) throw new TypeError('Every state has default limits');
  return {
    count: readCount(count, `${what}.count`, 1, Number.MAX_SAFE_INTEGER) ?? defaults.count,
    ageMs: readMs(age, `${what}.age`, 1) ?? defaults.ageMs,
    bytes: readCount(bytes, `${what}.bytes`, 1, Number.MAX_SAFE_INTEGER) ?? defaults.bytes,
  };
}

const DURABILITY_REMEDY =
  "use 'primary', { replicas: 1, timeout: '1s' }, { fsync: 'local' } or { fsync: { replicas: 1 } }";
const MOST_REPLICAS = 100;
const LONGEST_DURABILITY_WAIT = 60_000;

function readDurability(given: unknown, what: string): DurabilityLevel {
  if (given === 'primary') return 'primary';
  requireObject(given, what, DURABILITY_REMEDY);
  refuseUnknownKeys(given, ['replicas', 'fsync', 'timeout'], what);
  const { replicas, fsync, timeout } = given as { replicas?: unknown; fsync?: unknown; timeout?: unknown };
  // Redis takes a timeout of 0 for "wait for ever".
  const timeoutMs = readMs(timeout, `${what}: timeout`, 1, LONGEST_DURABILITY_WAIT) ?? DEFAULTS.durabilityTimeoutMs;
  if ((replicas === undefined) === (fsync === undefined)) throw new InvalidValueError(what, given, DURABILITY_REMEDY);
  if (replicas !== undefined) {
    return { replicas: readReplicas(replicas, `${what}: replicas`), fsync: false, timeoutMs };
  }
  if (fsync === 'local') return { replicas: 0, fsync: true, timeoutMs };
  requireObject(fsync, `${what}: fsync`, DURABILITY_REMEDY);
  refuseUnknownKeys(fsync, ['replicas'], `${what}: fsync`);
  const place = `${what}: fsync.replicas`;
  return { replicas: readReplicas((fsync as { replicas?: unknown }).replicas, place), fsync: true, timeoutMs };
}

function readReplicas(given: unknown, what: string): number {
  const count = readCount(given, what, 1, MOST_REPLICAS);
  if (count === undefined) throw new InvalidValueError(what, given, DURABILITY_REMEDY);
  return count;
}
