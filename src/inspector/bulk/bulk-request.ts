import { InvalidValueError } from '../../core/errors/option-errors.js';
import type { JobState } from '../../core/job.js';
import { readBoolean, readCount, readOneOf, refuseUnknownKeys, requireObject } from '../../core/option-checks.js';
import type { BulkAction } from '../../core/ports/bulks.js';
import type { Redactor } from '../../core/redactor.js';
import { readWhere } from '../where/where-reader.js';
import type { Where } from '../where/where.js';

/** What a bulk operation is to do, and to which jobs. */
export interface BulkOptions {
  /**
   * Jobs that are meant, in the grammar of `find`. Of these the action takes those that it can be done to: `retry` dead ones, `promote`
   * scheduled ones, `cancel` those that have not ended, `remove` those that do not run.
   */
  where: string;
  action: BulkAction;
  /** Jobs a second, at most: 0.01 to 100,000. Default: as fast as a fifth of the time of the store allows. */
  rate?: number;
  /** Of a `retry`: when the operation ends by itself, because what it retries fails again. Default: never. */
  stopIf?: BulkStop;
  /** Counts the jobs and does nothing. Default false. */
  dryRun?: boolean;
}

/** Too many of the jobs that were retried have failed again. */
export interface BulkStop {
  /** Share of failures that is still accepted: 0 to 0.99. 0 ends the operation with the first one. */
  failures: number;
  /** Jobs whose outcome must be known before the share counts: 1 to 1000. Default 20. */
  after?: number;
}

/** As it is stored, to be read by any process. */
export interface BulkRequest {
  where: string;
  action: BulkAction;
  rate?: number;
  stopIf?: Required<BulkStop>;
}

/** A request that was read. */
export interface BulkPlan extends Omit<BulkRequest, 'where'> {
  where: Where;
  /** States of jobs that are meant and that the action can be done to, in the order in which jobs pass them: none is missed that moves. */
  states: readonly JobState[];
}

/** What each action can be done to, in the order of a job's life. */
const STATES: Readonly<Record<BulkAction, readonly JobState[]>> = {
  retry: ['dead'],
  cancel: ['scheduled', 'parked', 'ready', 'active'],
  remove: ['scheduled', 'parked', 'ready', 'completed', 'cancelled', 'dead'],
  promote: ['scheduled'],
};

const ACTIONS = Object.keys(STATES) as BulkAction[];
const KEYS = ['where', 'action', 'rate', 'stopIf', 'dryRun'];
const LEAST_RATE = 0.01;
const HIGHEST_RATE = 100_000;
const MOST_AFTER = 1000;
const DEFAULT_AFTER = 20;

/** @throws WhereSyntaxError, RedactedFieldError, InvalidValueError, UnknownOptionError */
export function readBulkOptions(
  given: unknown,
  redactor: Redactor | undefined,
): { request: BulkRequest; plan: BulkPlan; dryRun: boolean } {
  requireObject(given, 'options of bulk', 'pass an object such as { where: "state:dead name:send", action: "retry" }');
  // One that is there and undefined would mean another jobs, or all at once.
  refuseUnknownKeys(given, KEYS, 'bulk', KEYS);
  const { where, action: givenAction, rate, stopIf, dryRun } = given as BulkOptions;
  const action = readOneOf(givenAction, ACTIONS, 'action of bulk');
  if (action === undefined) throw new InvalidValueError('action of bulk', action, `use one of: ${ACTIONS.join(', ')}`);
  const request: BulkRequest = { where, action, rate: readRate(rate), stopIf: readStop(stopIf, action) };
  const plan = planOf(request, redactor);
  if (plan.states.length === 0) {
    const remedy = `nothing in it can be done "${action}" to: name ${listOf(STATES[action])} as its state, or none`;
    throw new InvalidValueError('where of bulk', where, remedy);
  }
  return { request, plan, dryRun: readBoolean(dryRun, 'dryRun of bulk') ?? false };
}

/** @param redactor undefined for a request that another process has checked @throws WhereSyntaxError, RedactedFieldError */
function planOf(request: BulkRequest, redactor: Redactor | undefined): BulkPlan {
  const where = readWhere(request.where, redactor);
  return { ...request, where, states: STATES[request.action].filter((state) => where.states.includes(state)) };
}

/** @throws Error for what a newer version stored and this one does not know */
export function readStoredRequest(text: string): BulkPlan {
  const request = JSON.parse(text) as BulkRequest;
  if (!ACTIONS.includes(request.action)) {
    throw new InvalidValueError('action of bulk', request.action, 'another version of this package knows it');
  }
  return planOf(request, undefined);
}

function readRate(rate: unknown): number | undefined {
  if (rate === undefined) return undefined;
  if (typeof rate === 'number' && rate >= LEAST_RATE && rate <= HIGHEST_RATE) return rate;
  const remedy = `use jobs a second, a number from ${LEAST_RATE} to ${HIGHEST_RATE}, or leave it out`;
  throw new InvalidValueError('rate of bulk', rate, remedy);
}

function readStop(given: unknown, action: BulkAction): Required<BulkStop> | undefined {
  if (given === undefined) return undefined;
  requireObject(given, 'stopIf of bulk', 'pass an object such as { failures: 0.2, after: 50 }');
  refuseUnknownKeys(given, ['failures', 'after'], 'stopIf of bulk', ['failures', 'after']);
  if (action !== 'retry') {
    throw new InvalidValueError(
      'stopIf of bulk',
      given,
      `leave it out: only retried jobs can fail again, and this is "${action}"`,
    );
  }
  const { failures, after } = given as BulkStop;
  if (!(typeof failures === 'number' && failures >= 0 && failures < 1)) {
    throw new InvalidValueError('failures in stopIf of bulk', failures, 'use a share from 0 to 0.99, such as 0.2');
  }
  return { failures, after: readCount(after, 'after in stopIf of bulk', 1, MOST_AFTER) ?? DEFAULT_AFTER };
}

function listOf(names: readonly string[]): string {
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;
}
