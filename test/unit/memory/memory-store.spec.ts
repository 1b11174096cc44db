import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { MemoryConnection } from '../../../src/memory/connection.js';
import { MovableClock, WallClock } from '../../../src/memory/memory-clock.js';
import { MemoryServer } from '../../../src/memory/memory-server.js';
import { MemoryStore } from '../../../src/memory/memory-store.js';

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

describe('MemoryStore', () => {
  afterEach(() => MemoryServer.forget('shared'));

  it('says that it is memory', async () => {
    expect(await new MemoryStore().connection.open()).toMatchObject({ kind: 'memory', mode: 'memory', warnings: [] });
    expect(new MemoryStore().connection.capabilities.shared).toBe(false);
  });

  it('is private without a name, shared under one, and empty once that is forgotten', async () => {
    const [first, second, alone] = [
      new MemoryStore({ name: 'shared' }),
      new MemoryStore({ name: 'shared' }),
      new MemoryStore(),
    ];
    await first.intake.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    await first.connection.close();
    expect((await second.curation.counts(QUEUE)).ready).toBe(1);
    expect((await alone.curation.counts(QUEUE)).ready).toBe(0);
    MemoryServer.forget('shared');
    expect((await new MemoryStore({ name: 'shared' }).curation.counts(QUEUE)).ready).toBe(0);
  });

  it('remembers no unique key of a job that has ended', async () => {
    const store = new MemoryStore();
    const [{ id }] = await store.intake.enqueue(QUEUE, [{ envelope: '1\n1', uniqueKey: 'x a' }]);
    const { uniques } = (store.connection as MemoryConnection).queue(QUEUE);
    expect([...uniques.keys()]).toEqual(['x a']);
    await store.curation.cancel(QUEUE, id);
    expect(uniques.size).toBe(0);
  });

  it('refuses two clocks for one store', () => {
    const clock = new MovableClock();
    void new MemoryStore({ name: 'shared', clock });
    void new MemoryStore({ name: 'shared', clock });
    void new MemoryStore({ name: 'shared' });
    expect(() => new MemoryStore({ name: 'shared', clock: new MovableClock() })).toThrow('another clock');
  });

  it('ends no lease by real time', async () => {
    // A clock that runs without being moved stands for hours that went by.
    const clock = { hours: 0, movedMs: 0, now: () => 1_800_000_000_000 + clock.hours * 3_600_000 };
    const store = new MemoryStore({ clock });
    await store.duties.reclaim(QUEUE, 8000);
    await store.intake.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    await store.workers.settleAndReserve(QUEUE, turn('w1', 1));
    for (clock.hours = 1; clock.hours < 5; clock.hours++) {
      expect((await store.duties.reclaim(QUEUE, 8000)).reclaimed).toBe(0);
      expect((await store.workers.beat(QUEUE, 'w1', 8000)).lapsed).toBe(false);
    }
  });

  it('returns the jobs of a killed worker at the next scan, whatever the grace', async () => {
    const store = new MemoryStore();
    await store.intake.enqueue(QUEUE, [{ envelope: '1\n1' }, { envelope: '1\n2' }]);
    const killed = await store.workers.settleAndReserve(QUEUE, turn('w1', 1));
    await store.workers.settleAndReserve(QUEUE, turn('w2', 1));
    store.server.kill('w1');
    store.server.kill('nobody');
    expect((await store.workers.beat(QUEUE, 'w1', 8000)).lapsed).toBe(true);
    expect(await store.duties.reclaim(QUEUE, 8000)).toMatchObject({ reclaimed: 1, inflight: 1, ready: 1 });
    const [again] = (await store.workers.settleAndReserve(QUEUE, turn('w3', 1))).jobs;
    expect(again).toMatchObject({ id: killed.jobs[0].id, crashes: 1 });
    expect((await store.workers.beat(QUEUE, 'w1', 8000)).lapsed).toBe(true);
    expect((await store.workers.beat(QUEUE, 'w1', 8000)).lapsed).toBe(false);
  });

  it('mints rising ids and fences though the clock was set back', async () => {
    const clock = new MovableClock();
    const store = new MemoryStore({ clock });
    const [first] = await store.intake.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    const before = await store.workers.settleAndReserve(QUEUE, turn('w1', 1));
    clock.advance(-3_600_000);
    const [second] = await store.intake.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    const after = await store.workers.settleAndReserve(QUEUE, turn('w1', 2));
    expect(second.id > first.id).toBe(true);
    expect(after.fence).toBeGreaterThan(before.fence);
  });

  it('keeps order and counts over many thousands of jobs', async () => {
    const store = new MemoryStore();
    const receipts = await store.intake.enqueue(
      QUEUE,
      Array.from({ length: 10_000 }, () => ({ envelope: '1\n1' })),
    );
    const started: string[] = [];
    for (let call = 1; call <= 20; call++) {
      started.push(...(await store.workers.settleAndReserve(QUEUE, turn('w1', call, 500))).jobs.map(({ id }) => id));
    }
    expect(started).toEqual(receipts.map(({ id }) => id));
    expect(await store.curation.counts(QUEUE)).toMatchObject({ ready: 0, active: 10_000 });
  });
});

describe('WallClock', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('follows the clock of the host, forward and back, and was never moved', async () => {
    const clock = new WallClock();
    expect(clock.now()).toBeGreaterThan(1_700_000_000_000);
    const store = new MemoryStore({ clock });
    await store.connection.open();
    const at = jest.spyOn(Date, 'now').mockReturnValue(1_900_000_000_000);
    expect([clock.now(), store.connection.now(), clock.movedMs]).toEqual([1_900_000_000_000, 1_900_000_000_000, 0]);
    await store.intake.enqueue(QUEUE, [{ envelope: '1\n1', delayMs: 60_000 }]);
    at.mockReturnValue(1_900_000_000_000 - 3_600_000);
    expect(await store.duties.promote(QUEUE, 10)).toEqual({ promoted: 0, nextDueAt: 1_900_000_060_000 });
    at.mockReturnValue(1_900_000_000_000 + 3_600_000);
    expect((await store.duties.promote(QUEUE, 10)).promoted).toBe(1);
    await store.connection.close();
  });

  it('leaves leases alone', async () => {
    const store = new MemoryStore();
    await store.connection.open();
    await store.intake.enqueue(QUEUE, [{ envelope: '1\n1' }]);
    const turn = { worker: 'w1', call: 1, leaseMs: 8000, want: 1, alone: false, adopt: undefined, settlements: [] };
    await store.workers.settleAndReserve(QUEUE, turn);
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
    for (let scan = 0; scan < 3; scan++) expect((await store.duties.reclaim(QUEUE, 8000)).reclaimed).toBe(0);
    expect(await store.workers.beat(QUEUE, 'w1', 8000)).toMatchObject({ lapsed: false });
    await store.connection.close();
  });
});
