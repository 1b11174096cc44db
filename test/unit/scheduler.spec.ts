import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { StoredJob } from '../../src/core/ports/curation.js';
import type { Store } from '../../src/core/ports/store.js';
import type { StoredSchedule, Timetable } from '../../src/core/ports/timetable.js';
import { jsonCodec, type Codec } from '../../src/core/codec.js';
import { decodeEnvelope, splitRecord } from '../../src/core/envelope.js';
import { InvalidPayloadError, PayloadTooLargeError } from '../../src/core/errors/enqueue-errors.js';
import { InvalidValueError } from '../../src/core/errors/option-errors.js';
import { BrokerUnavailableError } from '../../src/core/errors/store-errors.js';
import { Schedule } from '../../src/schedules/rule/schedule.js';
import type { ScheduleDeclaration } from '../../src/schedules/rule/declaration.js';
import { MemoryStore } from '../../src/memory/memory-store.js';
import { MovableClock } from '../../src/memory/memory-clock.js';
import { Scheduler, type SchedulerOptions } from '../../src/schedules/scheduler.js';
import { RecordingLogger } from '../support/recording-logger.js';

const NOON = Date.parse('2026-06-01T12:00:00Z');
const MINUTE = 60_000;

const declare = (changes: Partial<ScheduleDeclaration> = {}): ScheduleDeclaration => ({
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

const everyMs = (ms: number, changes: Partial<ScheduleDeclaration> = {}) =>
  declare({ rule: { kind: 'interval', everyMs: ms }, missed: 'skip', ...changes });

type SchedulerPorts = Pick<Store, 'connection' | 'notices' | 'timetable'>;

/** What a scheduler uses of a store, some of it in another way. */
function portsOf({ connection, notices, timetable }: Store, others: Partial<SchedulerPorts>): SchedulerPorts {
  return { connection, notices, timetable, ...others };
}

/** A store whose chosen verb of the timetable waits for `open` before it reaches the store: a process that is frozen in that call. */
function gate(store: Store, verb: keyof Timetable) {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  let entered = () => {};
  const reached = new Promise<void>((resolve) => (entered = resolve));
  const gated = new Proxy(store.timetable, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (typeof value !== 'function') return value;
      if (property !== verb) return value.bind(target) as unknown;
      return async (...given: unknown[]) => {
        entered();
        await opened;
        return (value as (...all: unknown[]) => unknown).apply(target, given);
      };
    },
  });
  return { store: portsOf(store, { timetable: gated }), open, reached };
}

describe('the scheduler', () => {
  let clock: MovableClock;
  let store: MemoryStore;
  let logger: RecordingLogger;
  const started: Scheduler[] = [];

  beforeEach(async () => {
    clock = new MovableClock(NOON);
    store = new MemoryStore({ clock });
    await store.connection.open();
    logger = new RecordingLogger();
  });

  afterEach(async () => {
    for (const scheduler of started.splice(0)) await scheduler.stop();
    await store.connection.close();
  });

  const create = (declarations: ScheduleDeclaration[], options: Partial<SchedulerOptions> = {}) => {
    const scheduler = new Scheduler({ store, declarations, logger, ...options });
    started.push(scheduler);
    return scheduler;
  };

  const start = async (declarations: ScheduleDeclaration[], options: Partial<SchedulerOptions> = {}) => {
    const scheduler = create(declarations, options);
    await scheduler.start();
    return scheduler;
  };

  /** What the store keeps, in the order of the names. */
  const kept = async (queue = 'cron'): Promise<StoredSchedule[]> =>
    (await store.timetable.list(queue, undefined, 500)).schedules.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const stored = async (queue = 'cron'): Promise<StoredJob[]> =>
    (await store.curation.list(queue, 'ready', undefined, 500)).jobs;
  const jobs = async (queue = 'cron') =>
    (await stored(queue)).map(({ record }) => decodeEnvelope(splitRecord(record).envelope));
  const ticks = async (queue = 'cron') => (await jobs(queue)).map(({ header }) => header.s! - NOON);

  /** Settles the oldest ready job as completed. */
  const workOne = async (call: number, settle = true) => {
    const turn = { worker: 'w', leaseMs: 8000, alone: true, adopt: undefined } as const;
    const { jobs: reserved } = await store.workers.settleAndReserve('cron', {
      ...turn,
      call,
      want: 1,
      settlements: [],
    });
    const finish = () =>
      store.workers.settleAndReserve('cron', {
        ...turn,
        call: call + 1,
        want: 0,
        settlements: reserved.map(({ id, token }) => ({
          op: 'complete' as const,
          id,
          token,
          result: '',
          keep: false as const,
        })),
      });
    if (settle) await finish();
    return finish;
  };

  it('registers at the start and fires nothing before the tick', async () => {
    const scheduler = await start([declare()]);
    expect(await kept()).toMatchObject([{ name: 'digest', nextTick: NOON + MINUTE, lastTick: undefined }]);
    clock.advance(MINUTE - 1);
    await scheduler.runOnce();
    expect(await jobs()).toEqual([]);
    clock.advance(1);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
  });

  describe('on a host whose clock is set', () => {
    const HOUR = 60 * MINUTE;
    const hourly = (timeZone = 'UTC') => declare({ rule: { kind: 'cron', expression: '0 * * * *', timeZone } });

    afterEach(() => void jest.restoreAllMocks());

    it.each([
      ['UTC', NOON],
      // Half an hour before clocks go forward, and before they go back.
      ['Europe/Berlin', Date.parse('2026-03-29T00:30:00Z')],
      ['Europe/Berlin', Date.parse('2026-10-25T00:30:00Z')],
    ])('ticks by the new time, forward and back, each tick once: %s from %d', async (timeZone, from) => {
      const begun = from - (from % HOUR);
      const host = jest.spyOn(Date, 'now').mockReturnValue(begun);
      await store.connection.close();
      store = new MemoryStore();
      await store.connection.open();
      const scheduler = await start([hourly(timeZone)]);
      const ticksAt = async (at: number): Promise<number[]> => {
        host.mockReturnValue(begun + at);
        await scheduler.runOnce();
        return (await jobs()).map(({ header }) => ((header.s ?? 0) - begun) / HOUR);
      };
      expect(await ticksAt(30 * MINUTE)).toEqual([]);
      expect(await ticksAt(HOUR + 30 * MINUTE)).toEqual([1]); // an hour forward
      expect(await ticksAt(2 * HOUR)).toEqual([1, 2]);
      expect(await ticksAt(HOUR + MINUTE)).toEqual([1, 2]); // most of an hour back
      expect(await ticksAt(2 * HOUR + MINUTE)).toEqual([1, 2]); // it came before
      expect(await ticksAt(3 * HOUR - 1)).toEqual([1, 2]);
      expect(await ticksAt(3 * HOUR)).toEqual([1, 2, 3]);
    });

    it('is woken by the scan when what it slept for has come', async () => {
      const host = jest.spyOn(Date, 'now').mockReturnValue(NOON);
      await store.connection.close();
      store = new MemoryStore();
      await store.connection.open();
      const scheduler = await start([hourly()]);
      host.mockReturnValue(NOON + HOUR + MINUTE);
      const fired = new Promise<void>((resolve) => {
        void store.notices.onEvents('cron', () => resolve());
      });
      const { nextLookAt, now } = await store.duties.reclaim('cron', 8000);
      scheduler.expect('cron', nextLookAt, now);
      await fired;
      expect(await ticks()).toEqual([HOUR]);
    });
  });

  it('makes a job with the name, the id, the tick and a CronTick', async () => {
    const scheduler = await start([declare()]);
    clock.advance(MINUTE + 250);
    await scheduler.runOnce();
    const scheduledFor = NOON + MINUTE;
    expect(await jobs()).toEqual([
      {
        enqueuedAt: scheduledFor + 250,
        userId: `cron~digest~${scheduledFor}`,
        header: { n: 'digest', s: scheduledFor, c: { name: 'digest', missed: 0 } },
        payload: JSON.stringify({ schedule: 'digest', scheduledFor, missed: 0 }),
      },
    ]);
  });

  it('gives the job the declared payload and options', async () => {
    const backoff = { type: 'fixed', delayMs: 5, maxMs: 5, jitter: 0 };
    const retention = { dead: false } as const;
    const job = {
      ...{ maxAttempts: 7, backoff, timeoutMs: 900, priority: 4, retention },
      ...{ retryForMs: 60_000, expiresInMs: 1000, dropsExpired: true },
    };
    const scheduler = await start([declare({ queue: 'mail', payload: { tenant: [] }, job })]);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    const [made] = await jobs('mail');
    expect(made.payload).toBe('{"tenant":[]}');
    expect(made.header).toMatchObject({
      m: 7,
      w: 60_000,
      b: backoff,
      t: 900,
      x: clock.now() + 1000,
      y: 1,
      p: 4,
      r: retention,
    });
  });

  it('writes what the queue says about priority and expiry, where the schedule says nothing', async () => {
    const scheduler = await start([declare(), declare({ name: 'own', job: { priority: 0 } })], {
      jobOptionsOf: () => ({ priority: 9, expiresInMs: 50 }),
    });
    clock.advance(MINUTE);
    await scheduler.runOnce();
    const headers = Object.fromEntries((await jobs()).map(({ header }) => [header.n, header]));
    expect(headers.digest).toMatchObject({ p: 9, x: clock.now() + 50 });
    expect(headers.own.p).toBeUndefined();
  });

  it('fires one job for all missed ticks, and counts them', async () => {
    const scheduler = await start([declare()]);
    clock.advance(5 * MINUTE + 1000);
    await scheduler.runOnce();
    const [job, ...others] = await jobs();
    expect(others).toEqual([]);
    expect(job.header).toMatchObject({ s: NOON + 5 * MINUTE, c: { name: 'digest', missed: 4 } });
    expect(JSON.parse(job.payload)).toMatchObject({ scheduledFor: NOON + 5 * MINUTE, missed: 4 });
    expect((await kept())[0].nextTick).toBe(NOON + 6 * MINUTE);
  });

  it('skips missed ticks of an interval and keeps its phase', async () => {
    const scheduler = await start([everyMs(MINUTE)]);
    clock.advance(5 * MINUTE + 30_000);
    await scheduler.runOnce();
    expect(await jobs()).toEqual([]);
    clock.advance(30_000);
    await scheduler.runOnce();
    expect(await ticks()).toEqual([6 * MINUTE]);
  });

  it('fires an interval that is only a little late', async () => {
    const scheduler = await start([everyMs(MINUTE)]);
    clock.advance(MINUTE + 9000);
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
    expect((await kept())[0].nextTick).toBe(NOON + 2 * MINUTE);
  });

  it('never postpones a tick by a restart with the same rule', async () => {
    const first = await start([everyMs(MINUTE)]);
    await first.stop();
    clock.advance(MINUTE / 2);
    const second = await start([everyMs(MINUTE)]);
    expect((await kept())[0].nextTick).toBe(NOON + MINUTE);
    clock.advance(MINUTE / 2);
    await second.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
  });

  it.each<[string, Partial<ScheduleDeclaration>]>([
    ['rule', { rule: { kind: 'interval', everyMs: 2 * MINUTE } }],
    ['zone', { rule: { kind: 'cron', expression: '* * * * *', timeZone: 'Europe/Berlin' } }],
    ['payload', { payload: 1 }],
    ['job options', { job: { maxAttempts: 1 } }],
    ['overlap', { overlap: 'skip' }],
  ])('counts from now when the %s has changed', async (_, changes) => {
    await (await start([declare()])).stop();
    clock.advance(MINUTE / 2);
    await start([declare(changes)]);
    expect(await jobs()).toEqual([]);
    expect((await kept())[0].nextTick).toBeGreaterThan(clock.now());
    expect(logger.lines.some((line) => line.includes('has changed'))).toBe(true);
  });

  it('first fires what had come by the rule that it replaces', async () => {
    const old = declare({ missed: 'all', payload: 'old' });
    await (await start([old, declare({ name: 'jittered', jitterMs: MINUTE })])).stop();
    clock.advance(3 * MINUTE);
    const changes = { payload: 'new' };
    await start([declare(changes), declare({ name: 'jittered', ...changes })]);
    expect((await jobs()).map(({ header, payload }) => [header.n, header.s! - NOON, payload])).toEqual([
      ['digest', MINUTE, '"old"'],
      ['digest', 2 * MINUTE, '"old"'],
      ['digest', 3 * MINUTE, '"old"'],
      ['jittered', 3 * MINUTE, expect.stringContaining('"missed":2')],
    ]);
    expect(await kept()).toMatchObject([
      { name: 'digest', nextTick: NOON + 4 * MINUTE, fired: 0 },
      { name: 'jittered', nextTick: NOON + 4 * MINUTE, fired: 0 },
    ]);
  });

  it('replaces a rule whose tick waits for a run, and one that nobody here can read', async () => {
    await (await start([declare({ overlap: 'queue-one' })])).stop();
    clock.advance(MINUTE);
    await start([]);
    await store.timetable.register('cron', { name: 'strange', specHash: 'x', spec: '{', nextTick: clock.now() });
    const running = await start([declare({ name: 'other' })], { queues: ['cron'] });
    await running.runOnce();
    clock.advance(MINUTE);
    await start([declare({ payload: 'new' }), declare({ name: 'strange' })]);
    expect((await kept()).map(({ name, nextTick }) => [name, nextTick])).toEqual([
      ['digest', NOON + 3 * MINUTE],
      ['other', NOON + 3 * MINUTE],
      ['strange', NOON + 3 * MINUTE],
    ]);
    expect((await jobs()).filter(({ header }) => header.n === 'digest')).toHaveLength(1);
  });

  it('knows an unchanged rule under a codec that never writes the same text twice', async () => {
    let salt = 0;
    const codec: Codec = { encode: (value) => `${salt++}:${JSON.stringify(value)}`, decode: (text) => text };
    await (await start([declare({ payload: { a: 1 } })], { codec })).stop();
    clock.advance(MINUTE / 2);
    await start([declare({ payload: { a: 1 } })], { codec });
    expect(logger.lines.some((line) => line.includes('has changed'))).toBe(false);
    expect((await kept())[0].nextTick).toBe(NOON + MINUTE);
  });

  it('neither registers nor fires a disabled schedule, and leaves it to instances that have it enabled', async () => {
    const disabled = await start([declare({ disabled: true }), declare({ name: 'other' })]);
    expect((await kept()).map(({ name }) => name)).toEqual(['other']);
    const enabled = await start([declare()]);
    clock.advance(MINUTE);
    await disabled.runOnce();
    expect((await jobs()).map(({ header }) => header.n)).toEqual(['other']);
    await enabled.runOnce();
    expect((await jobs()).map(({ header }) => header.n)).toEqual(['other', 'digest']);
  });

  it('fires rules that other code declared, as they are stored', async () => {
    await (await start([declare({ name: 'theirs', payload: { of: 'them' }, job: { maxAttempts: 9 } })])).stop();
    const scheduler = await start([declare({ name: 'mine' })]);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    const theirs = (await jobs()).find(({ header }) => header.n === 'theirs')!;
    expect(theirs).toMatchObject({ payload: '{"of":"them"}', header: { m: 9 } });
  });

  it('fires the stored rule after another deployment has replaced its own', async () => {
    const old = await start([declare({ payload: 'old' })]);
    await (await start([declare({ payload: 'new' })])).stop();
    clock.advance(MINUTE);
    await old.runOnce();
    expect((await jobs()).map(({ payload }) => payload)).toEqual(['"new"']);
  });

  it.each([
    [
      'a later version',
      '{"v":2,"rule":{"kind":"cron","expression":"* * * * *","timeZone":"UTC"},"missed":"once","overlap":"allow","job":{}}',
    ],
    ['an unknown kind', '{"v":1,"rule":{"kind":"moon"},"missed":"once","overlap":"allow","job":{}}'],
    [
      'a rule that is none',
      '{"v":1,"rule":{"kind":"interval","everyMs":0},"missed":"once","overlap":"allow","job":{}}',
    ],
    ['a policy it does not know', '{"v":1,"rule":{"kind":"interval","everyMs":1000},"missed":"some"}'],
    ['broken JSON', '{'],
    ['null', 'null'],
  ])('leaves %s to others, says so once, and fires the rest', async (_, spec) => {
    await store.timetable.register('cron', { name: 'strange', specHash: 'x', spec, nextTick: NOON + 1 });
    const scheduler = await start([declare()]);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
    expect((await kept()).find(({ name }) => name === 'strange')?.nextTick).toBe(NOON + 1);
    expect(logger.lines.filter((line) => line.includes('"strange"'))).toHaveLength(1);
  });

  it('does not starve behind more unreadable rules than one page holds', async () => {
    for (let number = 0; number < 150; number++) {
      await store.timetable.register('cron', { name: `s${number}`, specHash: 'x', spec: '{', nextTick: NOON + 1 });
    }
    const scheduler = await start([declare()]);
    clock.advance(MINUTE);
    await scheduler.runOnce(); // learns what it must leave
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
  });

  it('warns about a rule without a further tick', async () => {
    await start([declare({ rule: { kind: 'cron', expression: '0 0 0 1 1 * 2020', timeZone: 'UTC' } })]);
    expect(await kept()).toMatchObject([{ name: 'digest', status: 'ended', nextTick: undefined }]);
    expect(logger.lines).toEqual(['warn: Schedule "digest" has no tick after now: it is stored as ended.']);
  });

  it('ends a rule with its last tick', async () => {
    const scheduler = await start([
      declare({ rule: { kind: 'cron', expression: '0 0 13 1 6 * 2026', timeZone: 'UTC' } }),
    ]);
    clock.advance(60 * MINUTE);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(await ticks()).toEqual([60 * MINUTE]);
    expect(await store.timetable.due('cron', 10)).toMatchObject({ due: [], nextLookAt: undefined });
  });

  it('fires a Date once, and never again after a restart', async () => {
    const date = () => declare({ rule: { kind: 'date', at: NOON + MINUTE } });
    const scheduler = await start([date()]);
    clock.advance(5 * MINUTE);
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
    expect(await kept()).toMatchObject([{ status: 'ended', fired: 1 }]);
    await start([date()]);
    expect(await ticks()).toEqual([MINUTE]);
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('fires a delay once in all, counted from the first registration', async () => {
    const delay = () => declare({ rule: { kind: 'delay', delayMs: MINUTE } });
    const first = await start([delay()]);
    clock.advance(MINUTE / 2);
    const second = await start([delay()]);
    clock.advance(MINUTE / 2);
    await Promise.all([first.runOnce(), second.runOnce()]);
    expect(await ticks()).toEqual([MINUTE]);
  });

  it('fires within startAt and endAt', async () => {
    const scheduler = await start([declare({ startAt: NOON + 3 * MINUTE, endAt: NOON + 5 * MINUTE })]);
    for (let minute = 1; minute <= 8; minute++) {
      clock.advance(MINUTE);
      await scheduler.runOnce();
    }
    expect(await ticks()).toEqual([3, 4, 5].map((minute) => minute * MINUTE));
    expect(await kept()).toMatchObject([{ status: 'ended' }]);
  });

  it('ends with the last job of its limit, also when several come at once', async () => {
    const scheduler = await start([declare({ limit: 5, missed: 'all' })]);
    clock.advance(3 * MINUTE);
    await scheduler.runOnce();
    clock.advance(4 * MINUTE);
    await scheduler.runOnce();
    expect(await ticks()).toEqual([1, 2, 3, 4, 5].map((minute) => minute * MINUTE));
    expect(await kept()).toMatchObject([{ status: 'ended', fired: 5 }]);
  });

  it('makes up for every tick where it is asked to', async () => {
    const scheduler = await start([declare({ missed: 'all' })]);
    clock.advance(5 * MINUTE + 1000);
    await scheduler.runOnce();
    expect(await ticks()).toEqual([1, 2, 3, 4, 5].map((minute) => minute * MINUTE));
    expect((await jobs()).map(({ header }) => header.c?.missed)).toEqual([0, 0, 0, 0, 0]);
    expect((await kept())[0].nextTick).toBe(NOON + 6 * MINUTE);
  });

  it('fires a tick at its place in the jitter, every instance at the same', async () => {
    const jittered = () => declare({ jitterMs: 50_000 });
    const all = [await start([jittered()]), await start([jittered()])];
    const { nextLookAt } = await store.timetable.due('cron', 1);
    expect(nextLookAt).toBeGreaterThan(NOON + MINUTE);
    clock.advance(nextLookAt! - NOON - 1);
    await Promise.all(all.map((scheduler) => scheduler.runOnce()));
    expect(await jobs()).toEqual([]);
    clock.advance(1);
    await Promise.all(all.map((scheduler) => scheduler.runOnce()));
    expect(await ticks()).toEqual([MINUTE]);
  });

  it('fires more than one page in a turn of its loop and the ones that follow', async () => {
    const many = Array.from({ length: 130 }, (_, number) => declare({ name: `s${number}`, payload: number }));
    const scheduler = await start(many);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(new Set((await jobs()).map(({ payload }) => payload)).size).toBe(130);
  });

  it('is not held up by a schedule that its codec fails at', async () => {
    const codec: Codec = {
      encode: (value) => {
        if ((value as { schedule: string }).schedule === 'bad') throw new Error('no key');
        return JSON.stringify(value);
      },
      decode: (text) => JSON.parse(text) as unknown,
    };
    const scheduler = await start([declare({ name: 'bad' }), declare({ name: 'good' })], { codec });
    clock.advance(MINUTE);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect((await jobs()).map(({ header }) => header.n)).toEqual(['good']);
    expect(logger.lines.filter((line) => line.startsWith('error'))).toEqual([
      'error: Schedule "bad" cannot be fired here: Error: no key',
    ]);
  });

  it('gives the jobs the name that its options say', async () => {
    const scheduler = await start([declare({ name: 'tenant-7', job: { name: 'digest' } })]);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    expect((await jobs())[0].header).toMatchObject({ n: 'digest', c: { name: 'tenant-7', missed: 0 } });
  });

  describe('that queues one', () => {
    it('holds ticks while the job before has not settled, and makes one of them all', async () => {
      const scheduler = await start([everyMs(MINUTE, { overlap: 'queue-one' })]);
      clock.advance(MINUTE);
      await scheduler.runOnce();
      const finish = await workOne(1, false);
      for (let tick = 2; tick <= 4; tick++) {
        clock.advance(MINUTE);
        await store.workers.beat('cron', 'w', 8000);
        await scheduler.runOnce();
        expect(await jobs()).toEqual([]);
      }
      await finish();
      clock.advance(1000); // it was held a second ago
      await scheduler.runOnce();
      expect((await jobs()).map(({ header }) => [header.s! - NOON, header.c?.missed])).toEqual([[4 * MINUTE, 2]]);
    });

    it('makes one job of missed ticks, though each would get one without it', async () => {
      const scheduler = await start([declare({ overlap: 'queue-one', missed: 'all' })]);
      clock.advance(3 * MINUTE);
      await scheduler.runOnce();
      expect((await jobs()).map(({ header }) => [header.s! - NOON, header.c?.missed])).toEqual([[3 * MINUTE, 2]]);
    });
  });

  it('pauses a schedule whose job ended dead, and says how to go on', async () => {
    const scheduler = await start([declare({ pauseOnFailure: true })]);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    const turn = { worker: 'w', leaseMs: 8000, alone: true, adopt: undefined } as const;
    const { jobs: reserved } = await store.workers.settleAndReserve('cron', {
      ...turn,
      call: 1,
      want: 1,
      settlements: [],
    });
    await store.workers.settleAndReserve('cron', {
      ...turn,
      call: 2,
      want: 0,
      settlements: reserved.map(({ id, token }) => ({
        op: 'bury' as const,
        id,
        token,
        detail: '{"reason":"exhausted","message":"x"}',
        envelope: undefined,
        keep: { count: 10, ageMs: MINUTE * 60, bytes: 1e6 },
      })),
    });
    clock.advance(MINUTE);
    await scheduler.runOnce();
    expect(await jobs()).toEqual([]);
    expect(await kept()).toMatchObject([{ status: 'paused', pauseReason: 'failure' }]);
    expect(logger.lines.at(-1)).toContain('ScheduleService.resume("digest")');
  });

  describe('wakes', () => {
    /** Counts looks at the store. */
    const watched = () => {
      let looks = 0;
      let looked = () => {};
      const proxy = new Proxy(store.timetable, {
        get(target, property) {
          const value = Reflect.get(target, property, target) as unknown;
          if (typeof value !== 'function') return value;
          if (property === 'due') looks++;
          if (property === 'due') looked();
          return (value as (...all: unknown[]) => unknown).bind(target);
        },
      });
      return {
        store: portsOf(store, { timetable: proxy }),
        looks: () => looks,
        nextLook: () => new Promise<void>((resolve) => (looked = resolve)),
      };
    };
    const runtime = async (nextTick: number, queue = 'mail') => {
      const schedule = Schedule.declared(everyMs(MINUTE, { name: 'tenant-1', queue }), jsonCodec, 1000);
      await store.timetable.register(queue, { ...schedule.registration(clock.now()), nextTick });
    };

    it('for a schedule that is made elsewhere, in any queue that is served', async () => {
      const watch = watched();
      await start([], { store: watch.store, queues: ['mail'] });
      const look = watch.nextLook();
      await runtime(NOON);
      await look;
      await new Promise((resolve) => setImmediate(resolve));
      expect(await ticks('mail')).toEqual([0]);
    });

    it('when a scan tells of a nearer tick than it knows, or of one that nobody fired', async () => {
      const watch = watched();
      const scheduler = await start([], { store: watch.store, queues: ['mail'] });
      const look = watch.nextLook();
      scheduler.expect('mail', NOON + MINUTE, NOON);
      await look;
      const late = watch.nextLook();
      scheduler.expect('mail', NOON - 1000, NOON);
      await late;
      expect(watch.looks()).toBe(3);
    });

    it('for nothing else', async () => {
      await runtime(NOON + MINUTE);
      const watch = watched();
      const scheduler = await start([], { store: watch.store, queues: ['mail'] });
      const { length } = logger.lines;
      scheduler.expect('mail', NOON + MINUTE, NOON);
      scheduler.expect('mail', NOON + 2 * MINUTE, NOON);
      scheduler.expect('mail', undefined, NOON);
      scheduler.expect('other', NOON - MINUTE, NOON);
      await store.curation.setPaused('mail', true);
      await new Promise((resolve) => setImmediate(resolve));
      expect(watch.looks()).toBe(1);
      expect(logger.lines).toHaveLength(length);
    });
  });

  describe('announces', () => {
    const SECOND = 1000;
    /** Lets a minute and more pass with an announcement every 20 s. */
    const live = async (...all: Scheduler[]) => {
      for (let step = 0; step < 5; step++) {
        clock.advance(20 * SECOND);
        for (const scheduler of all) await scheduler.announceOnce();
      }
    };
    const removed = () => declare({ name: 'removed' });
    const isPaused = async () => (await kept()).find(({ name }) => name === 'removed')?.pauseReason === 'removed';

    it('so that what is removed from the code is paused and told', async () => {
      await (await start([declare(), removed()], { app: 'shop' })).stop();
      const scheduler = await start([declare()], { app: 'shop' });
      await live(scheduler);
      expect(await isPaused()).toBe(true);
      expect(logger.lines.at(-1)).toBe(
        'warn: Schedule "removed" of queue "cron" is paused: no instance of app "shop" declares it any more. ' +
          'Delete it with ScheduleService.remove("removed"), or declare it again and it goes on.',
      );
      await live(scheduler);
      expect(logger.lines.filter((line) => line.includes('"removed" of queue'))).toHaveLength(1);
    });

    it('so that it goes on, counted from now, when it is declared again', async () => {
      await (await start([declare(), removed()], { app: 'shop' })).stop();
      await live(await start([declare()], { app: 'shop' }));
      await start([declare(), removed()], { app: 'shop' });
      expect(await isPaused()).toBe(false);
      expect((await kept()).find(({ name }) => name === 'removed')!.nextTick).toBeGreaterThan(clock.now());
    });

    it('also the last one of its queue, by the app alone', async () => {
      await (await start([removed()], { app: 'shop' })).stop();
      const scheduler = await start([], { app: 'shop', queues: ['cron'] });
      await live(scheduler);
      expect(await isPaused()).toBe(true);
    });

    it('nothing where a queue has no schedules', async () => {
      let calls = 0;
      const proxy = new Proxy(store.timetable, {
        get(target, property) {
          const value = Reflect.get(target, property, target) as unknown;
          if (property === 'announce') calls++;
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
      await live(await start([], { app: 'shop', queues: ['mail'], store: portsOf(store, { timetable: proxy }) }));
      expect(calls).toBe(0);
    });

    it('and pauses nothing of another app, of run time, or that some instance still declares', async () => {
      const other = await start([declare({ name: 'theirs' })], { app: 'blog' });
      const schedule = Schedule.declared(declare({ name: 'runtime' }), jsonCodec, 1000);
      await store.timetable.register('cron', schedule.registration(NOON));
      const all = [await start([declare()], { app: 'shop' }), await start([removed()], { app: 'shop' })];
      await live(...all);
      await other.stop();
      await live(...all);
      expect((await kept()).map(({ name, status }) => [name, status])).toEqual([
        ['digest', 'active'],
        ['removed', 'active'],
        ['runtime', 'active'],
        ['theirs', 'active'],
      ]);
    });

    it('and registers again what the store has lost', async () => {
      const scheduler = await start([declare()], { app: 'shop' });
      await store.timetable.remove('cron', 'digest');
      await scheduler.announceOnce();
      await scheduler.runOnce();
      expect(await kept()).toMatchObject([{ name: 'digest', status: 'active' }]);
    });

    it('and never sets a newer deployment back, until a rollback has outlived it', async () => {
      const old = await start([declare({ payload: 'old' })], { app: 'shop' });
      const newer = await start([declare({ payload: 'new' })], { app: 'shop' });
      const [{ specHash }] = await kept();
      await live(old, newer);
      await old.runOnce();
      const restarted = await start([declare({ payload: 'old' })], { app: 'shop' });
      expect((await kept())[0].specHash).toBe(specHash);
      expect(logger.lines.filter((line) => line.includes('newer deployment'))).toHaveLength(2);
      await newer.stop();
      await live(restarted);
      await restarted.runOnce();
      expect((await kept())[0].specHash).not.toBe(specHash);
    });

    it('and tells once that a name was taken at run time', async () => {
      const schedule = Schedule.declared(declare({ payload: 'runtime' }), jsonCodec, 1000);
      await store.timetable.register('cron', schedule.registration(NOON));
      const scheduler = await start([declare()], { app: 'shop' });
      await live(scheduler);
      await scheduler.runOnce();
      expect(logger.lines.filter((line) => line.includes('made at run time'))).toHaveLength(1);
      expect((await kept())[0].specHash).toBe(schedule.specHash);
    });

    it('and tells once that another app declares the name, until that one has gone', async () => {
      const [shop, office] = [declare({ payload: 'shop' }), declare({ payload: 'office' })];
      const first = await start([shop], { app: 'shop' });
      const [{ specHash }] = await kept();
      const second = await start([office], { app: 'office' });
      await live(first, second);
      await second.runOnce();
      expect(logger.lines.filter((line) => line.includes('app "shop" declares one of that name, too'))).toHaveLength(1);
      expect(await kept()).toMatchObject([{ specHash, app: 'shop' }]);
      await first.stop();
      await live(second);
      await second.runOnce();
      expect(await kept()).toMatchObject([{ app: 'office' }]);
      expect((await kept())[0].specHash).not.toBe(specHash);
    });

    it('and says of a disabled one that it is disabled', async () => {
      await (await start([declare(), removed()], { app: 'shop' })).stop();
      const scheduler = await start([declare(), declare({ name: 'removed', disabled: true })], { app: 'shop' });
      await live(scheduler);
      expect(await isPaused()).toBe(true);
      expect(logger.lines.at(-1)).toContain('it is disabled in every instance');
    });
  });

  describe('that waits for completion', () => {
    it('skips ticks while the job before has not settled, over any number of ticks', async () => {
      const scheduler = await start([declare({ overlap: 'skip' })]);
      clock.advance(MINUTE);
      await scheduler.runOnce();
      const finish = await workOne(1, false);
      for (let tick = 2; tick <= 4; tick++) {
        clock.advance(MINUTE);
        await store.workers.beat('cron', 'w', 8000);
        await scheduler.runOnce();
        expect(await jobs()).toEqual([]);
      }
      await finish();
      clock.advance(MINUTE);
      await scheduler.runOnce();
      expect(await ticks()).toEqual([5 * MINUTE]);
    });

    it('finds the job before also after a gap', async () => {
      const scheduler = await start([declare({ overlap: 'skip' })]);
      clock.advance(3 * MINUTE);
      await scheduler.runOnce();
      clock.advance(MINUTE);
      await scheduler.runOnce();
      expect(await ticks()).toEqual([3 * MINUTE]);
    });

    it('goes on after a job that is settled and kept, or gone', async () => {
      const scheduler = await start([declare({ overlap: 'skip' })]);
      for (let tick = 1; tick <= 3; tick++) {
        clock.advance(MINUTE);
        await scheduler.runOnce();
        expect(await ticks()).toEqual([tick * MINUTE]);
        const [{ id }] = await stored();
        if (tick === 1) await store.curation.cancel('cron', id);
        else await store.curation.remove('cron', id);
      }
    });
  });

  describe('beside another', () => {
    it('fires each tick once', async () => {
      const all = await Promise.all(
        Array.from({ length: 5 }, () => start([declare(), everyMs(10_000, { name: 'often' })])),
      );
      for (let step = 0; step < 12; step++) {
        clock.advance(10_000);
        await Promise.all(all.map((scheduler) => scheduler.runOnce()));
      }
      const made = await jobs();
      expect(made.filter(({ header }) => header.n === 'digest')).toHaveLength(2);
      expect(made.filter(({ header }) => header.n === 'often')).toHaveLength(12);
      expect(new Set(made.map(({ userId }) => userId)).size).toBe(14);
    });

    it('that was frozen for ten seconds before it fired, fires no tick twice', async () => {
      const freezer = gate(store, 'fire');
      const frozen = await start([everyMs(1000)], { store: freezer.store });
      const other = await start([everyMs(1000)]);
      clock.advance(1000);
      const thawing = frozen.runOnce();
      await freezer.reached; // it has read the due tick, and stands still in front of the store
      for (let second = 0; second < 10; second++) {
        await other.runOnce();
        clock.advance(1000);
      }
      await other.runOnce();
      freezer.open();
      await thawing;
      await frozen.runOnce();
      expect(await ticks()).toEqual(Array.from({ length: 11 }, (_, index) => (index + 1) * 1000));
    });

    it('that was frozen while it fired, neither repeats nor loses the tick', async () => {
      // Both have read the tick; the second reaches the store first.
      const freezer = gate(store, 'fire');
      const frozen = await start([declare()], { store: freezer.store });
      const other = await start([declare()]);
      clock.advance(MINUTE);
      const thawing = frozen.runOnce();
      await freezer.reached;
      await other.runOnce();
      const [{ id }] = await stored();
      await store.curation.remove('cron', id); // even where the first job is gone already
      clock.advance(10_000);
      freezer.open();
      await thawing;
      expect(await jobs()).toEqual([]);
      clock.advance(MINUTE);
      await frozen.runOnce();
      expect(await ticks()).toEqual([2 * MINUTE]);
    });

    it('that was frozen over a change of the rule, does not repeat its last tick', async () => {
      const freezer = gate(store, 'fire');
      const frozen = await start([declare({ payload: 'old' })], { store: freezer.store });
      clock.advance(MINUTE);
      const thawing = frozen.runOnce();
      await freezer.reached;
      await start([declare({ payload: 'new' })]);
      freezer.open();
      await thawing;
      expect((await jobs()).map(({ payload }) => payload)).toEqual(['"old"']);
      expect((await kept())[0].nextTick).toBe(NOON + 2 * MINUTE);
    });
  });

  describe('while the store is away', () => {
    const failing = () => {
      let away = true;
      const cutOff = <P extends object>(port: P): P =>
        new Proxy(port, {
          get(target, property) {
            const value = Reflect.get(target, property, target) as unknown;
            if (typeof value !== 'function') return value;
            return (...given: unknown[]) =>
              away
                ? Promise.reject(new BrokerUnavailableError('not connected'))
                : (value as (...all: unknown[]) => unknown).apply(target, given);
          },
        });
      const { notices, timetable } = store;
      return {
        store: portsOf(store, { notices: cutOff(notices), timetable: cutOff(timetable) }),
        back: () => (away = false),
        leave: () => (away = true),
      };
    };

    it('starts all the same, registers when it is back, and says each once', async () => {
      const outage = failing();
      const scheduler = await start([declare()], { store: outage.store });
      await scheduler.runOnce();
      await scheduler.runOnce();
      expect(logger.lines).toEqual([
        'error: The scheduler of "cron" failed and tries again: BrokerUnavailableError: not connected',
      ]);
      outage.back();
      await scheduler.runOnce();
      expect(logger.lines.at(-1)).toBe('log: The scheduler of "cron" works again.');
      expect(await kept()).toHaveLength(1);
    });

    it('makes one job for the gap', async () => {
      const outage = failing();
      outage.back();
      const scheduler = await start([declare()], { store: outage.store });
      outage.leave();
      for (let minute = 0; minute < 4; minute++) {
        clock.advance(MINUTE);
        await scheduler.runOnce();
      }
      outage.back();
      await scheduler.runOnce();
      expect((await jobs()).map(({ header }) => header.c)).toEqual([{ name: 'digest', missed: 3 }]);
    });

    it('does not make a second job when the reply of the first was lost', async () => {
      let lose = true;
      const lossy = new Proxy(store.timetable, {
        get(target, property) {
          const value = Reflect.get(target, property, target) as unknown;
          if (typeof value !== 'function') return value;
          return async (...given: unknown[]) => {
            const answer: unknown = await (value as (...all: unknown[]) => unknown).apply(target, given);
            if (property === 'fire' && lose) throw new BrokerUnavailableError('the reply was lost');
            return answer;
          };
        },
      });
      const scheduler = await start([declare()], { store: portsOf(store, { timetable: lossy }) });
      clock.advance(MINUTE);
      await scheduler.runOnce();
      lose = false;
      await scheduler.runOnce();
      expect(await ticks()).toEqual([MINUTE]);
    });
  });

  it('begins nothing more once it is stopped', async () => {
    const freezer = gate(store, 'due');
    const scheduler = create([declare(), declare({ name: 'second' })], { store: freezer.store });
    const starting = scheduler.start();
    await freezer.reached;
    const stopping = scheduler.stop();
    freezer.open();
    await Promise.all([starting, stopping]);
    expect(await kept()).toHaveLength(1);
  });

  it.each<[string, Partial<ScheduleDeclaration>, new (...given: never[]) => Error, RegExp]>([
    ['name', { name: 'a:b' }, InvalidValueError, /schedule name of MailService\.digest/],
    ['long name', { name: 'n'.repeat(110) }, InvalidValueError, /1–109/],
    ['payload', { payload: { at: 1n } }, InvalidPayloadError, /"cron\/digest".*at: .*BigInt/],
    ['payload without a text', { payload: () => 1 }, InvalidPayloadError, /"cron\/digest"/],
    ['large payload', { payload: 'x'.repeat(300_000) }, PayloadTooLargeError, /payloadLimit/],
  ])('refuses a bad %s before it starts, also of a disabled schedule', (_, changes, error, words) => {
    expect(() => create([declare(changes)])).toThrow(error);
    expect(() => create([declare(changes)])).toThrow(words);
    expect(() => create([declare({ ...changes, disabled: true })])).toThrow(error);
  });
});
