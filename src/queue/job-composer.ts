import type { NewJob, OnConflict } from '../core/ports/intake.js';
import type { DurabilityLevel } from '../core/durability.js';
import { encodeEnvelope, type EnvelopeHeader } from '../core/envelope.js';
import { mergeHeaders, packHeaders } from '../core/job-headers.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { DEFAULT_JOB_NAME } from '../core/job.js';
import { refuseOrderInBatch } from '../options/group-option.js';
import type { GivenJobOptions } from '../options/options.js';
import type { EnqueueRequest } from './enqueue-options.js';
import type { JobDefinition } from './job-definition.js';
import type { QueueScope } from './queue-scope.js';

/** A job in its stored form, and what its enqueue waits for. */
export interface PreparedJob extends NewJob {
  durability: DurabilityLevel;
}

/** The name a job gets: the definition's, else the call's, else the default. @throws InvalidValueError where they differ */
export function jobNameFor(definition: JobDefinition | undefined, request: EnqueueRequest | undefined): string {
  const asked = request?.name;
  if (definition === undefined) return asked ?? DEFAULT_JOB_NAME;
  if (asked !== undefined && asked !== definition.name) {
    throw new InvalidValueError(
      'name',
      asked,
      `the definition names its jobs "${definition.name}"; leave the option out`,
    );
  }
  return definition.name;
}

/**
 * Makes the stored form of a job. The header gets what the call and the definition say; of queue configuration and
 * defaults only what acts before a worker sees the job, because everything else a worker reads from its own configuration.
 */
export function composeJob(
  scope: QueueScope,
  definition: JobDefinition | undefined,
  request: EnqueueRequest | undefined,
  jobName: string,
  payload: string,
  uniqueKey: string | undefined,
): PreparedJob {
  const now = scope.store.connection.now();
  const call = request?.job;
  const defined = definition?.options;
  const header: EnvelopeHeader = {};
  // The name comes first: scripts that park a job look for the first one they see.
  if (jobName !== DEFAULT_JOB_NAME) header.n = jobName;

  const maxAttempts = call?.maxAttempts ?? defined?.maxAttempts;
  if (maxAttempts !== undefined) header.m = maxAttempts;
  const retryForMs = call?.retryForMs ?? defined?.retryForMs;
  if (retryForMs !== undefined) header.w = retryForMs;
  const backoff = call?.backoff ?? defined?.backoff;
  if (backoff !== undefined) header.b = backoff;
  const timeoutMs = call?.timeoutMs ?? defined?.timeoutMs;
  if (timeoutMs !== undefined) header.t = timeoutMs;
  if (call?.retention !== undefined || defined?.retention !== undefined) {
    header.r = { ...defined?.retention, ...call?.retention };
  }
  const priority = call?.priority ?? defined?.priority ?? scope.settings.priority;
  if (priority > 0) header.p = priority;

  const dueAt = request?.delayMs === undefined ? request?.runAt : now + request.delayMs;
  if (dueAt !== undefined) header.s = dueAt;
  const { expiresInMs, dropsExpired } = closestExpiry(call, defined) ?? scope.settings;
  // A delayed job begins to wait when it is due, and one that a key holds back when that lets it be due at the latest.
  const waitsUntil = dueAt ?? now + longestDelayOf(request?.unique?.onConflict);
  if (expiresInMs !== undefined) header.x = Math.max(now, waitsUntil) + expiresInMs;
  if (dropsExpired) header.y = 1;
  const group = request?.group ?? definition?.group;
  if (group !== undefined) header.g = group.key;
  if (group?.ordered) {
    refuseOrderInBatch(`A job of "${scope.queue}/${jobName}"`, scope.mixedBatchOf(jobName));
    header.o = 1;
  }
  const headers = mergeHeaders(definition?.headers, request?.headers, `a job of "${scope.queue}/${jobName}"`);
  if (headers !== undefined) header.h = packHeaders(headers);

  return {
    envelope: encodeEnvelope(now, request?.userId, header, payload),
    userId: request?.userId,
    uniqueKey: uniqueKey === undefined ? undefined : `${jobName} ${uniqueKey}`,
    freeWhileRunning: request?.unique?.freeWhileRunning,
    onConflict: request?.unique?.onConflict,
    delayMs: request?.delayMs,
    runAt: request?.runAt,
    priority,
    cost: call?.cost ?? defined?.cost ?? scope.settings.cost,
    group: group?.key,
    ordered: group?.ordered,
    durability: call?.durability ?? defined?.durability ?? scope.settings.durability,
  };
}

/** How much later than now an enqueue may let its job be due, by what it does about its unique key. */
function longestDelayOf(onConflict: OnConflict | undefined): number {
  if (onConflict?.kind === 'debounce') return Math.min(onConflict.ms, onConflict.atMostMs);
  return onConflict?.kind === 'throttle' && onConflict.both ? onConflict.ms : 0;
}

/** Who says when a job expires says what becomes of it, too. */
function closestExpiry(...levels: readonly (GivenJobOptions | undefined)[]): GivenJobOptions | undefined {
  return levels.find((level) => level?.expiresInMs !== undefined);
}
