import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Broker, StoredJob } from '../../src/core/broker.js';
import type { Codec } from '../../src/core/codec.js';
import { decodeEnvelope, splitRecord } from '../../src/core/envelope.js';
import {
  BrokerUnavailableError,
  InvalidCronError,
  InvalidPayloadError,
  InvalidValueError,
  PayloadTooLargeError,
} from '../../src/core/errors.js';
import type { ScheduleDeclaration } from '../../src/core/schedule-declaration.js';
import { MemoryBroker } from '../../src/memory/memory.broker.js';
import { MovableClock } from '../../src/memory/memory-clock.js';
import { Scheduler, type SchedulerOptions } from '../../src/scheduler/scheduler.js';
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
  disabled: false,
  payload: undefined,
  job: {},
  ...changes,
});

const everyMs = (ms: number, changes: Partial<ScheduleDeclaration> = {}) =>
  declare({ rule: { kind: 'interval', everyMs: ms }, missed: 'skip', ...changes });

/** A broker whose chosen verb waits for `open` before it reaches the store: a process that is frozen in that call. */
function gate(broker: Broker, verb: keyof Broker) {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  let entered = () => {};
  const reached = new Promise<void>((resolve) => (entered = resolve));
  const gated = new Proxy(broker, {
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
  return { broker: gated, open, reached };
}

describe('the scheduler', () => {
  let clock: MovableClock;
  let broker: MemoryBroker;
  let logger: RecordingLogger;
  const started: Scheduler[] = [];

  beforeEach(async () => {
    clock = new MovableClock(NOON);
    broker = new MemoryBroker({ clock });
    await broker.open();
    logger = new RecordingLogger();
  });

  afterEach(async () => {
    for (const scheduler of started.splice(0)) await scheduler.stop();
    await broker.close();
  });

  const create = (declarations: ScheduleDeclaration[], options: Partial<SchedulerOptions> = {}) => {
    const scheduler = new Scheduler({ broker, declarations, logger, ...options });
    started.push(scheduler);
    return scheduler;
  };

  const start = async (declarations: ScheduleDeclaration[], options: Partial<SchedulerOptions> = {}) => {
    const scheduler = create(declarations, options);
    await scheduler.start();
    return scheduler;
  };

  const stored = async (queue = 'cron'): Promise<StoredJob[]> =>
    (await broker.list(queue, 'ready', undefined, 500)).jobs;
  const jobs = async (queue = 'cron') =>
    (await stored(queue)).map(({ record }) => decodeEnvelope(splitRecord(record).envelope));
  const ticks = async (queue = 'cron') => (await jobs(queue)).map(({ header }) => header.s! - NOON);

  /** Settles the oldest ready job as completed. */
  const workOne = async (call: number, settle = true) => {
    const turn = { worker: 'w', leaseMs: 8000, alone: true, adopt: undefined } as const;
    const { jobs: reserved } = await broker.settleAndReserve('cron', { ...turn, call, want: 1, settlements: [] });
    const finish = () =>
      broker.settleAndReserve('cron', {
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
    expect(await broker.schedules('cron')).toMatchObject([
      { name: 'digest', tick: NOON + MINUTE, lastTick: undefined },
    ]);
    clock.advance(MINUTE - 1);
    await scheduler.runOnce();
    expect(await jobs()).toEqual([]);
    clock.advance(1);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
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
    const job = { maxAttempts: 7, backoff, timeoutMs: 900, expiresInMs: 1000, priority: 4, retention };
    const scheduler = await start([declare({ queue: 'mail', payload: { tenant: [] }, job })]);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    const [made] = await jobs('mail');
    expect(made.payload).toBe('{"tenant":[]}');
    expect(made.header).toMatchObject({ m: 7, b: backoff, t: 900, x: clock.now() + 1000, p: 4, r: retention });
  });

  it('writes what the queue says about priority and expiry, where the schedule says nothing', async () => {
    const scheduler = await start([declare(), declare({ name: 'own', job: { priority: 0 } })], {
      jobOptionsOf: () => ({ priority: 9, expiresInMs: 50 }),
    });
    clock.advance(MINUTE);
    await scheduler.runOnce();
    const headers = Object.fromEntries((await jobs()).map(({ header }) => [header.n, header]));
    expect(headers.digest).toMatchObject({ p: 9, x: clock.now() + 50 });
    expect(headers.own).not.toHaveProperty('p');
  });

  it('fires one job for all missed ticks, and counts them', async () => {
    const scheduler = await start([declare()]);
    clock.advance(5 * MINUTE + 1000);
    await scheduler.runOnce();
    const [job, ...others] = await jobs();
    expect(others).toEqual([]);
    expect(job.header).toMatchObject({ s: NOON + 5 * MINUTE, c: { name: 'digest', missed: 4 } });
    expect(JSON.parse(job.payload)).toMatchObject({ scheduledFor: NOON + 5 * MINUTE, missed: 4 });
    expect((await broker.schedules('cron'))[0].tick).toBe(NOON + 6 * MINUTE);
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
    expect((await broker.schedules('cron'))[0].tick).toBe(NOON + 2 * MINUTE);
  });

  it('never postpones a tick by a restart with the same rule', async () => {
    const first = await start([everyMs(MINUTE)]);
    await first.stop();
    clock.advance(MINUTE / 2);
    const second = await start([everyMs(MINUTE)]);
    expect((await broker.schedules('cron'))[0].tick).toBe(NOON + MINUTE);
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
    clock.advance(10 * MINUTE);
    await start([declare(changes)]);
    expect(await jobs()).toEqual([]);
    expect((await broker.schedules('cron'))[0].tick).toBeGreaterThan(clock.now());
    expect(logger.lines.some((line) => line.includes('has changed'))).toBe(true);
  });

  it('knows an unchanged rule under a codec that never writes the same text twice', async () => {
    let salt = 0;
    const codec: Codec = { encode: (value) => `${salt++}:${JSON.stringify(value)}`, decode: (text) => text };
    await (await start([declare({ payload: { a: 1 } })], { codec })).stop();
    clock.advance(MINUTE / 2);
    await start([declare({ payload: { a: 1 } })], { codec });
    expect(logger.lines.some((line) => line.includes('has changed'))).toBe(false);
    expect((await broker.schedules('cron'))[0].tick).toBe(NOON + MINUTE);
  });

  it('neither registers nor fires a disabled schedule, and leaves it to instances that have it enabled', async () => {
    const disabled = await start([declare({ disabled: true }), declare({ name: 'other' })]);
    expect((await broker.schedules('cron')).map(({ name }) => name)).toEqual(['other']);
    const enabled = await start([declare()]);
    clock.advance(MINUTE);
    await disabled.runOnce();
    expect((await jobs()).map(({ header }) => header.n)).toEqual(['other']);
    await enabled.runOnce();
    expect((await jobs()).map(({ header }) => header.n)).toEqual(['other', 'digest']);
  });

  it('has nothing to do where every schedule is disabled', async () => {
    const closed = new MemoryBroker();
    await closed.close();
    const scheduler = await start([declare({ disabled: true })], { broker: closed });
    await scheduler.runOnce();
    expect(logger.lines).toEqual([]);
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
    [
      'a policy it does not know',
      '{"v":1,"rule":{"kind":"interval","everyMs":1000},"missed":"all","overlap":"allow","job":{}}',
    ],
    ['broken JSON', '{'],
    ['null', 'null'],
  ])('leaves %s to others, says so once, and fires the rest', async (_, spec) => {
    await broker.registerSchedule('cron', { name: 'strange', specHash: 'x', spec, nextTick: NOON + 1 });
    const scheduler = await start([declare()]);
    clock.advance(MINUTE);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
    expect((await broker.schedules('cron')).find(({ name }) => name === 'strange')?.tick).toBe(NOON + 1);
    expect(logger.lines.filter((line) => line.includes('"strange"'))).toHaveLength(1);
  });

  it('does not starve behind more unreadable rules than one page holds', async () => {
    for (let number = 0; number < 150; number++) {
      await broker.registerSchedule('cron', { name: `s${number}`, specHash: 'x', spec: '{', nextTick: NOON + 1 });
    }
    const scheduler = await start([declare()]);
    clock.advance(MINUTE);
    await scheduler.runOnce(); // learns what it must leave
    await scheduler.runOnce();
    expect(await ticks()).toEqual([MINUTE]);
  });

  it('warns about a rule without a further tick instead of registering it', async () => {
    await start([declare({ rule: { kind: 'cron', expression: '0 0 0 1 1 * 2020', timeZone: 'UTC' } })]);
    expect(await broker.schedules('cron')).toEqual([]);
    expect(logger.lines).toEqual(['warn: Schedule "digest" has no tick after now: it is not registered.']);
  });

  it('ends a rule with its last tick', async () => {
    const scheduler = await start([
      declare({ rule: { kind: 'cron', expression: '0 0 13 1 6 * 2026', timeZone: 'UTC' } }),
    ]);
    clock.advance(60 * MINUTE);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(await ticks()).toEqual([60 * MINUTE]);
    expect(await broker.dueSchedules('cron', 10)).toMatchObject({ due: [], nextTickAt: undefined });
  });

  describe('that waits for completion', () => {
    it('skips ticks while the job before has not settled, over any number of ticks', async () => {
      const scheduler = await start([declare({ overlap: 'skip' })]);
      clock.advance(MINUTE);
      await scheduler.runOnce();
      const finish = await workOne(1, false);
      for (let tick = 2; tick <= 4; tick++) {
        clock.advance(MINUTE);
        await broker.beat('cron', 'w', 8000);
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
        if (tick === 1) await broker.cancel('cron', id);
        else await broker.remove('cron', id);
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
      const freezer = gate(broker, 'fireSchedule');
      const frozen = await start([everyMs(1000)], { broker: freezer.broker });
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
      const freezer = gate(broker, 'fireSchedule');
      const frozen = await start([declare()], { broker: freezer.broker });
      const other = await start([declare()]);
      clock.advance(MINUTE);
      const thawing = frozen.runOnce();
      await freezer.reached;
      await other.runOnce();
      const [{ id }] = await stored();
      await broker.remove('cron', id); // even where the first job is gone already
      clock.advance(10_000);
      freezer.open();
      await thawing;
      expect(await jobs()).toEqual([]);
      clock.advance(MINUTE);
      await frozen.runOnce();
      expect(await ticks()).toEqual([2 * MINUTE]);
    });

    it('that was frozen over a change of the rule, does not fire the old one', async () => {
      const freezer = gate(broker, 'fireSchedule');
      const frozen = await start([declare({ payload: 'old' })], { broker: freezer.broker });
      clock.advance(MINUTE);
      const thawing = frozen.runOnce();
      await freezer.reached;
      await start([declare({ payload: 'new' })]);
      freezer.open();
      await thawing;
      expect(await jobs()).toEqual([]);
      expect((await broker.schedules('cron'))[0].tick).toBe(NOON + 2 * MINUTE);
    });
  });

  describe('while the store is away', () => {
    const failing = () => {
      let away = true;
      const proxy = new Proxy<Broker>(broker, {
        get(target, property) {
          const value = Reflect.get(target, property, target) as unknown;
          if (typeof value !== 'function') return value;
          return (...given: unknown[]) =>
            away
              ? Promise.reject(new BrokerUnavailableError('not connected'))
              : (value as (...all: unknown[]) => unknown).apply(target, given);
        },
      });
      return { broker: proxy, back: () => (away = false), leave: () => (away = true) };
    };

    it('starts all the same, registers when it is back, and says each once', async () => {
      const store = failing();
      const scheduler = await start([declare()], { broker: store.broker });
      await scheduler.runOnce();
      await scheduler.runOnce();
      expect(logger.lines).toEqual([
        'error: The scheduler of "cron" failed and tries again: BrokerUnavailableError: not connected',
      ]);
      store.back();
      await scheduler.runOnce();
      expect(logger.lines.at(-1)).toBe('log: The scheduler of "cron" works again.');
      expect(await broker.schedules('cron')).toHaveLength(1);
    });

    it('makes one job for the gap', async () => {
      const store = failing();
      store.back();
      const scheduler = await start([declare()], { broker: store.broker });
      store.leave();
      for (let minute = 0; minute < 4; minute++) {
        clock.advance(MINUTE);
        await scheduler.runOnce();
      }
      store.back();
      await scheduler.runOnce();
      expect((await jobs()).map(({ header }) => header.c)).toEqual([{ name: 'digest', missed: 3 }]);
    });

    it('does not make a second job when the reply of the first was lost', async () => {
      let lose = true;
      const lossy = new Proxy<Broker>(broker, {
        get(target, property) {
          const value = Reflect.get(target, property, target) as unknown;
          if (typeof value !== 'function') return value;
          return async (...given: unknown[]) => {
            const answer: unknown = await (value as (...all: unknown[]) => unknown).apply(target, given);
            if (property === 'fireSchedule' && lose) throw new BrokerUnavailableError('the reply was lost');
            return answer;
          };
        },
      });
      const scheduler = await start([declare()], { broker: lossy });
      clock.advance(MINUTE);
      await scheduler.runOnce();
      lose = false;
      await scheduler.runOnce();
      expect(await ticks()).toEqual([MINUTE]);
    });
  });

  it('fires nothing more once it is stopped', async () => {
    const freezer = gate(broker, 'dueSchedules');
    const scheduler = create([declare(), declare({ name: 'second' })], { broker: freezer.broker });
    const starting = scheduler.start();
    await freezer.reached;
    const stopping = scheduler.stop();
    freezer.open();
    await Promise.all([starting, stopping]);
    expect(await broker.schedules('cron')).toEqual([]);
  });

  it.each<[string, Partial<ScheduleDeclaration>, new (...given: never[]) => Error, RegExp]>([
    [
      'expression',
      { rule: { kind: 'cron', expression: '61 * * * *', timeZone: 'UTC' } },
      InvalidCronError,
      /MailService\.digest.*minute/,
    ],
    [
      'zone',
      { rule: { kind: 'cron', expression: '* * * * *', timeZone: 'Mars' } },
      InvalidValueError,
      /time zone of .*MailService\.digest/,
    ],
    ['interval', { rule: { kind: 'interval', everyMs: 10 } }, InvalidValueError, /interval of MailService\.digest/],
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
