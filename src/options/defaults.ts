import { RULES } from '../core/rules.js';
import type { ResolvedJobOptions, ResolvedWorkerOptions, Role } from './options.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;

/** Every default of the package, once. */
export const DEFAULTS = {
  prefix: 'tq',
  app: 'default',
  role: 'all' as Role,
  job: {
    // With this backoff the ten runs take 4 to 9 minutes: a service that restarts or is deployed costs no job.
    maxAttempts: 10,
    maxAttemptsOfTicks: 3,
    retryForMs: undefined,
    // Jitter: jobs that failed together must not come back together. Half of it, so that the total time is at least half, too.
    backoff: { type: 'exponential', delayMs: SECOND, maxMs: HOUR, jitter: 0.5 },
    timeoutMs: undefined,
    expiresInMs: undefined,
    dropsExpired: undefined,
    priority: 0,
    cost: 1,
    // Bounded by count, age and bytes: a default install never fills Redis.
    retention: {
      completed: { count: 10_000, ageMs: DAY, bytes: 64 * MIB },
      cancelled: { count: 1000, ageMs: DAY, bytes: 64 * MIB },
      dead: { count: 10_000, ageMs: 90 * DAY, bytes: 128 * MIB },
    },
    durability: 'primary',
  } as ResolvedJobOptions,
  /** A replica confirms within milliseconds or is in trouble. */
  durabilityTimeoutMs: SECOND,
  worker: {
    /** Handlers mostly wait for I/O. */
    concurrency: 10,
    prefetch: 'auto',
    /** A crash is repaired within 10 s while another worker lives. */
    leaseMs: 8 * SECOND,
    limits: undefined,
  } as ResolvedWorkerOptions,
  payloadLimit: 256 * 1024,
  commandTimeoutMs: 5 * SECOND,
  connectTimeoutMs: 10 * SECOND,
  /** Inside the 30 s that Kubernetes gives. */
  graceMs: 20 * SECOND,
  resultTimeoutMs: 30 * SECOND,
  /** An outage of this length takes the process out of service. */
  healthWithinMs: 10 * SECOND,
  bulk: { jobs: 1000, bytes: 4 * MIB },
  list: { limit: 50, maxLimit: 500 },
  /** Runs a crashing job may take its workers with it before it is dead as `poison`. */
  maxCrashes: RULES.maxCrashes,
  /** Where the main loop has to renew leases itself: a handler may block it for a while. */
  leaseWithoutHeartbeatMs: 30 * SECOND,
  /** A main loop that a handler blocked for longer loses its leases. */
  stallLimitMs: 60 * SECOND,
  /** Errors stored with a job: the last so many, so many bytes together. */
  errorHistory: { count: 10, bytes: 8 * 1024 },
  logs: { lines: RULES.logLines, lineBytes: 1024 },
} as const;
