import { randomBytes } from 'node:crypto';
import { BulkNotFoundError, TooManyBulksError } from '../../core/errors/bulk-errors.js';
import { InvalidValueError } from '../../core/errors/option-errors.js';
import { refuseUnknownKeys, requireObject } from '../../core/option-checks.js';
import type { BulkAction, BulkRecord, BulkState } from '../../core/ports/bulks.js';
import { RULES } from '../../core/rules.js';
import { showMembers } from '../../core/shown-members.js';
import { limitArguments } from '../../core/surplus-arguments.js';
import type { QueueScope } from '../../queue/queue-scope.js';
import { DutyCycle, sleep } from '../duty-cycle.js';
import { askStoreTime } from '../match-walk.js';
import type { BulkExecutors } from './bulk-executors.js';
import { readBulkOptions, type BulkPlan, type BulkRequest, type BulkStop } from './bulk-request.js';
import { BulkWalk, FIRST_PLACE } from './bulk-walk.js';

/** A bulk operation, as of the call that returned it. */
export interface BulkProgress {
  id: string;
  /** `stopped`: it ended by itself, because of its `stopIf`. */
  state: BulkState;
  /** What was asked for; undefined where a newer version stored it. */
  where: string | undefined;
  action: BulkAction | undefined;
  rate: number | undefined;
  stopIf: Required<BulkStop> | undefined;
  /** Id of the process that works at it, as `processes` of the service lists it: one that was killed until another one takes over. */
  executor: string | undefined;
  /** It means jobs that were there then. */
  createdAt: Date;
  endedAt: Date | undefined;
  /** Jobs that were looked at. */
  looked: number;
  /** Jobs that are meant: those that are done, and those that were skipped. */
  matched: number;
  done: number;
  /** Jobs that had moved on when it was their turn, cannot be read, or whose unique key another job holds. */
  skipped: number;
  /** With `stopIf`: retried jobs whose outcome is known, … */
  known: number;
  /** … and of these, how many failed again: in one run, or for good. */
  failed: number;
}

/** What a `dryRun` counts. */
export interface BulkPreview {
  /** Jobs to which the action would be done, as far as they do not move on. */
  matched: number;
  /** Jobs that were looked at. */
  looked: number;
}

export interface BulkWaitOptions {
  /** Ends the wait, not the operation: `done` throws the reason of the signal. */
  signal?: AbortSignal;
}

/** `done` asks so often: soon at first. */
const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 1000;
const PREVIEW_PAGE = 500;

/** A bulk operation: it goes on whether or not anybody has a handle of it. */
export class BulkHandle {
  readonly #scope: QueueScope;

  /** @internal */
  constructor(
    scope: QueueScope,
    readonly id: string,
  ) {
    this.#scope = scope;
  }

  get queue(): string {
    return this.#scope.queue;
  }

  /** @throws BulkNotFoundError where 50 others have ended since */
  async progress(): Promise<BulkProgress> {
    const { store, queue } = this.#scope;
    const [record] = await store.bulks.read(queue, this.id);
    if (record === undefined) throw notFound(queue, this.id);
    return progressOf(record);
  }

  /** How it has ended, as soon as it has. It asks the store once a second. @throws BulkNotFoundError, the reason of the signal */
  async done(options: BulkWaitOptions = {}): Promise<BulkProgress> {
    requireObject(options, 'options of done', 'pass an object such as { signal }');
    refuseUnknownKeys(options, ['signal'], 'done');
    const { signal } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new InvalidValueError('signal of done', signal, 'pass the signal of an AbortController');
    }
    for (let delayMs = FIRST_POLL_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_POLL_MS)) {
      signal?.throwIfAborted();
      const progress = await this.progress();
      if (progress.state !== 'running') return progress;
      await sleep(delayMs, signal);
    }
  }

  /**
   * No further job is acted on; what is done stays.
   * @returns `finished`: it had ended already
   * @throws BulkNotFoundError
   */
  async cancel(): Promise<'cancelled' | 'finished'> {
    const { store, queue } = this.#scope;
    const answer = await store.bulks.cancel(queue, this.id);
    if (answer === 'gone') throw notFound(queue, this.id);
    return answer === 'over' ? 'finished' : 'cancelled';
  }
}

showMembers(BulkHandle, ({ id, queue }) => ({ id, queue }));

limitArguments(BulkHandle, { progress: 0, done: 1, cancel: 0 });

/** @throws WhereSyntaxError, RedactedFieldError, InvalidValueError, UnknownOptionError, TooManyBulksError */
export async function startBulk(
  scope: QueueScope,
  executors: BulkExecutors,
  given: unknown,
): Promise<BulkHandle | BulkPreview> {
  const { request, plan, dryRun } = readBulkOptions(given, scope.redactor);
  if (dryRun) return preview(scope, plan);
  const { store, queue } = scope;
  const id = randomBytes(9).toString('hex');
  const answer = await store.bulks.start(queue, id, JSON.stringify(request), executors.lease);
  if (answer === 'full') throw new TooManyBulksError(queue, RULES.mostBulks);
  executors.begin(scope);
  return new BulkHandle(scope, id);
}

/** Those that run and the last that ended, the newest first. */
export async function listBulks({ store, queue }: QueueScope): Promise<BulkProgress[]> {
  const records = await store.bulks.read(queue);
  return records.sort((a, b) => b.createdAt - a.createdAt).map(progressOf);
}

/** Undefined where none of this id is kept. */
export async function getBulk(scope: QueueScope, id: unknown): Promise<BulkHandle | undefined> {
  if (typeof id !== 'string') throw new InvalidValueError('id', id, 'pass the id of a bulk operation as a string');
  if (!/^\w{1,64}$/.test(id)) return undefined;
  const [record] = await scope.store.bulks.read(scope.queue, id);
  return record && new BulkHandle(scope, id);
}

/**
 * As a `dryRun`, for somebody who may leave before the end.
 * @throws WhereSyntaxError, RedactedFieldError, InvalidValueError, UnknownOptionError, the reason of the signal
 */
export async function previewBulk(
  scope: QueueScope,
  given: Pick<BulkRequest, 'where' | 'action'>,
  signal: AbortSignal,
): Promise<BulkPreview> {
  return preview(scope, readBulkOptions(given, scope.redactor).plan, signal);
}

async function preview(scope: QueueScope, plan: BulkPlan, signal?: AbortSignal): Promise<BulkPreview> {
  const walk = new BulkWalk(scope, plan, { at: await askStoreTime(scope), highest: undefined });
  const duty = new DutyCycle();
  const counted: BulkPreview = { matched: 0, looked: 0 };
  for (let place: string | undefined = FIRST_PLACE; place !== undefined;) {
    const page = await walk.page(place, PREVIEW_PAGE);
    counted.matched += page.found.length;
    counted.looked += page.looked;
    place = page.nextPlace;
    if (place !== undefined) await duty.rest(page.spentMs, signal);
  }
  return counted;
}

function progressOf(record: BulkRecord): BulkProgress {
  const { id, state, executor, createdAt, endedAt, looked, matched, done, skipped, known, failed } = record;
  // A newer version may have stored less of what this one knows.
  const request = JSON.parse(record.request) as Partial<BulkRequest>;
  return {
    ...{ id, state, where: request.where, action: request.action, rate: request.rate, stopIf: request.stopIf },
    ...{ executor, createdAt: new Date(createdAt), endedAt: endedAt === undefined ? undefined : new Date(endedAt) },
    ...{ looked, matched, done, skipped, known, failed },
  };
}

function notFound(queue: string, id: string): BulkNotFoundError {
  return new BulkNotFoundError(queue, id, RULES.mostEndedBulks);
}
