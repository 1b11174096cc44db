import { expect, it } from '@jest/globals';
import type { Settlement } from '../../src/core/ports/worker-store.js';
import { KEEP, LEASE_MS, QUEUE, type StoreDriver } from './store-driver.js';

export function leaseContract(use: () => StoreDriver): void {
  // ------------------------------------------------------------ beat

  it('renews a lease, so that nothing is reclaimed while its worker beats', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.scan();
    for (let step = 0; step < 8; step++) {
      await driver.advance(LEASE_MS / 4);
      expect(await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).toEqual({
        now: driver.now(),
        lapsed: false,
        cancelling: [],
      });
      expect((await driver.scan()).reclaimed).toBe(0);
    }
    expect(await driver.stateOf(job.id)).toBe('active');
  });

  it('takes beats for a proof that the store was there, so that others are reclaimed between scans far apart', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.start('w2');
    await driver.scan();
    for (let step = 0; step < 8; step++) {
      await driver.advance(LEASE_MS / 4);
      await driver.store.workers.beat(QUEUE, 'w2', LEASE_MS);
    }
    // Nobody scanned for two leases: the processes that live were busy, and beat by a thread.
    expect((await driver.scan()).reclaimed).toBe(1);
    expect(await driver.stateOf(job.id)).toBe('ready');
  });

  it('takes the first beat after an outage for its end, and reclaims nothing for a lease', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.start('w2');
    await driver.scan();
    await driver.advance(LEASE_MS * 2);
    await driver.store.workers.beat(QUEUE, 'w2', LEASE_MS);
    expect((await driver.scan()).reclaimed).toBe(0);
    expect(await driver.stateOf(job.id)).toBe('active');
  });

  it('renews a lease with every reservation', async () => {
    const driver = use();
    const first = await driver.start('w1');
    await driver.scan();
    for (let step = 0; step < 4; step++) {
      await driver.advance(LEASE_MS / 4 + 1);
      await driver.start('w1');
      await driver.scan();
    }
    expect(await driver.stateOf(first.id)).toBe('active');
  });

  it('answers a late beat that the lease had run out, and the next one that it holds again', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.advance(LEASE_MS - 1);
    expect((await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).lapsed).toBe(false);
    await driver.advance(LEASE_MS);
    expect((await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).lapsed).toBe(true);
    expect((await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).lapsed).toBe(false);
  });

  it('answers the beat of a worker whose jobs were reclaimed that its lease had run out', async () => {
    const driver = use();
    await driver.start('w1');
    expect((await driver.expireLeases()).reclaimed).toBe(1);
    expect((await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).lapsed).toBe(true);
  });

  it('counts the lease of each queue by itself', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.store.intake.enqueue('other', [driver.newJob()]);
    await driver.store.workers.settleAndReserve('other', driver.turn('w1'));
    await driver.advance(LEASE_MS / 2);
    await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS);
    await driver.advance(LEASE_MS / 2);
    expect((await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).lapsed).toBe(false);
    expect((await driver.store.workers.beat('other', 'w1', LEASE_MS)).lapsed).toBe(true);
  });

  // ------------------------------------------------------------ reclaim

  it('returns the jobs of a silent worker to the front, oldest first, and leaves the others', async () => {
    const driver = use();
    const ids = await driver.put({}, {}, { priority: 3 }, {}, {});
    await driver.reserve('w1', 3);
    const other = (await driver.reserve('w2', 1)).jobs[0];
    await driver.scan();
    for (let step = 0; step < 4; step++) {
      await driver.advance(LEASE_MS / 4 + 1);
      await driver.store.workers.beat(QUEUE, 'w2', LEASE_MS);
      await driver.scan();
    }
    expect(await driver.idsIn('ready')).toEqual([ids[2], ids[0], ids[1], ids[4]]);
    expect(await driver.idsIn('active')).toEqual([other.id]);
  });

  it('answers a scan with what it found', async () => {
    const driver = use();
    const job = await driver.start('w1');
    const { id, token } = await driver.start('w2', { name: 'resize' });
    await driver.settle('w2', { op: 'park', id, token, name: 'resize' });
    await driver.put({}, { delayMs: 60_000 });
    const dueAt = driver.now() + 60_000;
    const before = await driver.scan();
    expect(before).toEqual({
      now: driver.now(),
      reclaimed: 0,
      poisoned: [],
      more: false,
      inflight: 1,
      nextExpiryAt: driver.now() + LEASE_MS,
      ready: 1,
      nextDueAt: dueAt,
      parked: 1,
      nextLookAt: undefined,
      hasBulks: false,
    });
    const after = await driver.expireLeases();
    expect(after).toMatchObject({ reclaimed: 1, inflight: 0, nextExpiryAt: undefined, ready: 2, parked: 1 });
    expect(await driver.stateOf(job.id)).toBe('ready');
  });

  it('counts in flight what a step left there', async () => {
    const driver = use();
    const other = await driver.start('w2');
    await driver.putMany(2);
    await driver.reserve('w1', 2);
    await driver.scan();
    await driver.advance(LEASE_MS / 2);
    await driver.store.workers.beat(QUEUE, 'w2', LEASE_MS);
    await driver.scan();
    await driver.advance(LEASE_MS / 2);
    expect(await driver.store.duties.reclaim(QUEUE, LEASE_MS)).toMatchObject({ reclaimed: 2, inflight: 1 });
    expect(await driver.idsIn('active')).toEqual([other.id]);
  });

  it('answers a scan of an empty queue', async () => {
    const driver = use();
    expect(await driver.scan()).toEqual({
      now: driver.now(),
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
    });
  });

  it('returns many jobs of many workers, step by step', async () => {
    const driver = use();
    const ids = await driver.putMany(600);
    for (let worker = 0; worker < 3; worker++) await driver.reserve(`w${worker}`, 200);
    expect((await driver.expireLeases()).reclaimed).toBe(600);
    expect((await driver.idsIn('ready', 500)).sort()).toEqual(ids);
    expect((await driver.reserve('w9', 600)).jobs).toHaveLength(600);
  });

  it('takes back the crash that was counted for a worker that was only slow', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1');
    await driver.expireLeases();
    expect(await driver.store.workers.reconcile(QUEUE, 'w1', [{ id, token }])).toMatchObject({
      lost: [id],
      released: 0,
    });
    const [again] = (await driver.reserve('w2')).jobs;
    expect(again).toMatchObject({ id, crashes: 0 });
    await driver.expireLeases();
    expect((await driver.reserve('w3')).jobs).toMatchObject([{ id, crashes: 1 }]);
  });

  it('counts a crash and burns no attempt', async () => {
    const driver = use();
    const { id, envelope } = await driver.start('w1');
    await driver.expireLeases();
    expect((await driver.reserve('w2')).jobs).toEqual([
      { id, envelope, token: expect.any(String), fence: expect.any(Number), crashes: 1 },
    ]);
  });

  it('grants one lease of grace after a gap between scans', async () => {
    const driver = use();
    await driver.scan();
    const job = await driver.start('w1');
    await driver.scan();
    await driver.advance(LEASE_MS * 3); // nobody could reach the store
    expect((await driver.scan()).reclaimed).toBe(0);
    await driver.advance(LEASE_MS / 2 - 1);
    expect((await driver.scan()).reclaimed).toBe(0);
    expect((await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS)).lapsed).toBe(true);
    await driver.advance(LEASE_MS / 2);
    expect((await driver.scan()).reclaimed).toBe(0);
    expect(await driver.stateOf(job.id)).toBe('active');
    expect((await driver.settle('w1', driver.complete(job))).lost).toEqual([]);
  });

  it('reclaims the jobs of a worker that did not come back within the grace', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.scan();
    await driver.advance(LEASE_MS * 3);
    await driver.scan();
    await driver.advance(LEASE_MS / 2);
    expect((await driver.scan()).reclaimed).toBe(0);
    await driver.advance(LEASE_MS / 2 - 1);
    expect((await driver.scan()).reclaimed).toBe(0);
    await driver.advance(1);
    expect((await driver.scan()).reclaimed).toBe(1);
    expect(await driver.stateOf(job.id)).toBe('ready');
  });

  it('grants no grace for a gap of half a lease', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.scan();
    await driver.advance(LEASE_MS / 2);
    await driver.scan();
    await driver.advance(LEASE_MS / 2);
    expect((await driver.scan()).reclaimed).toBe(1);
  });

  it('grants no grace for a gap of three quarters of a lease that began while nothing was in flight', async () => {
    const driver = use();
    await driver.scan();
    await driver.start('w1');
    await driver.advance((LEASE_MS * 3) / 4);
    await driver.scan();
    await driver.advance(LEASE_MS / 4);
    expect((await driver.scan()).reclaimed).toBe(1);
  });

  it('grants the grace for a longer gap, also where nothing was in flight when it began', async () => {
    const driver = use();
    await driver.scan();
    await driver.start('w1');
    await driver.advance((LEASE_MS * 3) / 4 + 1);
    await driver.scan();
    await driver.advance(LEASE_MS / 2);
    expect((await driver.scan()).reclaimed).toBe(0);
    await driver.advance(LEASE_MS / 2);
    expect((await driver.scan()).reclaimed).toBe(1);
  });

  it('grants the grace for one gap once, however many scan', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    await driver.start('w1');
    await driver.scan();
    await driver.advance(LEASE_MS * 3);
    await driver.scan();
    for (let step = 0; step < 4; step++) {
      await driver.advance(LEASE_MS / 4);
      await other.duties.reclaim(QUEUE, LEASE_MS);
    }
    await driver.scan();
    expect(await driver.idsIn('active')).toEqual([]);
  });

  it('does not take a beat or a reservation for a scan', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.scan();
    await driver.advance(LEASE_MS / 2 + 1);
    await driver.store.workers.beat(QUEUE, 'w2', LEASE_MS);
    await driver.reserve('w2');
    await driver.advance(LEASE_MS / 2);
    expect((await driver.scan()).reclaimed).toBe(0); // the gap was longer than half a lease
  });

  // ------------------------------------------------------------ poison

  it('ends a job that took three workers with it, and keeps its neighbours', async () => {
    const driver = use();
    const pill = await driver.start('w1', { payload: '"pill"', userId: 'pill' });
    await driver.expireLeases();
    const [second] = (await driver.reserve('w2')).jobs;
    expect(second).toMatchObject({ id: pill.id, crashes: 1 });
    await driver.expireLeases();
    const [third] = (await driver.reserve('w3', 10, { alone: true })).jobs;
    expect(third).toMatchObject({ id: pill.id, crashes: 2 });
    const last = await driver.expireLeases();
    expect(last).toMatchObject({ poisoned: [pill.id], reclaimed: 0 });
    const settled = await driver.settledOf('pill');
    expect(settled?.state).toBe('dead');
    expect(JSON.parse(settled?.detail ?? '')).toMatchObject({ reason: 'poison', message: expect.any(String) });
    await driver.expectCounts({ dead: 1 });
    const [stored] = await driver.store.curation.read(QUEUE, [pill.id]);
    expect(stored?.record.endsWith(pill.envelope)).toBe(true);
  });

  async function putSuspect(driver: StoreDriver, seed = {}): Promise<string> {
    const { id } = await driver.start('crasher-1', seed);
    await driver.expireLeases();
    expect((await driver.reserve('crasher-2')).jobs).toMatchObject([{ id }]);
    await driver.expireLeases();
    return id;
  }

  it('gives a suspect only to a worker that holds nothing, and nothing beside it', async () => {
    const driver = use();
    const suspect = await putSuspect(driver);
    expect(await driver.stateOf(suspect)).toBe('ready');
    await driver.expectCounts({ ready: 1 });
    const plain = await driver.putMany(2);
    const busy = await driver.reserve('w1', 1);
    expect(busy).toMatchObject({ suspects: true, backlog: true });
    expect(busy.jobs.map(({ id }) => id)).toEqual([plain[0]]);
    const alone = await driver.reserve('w2', 10, { alone: true });
    expect(alone.jobs).toMatchObject([{ id: suspect, crashes: 2 }]);
    expect(alone).toMatchObject({ suspects: false, backlog: true });
  });

  it('gives a worker that is alone ordinary jobs where no suspect waits', async () => {
    const driver = use();
    const ids = await driver.putMany(3);
    expect((await driver.reserve('w1', 2, { alone: true })).jobs.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  });

  it('gives one suspect at a time', async () => {
    const driver = use();
    const ids = await driver.putMany(2);
    await driver.reserve('crasher-1', 2);
    await driver.expireLeases();
    await driver.reserve('crasher-2', 2);
    await driver.expireLeases();
    const reply = await driver.reserve('w1', 5, { alone: true });
    expect(reply.jobs).toHaveLength(1);
    expect(reply.suspects).toBe(true);
    expect(ids).toContain(reply.jobs[0].id);
  });

  it.each(['remove', 'cancel'] as const)('skips a suspect that a user did %s', async (verb) => {
    const driver = use();
    const suspect = await putSuspect(driver);
    await driver.store.curation[verb](QUEUE, suspect);
    const id = await driver.putOne();
    const reply = await driver.reserve('w1', 5, { alone: true });
    expect(reply.jobs.map((job) => job.id)).toEqual([id]);
    expect(reply.suspects).toBe(false);
  });

  it.each<[string, (job: { id: string; token: string }, envelope: string) => Settlement]>([
    ['a snooze', ({ id, token }) => ({ op: 'snooze', id, token, delayMs: 0, envelope: undefined })],
    ['a retry', ({ id, token }, envelope) => ({ op: 'retry', id, token, delayMs: 0, envelope })],
  ])('forgets crashes after %s: the run came to an end', async (_, settlementOf) => {
    const driver = use();
    const suspect = await putSuspect(driver);
    const [job] = (await driver.reserve('w1', 1, { alone: true })).jobs;
    await driver.settle('w1', settlementOf(job, driver.envelope()));
    expect((await driver.reserve('w2')).jobs).toMatchObject([{ id: suspect, crashes: 0 }]);
  });

  it.each<[string, (driver: StoreDriver, job: { id: string; token: string }) => Promise<unknown>]>([
    ['released', (driver, { id, token }) => driver.settle('w1', { op: 'release', id, token })],
    ['given back', (driver) => driver.store.workers.reconcile(QUEUE, 'w1', [])],
    ['left behind', (driver) => driver.store.workers.leave(QUEUE, 'w1')],
  ])('takes a suspect that was %s for one still', async (_, act) => {
    const driver = use();
    const suspect = await putSuspect(driver);
    const [job] = (await driver.reserve('w1', 1, { alone: true })).jobs;
    await act(driver, job);
    const [plain] = await driver.put({});
    expect((await driver.reserve('w2', 2)).jobs.map(({ id }) => id)).toEqual([plain]);
    expect((await driver.reserve('w3', 2, { alone: true })).jobs).toMatchObject([{ id: suspect, crashes: 2 }]);
  });

  it('remembers one crash over a release', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.expireLeases();
    const [{ id, token }] = (await driver.reserve('w2')).jobs;
    await driver.settle('w2', { op: 'release', id, token });
    expect((await driver.reserve('w3')).jobs).toMatchObject([{ id, crashes: 1 }]);
  });

  it('does not count a crash against a job that is to be cancelled', async () => {
    const driver = use();
    const { id } = await driver.start('w1', { userId: 'a' });
    expect(await driver.store.curation.cancel(QUEUE, 'a')).toBe('requested');
    expect((await driver.expireLeases()).reclaimed).toBe(0);
    expect(await driver.settledOf(id)).toMatchObject({ state: 'cancelled', detail: '{"reason":"cancelled"}' });
    await driver.expectCounts({ cancelled: 1 });
  });

  // ------------------------------------------------------------ reconcile and leave

  it('gives back what a worker does not hold, and names what it lost', async () => {
    const driver = use();
    const ids = await driver.putMany(4);
    const { jobs } = await driver.reserve('w1', 3);
    const [foreign] = (await driver.reserve('w2')).jobs;
    const held = [jobs[1], { id: foreign.id, token: 'w1:1' }, { id: 'zzzzzzzzzz', token: 'w1:2' }];
    const reply = await driver.store.workers.reconcile(QUEUE, 'w1', held);
    expect(reply.released).toBe(2);
    expect(reply.lost.sort()).toEqual([foreign.id, 'zzzzzzzzzz'].sort());
    expect(await driver.idsIn('ready')).toEqual([ids[0], ids[2]]);
    expect((await driver.idsIn('active')).sort()).toEqual([jobs[1].id, foreign.id].sort());
  });

  it('puts what is given back at the front, in its order and priority, without a crash', async () => {
    const driver = use();
    const ids = await driver.put({}, { priority: 2 }, {}, {});
    await driver.reserve('w1', 3);
    await driver.store.workers.reconcile(QUEUE, 'w1', []);
    const { jobs } = await driver.reserve('w2', 4);
    expect(jobs.map(({ id }) => id)).toEqual([ids[1], ids[0], ids[2], ids[3]]);
    expect(jobs.map(({ crashes }) => crashes)).toEqual([0, 0, 0, 0]);
  });

  it('keeps apart the jobs of two workers whose names begin alike', async () => {
    const driver = use();
    await driver.start('w1');
    const other = await driver.start('w10');
    await driver.store.workers.reconcile(QUEUE, 'w1', []);
    expect(await driver.idsIn('active')).toEqual([other.id]);
  });

  it('cancels a job that is given back after somebody asked for it', async () => {
    const driver = use();
    const { id } = await driver.start('w1');
    await driver.store.curation.cancel(QUEUE, id);
    await driver.store.workers.reconcile(QUEUE, 'w1', []);
    expect(await driver.stateOf(id)).toBe('cancelled');
  });

  it('finds nothing to reconcile for a worker that it does not know', async () => {
    const driver = use();
    await driver.start('w1');
    expect(await driver.store.workers.reconcile(QUEUE, 'nobody', [])).toMatchObject({ lost: [], released: 0 });
    await driver.expectCounts({ active: 1 });
  });

  it('releases what a leaving worker still holds, and forgets the worker', async () => {
    const driver = use();
    const [first] = await driver.putMany(2);
    await driver.reserve('w1', 3); // it has room left, and would be told of the next job
    const wakes = await driver.wakesOf('w1');
    await driver.store.workers.leave(QUEUE, 'w1');
    await driver.store.workers.leave(QUEUE, 'w1');
    expect((await driver.reserve('w2', 2)).jobs.map(({ id, crashes }) => [id, crashes])).toContainEqual([first, 0]);
    const reply = await driver.scan();
    expect(reply.inflight).toBe(2);
    await driver.putOne();
    await driver.barrier();
    expect(wakes.messages).toEqual([]);
  });

  // ------------------------------------------------------------ report

  it('stores progress and log lines of a running job', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1', { userId: 'a' });
    expect(
      await driver.store.workers.report(QUEUE, [{ id, token, progress: '{"done":1}', logs: ['one', 'two'] }]),
    ).toEqual({
      lost: [],
    });
    await driver.store.workers.report(QUEUE, [{ id, token, progress: undefined, logs: ['three é'] }]);
    await driver.store.workers.report(QUEUE, [{ id, token, progress: '2', logs: [] }]);
    expect((await driver.store.curation.read(QUEUE, [id]))[0]?.progress).toBe('2');
    expect(await driver.store.curation.logs(QUEUE, id)).toEqual(['one', 'two', 'three é']);
    expect(await driver.store.curation.logs(QUEUE, 'a')).toEqual(['one', 'two', 'three é']);
  });

  it('stores what is reported right before the run is settled, however many other calls are under way', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1');
    const others = Array.from({ length: 200 }, () => driver.store.curation.cancel(QUEUE, 'nobody'));
    const reports = Array.from({ length: 100 }, (_, index) =>
      driver.store.workers.report(QUEUE, [{ id, token, progress: String(index), logs: [`line ${index}`] }]),
    );
    await driver.settle('w1', driver.complete({ id, token }));
    for (const { lost } of await Promise.all(reports)) expect(lost).toEqual([]);
    await Promise.all(others);
    expect((await driver.store.curation.read(QUEUE, [id]))[0]?.progress).toBe('99');
    expect(await driver.store.curation.logs(QUEUE, id)).toEqual(
      Array.from({ length: 100 }, (_, index) => `line ${index}`),
    );
  });

  it('keeps progress and log lines when the job runs again and when it ends', async () => {
    const driver = use();
    const { id, token, envelope } = await driver.start('w1');
    await driver.store.workers.report(QUEUE, [{ id, token, progress: '1', logs: ['first run'] }]);
    const retry: Settlement = { op: 'retry', id, token, delayMs: 0, envelope };
    const [again] = (await driver.reserve('w1', 1, { settlements: [retry] })).jobs;
    await driver.store.workers.report(QUEUE, [{ id, token: again.token, progress: undefined, logs: ['second run'] }]);
    await driver.settle('w1', driver.complete(again));
    expect((await driver.store.curation.read(QUEUE, [id]))[0]?.progress).toBe('1');
    expect(await driver.store.curation.logs(QUEUE, id)).toEqual(['first run', 'second run']);
  });

  it('keeps the last hundred lines', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1');
    const lines = Array.from({ length: 130 }, (_, index) => `line ${index}`);
    await driver.store.workers.report(QUEUE, [{ id, token, progress: undefined, logs: lines.slice(0, 70) }]);
    await driver.store.workers.report(QUEUE, [{ id, token, progress: undefined, logs: lines.slice(70) }]);
    expect(await driver.store.curation.logs(QUEUE, id)).toEqual(lines.slice(-100));
  });

  it('refuses reports of a run that is not the newest, and writes nothing', async () => {
    const driver = use();
    const old = await driver.start('w1');
    await driver.settle('w1', { op: 'release', id: old.id, token: old.token });
    const [fresh] = (await driver.reserve('w1')).jobs;
    const done = await driver.start('w1');
    await driver.settle('w1', driver.complete(done));
    const reply = await driver.store.workers.report(QUEUE, [
      { id: old.id, token: old.token, progress: '"stale"', logs: ['stale'] },
      { id: done.id, token: done.token, progress: '"stale"', logs: ['stale'] },
      { id: 'zzzzzzzzzz', token: 'w1:1', progress: '"stale"', logs: [] },
      { id: fresh.id, token: fresh.token, progress: undefined, logs: ['fresh'] },
    ]);
    expect(reply.lost.sort()).toEqual([old.id, done.id, 'zzzzzzzzzz'].sort());
    expect(await driver.store.curation.logs(QUEUE, old.id)).toEqual(['fresh']);
    expect(await driver.store.curation.logs(QUEUE, done.id)).toEqual([]);
    expect((await driver.store.curation.read(QUEUE, [old.id]))[0]?.progress).toBeUndefined();
  });

  it('forgets progress and lines with the job', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.store.workers.report(QUEUE, [{ id: job.id, token: job.token, progress: '1', logs: ['x'] }]);
    await driver.settle('w1', driver.complete(job, '1', { ...KEEP, count: 0 }));
    expect(await driver.store.curation.logs(QUEUE, job.id)).toEqual([]);
    expect(await driver.store.curation.logs(QUEUE, 'zzzzzzzzzz')).toEqual([]);
  });
}
