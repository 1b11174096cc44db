import { describe, expect, it, jest } from '@jest/globals';
import { Link } from '../../src/redis/wire/link.js';
import { KEEP, LEASE_MS, QUEUE } from '../contract/store-driver.js';
import { expectOnlyResidue, storeOfEachTest } from './store-of-each-test.js';

/** More than one step of a scan looks at. */
const MANY = 1000;

describe('beat.lua', () => {
  const use = storeOfEachTest();

  it('writes the lease and says whether it had lapsed, to the millisecond', async () => {
    const driver = use();
    expect((await driver.store.workers.beat(QUEUE, 'w1', 100)).lapsed).toBe(true);
    expect(await driver.zset('workers')).toEqual({ w1: driver.now() + 100 });
    await driver.advance(99);
    expect((await driver.store.workers.beat(QUEUE, 'w1', 100)).lapsed).toBe(false);
    await driver.advance(100);
    expect((await driver.store.workers.beat(QUEUE, 'w1', 100)).lapsed).toBe(true);
    expect(await driver.keyNames()).toEqual(['meta', 'workers']);
    expect(await driver.meta('seen')).toBe(String(driver.now()));
  });

  it('names only the jobs of this very worker', async () => {
    const driver = use();
    const [one, other] = [await driver.start('w1'), await driver.start('w10')];
    await driver.store.curation.cancel(QUEUE, one.id);
    await driver.store.curation.cancel(QUEUE, other.id);
    expect((await driver.store.workers.beat(QUEUE, 'w1', 100)).cancelling).toEqual([one.id]);
    expect((await driver.store.workers.beat(QUEUE, 'w10', 100)).cancelling).toEqual([other.id]);
    expect((await driver.store.workers.beat(QUEUE, 'w', 100)).cancelling).toEqual([]);
  });
});

describe('reclaim.lua', () => {
  const use = storeOfEachTest();

  it('gives back what a dead worker held, in order, before what waits, and forgets the worker', async () => {
    const driver = use();
    const ids = await driver.putMany(5);
    await driver.reserve('w1', 3);
    await driver.reserve('w1', 0);
    expect((await driver.expireLeases()).reclaimed).toBe(3);
    expect(await driver.list('ready')).toEqual(ids);
    expect(await driver.hash('crashes')).toEqual({ [ids[0]]: '1', [ids[1]]: '1', [ids[2]]: '1' });
    expect(await driver.keyNames()).toEqual(['crashes', 'inflight', 'jobs', 'meta', 'ready']);
  });

  it('leaves the jobs of others alone, also of names that begin alike', async () => {
    const driver = use();
    const [, second] = await driver.putMany(2);
    await driver.reserve('w1');
    await driver.reserve('w10');
    await driver.scan();
    for (let step = 0; step < 4; step++) {
      await driver.advance(LEASE_MS / 4 + 1);
      await driver.store.workers.beat(QUEUE, 'w10', LEASE_MS);
      await driver.scan();
    }
    expect(Object.keys(await driver.hash('inflight'))).toEqual([second]);
  });

  it('works through more than one step holds, and finds every job once', async () => {
    const driver = use();
    const ids = await driver.putMany(MANY);
    await driver.reserve('w1', MANY);
    await driver.scan();
    for (let step = 0; step < 3; step++) {
      await driver.advance(LEASE_MS / 4);
      await driver.scan();
    }
    await driver.advance(LEASE_MS / 4);
    const first = await driver.store.duties.reclaim(QUEUE, LEASE_MS);
    expect(first.more).toBe(true);
    expect(first.reclaimed).toBeLessThan(MANY);
    expect(await driver.zset('workers')).toEqual({ w1: expect.any(Number) }); // until the last step is done
    const { reclaimed } = await driver.scan();
    expect(first.reclaimed + reclaimed).toBe(MANY);
    expect((await driver.list('ready')).sort()).toEqual([...ids].sort());
    expect(await driver.meta('scanCursor')).toBeNull();
    expect(await driver.keyNames()).not.toContain('workers');
  });

  it('begins a scan anew when its worker came back in between and died again', async () => {
    const driver = use();
    const ids = await driver.putMany(MANY);
    await driver.reserve('w1', MANY);
    await driver.scan();
    for (let step = 0; step < 4; step++) {
      await driver.advance(LEASE_MS / 4);
      if (step < 3) await driver.scan();
    }
    expect((await driver.store.duties.reclaim(QUEUE, LEASE_MS)).more).toBe(true);
    // It lives: it reserves what the first steps gave back, and what they had not yet seen is its own again.
    await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS);
    await driver.reserve('w1', MANY);
    await driver.expireLeases();
    expect(await driver.hash('inflight')).toEqual({});
    const back = [...(await driver.list('ready')), ...(await driver.list('suspects'))];
    expect(back.sort()).toEqual([...ids].sort());
  });

  it('does nothing for a lease after a gap in scans, and then goes on', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.scan();
    await driver.advance(LEASE_MS / 2 + 1);
    await driver.scan(); // the store was away: a grace of one lease
    expect(await driver.meta('graceUntil')).toBe(String(driver.now() + LEASE_MS));
    for (let step = 0; step < 4; step++) {
      expect((await driver.scan()).reclaimed).toBe(0);
      await driver.advance(LEASE_MS / 4);
    }
    expect((await driver.scan()).reclaimed).toBe(1);
  });

  it('keeps what it buries and cancels as every other end', async () => {
    const driver = use();
    const bytes: Record<string, number> = {};
    for (const [worker, mark] of [
      ['w1', true],
      ['w2', false],
    ] as const) {
      const job = await driver.start(worker, { userId: worker, priority: 2 });
      if (mark) await driver.store.curation.cancel(QUEUE, job.id);
      else await driver.seedCrashes(job.id, 2);
      await driver.expireLeases();
      const record = (await driver.record(job.id)) ?? '';
      const line = mark ? 'X\\d{13}\\{"reason":"cancelled"\\}' : 'D\\d{13}\\{"reason":"poison","message":"[^"]*"\\}';
      expect(record).toMatch(new RegExp(`^${line}\n1`));
      bytes[mark ? 'cancelledBytes' : 'deadBytes'] = Buffer.byteLength(record);
    }
    for (const [counter, size] of Object.entries(bytes)) expect(await driver.meta(counter)).toBe(String(size));
    for (const gone of ['crashes', 'cancelling', 'workers']) expect(await driver.keyNames()).not.toContain(gone);
    await driver.expectCounts({ cancelled: 1, dead: 1 });
  });
});

describe('reconcile.lua', () => {
  const use = storeOfEachTest();

  it('gives back in order what the worker does not hold', async () => {
    const driver = use();
    const ids = await driver.put({}, {}, {}, { priority: 5 }, {});
    const { jobs } = await driver.reserve('w1', 4); // the priority first
    const held = jobs.filter(({ id }) => id === ids[1]);
    expect(await driver.store.workers.reconcile(QUEUE, 'w1', held)).toMatchObject({ lost: [], released: 3 });
    expect(await driver.list('ready')).toEqual([ids[0], ids[2], ids[4]]);
    expect(Object.keys(await driver.zset('priority'))).toEqual([ids[3]]);
    expect(Object.keys(await driver.hash('inflight'))).toEqual([ids[1]]);
    expect((await driver.reserve('w1', 9)).jobs.map(({ crashes }) => crashes)).toEqual([0, 0, 0, 0]);
  });

  it('works through more than one step holds', async () => {
    const driver = use();
    const ids = await driver.putMany(MANY);
    const { jobs } = await driver.reserve('w1', MANY);
    const held = jobs.slice(0, 10);
    expect(await driver.store.workers.reconcile(QUEUE, 'w1', held)).toMatchObject({ lost: [], released: MANY - 10 });
    expect((await driver.list('ready')).sort()).toEqual(ids.slice(10).sort());
  });

  it('leaves alone the jobs that are reserved between its steps', async () => {
    const driver = use();
    await driver.putMany(MANY);
    const { jobs } = await driver.reserve('w1', MANY);
    await driver.putMany(500);
    // Both travel on one connection: the turn comes between the steps, and is not in the list of what is held.
    const [{ released }, turn] = await Promise.all([
      driver.store.workers.reconcile(QUEUE, 'w1', jobs),
      driver.reserve('w1', 500),
    ]);
    expect(released).toBe(0);
    expect(turn.jobs).toHaveLength(500);
    const ended = await driver.settle('w1', ...turn.jobs.map((job) => driver.complete(job)));
    expect(ended.lost).toEqual([]);
  });

  it('ends a job that is to be cancelled, and sends the end to those who await it', async () => {
    const driver = use();
    const { id } = await driver.start('w1', { priority: 3 });
    await driver.store.notices.awaitSettled(QUEUE, id, 60_000);
    await driver.store.curation.cancel(QUEUE, id);
    await driver.store.workers.reconcile(QUEUE, 'w1', []);
    expect(await driver.stateOf(id)).toBe('cancelled');
    for (const gone of ['cancelling', 'waiters']) expect(await driver.keyNames()).not.toContain(gone);
    expect(await driver.meta('cancelledBytes')).toBe(String(Buffer.byteLength((await driver.record(id)) ?? '')));
  });

  it('gives a suspect back to the suspects', async () => {
    const driver = use();
    const { id } = await driver.start('w1');
    await driver.seedCrashes(id, 2);
    await driver.store.workers.reconcile(QUEUE, 'w1', []);
    expect(await driver.list('suspects')).toEqual([id]);
    expect(await driver.keyNames()).not.toContain('ready');
  });
});

describe('leave.lua', () => {
  const use = storeOfEachTest();

  it('leaves no registration, and no job that nobody leases', async () => {
    const driver = use();
    const { id } = await driver.start('w1');
    await driver.reserve('w1', 5);
    await driver.store.workers.leave(QUEUE, 'w1');
    expect(await driver.list('ready')).toEqual([id]);
    expect(await driver.keyNames()).toEqual(['inflight', 'jobs', 'meta', 'ready']);
    await driver.store.curation.remove(QUEUE, id);
    await driver.store.curation.purge(QUEUE, 'ready', 10);
    await expectOnlyResidue(driver);
  });

  it('gives back what a turn reserved while it left', async () => {
    const driver = use();
    const ids = await driver.putMany(3);
    await driver.reserve('w1', 2);
    await driver.advance(1);
    // A turn that was still on its way arrives between the look at what is held and the end of the lease.
    const run = Link.prototype.run;
    let arrived = false;
    const spy = jest.spyOn(Link.prototype, 'run').mockImplementation(async function (
      this: Link,
      script,
      keys,
      args,
      until,
    ) {
      if (script.name === 'leave' && args[1] !== '' && !arrived) {
        arrived = true;
        expect((await driver.reserve('w1')).jobs).toHaveLength(1);
      }
      return run.call(this, script, keys, args, until);
    });
    await driver.store.workers.leave(QUEUE, 'w1');
    spy.mockRestore();
    expect(arrived).toBe(true);
    expect((await driver.list('ready')).sort()).toEqual(ids);
    expect(await driver.hash('inflight')).toEqual({});
    expect(await driver.keyNames()).not.toContain('workers');
  });

  it('is not woken for what it gives back', async () => {
    const driver = use();
    await driver.start('w1');
    await driver.reserve('w1', 5);
    await driver.reserve('w2', 5);
    const [leaver, other] = [await driver.wakesOf('w1'), await driver.wakesOf('w2')];
    await driver.store.workers.leave(QUEUE, 'w1');
    expect(await other.first(1)).toEqual([QUEUE]);
    expect(leaver.messages).toEqual([]);
  });
});

describe('report.lua', () => {
  const use = storeOfEachTest({ logLines: 3 });

  it('keeps the last lines, the last value, and nothing of a stale run', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1');
    const report = (logs: string[], progress?: string) =>
      driver.store.workers.report(QUEUE, [
        { id, token, progress, logs },
        { id, token: 'w1:1', progress: '9', logs: ['no'] },
      ]);
    expect(await report(['a', 'b ü'], '1')).toEqual({ lost: [id] });
    await report(['c', 'd'], '{"a":2}');
    expect(await driver.hash('notes')).toEqual({ [`${id}:progress`]: '{"a":2}', [`${id}:logs`]: 'b ü\nc\nd' });
    expect(await driver.store.curation.logs(QUEUE, id)).toEqual(['b ü', 'c', 'd']);
    await driver.settle('w1', driver.complete({ id, token }, '1', KEEP));
    expect(await report(['late'])).toEqual({ lost: [id, id] });
    expect(await driver.store.curation.logs(QUEUE, id)).toEqual(['b ü', 'c', 'd']);
  });
});
