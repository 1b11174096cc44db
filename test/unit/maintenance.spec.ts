import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Duties, ReclaimReply } from '../../src/core/ports/duties.js';
import { MemoryStore } from '../../src/memory/memory-store.js';
import { MovableClock } from '../../src/memory/memory-clock.js';
import { Janitor } from '../../src/duties/janitor.js';
import { Maintenance } from '../../src/duties/maintenance.js';
import { Promoter } from '../../src/duties/promoter.js';
import { Reclaimer, SCAN_JITTER } from '../../src/duties/reclaimer.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import { RecordingLogger } from '../support/recording-logger.js';

const NOW = 1_000_000;
const retention = DEFAULTS.job.retention;
const going = () => false;
const LEASE = 8000;

const idle: ReclaimReply = {
  now: NOW,
  reclaimed: 0,
  poisoned: [],
  more: false,
  inflight: 0,
  nextExpiryAt: undefined,
  ready: 0,
  nextDueAt: undefined,
  parked: 0,
  nextLookAt: undefined,
  hasBulks: false,
};

let logger: RecordingLogger;
beforeEach(() => {
  logger = new RecordingLogger();
});

describe('the reclaimer', () => {
  const scan = async (replies: ReclaimReply[], isStopping = going, leaseMs = LEASE) => {
    const rest = [...replies];
    const duties = {
      reclaim: jest.fn<Duties['reclaim']>(async () => rest.shift() ?? idle),
      promote: jest.fn<Duties['promote']>(async () => ({ promoted: 0, nextDueAt: undefined })),
    };
    const backlog: string[] = [];
    const promoter = new Promoter(duties as never);
    const reclaimer = new Reclaimer(duties as never, promoter, logger, (queue) => backlog.push(queue));
    const delayMs = await reclaimer.scan({ name: 'mail', leaseMs }, isStopping);
    return { delayMs, backlog, ...duties };
  };

  it('comes every 5 s while nothing is in flight, with one call and no other', async () => {
    const { delayMs, reclaim, promote, backlog } = await scan([idle]);
    expect(delayMs).toBe(5000);
    expect(reclaim.mock.calls).toEqual([['mail', LEASE]]);
    expect(promote).not.toHaveBeenCalled();
    expect(backlog).toEqual([]);
  });

  it('comes every second while anything is', async () => {
    expect((await scan([{ ...idle, inflight: 1 }])).delayMs).toBe(1000);
  });

  it.each([
    [LEASE, 0],
    [LEASE, 1],
    [2000, 0],
    [2000, 1],
    [30_000, 0],
  ])(
    'with a lease of %i ms comes before the gap passes for an outage, jitter included (in flight: %i)',
    async (leaseMs, inflight) => {
      const { delayMs } = await scan([{ ...idle, inflight }], going, leaseMs);
      expect(delayMs * (1 + SCAN_JITTER)).toBeLessThan(inflight > 0 ? leaseMs / 2 : (leaseMs * 3) / 4);
      expect(delayMs).toBeLessThanOrEqual(5000);
    },
  );

  it('goes on while there is more, and says how much came back', async () => {
    const { reclaim } = await scan([
      { ...idle, reclaimed: 500, more: true },
      { ...idle, reclaimed: 20, poisoned: ['a', 'b'], more: false },
    ]);
    expect(reclaim).toHaveBeenCalledTimes(2);
    expect(logger.lines).toEqual([
      'error: Queue "mail": 2 job(s) are dead as poison, each crashed its worker too often: a, b',
      'warn: Queue "mail": 520 job(s) of workers that stopped answering are ready again.',
    ]);
  });

  it('names only the first of many poisoned jobs', async () => {
    await scan([{ ...idle, poisoned: Array.from({ length: 1000 }, (_, index) => `id${index}`) }]);
    expect(logger.lines[0]).toContain('1000 job(s)');
    expect(logger.lines[0].length).toBeLessThan(200);
  });

  it('goes no further once the process stops', async () => {
    const { reclaim } = await scan(
      [
        { ...idle, more: true },
        { ...idle, more: true },
      ],
      () => true,
    );
    expect(reclaim).toHaveBeenCalledTimes(1);
  });

  it.each<[string, Partial<ReclaimReply>, boolean]>([
    ['ready jobs', { ready: 1 }, true],
    ['parked jobs', { parked: 1 }, true],
    ['due jobs', { nextDueAt: NOW }, true],
    ['jobs due later', { nextDueAt: NOW + 1 }, false],
    ['jobs in flight', { inflight: 3 }, false],
  ])('tells of %s: %p → %p', async (_, changes, told) => {
    expect((await scan([{ ...idle, ...changes }])).backlog).toEqual(told ? ['mail'] : []);
  });
});

describe('the promoter', () => {
  const catchUp = async (
    nextDueAt: number | undefined,
    replies: { promoted: number; nextDueAt: number | undefined }[],
  ) => {
    const promote = jest.fn<Duties['promote']>(async () => replies.shift() ?? { promoted: 0, nextDueAt: undefined });
    const total = await new Promoter({ promote } as never).catchUp('mail', { now: NOW, nextDueAt }, going);
    return { total, calls: promote.mock.calls.length };
  };

  it.each([
    ['nothing is scheduled', undefined],
    ['nothing is due', NOW + 5000],
    ['a job is just due: a worker takes it', NOW - 10],
  ])('does nothing while %s', async (_, nextDueAt) => {
    expect(await catchUp(nextDueAt, [])).toEqual({ total: 0, calls: 0 });
  });

  it('promotes until nothing is due', async () => {
    const replies = [
      { promoted: 1000, nextDueAt: NOW - 600 },
      { promoted: 7, nextDueAt: NOW + 50 },
      { promoted: 99, nextDueAt: undefined },
    ];
    expect(await catchUp(NOW - 5000, replies)).toEqual({ total: 1007, calls: 2 });
  });

  it('does not repeat a call that promoted nothing', async () => {
    expect(await catchUp(NOW - 5000, [{ promoted: 0, nextDueAt: NOW - 5000 }])).toEqual({ total: 0, calls: 1 });
  });
});

describe('the janitor', () => {
  it('steps while there is more, and comes back after a minute', async () => {
    const replies = [
      { trimmed: 100, trimmedDead: 0, more: true },
      { trimmed: 3, trimmedDead: 0, more: false },
    ];
    const trim = jest.fn<Duties['trim']>(async () => replies.shift()!);
    expect(await new Janitor({ trim } as never, logger).trim('mail', retention, going)).toBe(60_000);
    expect(trim.mock.calls).toEqual([
      ['mail', retention],
      ['mail', retention],
    ]);
    expect(logger.lines).toEqual([]);
  });

  it('warns of trimmed dead letters with their number, also when a later step fails', async () => {
    const trim = jest
      .fn<Duties['trim']>()
      .mockResolvedValueOnce({ trimmed: 5, trimmedDead: 5, more: true })
      .mockResolvedValueOnce({ trimmed: 2, trimmedDead: 2, more: true })
      .mockRejectedValueOnce(new Error('gone'));
    await expect(new Janitor({ trim } as never, logger).trim('mail', retention, going)).rejects.toThrow('gone');
    expect(logger.lines).toEqual([
      'warn: Queue "mail": 7 dead letter(s) were over the limits of retention.dead and are deleted.',
    ]);
  });

  it('rests between the parts of a backlog that does not end', async () => {
    const trim = jest.fn<Duties['trim']>(async () => ({ trimmed: 100, trimmedDead: 0, more: true }));
    expect(await new Janitor({ trim } as never, logger).trim('mail', retention, going)).toBe(1000);
    expect(trim).toHaveBeenCalledTimes(100);
  });
});

describe('maintenance', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  it('keeps ten idle processes on one queue under two and a half commands a second', async () => {
    let commands = 0;
    const count =
      <T>(answer: T) =>
      async () => {
        commands++;
        return answer;
      };
    const duties = {
      reclaim: count(idle),
      trim: count({ trimmed: 0, trimmedDead: 0, more: false }),
      promote: count({ promoted: 0, nextDueAt: undefined }),
    };
    const processes = Array.from(
      { length: 10 },
      () =>
        new Maintenance({
          store: { connection: {}, duties } as never,
          queues: [{ name: 'mail', leaseMs: LEASE, retention }],
          logger,
        }),
    );
    for (const each of processes) each.start();
    await jest.advanceTimersByTimeAsync(60_000);
    commands = 0;
    await jest.advanceTimersByTimeAsync(600_000);
    expect(commands / 600).toBeLessThan(2.5);
    expect(commands / 600).toBeGreaterThan(2);
    await Promise.all(processes.map((each) => each.stop()));
  });

  it('scans every queue at once, and ends its loops and calls with stop', async () => {
    const reclaim = jest.fn<Duties['reclaim']>(async () => idle);
    const queues = ['a', 'b'].map((name) => ({ name, leaseMs: LEASE, retention }));
    const maintenance = new Maintenance({ store: { connection: {}, duties: { reclaim } } as never, queues, logger });
    maintenance.start();
    await jest.advanceTimersByTimeAsync(0);
    expect(reclaim.mock.calls.map(([queue]) => queue)).toEqual(['a', 'b']);
    await maintenance.stop();
    await jest.advanceTimersByTimeAsync(100_000);
    expect(reclaim).toHaveBeenCalledTimes(2);
  });

  it('returns the jobs of a dead worker and tells of them', async () => {
    const clock = new MovableClock();
    const store = new MemoryStore({ clock });
    await store.connection.open();
    const told: string[] = [];
    const maintenance = new Maintenance({
      store,
      queues: [{ name: 'mail', leaseMs: LEASE, retention }],
      logger,
      onBacklog: (queue, reply) => told.push(`${queue} ${reply.ready}`),
    });
    await maintenance.runOnce();
    await store.intake.enqueue('mail', [{ envelope: '1\n1' }, { envelope: '1\n2' }]);
    await store.workers.settleAndReserve('mail', {
      worker: 'w',
      call: 1,
      leaseMs: LEASE,
      want: 2,
      alone: true,
      adopt: undefined,
      settlements: [],
    });
    await maintenance.runOnce();
    expect(told).toEqual([]);
    store.server.kill('w');
    await maintenance.runOnce();
    expect(told).toEqual(['mail 2']);
    expect(await store.curation.counts('mail')).toMatchObject({ ready: 2, active: 0 });
    await store.connection.close();
  });

  it('promotes what is due in a paused queue', async () => {
    const clock = new MovableClock();
    const store = new MemoryStore({ clock });
    await store.connection.open();
    await store.intake.enqueue('mail', [{ envelope: '1\n1', delayMs: 1000 }]);
    await store.curation.setPaused('mail', true);
    const maintenance = new Maintenance({ store, queues: [{ name: 'mail', leaseMs: LEASE, retention }], logger });
    await maintenance.runOnce();
    expect(await store.curation.counts('mail')).toMatchObject({ scheduled: 1, ready: 0 });
    clock.advance(2000);
    await maintenance.runOnce();
    expect(await store.curation.counts('mail')).toMatchObject({ scheduled: 0, ready: 1 });
    await store.connection.close();
  });
});
