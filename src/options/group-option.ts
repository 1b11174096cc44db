import type { GroupRule } from '../core/groups.js';
import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { isUserId } from '../core/names.js';
import { readBoolean, readCount, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { MOST_RUNNING, readRate, showRate, type Rate } from './limit-options.js';

/**
 * Whose job it is, such as a customer: groups take turns, however many jobs one has. A key is short for `{ key }`: 1–128 printable
 * ASCII characters without spaces and without `: { } * ? [ ] \` and backtick.
 */
export type GroupOption =
  | string
  | {
      key: string;
      /**
       * One job of the group at a time, in their order: no other ordered job of it starts before this one has ended, also while it
       * waits for its next attempt. Default false.
       */
      ordered?: boolean;
    };

/** What a job says of its group. */
export interface GroupRequest {
  key: string;
  ordered: boolean;
}

/** What `setGroup` says of one group. It replaces what was said before, whole. */
export interface GroupOptions {
  /** Its share of the turns, against 1 of every other group: 0.01 to 1000. Default 1. */
  weight?: number;
  /** Jobs of it that run at the same time in all processes together. Default: as `limits.groups` of the queue says. */
  concurrency?: number;
  /** Default: as `limits.groups` of the queue says. */
  rate?: Rate;
  /** None of its jobs starts. Default false. */
  paused?: boolean;
}

const KEY_REMEDY = 'use a text of 1–128 printable ASCII characters without spaces and without : { } * ? [ ] \\ `';
const LEAST_WEIGHT = 0.01;
const MOST_WEIGHT = 1000;
const RULE_KEYS = ['weight', 'concurrency', 'rate', 'paused'] as const;

/** @throws InvalidValueError */
export function checkGroupKey(given: unknown, what: string): string {
  if (isUserId(given)) return given;
  throw new InvalidValueError(what, given, KEY_REMEDY);
}

/** @throws InvalidValueError, UnknownOptionError */
export function readGroup(given: unknown, place: string): GroupRequest {
  const what = `group in ${place}`;
  if (typeof given !== 'object' || given === null) return { key: checkGroupKey(given, what), ordered: false };
  requireObject(given, what, "pass a key such as 'customer-17', or { key, ordered }");
  refuseUnknownKeys(given, ['key', 'ordered'], what, ['key']);
  const { key, ordered } = given as { key?: unknown; ordered?: unknown };
  return { key: checkGroupKey(key, `${what}: key`), ordered: readBoolean(ordered, `${what}: ordered`) ?? false };
}

/**
 * @param handler what takes jobs of many groups in one call; undefined: nothing that this process knows
 * @throws ConfigurationError
 */
export function refuseOrderInBatch(what: string, handler: string | undefined): void {
  if (handler === undefined) return;
  throw new ConfigurationError(
    `${what} is of an ordered group, whose jobs run one at a time, and ${handler} takes jobs of many groups in one call. ` +
      "Write batch: { …, by: 'group' } there, or leave ordered out.",
  );
}

/** @throws InvalidValueError, UnknownOptionError */
export function readGroupRule(given: unknown, what: string): GroupRule {
  requireObject(
    given,
    what,
    'pass { weight: 2 }, { concurrency: 1 }, { rate: { limit: 100, per: "1s" } } or { paused: true }',
  );
  refuseUnknownKeys(given, RULE_KEYS, what, RULE_KEYS);
  const { weight, concurrency, rate, paused } = given as Record<(typeof RULE_KEYS)[number], unknown>;
  return {
    weight: weight === undefined ? undefined : readWeight(weight, `${what}: weight`),
    running: readCount(concurrency, `${what}: concurrency`, 1, MOST_RUNNING),
    rate: rate === undefined ? undefined : readRate(rate, `${what}: rate`),
    paused: readBoolean(paused, `${what}: paused`),
  };
}

function readWeight(given: unknown, what: string): number {
  if (typeof given === 'number' && given >= LEAST_WEIGHT && given <= MOST_WEIGHT) return given;
  throw new InvalidValueError(what, given, `use a number from ${LEAST_WEIGHT} to ${MOST_WEIGHT}`);
}

/** As a user writes it. */
export function showGroupRule({ weight, running, rate, paused }: GroupRule): GroupOptions {
  return {
    ...(weight !== undefined && { weight }),
    ...(running !== undefined && { concurrency: running }),
    ...(rate && { rate: showRate(rate) }),
    ...(paused && { paused }),
  };
}
