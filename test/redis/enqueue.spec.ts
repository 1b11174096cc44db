import { describe, expect, it } from '@jest/globals';
import { Link } from '../../src/redis/wire/link.js';
import { QUEUE } from '../contract/store-driver.js';
import type { RedisDriver } from './redis-driver.js';
import { storeOfEachTest } from './store-of-each-test.js';

describe('enqueue.lua', () => {
  const use = storeOfEachTest();

  /** Runs the script itself, under a call number of the test's choice. */
  async function call(driver: RedisDriver, caller: string, number: number, ...jobs: string[]) {
    const store = await driver.connect();
    const { link, scripts } = store.connection as unknown as { link: Link; scripts: Record<string, never> };
    const args = [caller, number, ...jobs];
    return (await link.run(scripts.enqueue, driver.keys.all, args)) as [string, string[]];
  }

  it('stores a plain job as its envelope and a place in the list, and nothing else', async () => {
    const driver = use();
    const [id] = await driver.put({});
    expect(await driver.hash('jobs')).toEqual({ [id]: driver.envelope() });
    expect(await driver.list('ready')).toEqual([id]);
    expect(await driver.keyNames()).toEqual(['inflight', 'jobs', 'meta', 'ready']);
    const record: unknown[] = Object.values(await driver.callRecords());
    expect(record).toEqual([`1 ${driver.now() / 1000} `]);
  });

  it('stores what a job asks for, each in its place', async () => {
    const driver = use();
    const now = driver.now();
    const [first, second, third, fourth] = await driver.put(
      { priority: 9 },
      { delayMs: 1000, priority: 2 },
      { runAt: now + 500, userId: 'a' },
      { runAt: now - 1, priority: 9 },
    );
    expect(await driver.hash('traits')).toEqual({ [first]: 'p9', [second]: 'p2', [third]: 'ua', [fourth]: 'p9' });
    expect(await driver.zset('scheduled')).toEqual({ [second]: now + 1000, [third]: now + 500 });
    expect(await driver.hash('ids')).toEqual({ a: third });
    const half = 2 ** 48;
    expect(await driver.zset('priority')).toEqual({ [first]: half + 1, [fourth]: half + 2 });
    expect(await driver.list('ready')).toEqual([]);
  });

  it('keeps numbers of priorities exact over all priorities', async () => {
    const driver = use();
    const ids = await driver.put(...[1, 5, 9, 1, 5, 9].map((priority) => ({ priority })));
    const { jobs } = await driver.reserve('w1', 6);
    expect(jobs.map(({ id }) => id)).toEqual([2, 5, 1, 4, 0, 3].map((index) => ids[index]));
  });

  it.each([
    '"a\\nb"',
    'raw\nnewline\n\nagain\n',
    '"ünïcödé 🎉 \u2028"',
    '\u0000\u0001\u007f',
    '',
    'C1800000000000x',
    '{"__proto__":1}',
  ])('stores the payload %j byte for byte', async (payload) => {
    const driver = use();
    const envelope = driver.envelope({ payload });
    const [{ id }] = await driver.store.intake.enqueue(QUEUE, [{ envelope }]);
    expect(await driver.record(id)).toBe(envelope);
    const { jobs } = await driver.reserve('w1');
    expect(jobs[0].envelope).toBe(envelope);
  });

  it('stores a thousand jobs in one call, plain or not', async () => {
    const driver = use();
    const plain = await driver.putMany(1000);
    const full = await driver.put(...Array.from({ length: 1000 }, (_, index) => ({ userId: `u${index}`, delayMs: 5 })));
    expect(await driver.list('ready')).toEqual(plain);
    expect(await driver.client.zrange(driver.keys.scheduled, '0', '-1')).toEqual(full);
    expect(await driver.client.hlen(driver.keys.ids)).toBe(1000);
  });

  it.each(['', 'x', '-1', '10', '1.5', '01'])('refuses the priority %j before it writes', async (level) => {
    const driver = use();
    const jobs = ['n1', '1a\n1', '+5', 'p2\nuone', 'n2', '1a\n1', '+5', `utwo\np${level}`];
    await expect(call(driver, 'another language', 1, ...jobs)).rejects.toThrow('is not one of 0 to 9');
    const { keys: k } = driver;
    expect(await driver.client.exists(k.jobs, k.ids, k.traits, k.scheduled)).toBe(0);
  });

  it('answers a repeated call as the first and does nothing again', async () => {
    const driver = use();
    const jobs = ['id1', '1\n1', '', 'uu', 'id2', '1\n2', '+5', 'p0\nuu'];
    const first = await call(driver, 'lane', 1, ...jobs);
    expect(first[1]).toEqual(['', 'ready id1']);
    // What the repetition shows of the job comes beside the same answer.
    const again = await call(driver, 'lane', 1, ...jobs);
    expect(again.slice(0, 2)).toEqual(first.slice(0, 2));
    expect(await driver.list('ready')).toEqual(['id1']);
    expect(await driver.hash('jobs')).toEqual({ id1: '1\n1' });
  });

  it('answers a repeated call whose jobs are long gone, and stores nothing', async () => {
    const driver = use();
    await driver.putOne();
    const first = await call(driver, 'lane', 7, 'id1', '1\n1', '', '');
    await driver.store.curation.purge(QUEUE, 'ready', 200);
    expect(await call(driver, 'lane', 7, 'id1', '1\n1', '', '')).toEqual(first);
    expect(await driver.hash('jobs')).toEqual({});
    expect(await driver.list('ready')).toEqual([]);
  });

  it('ignores a late copy of a call that later ones have followed', async () => {
    const driver = use();
    await call(driver, 'lane', 1, 'id1', '1\n1', '', '');
    await call(driver, 'lane', 2, 'id2', '1\n2', '', '');
    await driver.store.curation.purge(QUEUE, 'ready', 200);
    expect((await call(driver, 'lane', 1, 'id1', '1\n1', '', ''))[1]).toEqual([]);
    expect(await driver.hash('jobs')).toEqual({});
    // …and by number, not by text: 9 is older than 10.
    await call(driver, 'lane', 10, 'id3', '1\n3', '', '');
    await call(driver, 'lane', 9, 'id4', '1\n4', '', '');
    expect(Object.keys(await driver.hash('jobs'))).toEqual(['id3']);
  });

  it('gives every producer a memory of its own', async () => {
    const driver = use();
    await call(driver, 'one', 1, 'id1', '1\n1', '', '');
    await call(driver, 'two', 1, 'id2', '1\n2', '', '');
    expect(await driver.list('ready')).toEqual(['id1', 'id2']);
  });

  it('answers in which state the first job of a user id is that comes twice in one call', async () => {
    const driver = use();
    const job = driver.newJob({ userId: 'a', delayMs: 50 });
    const [first, second] = await driver.store.intake.enqueue(QUEUE, [job, driver.newJob({ userId: 'a' })]);
    expect(first).toMatchObject({ created: true, state: 'scheduled' });
    expect(second).toMatchObject({ id: first.id, created: false, state: 'scheduled' });
  });

  it('frees a user id whose job was deleted by hand', async () => {
    const driver = use();
    const id = await driver.putOne({ userId: 'a' });
    await driver.client.hdel(driver.keys.jobs, id);
    const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]);
    expect(again.created).toBe(true);
    expect(await driver.hash('ids')).toEqual({ a: again.id });
  });

  it.each(['jobs', 'traits'] as const)('frees a unique key whose job is lost by hand: %s', async (lost) => {
    const driver = use();
    const { id, token } = await driver.start('w1', { uniqueKey: 'x a' });
    await driver.client.hdel(driver.keys[lost], id);
    if (lost === 'traits') await driver.settle('w1', driver.complete({ id, token }));
    const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ uniqueKey: 'x a' })]);
    expect(again.created).toBe(true);
    expect(await driver.hash('uniques')).toEqual({ 'x a': again.id });
  });

  it('stores a unique key as a trait and a claim, both gone with the job', async () => {
    const driver = use();
    const id = await driver.putOne({ uniqueKey: 'x a', userId: 'u', priority: 2 });
    expect(await driver.hash('traits')).toEqual({ [id]: 'p2\nuu\nqx a' });
    expect(await driver.hash('uniques')).toEqual({ 'x a': id });
    expect((await driver.meta('features'))?.split('').sort().join('')).toBe('pqtu');
    await driver.store.curation.remove(QUEUE, id);
    const keep = { count: 1, ageMs: 1, bytes: 1 };
    await driver.store.duties.trim(QUEUE, { completed: keep, cancelled: keep, dead: keep });
    expect(await driver.keyNames()).toEqual(['inflight', 'jobs', 'meta']);
    expect(await driver.meta('features')).toBeNull();
  });

  it('takes a unique key from a job of a call that stopped in the middle, unless the job has its place', async () => {
    const driver = use();
    const placed = await driver.putOne({ uniqueKey: 'x a' });
    await driver.client.hset(driver.keys.uniques, 'x a', `${placed}?`, 'x b', 'lost?');
    await driver.client.hset(driver.keys.jobs, 'lost', '1\n1');
    await driver.client.hset(driver.keys.traits, 'lost', 'qx b');
    const receipts = await driver.store.intake.enqueue(QUEUE, [
      driver.newJob({ uniqueKey: 'x a' }),
      driver.newJob({ uniqueKey: 'x b' }),
    ]);
    expect(receipts).toMatchObject([{ id: placed, created: false, conflict: 'kept' }, { created: true }]);
    expect(await driver.hash('uniques')).toEqual({ 'x a': placed, 'x b': receipts[1].id });
    expect(Object.keys(await driver.hash('jobs')).sort()).toEqual([placed, receipts[1].id].sort());
  });

  it('frees a unique key with its mark where the job ends before its enqueue is completed', async () => {
    const driver = use();
    const job = await driver.start('w1', { uniqueKey: 'x a' });
    await driver.client.hset(driver.keys.uniques, 'x a', `${job.id}?`);
    await driver.settle('w1', driver.complete(job));
    expect(await driver.hash('uniques')).toEqual({});
  });

  it('holds no key after FLUSHALL', async () => {
    const driver = use();
    await driver.putOne({ uniqueKey: 'x a' });
    await driver.client.del(...driver.keys.all);
    const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ uniqueKey: 'x a' })]);
    expect(again.created).toBe(true);
  });

  it('answers a repeated call as the first, also for a key that was free by then', async () => {
    const driver = use();
    const row = (id: string) => [id, '1\n1', '', 'qx a'];
    await call(driver, 'lane', 1, ...row('id1'));
    expect((await call(driver, 'lane', 2, ...row('id2')))[1]).toEqual(['ready id1 kept']);
    await driver.store.curation.remove(QUEUE, 'id1');
    expect((await call(driver, 'lane', 2, ...row('id2')))[1]).toEqual(['ready id1 kept']);
    expect((await call(driver, 'lane', 3, ...row('id3')))[1]).toEqual([]);
    expect(await driver.hash('uniques')).toEqual({ 'x a': 'id3' });
  });

  it('finds a parked job by its user id, however its producer writes JSON', async () => {
    const driver = use();
    const envelope = `1 a {"n": "send mail"}\n1`;
    const [{ id }] = await driver.store.intake.enqueue(QUEUE, [{ envelope, userId: 'a' }]);
    const { jobs } = await driver.reserve('w1');
    await driver.settle('w1', { op: 'park', id, token: jobs[0].token, name: 'send mail' });
    const [again] = await driver.store.intake.enqueue(QUEUE, [{ envelope, userId: 'a' }]);
    expect(again).toMatchObject({ id, created: false, state: 'parked' });
  });

  it('survives SCRIPT FLUSH at any moment', async () => {
    const driver = use();
    const ids = [await driver.putOne()];
    await driver.client.script('FLUSH');
    const more = await Promise.all([driver.putOne(), driver.putOne({ priority: 1 }), driver.putOne()]);
    await driver.client.script('FLUSH');
    const { jobs } = await driver.reserve('w1', 10);
    expect(jobs.map(({ id }) => id).sort()).toEqual([...ids, ...more].sort());
  });
});
