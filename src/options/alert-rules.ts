import { ALERT_RULE } from '../core/constants.js';
import type { Duration } from '../core/duration.js';
import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { isKeyName } from '../core/names.js';
import { readCount, readMs, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { refuseSurplus } from '../core/surplus-arguments.js';

/** All queues that some process of the prefix knew within 30 days. */
export const EVERY_QUEUE = '*';

export interface AlertOptions {
  /** How long the condition has to hold before the alert fires. Default 0; of `noWorkers` a minute. */
  for?: Duration;
  /** Default the function and its queue, such as `oldestReady:mail`. 1–128 printable ASCII characters without spaces. */
  name?: string;
}

export interface DeadRateOptions extends AlertOptions {
  /** Jobs that must have ended within the window, 1 to 1,000,000. Default 10. */
  least?: number;
}

/** One rule of `alerts`, made by `oldestReady`, `oldestDead`, `deadRate`, `noWorkers`, `scheduleLate`, `memory` or `silence`. */
export type AlertRule = Readonly<
  { name: string; /** `*`: every queue; `''`: none. */ queue: string; forMs: number; [ALERT_RULE]: true } & (
    | { kind: 'oldestReady' | 'oldestDead' | 'scheduleLate' | 'silence'; ms: number }
    | { kind: 'deadRate'; share: number; windowMs: number; least: number }
    | { kind: 'noWorkers' }
    | { kind: 'memory'; share: number }
  )
>;

/** Rules of an app: each is looked at every ten seconds, for each of its queues. */
const MOST_RULES = 50;
const LEAST_DEAD_RATE = 10;
const MOST_JOBS = 1_000_000;
/** A step of the history. */
const LEAST_WINDOW_MS = 60_000;
/** As far as the history reaches; `silence` looks twice as far back. */
const LONGEST_WINDOW_MS = 29 * 86_400_000;
const LONGEST_SILENCE_MS = 14 * 86_400_000;
const NO_WORKERS_FOR_MS = 60_000;
const RULE_NAME = /^[\x21-\x7e]{1,128}$/;
const KEYS = ['for', 'name'];

/**
 * Fires while a job of the queue has been ready, or due, for as long as `age`. `value`: its age, ms. Of a job that failed before, the age
 * counts from its last failure.
 * @param queue a queue, or `'*'` for every queue of the prefix
 * @throws InvalidValueError, UnknownOptionError
 */
export function oldestReady(queue: string, age: Duration, options?: AlertOptions): AlertRule {
  const call = `oldestReady(${shown(queue)})`;
  refuseSurplus([...arguments].slice(3), call);
  return { ...baseOf('oldestReady', queue, call, options), kind: 'oldestReady', ms: msOf(age, `age of ${call}`) };
}

/**
 * Fires while a dead job of the queue is as old as `age`: nobody has retried or removed it. `value`: since it died, ms.
 * @param queue a queue, or `'*'` for every queue of the prefix
 * @throws InvalidValueError, UnknownOptionError
 */
export function oldestDead(queue: string, age: Duration, options?: AlertOptions): AlertRule {
  const call = `oldestDead(${shown(queue)})`;
  refuseSurplus([...arguments].slice(3), call);
  return { ...baseOf('oldestDead', queue, call, options), kind: 'oldestDead', ms: msOf(age, `age of ${call}`) };
}

/**
 * Fires while of the jobs that completed or died within `window` at least this share died. `value`: that share.
 * @param queue a queue, or `'*'` for every queue of the prefix
 * @param share above 0, at most 1
 * @param window 1 minute to 29 days
 * @throws InvalidValueError, UnknownOptionError
 */
export function deadRate(queue: string, share: number, window: Duration, options?: DeadRateOptions): AlertRule {
  const call = `deadRate(${shown(queue)})`;
  refuseSurplus([...arguments].slice(4), call);
  const base = baseOf('deadRate', queue, call, options, [...KEYS, 'least']);
  return {
    ...base,
    kind: 'deadRate',
    share: shareOf(share, `share of ${call}`),
    windowMs: msOf(window, `window of ${call}`, LEAST_WINDOW_MS, LONGEST_WINDOW_MS),
    least: readCount(options?.least, `least in ${call}`, 1, MOST_JOBS) ?? LEAST_DEAD_RATE,
  };
}

/**
 * Fires while no process works on the queue, and jobs wait there. `value`: how many do.
 * @param queue a queue, or `'*'` for every queue of the prefix
 * @throws InvalidValueError, UnknownOptionError
 */
export function noWorkers(queue: string, options?: AlertOptions): AlertRule {
  const call = `noWorkers(${shown(queue)})`;
  refuseSurplus([...arguments].slice(2), call);
  const base = baseOf('noWorkers', queue, call, options);
  return { ...base, kind: 'noWorkers', forMs: options?.for === undefined ? NO_WORKERS_FOR_MS : base.forMs };
}

/**
 * Fires while a tick of a schedule of the queue has been due for as long as `late`. `value`: how late it is, ms.
 * @param queue a queue, or `'*'` for every queue of the prefix
 * @throws InvalidValueError, UnknownOptionError
 */
export function scheduleLate(queue: string, late: Duration, options?: AlertOptions): AlertRule {
  const call = `scheduleLate(${shown(queue)})`;
  refuseSurplus([...arguments].slice(3), call);
  return { ...baseOf('scheduleLate', queue, call, options), kind: 'scheduleLate', ms: msOf(late, `late of ${call}`) };
}

/**
 * Fires while Redis uses at least this share of its `maxmemory`; without `maxmemory` never. `value`: the share.
 * @param share above 0, at most 1
 * @throws InvalidValueError, UnknownOptionError
 */
export function memory(share: number, options?: AlertOptions): AlertRule {
  refuseSurplus([...arguments].slice(2), 'memory');
  return { ...baseOf('memory', '', 'memory', options), kind: 'memory', share: shareOf(share, 'share of memory') };
}

/**
 * Fires while no job of the queue has completed for as long as `time`. `value`: since the last one completed, ms, by the steps of the
 * history.
 * @param queue a queue, or `'*'` for every queue of the prefix
 * @param time 1 minute to 14 days
 * @throws InvalidValueError, UnknownOptionError
 */
export function silence(queue: string, time: Duration, options?: AlertOptions): AlertRule {
  const call = `silence(${shown(queue)})`;
  refuseSurplus([...arguments].slice(3), call);
  const ms = msOf(time, `time of ${call}`, LEAST_WINDOW_MS, LONGEST_SILENCE_MS);
  return { ...baseOf('silence', queue, call, options), kind: 'silence', ms };
}

/** @throws InvalidValueError, ConfigurationError */
export function readAlerts(given: unknown): readonly AlertRule[] {
  if (given === undefined) return [];
  if (!Array.isArray(given))
    throw new InvalidValueError('alerts', given, "pass an array such as [oldestReady('mail', '2m')]");
  if (given.length > MOST_RULES) throw new InvalidValueError('alerts', given, `use at most ${MOST_RULES} rules`);
  const rules = new Map<string, AlertRule>();
  for (const [index, each] of given.entries()) {
    if (!isRule(each)) {
      throw new InvalidValueError(
        `alerts[${index}]`,
        each,
        "make each rule by a function, such as oldestReady('mail', '2m')",
      );
    }
    if (rules.has(each.name)) {
      throw new ConfigurationError(
        `alerts has two rules of the name "${each.name}", which would be one alert. Give one of them another name: { name: "…" }.`,
      );
    }
    rules.set(each.name, each);
  }
  return [...rules.values()];
}

type Base = Pick<AlertRule, 'name' | 'queue' | 'forMs' | typeof ALERT_RULE>;

function baseOf(kind: string, queue: unknown, call: string, given: unknown, keys: readonly string[] = KEYS): Base {
  const target = kind === 'memory' ? '' : queueOf(queue, call);
  if (given !== undefined) {
    requireObject(given, `options of ${call}`, 'pass an object such as { for: "1m" }');
    refuseUnknownKeys(given, keys, call, ['name']);
  }
  const { for: time, name } = (given ?? {}) as AlertOptions;
  if (name !== undefined && (typeof name !== 'string' || !RULE_NAME.test(name))) {
    throw new InvalidValueError(
      `name in ${call}`,
      name,
      'use a text of 1–128 printable ASCII characters without spaces',
    );
  }
  return {
    name: name ?? (target === '' ? kind : `${kind}:${target}`),
    queue: target,
    forMs: readMs(time, `for in ${call}`, 0) ?? 0,
    [ALERT_RULE]: true,
  };
}

function queueOf(given: unknown, call: string): string {
  if (given === EVERY_QUEUE || isKeyName(given)) return given;
  throw new InvalidValueError(
    `queue of ${call}`,
    given,
    'name one queue, or write "*" for every queue: there are no other patterns',
  );
}

function msOf(given: unknown, what: string, least = 1, most = Infinity): number {
  const ms = readMs(given, what, least, most);
  if (ms === undefined) throw new InvalidValueError(what, given, 'pass a duration such as "5m"');
  return ms;
}

function shareOf(given: unknown, what: string): number {
  if (typeof given === 'number' && given > 0 && given <= 1) return given;
  throw new InvalidValueError(what, given, 'use a number above 0, at most 1: 0.05 is 5 %');
}

function isRule(value: unknown): value is AlertRule {
  return typeof value === 'object' && value !== null && ALERT_RULE in value;
}

/** For the names of calls in errors. */
function shown(queue: unknown): string {
  return typeof queue === 'string' ? `"${queue.slice(0, 64)}"` : '…';
}
