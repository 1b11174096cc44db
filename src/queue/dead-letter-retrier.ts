import type { ActedJob } from '../core/ports/bulks.js';
import type { StoredJob } from '../core/ports/curation.js';
import { decodeEnvelope, encodeEnvelope, splitRecord, type EnvelopeHeader } from '../core/envelope.js';
import { JobNotFoundError, JobStateError } from '../core/errors/job-errors.js';
import { seenOf } from '../core/record-head.js';
import { isStorableId } from './job-curator.js';
import type { JobDefinition } from './job-definition.js';
import type { JobTest } from './job-filter.js';
import { readEndDetail } from './job-record.js';
import { editPayload, readRetryOptions, type RetryOptions } from './payload-editor.js';
import type { QueueScope } from './queue-scope.js';

/** Dead letters of one step: as many as one call retries. */
const PAGE = 50;
/** Somebody else may retry and lose the same job again while we look; more often than this is no coincidence. */
const TRIES = 5;

/**
 * Gives a dead job its attempts again, with a payload that was edited where a patch says so; its error history stays.
 * @returns the number the store gave the job
 * @throws JobNotFoundError, JobStateError; as {@link editPayload}
 */
export async function retryDeadJob(
  scope: QueueScope,
  id: string,
  options?: RetryOptions,
  definition?: JobDefinition,
): Promise<string> {
  const { patch } = readRetryOptions(options);
  const { store, queue } = scope;
  if (!isStorableId(id)) throw new JobNotFoundError(queue, id);
  let state = 'dead';
  for (let tries = 0; tries < TRIES; tries++) {
    const [stored] = await store.curation.read(queue, [id]);
    if (stored === undefined) throw new JobNotFoundError(queue, id);
    state = stored.state;
    if (state !== 'dead') throw new JobStateError(queue, id, state, 'retry', 'Only dead jobs can be retried.');
    const payload = patch && (await editPayload(scope, stored, patch, definition));
    const fresh = reviveRecord(stored, store.connection.now(), payload);
    if (fresh === undefined) {
      throw new JobStateError(
        queue,
        id,
        'dead and unreadable',
        'retry',
        'Look at its raw text, enqueue it anew, and remove it.',
      );
    }
    const answer = await store.curation.retryDead(queue, stored.id, fresh.settledAt, fresh.envelope);
    if (answer === 'retried') return stored.id;
    if (answer === 'not-found') throw new JobNotFoundError(queue, id);
    if (answer !== 'changed') throw heldKey(queue, id, answer.slice('conflict '.length));
  }
  throw new JobStateError(queue, id, state, 'retry', 'It changed while it was retried; try again.');
}

function heldKey(queue: string, id: string, holder: string): JobStateError {
  const remedy = `Job "${holder}" holds its unique key: retry this one once that one has ended.`;
  return new JobStateError(queue, id, 'dead', 'retry', remedy, holder);
}

/**
 * Retries every job that is dead now and fits, a page at a time; one that dies again meanwhile is left alone, and so is
 * one whose unique key a live job holds.
 * @returns how many were retried
 */
export async function retryAllDead({ store, queue }: QueueScope, fits: JobTest | undefined): Promise<number> {
  let retried = 0;
  let cursor: string | undefined;
  do {
    const page = await store.curation.list(queue, 'dead', cursor, PAGE);
    cursor = page.cursor;
    const wanted = fits === undefined ? page.jobs : page.jobs.filter(fits);
    const jobs = wanted.flatMap((stored) => reviveTogether(stored, store.connection.now()) ?? []);
    retried += (await store.bulks.act(queue, 'retry', 'dead', jobs)).done;
  } while (cursor !== undefined);
  return retried;
}

/** A dead job, to be retried in one call with others; undefined where its record cannot be read. @param now store time, ms */
export function reviveTogether({ id, record }: Pick<StoredJob, 'id' | 'record'>, now: number): ActedJob | undefined {
  const revived = reviveHead(record, now);
  return revived && { id, seen: seenOf(record), head: revived.head, priority: revived.priority };
}

/** The envelope with which a dead job begins anew; undefined where its record cannot be read. */
function reviveRecord(
  stored: StoredJob,
  now: number,
  payload?: string,
): { settledAt: number; envelope: string } | undefined {
  const revived = reviveHead(stored.record, now);
  if (revived === undefined) return undefined;
  return { settledAt: revived.settledAt, envelope: `${revived.head}\n${payload ?? revived.payload}` };
}

/** How a dead job begins anew. */
interface Revival {
  settledAt: number;
  /** First line of its envelope. */
  head: string;
  priority: number;
  /** As it is stored. */
  payload: string;
}

/** @returns undefined where its record cannot be read @param now store time, ms */
function reviveHead(record: string, now: number): Revival | undefined {
  try {
    const { settled, envelope: text } = splitRecord(record);
    if (settled === undefined) return undefined;
    const envelope = decodeEnvelope(text);
    const { a: _attempt, f: _firstFailure, x: expiresAt, ...kept } = envelope.header;
    const header: EnvelopeHeader = kept;
    const expired = readEndDetail(settled.detail).reason === 'expired';
    if (expiresAt !== undefined || expired) {
      // As much time to begin as it had the first time, counted from now.
      const waitedFrom = Math.max(envelope.enqueuedAt, header.s ?? 0);
      header.x = now + Math.max(0, (expiresAt ?? settled.settledAt) - waitedFrom);
    }
    return {
      settledAt: settled.settledAt,
      head: encodeEnvelope(envelope.enqueuedAt, envelope.userId, header, undefined),
      priority: header.p ?? 0,
      payload: envelope.payload,
    };
  } catch {
    return undefined;
  }
}
