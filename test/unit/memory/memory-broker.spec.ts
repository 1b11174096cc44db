import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MovableClock, WallClock } from '../../../src/memory/memory-clock.js';
import { MemoryStore } from '../../../src/memory/memory-store.js';
import { MemoryBroker } from '../../../src/memory/memory.broker.js';

const QUEUE = 'mail';
const turn = (worker: string, call: number, want = 1) => ({
  worker,
  call,
  want,
  leaseMs: 8000,
  alone: false,
  adopt: undefined,
  settlements: [],
});

describe('MemoryBroker', () => {
  afterEach(() => MemoryStore.forget('shared'));

  it('says that it is memory', async () => {
    expect(await new MemoryBroker().open()).toMatchObject({ kind: 'memory', mode: 'memory', warnings: [] });
    expect(new MemoryBroker().capabilities.shared).toBe(false);
  });

  it('is private without a name, shared under one, and empty once that is forgotten', async () => {
    const [first, second, alone] = [
      new MemoryBroker({ name: 'shared' }),
      new MemoryBroker({ name: 'shared' }),
      new MemoryBroker(),
    ];
    await first.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    await first.close();
    expect((await second.counts(QUEUE)).ready).toBe(1);
    expect((await alone.counts(QUEUE)).ready).toBe(0);
    MemoryStore.forget('shared');
    expect((await new MemoryBroker({ name: 'shared' }).counts(QUEUE)).ready).toBe(0);
  });

  it('refuses two clocks for one store', () => {
    const clock = new MovableClock();
    void new MemoryBroker({ name: 'shared', clock });
    void new MemoryBroker({ name: 'shared', clock });
    void new MemoryBroker({ name: 'shared' });
    expect(() => new MemoryBroker({ name: 'shared', clock: new MovableClock() })).toThrow('another clock');
  });

  it('ends no lease by real time', async () => {
    // A clock that runs without being moved stands for hours that went by.
    const clock = { hours: 0, movedMs: 0, now: () => 1_800_000_000_000 + clock.hours * 3_600_000 };
    const broker = new MemoryBroker({ clock });
    await broker.reclaim(QUEUE, 8000);
    await broker.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    await broker.settleAndReserve(QUEUE, turn('w1', 1));
    for (clock.hours = 1; clock.hours < 5; clock.hours++) {
      expect((await broker.reclaim(QUEUE, 8000)).reclaimed).toBe(0);
      expect((await broker.beat(QUEUE, 'w1', 8000)).lapsed).toBe(false);
    }
  });

  it('returns the jobs of a killed worker at the next scan, whatever the grace', async () => {
    const broker = new MemoryBroker();
    await broker.enqueue(QUEUE, [{ envelope: '1\n1' }, { envelope: '1\n2' }]);
    const killed = await broker.settleAndReserve(QUEUE, turn('w1', 1));
    await broker.settleAndReserve(QUEUE, turn('w2', 1));
    broker.kill('w1');
    broker.kill('nobody');
    expect((await broker.beat(QUEUE, 'w1', 8000)).lapsed).toBe(true);
    expect(await broker.reclaim(QUEUE, 8000)).toMatchObject({ reclaimed: 1, inflight: 1, ready: 1 });
    const [again] = (await broker.settleAndReserve(QUEUE, turn('w3', 1))).jobs;
    expect(again).toMatchObject({ id: killed.jobs[0].id, crashes: 1 });
    expect((await broker.beat(QUEUE, 'w1', 8000)).lapsed).toBe(true);
    expect((await broker.beat(QUEUE, 'w1', 8000)).lapsed).toBe(false);
  });

  it('mints rising ids and fences though the clock was set back', async () => {
    const clock = new MovableClock();
    const broker = new MemoryBroker({ clock });
    const [first] = await broker.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    const before = await broker.settleAndReserve(QUEUE, turn('w1', 1));
    clock.advance(-3_600_000);
    const [second] = await broker.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    const after = await broker.settleAndReserve(QUEUE, turn('w1', 2));
    expect(second.id > first.id).toBe(true);
    expect(after.fence).toBeGreaterThan(before.fence);
  });

  it('keeps order and counts over many thousands of jobs', async () => {
    const broker = new MemoryBroker();
    const receipts = await broker.enqueue(
      QUEUE,
      Array.from({ length: 10_000 }, () => ({ envelope: '1\n1' })),
    );
    const started: string[] = [];
    for (let call = 1; call <= 20; call++) {
      started.push(...(await broker.settleAndReserve(QUEUE, turn('w1', call, 500))).jobs.map(({ id }) => id));
    }
    expect(started).toEqual(receipts.map(({ id }) => id));
    expect(await broker.counts(QUEUE)).toMatchObject({ ready: 0, active: 10_000 });
  });
});

describe('WallClock', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('follows the clock of the host, forward and back, and was never moved', async () => {
    const clock = new WallClock();
    expect(clock.now()).toBeGreaterThan(1_700_000_000_000);
    const broker = new MemoryBroker({ clock });
    await broker.open();
    const at = jest.spyOn(Date, 'now').mockReturnValue(1_900_000_000_000);
    expect([clock.now(), broker.now(), clock.movedMs]).toEqual([1_900_000_000_000, 1_900_000_000_000, 0]);
    await broker.enqueue(QUEUE, [{ envelope: '1\n1', delayMs: 60_000 }]);
    at.mockReturnValue(1_900_000_000_000 - 3_600_000);
    expect(await broker.promote(QUEUE, 10)).toEqual({ promoted: 0, nextDueAt: 1_900_000_060_000 });
    at.mockReturnValue(1_900_000_000_000 + 3_600_000);
    expect((await broker.promote(QUEUE, 10)).promoted).toBe(1);
    await broker.close();
  });

  it('leaves leases alone', async () => {
    const broker = new MemoryBroker();
    await broker.open();
    await broker.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    const turn = { worker: 'w1', call: 1, leaseMs: 8000, want: 1, alone: false, adopt: undefined, settlements: [] };
    await broker.settleAndReserve(QUEUE, turn);
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
    for (let scan = 0; scan < 3; scan++) expect((await broker.reclaim(QUEUE, 8000)).reclaimed).toBe(0);
    expect(await broker.beat(QUEUE, 'w1', 8000)).toMatchObject({ lapsed: false });
    await broker.close();
  });
});
