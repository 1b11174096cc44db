import { describe, expect, it } from '@jest/globals';
import type { BrokerEvent, ReservedJob, SettledNotice } from '../../src/core/broker.js';
import { KEEP, QUEUE } from '../contract/broker-driver.js';
import { MessageLog } from '../support/message-log.js';
import type { RedisDriver } from './redis-driver.js';
import { expectOnlyResidue, storeOfEachTest } from './store-of-each-test.js';

// Records of neighbours that complete together share fields: from sixteen jobs on, as many as their ids have in common.
describe('bundles of completed jobs', () => {
  const use = storeOfEachTest();
  const plenty = { ...KEEP, count: 1e6 };

  async function startMany(driver: RedisDriver, count: number, worker = 'w1'): Promise<ReservedJob[]> {
    await driver.putMany(count);
    return (await driver.reserve(worker, count)).jobs;
  }

  async function completeMany(driver: RedisDriver, count: number, keep = plenty): Promise<ReservedJob[]> {
    const jobs = await startMany(driver, count);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, `"${job.id}"`, keep)));
    return jobs;
  }

  const recordsOf = async (driver: RedisDriver, ids: readonly string[]) =>
    (await driver.broker.read(QUEUE, ids)).map((job) => job?.record);

  it('hold sixteen and more, and no field of their own is left', async () => {
    const driver = use();
    const jobs = await completeMany(driver, 40);
    expect(await driver.hash('jobs')).toEqual({});
    const prefixes = new Set(jobs.map(({ id }) => id.slice(0, -1)));
    expect(Object.keys(await driver.hash('bundles')).sort()).toEqual([...prefixes].sort());
    const records = await recordsOf(
      driver,
      jobs.map(({ id }) => id),
    );
    for (const [index, { id, envelope }] of jobs.entries())
      expect(records[index]?.replace(/^C\d{13}/, '')).toBe(`"${id}"\n${envelope}`);
    const bytes = records.reduce((sum, record) => sum + Buffer.byteLength(record ?? ''), 0);
    expect(await driver.meta('completedBytes')).toBe(String(bytes));
    expect(await driver.list('completed')).toHaveLength(1);
    await driver.expectCounts({ completed: 40 });
  });

  it('are no use to fewer, nor to long records, nor to those that hold a zero byte', async () => {
    const driver = use();
    await completeMany(driver, 15);
    const long = await startMany(driver, 60);
    await driver.settle('w1', ...long.map((job) => driver.complete(job, `"${'x'.repeat(512)}"`, plenty)));
    const zeros = await startMany(driver, 60);
    await driver.settle('w1', ...zeros.map((job) => driver.complete(job, '"\0"', plenty)));
    expect(await driver.hash('bundles')).toEqual({});
    await driver.put(...Array.from({ length: 60 }, () => ({ payload: '"\0"' })));
    const { jobs } = await driver.reserve('w1', 60);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', plenty)));
    expect(await driver.hash('bundles')).toEqual({});
    await driver.expectCounts({ completed: 195 });
    expect((await recordsOf(driver, [zeros[3].id]))[0]).toContain('"\0"\n');
  });

  it('hold jobs in whatever order they end', async () => {
    const driver = use();
    const jobs = await startMany(driver, 100);
    const mixed = jobs.map((_, index) => jobs[(index * 37) % 100]);
    await driver.settle('w1', ...mixed.map((job) => driver.complete(job, `"${job.id}"`, plenty)));
    expect(await driver.hash('jobs')).toEqual({});
    const ids = jobs.map(({ id }) => id);
    const records = await recordsOf(driver, ids);
    expect(records.map((record) => record?.slice(14).split('\n')[0])).toEqual(ids.map((id) => `"${id}"`));
    expect((await driver.idsIn('completed')).sort()).toEqual(ids);
    await driver.expectConserved();
  });

  it('are no use to ids far apart', async () => {
    const driver = use();
    const jobs = (await startMany(driver, 360)).filter((_, index) => index % 10 === 0);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', plenty)));
    expect(await driver.hash('bundles')).toEqual({});
    await driver.expectCounts({ active: 324, completed: 36 });
  });

  it('name those without a lease and those named twice, and keep the others', async () => {
    const driver = use();
    const jobs = await startMany(driver, 40);
    const given = [jobs[3], jobs[20]];
    await driver.broker.reconcile(
      QUEUE,
      'w1',
      jobs.filter((job) => !given.includes(job)),
    );
    const named = [...jobs, jobs[7]];
    const { lost } = await driver.settle('w1', ...named.map((job) => driver.complete(job, '1', plenty)));
    expect(lost.sort()).toEqual([...given, jobs[7]].map(({ id }) => id).sort());
    await driver.expectCounts({ ready: 2, completed: 38 });
    const again = await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', plenty)));
    expect(again.lost).toHaveLength(40);
    await driver.expectConserved();
    expect((await driver.idsIn('completed')).sort()).toEqual(
      jobs.filter((job) => !given.includes(job)).map(({ id }) => id).sort(), // prettier-ignore
    );
  });

  it('tell of each job to those who wait for it and those who listen', async () => {
    const driver = use();
    const events = new MessageLog<BrokerEvent>();
    const ends = new MessageLog<SettledNotice | 'resync'>();
    await driver.broker.onEvents(QUEUE, (batch) => batch.forEach(events.listener));
    await driver.broker.onSettled(QUEUE, ends.listener);
    const jobs = await startMany(driver, 30);
    await driver.broker.awaitSettled(QUEUE, jobs[4].id, 10_000);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, `"${job.id}"`, plenty)));
    expect(await ends.first(1)).toEqual([
      { id: jobs[4].id, line: expect.stringMatching(new RegExp(`^C\\d{13}"${jobs[4].id}"$`)) },
    ]);
    const told = (await events.first(90)).filter(({ event }) => event === 'completed');
    expect(told.map(({ id, detail }) => [id, detail])).toEqual(jobs.map(({ id }) => [id, `"${id}"`]));
  });

  it('are listed newest first, a page at a time', async () => {
    const driver = use();
    const ids: string[] = [];
    for (const count of [20, 3, 50]) ids.push(...(await completeMany(driver, count)).map(({ id }) => id));
    for (const limit of [1, 7, 40, 100]) expect(await driver.idsIn('completed', limit)).toEqual([...ids].reverse());
  });

  it('are found by ids of users, whichever of them a call names', async () => {
    const driver = use();
    const seeds = Array.from({ length: 80 }, (_, index) => ({ userId: `u${index}` }));
    await driver.put(...seeds);
    const { jobs } = await driver.reserve('w1', 80);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', plenty)));
    await driver.put(...[2, 60, 3, 79].map((index) => seeds[index]));
    await driver.expectCounts({ completed: 80 });
  });

  it('answer whoever asks for one of them', async () => {
    const driver = use();
    await driver.put(...Array.from({ length: 20 }, (_, index) => ({ userId: `u${index}` })));
    const { jobs } = await driver.reserve('w1', 20);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', plenty)));
    expect(await driver.hash('jobs')).toEqual({});
    expect((await driver.broker.read(QUEUE, ['u5', jobs[6].id])).map((job) => [job?.id, job?.state])).toEqual([
      [jobs[5].id, 'completed'],
      [jobs[6].id, 'completed'],
    ]);
    expect(await driver.broker.cancel(QUEUE, 'u5')).toBe('finished');
    expect(await driver.broker.retryDead(QUEUE, 'u5', 1, '1\n1')).toBe('changed');
    await driver.put({ userId: 'u5' });
    await driver.expectCounts({ completed: 20 }); // still the first
    const strangers = [jobs[6].id.slice(0, -1), `${jobs[6].id} `, `${jobs[6].id.slice(0, -1)} `, ''];
    expect(await driver.broker.read(QUEUE, strangers)).toEqual(strangers.map(() => undefined));
  });

  it('count right when some were removed by hand, and go with the oldest first', async () => {
    const driver = use();
    const jobs = [...(await completeMany(driver, 20)), ...(await completeMany(driver, 40))];
    for (const index of [0, 1, 25]) expect(await driver.broker.remove(QUEUE, jobs[index].id)).toBe('removed');
    expect(await driver.broker.remove(QUEUE, jobs[25].id)).toBe('not-found');
    expect((await recordsOf(driver, [jobs[25].id]))[0]).toBeUndefined();
    expect(await driver.meta('completedBlanks')).toBe('3');
    await driver.expectCounts({ completed: 57 });
    // The first element goes: what the second has in the same bundle stays.
    await driver.settle('w1', driver.complete(await driver.start('w1'), '1', { ...KEEP, count: 38 }));
    await driver.expectCounts({ completed: 40 });
    expect(await driver.meta('completedBlanks')).toBe('1');
    const left = jobs.slice(20).filter((_, index) => index !== 5);
    expect((await driver.idsIn('completed')).slice(1)).toEqual(left.map(({ id }) => id).reverse());
    expect(await recordsOf(driver, [jobs[19].id, jobs[20].id])).toEqual([undefined, expect.stringMatching(/^C/)]);
    while ((await driver.broker.trim(QUEUE, { completed: false, cancelled: false, dead: false })).more);
    await driver.broker.leave(QUEUE, 'w1');
    await expectOnlyResidue(driver);
  });

  it.each([
    ['all at once', 0],
    ['with one that has a field of its own', 1],
  ])('count right when all go and some were removed by hand, %s', async (_, others) => {
    const driver = use();
    const jobs = await completeMany(driver, 20);
    await driver.broker.remove(QUEUE, jobs[3].id);
    if (others > 0) await completeMany(driver, others);
    await driver.settle('w1', driver.complete(await driver.start('w1'), '1', { ...KEEP, count: 0 }));
    await driver.expectCounts({});
    expect(await driver.meta('completedBlanks')).toBe('0');
    expect(await driver.hash('bundles')).toEqual({});
  });

  it('count right when a blank, and fields of their own, go before others that stay', async () => {
    const driver = use();
    const [, second] = await completeMany(driver, 20);
    await driver.broker.remove(QUEUE, second.id);
    await completeMany(driver, 3);
    await completeMany(driver, 20, { ...KEEP, count: 20 });
    await driver.expectCounts({ completed: 20 });
    expect(await driver.meta('completedBlanks')).toBe('0');
  });

  it.each(['trim', 'purge'] as const)('count none after %s has emptied the list, whatever was deleted', async (way) => {
    const driver = use();
    const [job] = await completeMany(driver, 3);
    await driver.client.hdel(driver.keys.jobs, job.id);
    if (way === 'purge') await driver.broker.purge(QUEUE, 'completed', 100);
    else await driver.broker.trim(QUEUE, { completed: false, cancelled: KEEP, dead: KEEP });
    await driver.expectCounts({});
  });

  it('go little faster than others come', async () => {
    const driver = use();
    for (let round = 0; round < 30; round++) await completeMany(driver, 15);
    await driver.settle('w1', driver.complete(await driver.start('w1'), '1', { ...KEEP, count: 10 }));
    await driver.expectCounts({ completed: 30 * 15 + 1 - 8 * 15 });
  });

  it('never go by thousands in one turn', async () => {
    const driver = use();
    for (let round = 0; round < 8; round++) await completeMany(driver, 250);
    await driver.settle('w1', driver.complete(await driver.start('w1'), '1', { ...KEEP, count: 10 }));
    const { completed } = await driver.broker.counts(QUEUE);
    expect(completed).toBeGreaterThan(1000);
    expect(completed).toBeLessThan(2001);
  });

  it('take user ids and notes with them', async () => {
    const driver = use();
    await driver.put(...Array.from({ length: 20 }, (_, index) => ({ userId: `u${index}` })));
    const { jobs } = await driver.reserve('w1', 20);
    await driver.broker.report(QUEUE, [{ id: jobs[2].id, token: jobs[2].token, progress: '1', logs: ['x'] }]);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', plenty)));
    await driver.settle('w1', driver.complete(await driver.start('w1'), '1', { ...KEEP, count: 1 }));
    expect(await driver.hash('ids')).toEqual({});
    expect(await driver.hash('notes')).toEqual({});
    expect(await driver.hash('bundles')).toEqual({});
    await driver.expectCounts({ completed: 1 });
  });

  it.each([1, 5, 19, 36, 100])('are purged oldest first, %d at a time', async (limit) => {
    const driver = use();
    const jobs: ReservedJob[] = [];
    for (const count of [40, 5, 30]) jobs.push(...(await completeMany(driver, count)));
    for (const index of [2, 44, 50]) await driver.broker.remove(QUEUE, jobs[index].id);
    const stay = jobs.filter((_, index) => ![2, 44, 50].includes(index)).map(({ id }) => id);
    for (let more = true; more;) {
      const step = await driver.broker.purge(QUEUE, 'completed', limit);
      more = step.more;
      expect(step.removed).toBeLessThanOrEqual(limit);
      stay.splice(0, step.removed);
      expect((await driver.idsIn('completed')).reverse()).toEqual(stay);
      await driver.expectCounts({ completed: stay.length });
      const left = Object.values(await driver.hash('bundles')).join('');
      expect(Number((await driver.meta('completedBlanks')) ?? 0)).toBe(left.split('\0 ').length - 1);
    }
    expect(stay).toEqual([]);
    await driver.broker.leave(QUEUE, 'w1');
    await expectOnlyResidue(driver);
  });

  it('go whole or in part as retention asks, and no record is lost or left on the way', async () => {
    const driver = use();
    const keep = { ...KEEP, count: 50 };
    const ids: string[] = [];
    for (const count of [17, 1, 100, 16, 3, 29, 64, 40]) {
      ids.push(...(await completeMany(driver, count, keep)).map(({ id }) => id));
      const listed = await driver.idsIn('completed');
      expect(listed).toEqual(ids.slice(-listed.length).reverse());
      expect(listed.length).toBeGreaterThanOrEqual(Math.min(50, ids.length));
      await driver.expectCounts({ completed: listed.length });
      const records = await recordsOf(driver, ids);
      expect(records.filter((record) => record !== undefined)).toHaveLength(listed.length);
    }
  });

  it.each([
    ['strange', 'ABCDEFGHIJKLMNOPQRST'],
    ['strange', '!#$%&()+-./;<=>?@^_|'],
    ['Strange', '0123456789abcdefghij'],
    ['st:range', '0123456789abcdefghij'],
  ])('are no use to ids that the store did not give, as %s and one of %s', async (prefix, lasts) => {
    const driver = use();
    const ids = lasts.split('').map((last) => prefix + last);
    for (const id of ids) {
      await driver.client.hset(driver.keys.jobs, id, driver.envelope());
      await driver.client.rpush(driver.keys.ready, id);
    }
    const { jobs } = await driver.reserve('w1', 20);
    expect(jobs).toHaveLength(20);
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job, '1', plenty)));
    expect(await driver.hash('bundles')).toEqual({});
    expect((await driver.idsIn('completed')).sort()).toEqual([...ids].sort());
  });

  it('are no use to short ones that lie far apart between long ones', async () => {
    const driver = use();
    const jobs = await startMany(driver, 192);
    const resultOf = (index: number) => (index % 12 === 0 ? '1' : `"${'x'.repeat(600)}"`);
    await driver.settle('w1', ...jobs.map((job, index) => driver.complete(job, resultOf(index), plenty)));
    expect(await driver.hash('bundles')).toEqual({});
    await driver.expectCounts({ completed: 192 });
  });

  it('take what is long out of their way, and one element tells of each kind', async () => {
    const driver = use();
    const jobs = await startMany(driver, 60);
    const resultOf = (index: number) => (index % 2 === 0 ? '1' : `"${'x'.repeat(600)}"`);
    await driver.settle('w1', ...jobs.map((job, index) => driver.complete(job, resultOf(index), plenty)));
    expect(await driver.list('completed')).toHaveLength(2);
    expect(Object.keys(await driver.hash('jobs'))).toHaveLength(30);
    const few = await startMany(driver, 20);
    await driver.settle('w1', ...few.map((job, index) => driver.complete(job, resultOf(index), plenty)));
    expect(await driver.list('completed')).toHaveLength(3);
    await driver.expectCounts({ completed: 80 });
    await driver.expectConserved();
  });

  it('that were deleted by hand take nothing younger with them', async () => {
    const driver = use();
    const old = await completeMany(driver, 17);
    await driver.client.del(driver.keys.bundles);
    const jobs = await completeMany(driver, 19);
    expect(jobs[0].id.slice(0, -1)).toBe(old[0].id.slice(0, -1)); // they share a bundle
    await driver.broker.trim(QUEUE, { completed: { ...KEEP, count: 19 }, cancelled: KEEP, dead: KEEP });
    await driver.expectCounts({ completed: 19 });
    const records = await recordsOf(
      driver,
      jobs.map(({ id }) => id),
    );
    expect(records.filter((record) => record !== undefined)).toHaveLength(19);
  });

  it('survive that somebody deletes them', async () => {
    const driver = use();
    await completeMany(driver, 40);
    await driver.client.del(driver.keys.bundles);
    await completeMany(driver, 40, { ...KEEP, count: 10 });
    await driver.broker.purge(QUEUE, 'completed', 200);
    await driver.expectCounts({});
    expect(await driver.list('completed')).toEqual([]);
  });
});
