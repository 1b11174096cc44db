import { describe, expect, it } from '@jest/globals';
import { jsonCodec, type Codec } from '../../src/core/codec.js';
import { decodeEnvelope } from '../../src/core/envelope.js';
import type { ScheduledJob } from '../../src/core/ports/timetable.js';
import { uniqueKeyOf } from '../../src/core/unique-key.js';
import { MOST_MADE_UP, Schedule } from '../../src/schedules/rule/schedule.js';
import type { ScheduleDeclaration } from '../../src/schedules/rule/declaration.js';
import { decodeSpec } from '../../src/schedules/rule/spec.js';

const NOON = Date.parse('2026-06-01T12:00:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const making = { codec: jsonCodec };

const declaration = (changes: Partial<ScheduleDeclaration> = {}): ScheduleDeclaration => ({
  name: 'digest',
  queue: 'cron',
  label: 'MailService.digest',
  rule: { kind: 'cron', expression: '* * * * *', timeZone: 'UTC' },
  missed: 'once',
  overlap: 'allow',
  jitterMs: 0,
  pauseOnFailure: false,
  scope: 'cluster',
  disabled: false,
  payload: undefined,
  job: {},
  ...changes,
});
const create = (changes: Partial<ScheduleDeclaration> = {}) =>
  Schedule.declared(declaration(changes), jsonCodec, 100_000);
const everyMs = (ms: number, changes: Partial<ScheduleDeclaration> = {}) =>
  create({ rule: { kind: 'interval', everyMs: ms }, missed: 'skip', ...changes });

/** What firing the tick at noon means `lateMs` later: minutes of its jobs' ticks, and what was missed. */
const fireAfter = (schedule: Schedule, lateMs: number, fired = 0) => {
  const fire = schedule.fire({ tick: NOON, fired }, NOON + lateMs, making);
  return {
    ticks: fire.jobs.map(({ scheduledFor }) => (scheduledFor - NOON) / MINUTE),
    missed: fire.missed,
    next: fire.nextTick === undefined ? undefined : (fire.nextTick - NOON) / MINUTE,
  };
};

describe('missed ticks', () => {
  it.each<[string, Partial<ScheduleDeclaration>, number, object]>([
    ['once: one for all', {}, 5 * HOUR, { ticks: [300], missed: 300, next: 301 }],
    ['once within a window', { windowMs: MINUTE }, 30 * SECOND, { ticks: [0], missed: 0, next: 1 }],
    ['once, too late for its window', { windowMs: 5 * SECOND }, 90 * SECOND, { ticks: [], missed: 2, next: 2 }],
    ['skip: a little late', { missed: 'skip' }, 10 * SECOND, { ticks: [0], missed: 0, next: 1 }],
    ['skip: too late', { missed: 'skip' }, 11 * SECOND, { ticks: [], missed: 1, next: 1 }],
    ['skip: the last is not', { missed: 'skip' }, 3 * MINUTE, { ticks: [3], missed: 3, next: 4 }],
    ['skip with a window', { missed: 'skip', windowMs: MINUTE }, 59 * SECOND, { ticks: [0], missed: 0, next: 1 }],
    ['all', { missed: 'all' }, 3 * MINUTE, { ticks: [0, 1, 2, 3], missed: 0, next: 4 }],
    ['all with a window', { missed: 'all', windowMs: MINUTE }, 3 * MINUTE, { ticks: [2, 3], missed: 2, next: 4 }],
    ['all with a limit', { missed: 'all', limit: 3 }, 9 * MINUTE, { ticks: [0, 1, 2], missed: 0, next: 10 }],
    ['all, one at a time', { missed: 'all', overlap: 'skip' }, 3 * MINUTE, { ticks: [3], missed: 3, next: 4 }],
    [
      'all, one of a unique key',
      { missed: 'all', job: { unique: { key: 'a' } } },
      3 * MINUTE,
      { ticks: [3], missed: 3, next: 4 },
    ],
    ['skip, held by a run', { missed: 'skip', overlap: 'queue-one' }, 90 * SECOND, { ticks: [1], missed: 1, next: 2 }],
  ])('%s', (_, changes, lateMs, expected) => {
    expect(fireAfter(create(changes), lateMs)).toEqual(expected);
  });

  it('of a day: the newest hour of them, at most a hundred, and the rest counted with the oldest', () => {
    const sparse = create({ rule: { kind: 'cron', expression: '*/5 * * * *', timeZone: 'UTC' }, missed: 'all' });
    const lateMs = 24 * HOUR + MINUTE;
    const fire = sparse.fire({ tick: NOON, fired: 0 }, NOON + lateMs, making);
    expect(fire.jobs.map(({ scheduledFor }) => (NOON + 24 * HOUR - scheduledFor) / MINUTE)).toEqual([
      55, 50, 45, 40, 35, 30, 25, 20, 15, 10, 5, 0,
    ]);
    expect(fire.missed).toBe(24 * 12 + 1 - 12);
    const headers = fire.jobs.map(({ envelope }) => decodeEnvelope(envelope).header.c!.missed);
    expect(headers).toEqual([fire.missed, ...Array.from({ length: 11 }, () => 0)]);

    const dense = everyMs(SECOND, { missed: 'all' }).fire({ tick: NOON, fired: 0 }, NOON + HOUR, making);
    expect(dense.jobs).toHaveLength(MOST_MADE_UP);
    expect(dense.jobs.at(-1)).toMatchObject({ scheduledFor: NOON + HOUR, userId: `cron~digest~${NOON + HOUR}` });
  });

  it('of a limit count what was fired before', () => {
    expect(fireAfter(create({ missed: 'all', limit: 5 }), 9 * MINUTE, 4)).toMatchObject({ ticks: [0] });
  });

  it('with big payloads are made up for in parts', () => {
    const schedule = create({ missed: 'all', payload: 'x'.repeat(90_000) });
    const first = schedule.fire({ tick: NOON, fired: 0 }, NOON + 20 * MINUTE, making);
    expect(first.jobs).toHaveLength(11);
    expect(first.nextTick).toBe(NOON + 11 * MINUTE);
    const second = schedule.fire({ tick: first.nextTick!, fired: 11 }, NOON + 20 * MINUTE, making);
    expect(second.jobs).toHaveLength(10);
    expect(second.nextTick).toBe(NOON + 21 * MINUTE);
  });
});

describe('jitter', () => {
  const lookAts = (changes: Partial<ScheduleDeclaration>) => {
    const schedule = create(changes);
    return Array.from({ length: 50 }, (_, minute) => {
      const { nextTick, lookAt } = schedule.fire(
        { tick: NOON + minute * MINUTE, fired: 0 },
        NOON + minute * MINUTE,
        making,
      );
      return lookAt! - nextTick!;
    });
  };

  it('has a place of its own for each tick, the same on every instance', () => {
    const places = lookAts({ jitterMs: 30 * SECOND });
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...places)).toBeLessThan(30 * SECOND);
    expect(new Set(places).size).toBeGreaterThan(45);
    expect(lookAts({ jitterMs: 30 * SECOND })).toEqual(places);
    expect(lookAts({ jitterMs: 30 * SECOND, name: 'other' })).not.toEqual(places);
  });

  it('never reaches the next tick', () => {
    expect(Math.max(...lookAts({ jitterMs: 5 * HOUR }))).toBeLessThan(MINUTE);
  });

  it('holds for the first tick, too, and is no lateness', () => {
    const schedule = create({ jitterMs: 50 * SECOND, missed: 'skip', windowMs: SECOND });
    const { nextTick, lookAt } = schedule.registration(NOON);
    expect(lookAt).toBeGreaterThan(nextTick! + SECOND);
    expect(schedule.fire({ tick: nextTick!, fired: 0 }, lookAt! + SECOND, making).jobs).toHaveLength(1);
    expect(schedule.fire({ tick: nextTick!, fired: 0 }, lookAt! + SECOND + 1, making).jobs).toHaveLength(0);
  });

  it('moves no scheduledFor', () => {
    const schedule = create({ jitterMs: 50 * SECOND });
    const { nextTick, lookAt } = schedule.registration(NOON);
    expect(schedule.fire({ tick: nextTick!, fired: 0 }, lookAt!, making).jobs[0].scheduledFor).toBe(nextTick);
  });
});

describe('the next ticks', () => {
  it('begin with the stored one', () => {
    expect(everyMs(MINUTE).upcoming(3, NOON, { nextTick: NOON + 7 })).toEqual(
      [7, MINUTE + 7, 2 * MINUTE + 7].map((ms) => NOON + ms),
    );
  });

  it('count from now where none is stored', () => {
    expect(create().upcoming(2, NOON + 1)).toEqual([NOON + MINUTE, NOON + 2 * MINUTE]);
  });

  it('end with the rule and its limit', () => {
    expect(create({ rule: { kind: 'date', at: NOON + 5 } }).upcoming(9, NOON)).toEqual([NOON + 5]);
    expect(create({ endAt: NOON + 2 * MINUTE }).upcoming(9, NOON)).toHaveLength(2);
    expect(create({ limit: 5 }).upcoming(9, NOON, { fired: 3 })).toHaveLength(2);
    expect(create({ limit: 5 }).upcoming(9, NOON, { fired: 5 })).toEqual([]);
  });
});

describe('a job beside the ticks', () => {
  it('has payload, options and name of a tick, and an id of its own', () => {
    const schedule = create({ name: 'n'.repeat(109), payload: { a: 1 }, job: { name: 'digest', priority: 3 } });
    const [one, other] = [schedule.extraJob(NOON, making), schedule.extraJob(NOON, making)];
    expect(one).toMatchObject({ scheduledFor: NOON, priority: 3 });
    expect(one.userId).not.toBe(other.userId);
    expect(one.userId).toHaveLength(128);
    expect(decodeEnvelope(one.envelope)).toMatchObject({
      userId: one.userId,
      payload: '{"a":1}',
      header: { n: 'digest', s: NOON, c: { name: schedule.name, missed: 0 } },
    });
  });
});

describe('a unique key', () => {
  const payload = { shop: 7, by: 'ada' };
  const of = ({ jobs: [{ uniqueKey, freeWhileRunning }] }: { jobs: readonly ScheduledJob[] }) => [
    uniqueKey,
    freeWhileRunning,
  ];
  const fire = (schedule: Schedule) => schedule.fire({ tick: NOON, fired: 0 }, NOON, making);

  it('stands behind the name of the job', () => {
    expect(of(fire(create()))).toEqual([undefined, undefined]);
    expect(of(fire(create({ job: { unique: { key: 'a' } } })))).toEqual(['digest a', undefined]);
    const job = { name: 'report', unique: { key: 'a', freeWhileRunning: true as const } };
    expect(of(fire(create({ job })))).toEqual(['report a', true]);
    expect(create({ job }).extraJob(NOON, making)).toMatchObject({ uniqueKey: 'report a', freeWhileRunning: true });
  });

  it('of fields is stored beside the payload: who fires it may be unable to decode that', () => {
    const codec: Codec = {
      encode: () => 'sealed',
      decode: () => {
        throw new Error('no key');
      },
    };
    const declared = (changes: Partial<ScheduleDeclaration>) => Schedule.declared(declaration(changes), codec, 1000);
    const job = { unique: { key: ['shop'] } };
    const schedule = Schedule.stored('cron', declared({ payload, job }).registration(NOON))!;
    const key = `digest ${uniqueKeyOf(['shop'], payload, 'cron', 'digest')}`;
    expect(of(schedule.fire({ tick: NOON, fired: 0 }, NOON, { codec }))).toEqual([key, undefined]);
    expect(of(fire(declared({ payload: { ...payload, shop: 8 }, job })))).not.toEqual([key, undefined]);
    expect(of(fire(declared({ payload: { ...payload, by: 'bob' }, job })))).toEqual([key, undefined]);
  });

  it('of fields needs a payload that has them', () => {
    const job = { unique: { key: ['shop'] } };
    expect(() => create({ job })).toThrow(/unique\.key in job in MailService\.digest.*Each tick has another CronTick/);
    expect(() => create({ job, payload: { by: 'ada' } })).toThrow(/shop: is a part of the unique key/);
  });
});

describe('the stored form', () => {
  it('is short where everything is default', () => {
    const { spec } = create().registration(NOON);
    expect(spec).toBe('{"v":1,"rule":{"kind":"cron","expression":"* * * * *","timeZone":"UTC"},"missed":"once"}');
  });

  const full: Partial<ScheduleDeclaration> = {
    missed: 'all',
    windowMs: 5000,
    overlap: 'queue-one',
    jitterMs: 10,
    startAt: NOON,
    endAt: NOON + HOUR,
    limit: 4,
    pauseOnFailure: true,
    payload: [1],
    job: {
      ...{ name: 'other', maxAttempts: 2, timeoutMs: 5, priority: 1, retention: { dead: false } },
      unique: { key: 'a', freeWhileRunning: true },
    },
  };

  it('brings everything back', () => {
    const declared = create(full);
    const registration = declared.registration(NOON);
    const stored = Schedule.stored('cron', registration)!;
    expect(stored.registration(NOON)).toEqual(registration);
    expect(stored.spec).toMatchObject({ ...full, payload: '[1]' });
    expect(stored.jobName).toBe('other');
    const now = NOON + 3 * MINUTE;
    expect(stored.fire({ tick: NOON, fired: 0 }, now, making)).toEqual(
      declared.fire({ tick: NOON, fired: 0 }, now, making),
    );
  });

  it('has the same hash in whatever order options were given, and another for each change', () => {
    const reversed = Object.fromEntries(
      Object.entries(declaration(full)).toReversed(),
    ) as unknown as ScheduleDeclaration;
    expect(Schedule.declared(reversed, jsonCodec, 1000).specHash).toBe(create(full).specHash);
    const changes: Partial<ScheduleDeclaration>[] = [
      {},
      ...Object.entries(full).map(([key, value]) => ({ [key]: value })),
      { rule: { kind: 'cron', expression: '* * * * *', timeZone: '+02:00' } },
      { rule: { kind: 'interval', everyMs: 1000 } },
      { rule: { kind: 'date', at: 1000 } },
      { rule: { kind: 'delay', delayMs: 1000 } },
      { payload: [2] },
      { job: { unique: { key: 'a' } } },
      { job: { unique: { key: 'b' } } },
    ];
    expect(new Set(changes.map((change) => create(change).specHash)).size).toBe(changes.length);
    // What says nothing about its ticks and jobs changes nothing.
    expect(create({ label: 'x', disabled: true, scope: 'instance' }).specHash).toBe(create().specHash);
  });

  it('knows the payload under a codec that never writes the same text twice', () => {
    let salt = 0;
    const codec: Codec = { encode: (value) => `${salt++}:${JSON.stringify(value)}`, decode: (text) => text };
    const hashOf = (payload: unknown) => Schedule.declared(declaration({ payload }), codec, 1000).specHash;
    expect(hashOf({ a: 1 })).toBe(hashOf({ a: 1 }));
    expect(hashOf({ a: 1 })).not.toBe(hashOf({ a: 2 }));
  });

  it.each([
    ['[]'],
    ['7'],
    ['{"v":1}'],
    ['{"v":1,"rule":{"kind":"cron","expression":"* * * * *"},"missed":"once"}'],
    ['{"v":1,"rule":{"kind":"date","at":"x"},"missed":"once"}'],
    ['{"v":1,"rule":{"kind":"date","at":5},"missed":"once","limit":"3"}'],
    ['{"v":1,"rule":{"kind":"date","at":5},"missed":"once","job":null}'],
    ['{"v":1,"rule":{"kind":"date","at":5},"missed":"once","overlap":"kill"}'],
  ])('%s is not one', (text) => {
    expect(decodeSpec(text)).toBeUndefined();
    expect(Schedule.stored('cron', { name: 'x', specHash: 'y', spec: text })).toBeUndefined();
  });

  it('with an expression that cannot be read is left to others', () => {
    const spec = '{"v":1,"rule":{"kind":"cron","expression":"61 * * * *","timeZone":"UTC"},"missed":"once"}';
    expect(decodeSpec(spec)).toBeDefined();
    expect(Schedule.stored('cron', { name: 'x', specHash: 'y', spec })).toBeUndefined();
  });
});
