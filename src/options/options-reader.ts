import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { checkKeyName } from '../core/names.js';
import { jsonCodec, type Codec } from '../core/codec.js';
import { checkedCodec } from '../core/payload-encoder.js';
import { readRedactedPaths } from '../core/redactor.js';
import type { BackoffStrategy } from '../core/backoff.js';
import { readAlerts } from './alert-rules.js';
import { isPrivateMemory, readConnection, usesMemory } from './connection-reader.js';
import {
  GIVEN_JOB_KEYS,
  GIVEN_WORKER_KEYS,
  readGivenJobOptions,
  readGivenWorkerOptions,
  readJobOptions,
} from './job-options-reader.js';
import { readScheduleOverrides } from './schedule-options-reader.js';
import { readBoolean, readCount, readMs, readOneOf, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { DEFAULTS } from './defaults.js';
import type {
  GlobalEnhancerKind,
  QueueOptions,
  ResolvedOptions,
  ResolvedQueueOptions,
  Role,
  TaskQueueModuleOptions,
} from './options.js';

export const MODULE_KEYS = [
  'connection',
  'prefix',
  'app',
  'version',
  'role',
  'defaults',
  'queues',
  'schedules',
  'backoffs',
  'codec',
  'redact',
  'payloadLimit',
  'commandTimeout',
  'connectTimeout',
  'waitForRedis',
  'allowEviction',
  'allowMemory',
  'globalEnhancers',
  'shutdown',
  'strictNames',
  'alerts',
] as const satisfies readonly (keyof TaskQueueModuleOptions)[];

/** Without a value each of them means: everybody's keys, all roles, plain text. */
const DEFINITE_MODULE_KEYS = [
  'prefix',
  'app',
  'role',
  'codec',
  'redact',
] as const satisfies readonly (keyof TaskQueueModuleOptions)[];

export const QUEUE_KEYS = [
  ...GIVEN_JOB_KEYS,
  ...GIVEN_WORKER_KEYS,
  'inbox',
  'strictNames',
] as const satisfies readonly (keyof QueueOptions)[];

const ROLES = ['all', 'producer', 'worker'] as const satisfies readonly Role[];
const ENHANCER_KINDS = ['guards', 'interceptors', 'pipes', 'filters'] as const satisfies readonly GlobalEnhancerKind[];
const BUILT_IN_BACKOFFS = ['fixed', 'exponential'];

/** Beyond Node's own limit of a string every encode fails: a larger number is a mistake. */
/** Timers of Node hold no more: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const LARGEST_PAYLOAD = 512 * 1024 * 1024;

/**
 * Checks what `forRoot` was given, once, at boot: every unit known, every default filled in.
 * @throws UnknownOptionError, InvalidValueError, ConfigurationError
 */
export function readModuleOptions(given: unknown, nodeEnv: string | undefined = process.env.NODE_ENV): ResolvedOptions {
  const place = 'forRoot';
  requireObject(given, `options of ${place}`, 'pass an object such as { connection: "redis://localhost:6379" }');
  refuseUnknownKeys(given, MODULE_KEYS, place, DEFINITE_MODULE_KEYS);
  const options = given as TaskQueueModuleOptions;
  const backoffs = readBackoffs(options.backoffs);
  const prefix = options.prefix === undefined ? DEFAULTS.prefix : checkKeyName(options.prefix, 'prefix');
  const resolved: ResolvedOptions = {
    connection: readConnection(options),
    prefix,
    app: options.app === undefined ? DEFAULTS.app : checkKeyName(options.app, 'app'),
    version: readVersion(options.version),
    role: readOneOf(options.role, ROLES, 'role') ?? DEFAULTS.role,
    defaults: readJobOptions(options.defaults === undefined ? {} : options.defaults, 'defaults', Object.keys(backoffs)),
    queues: readQueues(options.queues, Object.keys(backoffs)),
    schedules: readScheduleOverrides(options.schedules),
    backoffs,
    codec: readCodec(options.codec),
    redactor: readRedactedPaths(options.redact),
    payloadLimit: readCount(options.payloadLimit, 'payloadLimit', 1, LARGEST_PAYLOAD) ?? DEFAULTS.payloadLimit,
    commandTimeoutMs:
      readMs(options.commandTimeout, 'commandTimeout', 1, LONGEST_TIMER_MS) ?? DEFAULTS.commandTimeoutMs,
    connectTimeoutMs:
      readMs(options.connectTimeout, 'connectTimeout', 1, LONGEST_TIMER_MS) ?? DEFAULTS.connectTimeoutMs,
    waitForRedis: readBoolean(options.waitForRedis, 'waitForRedis') ?? false,
    allowEviction: readBoolean(options.allowEviction, 'allowEviction') ?? false,
    allowMemory: readBoolean(options.allowMemory, 'allowMemory') ?? false,
    globalEnhancers: readEnhancerKinds(options.globalEnhancers),
    graceMs: readGrace(options.shutdown),
    strictNames: readBoolean(options.strictNames, 'strictNames') ?? false,
    alerts: readAlerts(options.alerts),
  };
  refuseLossyMemory(resolved, nodeEnv);
  return resolved;
}

/** @param place where the options stand, such as `queues.mail` or `registerQueue("mail")` */
export function readQueueOptions(given: unknown, place: string, strategies?: readonly string[]): ResolvedQueueOptions {
  requireObject(given, place, 'pass an object of queue options');
  refuseUnknownKeys(given, QUEUE_KEYS, place, ['inbox']);
  return {
    job: readGivenJobOptions(given, place, strategies),
    worker: readGivenWorkerOptions(given, place),
    inbox: readInbox((given as QueueOptions).inbox, place),
    strictNames: readBoolean((given as QueueOptions).strictNames, `strictNames in ${place}`),
  };
}

/** Any Redis key: other programs own this list. */
export function readInbox(given: unknown, place: string): string | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && given !== '' && given.length <= 512) return given;
  throw new InvalidValueError(`inbox in ${place}`, given, 'name the Redis list that other programs fill');
}

/** No spaces: it stands in lists. */
function readVersion(given: unknown): string | undefined {
  if (given === undefined || (typeof given === 'string' && /^[\x21-\x7e]{1,64}$/.test(given))) return given;
  throw new InvalidValueError('version', given, 'use a text of 1–64 printable ASCII characters without spaces');
}

function readQueues(given: unknown, strategies: readonly string[]): Record<string, ResolvedQueueOptions> {
  if (given === undefined) return {};
  requireObject(given, 'queues', 'pass an object of queue options by queue name');
  return Object.fromEntries(
    Object.entries(given).map(([name, options]) => [
      checkKeyName(name, 'queue name in queues'),
      readQueueOptions(options, `queues.${name}`, strategies),
    ]),
  );
}

function readBackoffs(given: unknown): Record<string, BackoffStrategy> {
  if (given === undefined) return {};
  requireObject(given, 'backoffs', 'pass an object of functions (attempt, error) => milliseconds');
  for (const [name, strategy] of Object.entries(given)) {
    if (BUILT_IN_BACKOFFS.includes(name)) {
      throw new InvalidValueError(
        'name in backoffs',
        name,
        '"fixed" and "exponential" are built in; choose another name',
      );
    }
    if (typeof strategy !== 'function') {
      throw new InvalidValueError(
        `backoffs.${name}`,
        strategy,
        'a strategy is a function (attempt, error) => milliseconds',
      );
    }
  }
  return { ...(given as Record<string, BackoffStrategy>) };
}

function readCodec(given: unknown): Codec {
  if (given === undefined) return jsonCodec;
  const codec: Partial<Codec> | null = given;
  if (typeof codec === 'object' && typeof codec?.encode === 'function' && typeof codec.decode === 'function') {
    return checkedCodec(codec as Codec);
  }
  throw new InvalidValueError(
    'codec',
    given,
    'a codec has the methods encode(value, context) and decode(text, context)',
  );
}

function readEnhancerKinds(given: unknown): readonly GlobalEnhancerKind[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) {
    throw new InvalidValueError('globalEnhancers', given, `pass an array of ${ENHANCER_KINDS.join(', ')}`);
  }
  return given.map((kind) => readOneOf(kind, ENHANCER_KINDS, 'globalEnhancers') as GlobalEnhancerKind);
}

function readGrace(given: unknown): number {
  if (given === undefined) return DEFAULTS.graceMs;
  requireObject(given, 'shutdown', 'pass an object such as { grace: "20s" }');
  refuseUnknownKeys(given, ['grace'], 'shutdown');
  return readMs((given as { grace?: unknown }).grace, 'shutdown.grace', 0, LONGEST_TIMER_MS) ?? DEFAULTS.graceMs;
}

function refuseLossyMemory(options: ResolvedOptions, nodeEnv: string | undefined): void {
  if (!usesMemory(options.connection)) return;
  if (nodeEnv === 'production' && !options.allowMemory) {
    throw new ConfigurationError(
      `Connection "${options.connection}" keeps jobs in this process alone: a restart loses them, and every instance fires ` +
        'every schedule. With NODE_ENV=production pass a redis:// connection, or allowMemory: true if that is what you want.',
    );
  }
  if (options.role === 'producer' && isPrivateMemory(options.connection)) {
    throw new ConfigurationError(
      'role "producer" on "memory://" enqueues jobs that nothing can ever process: that store is private to this app. ' +
        'Share it inside the process as "memory://name", connect to Redis, or drop the role.',
    );
  }
}
