import { describe, expect, it, jest } from '@jest/globals';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import type { RetentionRule } from '../../src/core/job.js';
import { Link } from '../../src/redis/wire/link.js';
import { KEEP, LEASE_MS, QUEUE } from '../contract/store-driver.js';
import type { RedisDriver } from './redis-driver.js';
import { expectOnlyResidue, storeOfEachTest } from './store-of-each-test.js';

const OPS = [
  'complete',
  'complete slim',
  'retry',
  'retry later',
  'snooze',
  'release',
  'park',
  'cancel',
  'bury',
] as const;

function settlementOf(
  op: (typeof OPS)[number],
  { id, token, envelope }: ReservedJob,
  keep: RetentionRule = KEEP,
): Settlement {
  switch (op) {
    case 'complete':
      return { op: 'complete', id, token, result: '1', envelope, keep };
    case 'complete slim':
      return { op: 'complete', id, token, result: '1', envelope: undefined, keep };
    case 'retry':
      return { op: 'retry', id, token, delayMs: 0, envelope };
    case 'retry later':
      return { op: 'retry', id, token, delayMs: 50, envelope };
    case 'snooze':
      return { op: 'snooze', id, token, delayMs: 50, envelope: undefined };
    case 'release':
      return { op: 'release', id, token };
    case 'park':
      return { op: 'park', id, token, name: 'default' };
    case 'cancel':
      return { op: 'cancel', id, token, keep };
    case 'bury':
      return { op: 'bury', id, token, detail: '{"reason":"exhausted"}', envelope: undefined, keep };
    default:
      throw new Error(`No such case: ${String(op satisfies never)}`);
  }
}

describe('settle-and-reserve.lua', () => {
  const use = storeOfEachTest();

  // ------------------------------------------------------------ reserve

  it('writes one token for all that one turn reserves, and the lease of the worker', async () => {
    const driver = use();
    const ids = await driver.putMany(3);
    const { fence, jobs } = await driver.reserve('w1', 2);
    expect(fence).toBe(driver.now() * 1000);
    expect(await driver.hash('inflight')).toEqual({ [ids[0]]: `w1:${fence}`, [ids[1]]: `w1:${fence}` });
    expect(await driver.zset('workers')).toEqual({ w1: driver.now() + LEASE_MS });
    expect(jobs.map(({ token }) => token)).toEqual([`w1:${fence}`, `w1:${fence}`]);
    expect(await driver.meta('fence')).toBe(String(fence));
    const next = await driver.reserve('w2');
    expect(next.fence).toBe(fence + 1);
    expect((await driver.callRecords())['w2']).toBe(`1 ${driver.now() / 1000} ${next.fence} ${LEASE_MS} 0   ${ids[2]}`);
  });

  it('keeps the fence rising when the counter was lost', async () => {
    const driver = use();
    await driver.putMany(2);
    const { fence } = await driver.reserve('w1');
    await driver.client.hdel(driver.keys.meta, 'fence');
    await driver.advance(1);
    expect((await driver.reserve('w1')).fence).toBeGreaterThan(fence);
  });

  it.each([
    ['the list', {}],
    ['priorities', { priority: 3 }],
  ])(
    'takes from %s as many long payloads at a time as a worker reads in some milliseconds, and at least one',
    async (_, job) => {
      const driver = use();
      const [short] = await driver.put({ payload: '1', ...job });
      const long = await driver.put(
        ...Array.from({ length: 5 }, () => ({ payload: `"${'x'.repeat(800_000)}"`, ...job })),
      );
      const [huge] = await driver.put({ payload: `"${'x'.repeat(3_000_000)}"`, ...job });
      const taken: string[][] = [];
      for (let turn = 0; turn < 4; turn++) {
        const { jobs, backlog } = await driver.reserve('w1', 100);
        taken.push(jobs.map(({ id }) => id));
        expect(backlog).toBe(turn < 3);
      }
      expect(taken).toEqual([[short, ...long.slice(0, 2)], long.slice(2, 4), long.slice(4), [huge]]);
    },
  );

  it('moves a few long elements of a plain list at a time', async () => {
    const driver = use();
    const inbox = `${driver.prefix}-inbox`;
    const long = JSON.stringify('x'.repeat(20_000));
    await driver.client.lpush(inbox, ...Array.from({ length: 6 }, () => long), '1');
    expect(await driver.store.intake.takeInbox(QUEUE, inbox, 100)).toBe(4);
    expect(await driver.meta('features')).toBe('l');
  });

  it('skips holes of cancelled and removed jobs and forgets them', async () => {
    const driver = use();
    const ids = await driver.putMany(30);
    for (const id of ids.slice(0, 10)) await driver.store.curation.cancel(QUEUE, id);
    for (const id of ids.slice(10, 20)) await driver.store.curation.remove(QUEUE, id);
    expect(await driver.meta('readyHoles')).toBe('20');
    expect(await driver.list('ready')).toHaveLength(30);
    await driver.expectCounts({ ready: 10, cancelled: 10 });
    const taken: string[] = [];
    for (let turn = 0; turn < 12; turn++) taken.push(...(await driver.reserve('w1', 3)).jobs.map(({ id }) => id));
    expect(taken).toEqual(ids.slice(20));
    expect(await driver.meta('readyHoles')).toBe('0');
    await driver.expectCounts({ active: 10, cancelled: 10 });
  });

  it('gets through more holes than one turn looks at, and says that there is more', async () => {
    const driver = use();
    const ids = await driver.putMany(21);
    for (const id of ids.slice(0, 20)) await driver.store.curation.remove(QUEUE, id);
    let turns = 0;
    for (;;) {
      const { jobs, backlog } = await driver.reserve('w1');
      turns++;
      if (jobs.length === 1) break;
      expect(backlog).toBe(true);
    }
    expect(turns).toBe(3); // eight a turn
    await driver.expectCounts({ active: 1 });
  });

  it('answers the same call with the same reservation and changes nothing', async () => {
    const driver = use();
    const [, settled, stale] = (await driver.putMany(5), (await driver.reserve('w1', 3)).jobs);
    const settlements = [driver.complete(settled), { ...driver.complete(stale), token: 'w9:1' }];
    const turn = driver.turn('w1', { want: 5, settlements });
    const first = await driver.store.workers.settleAndReserve(QUEUE, turn);
    expect(first.jobs).toHaveLength(2);
    expect(first.lost).toEqual([stale.id]);
    const before = await driver.contents();
    await driver.putOne();
    await driver.store.curation.purge(QUEUE, 'ready', 1);
    const second = await driver.store.workers.settleAndReserve(QUEUE, turn);
    expect(second).toEqual({ ...first, now: driver.now() });
    const { jobs, inflight } = await driver.contents();
    expect({ jobs, inflight }).toEqual({ jobs: before.jobs, inflight: before.inflight });
    // The next call is a new one.
    expect((await driver.reserve('w1', 5)).jobs).toEqual([]);
  });

  it('answers a repeated call when the next job is due, too', async () => {
    const driver = use();
    await driver.putOne({ delayMs: 500 });
    const turn = driver.turn('w1', { want: 1 });
    const first = await driver.store.workers.settleAndReserve(QUEUE, turn);
    expect(first.nextDueAt).toBe(driver.now() + 500);
    expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).nextDueAt).toBe(driver.now() + 500);
  });

  it('leaves out of a repeated answer what has another lease since', async () => {
    const driver = use();
    const [, second] = await driver.putMany(2);
    const turn = driver.turn('w1', { want: 2 });
    const { jobs } = await driver.store.workers.settleAndReserve(QUEUE, turn);
    await driver.store.workers.reconcile(QUEUE, 'w1', jobs.slice(1));
    await driver.reserve('w2');
    expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).jobs.map(({ id }) => id)).toEqual([second]);
  });

  it('reserves nothing for a late copy of an older call', async () => {
    const driver = use();
    const old = driver.turn('w1', { want: 1 });
    await driver.store.workers.settleAndReserve(QUEUE, old);
    await driver.reserve('w1', 1);
    await driver.putOne();
    const copy = await driver.store.workers.settleAndReserve(QUEUE, old);
    expect(copy.jobs).toEqual([]);
    await driver.expectCounts({ ready: 1 });
    expect((await driver.reserve('w1')).jobs).toHaveLength(1);
  });

  it('reserves nothing for a late copy after its worker left or was reclaimed', async () => {
    const driver = use();
    const turn = driver.turn('w1', { want: 1 });
    const id = await driver.putOne();
    await driver.store.workers.settleAndReserve(QUEUE, turn);
    await driver.store.workers.leave(QUEUE, 'w1');
    expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).jobs).toEqual([]);
    const second = driver.turn('w2', { want: 1 });
    await driver.store.workers.settleAndReserve(QUEUE, second);
    expect((await driver.expireLeases()).reclaimed).toBe(1);
    expect((await driver.store.workers.settleAndReserve(QUEUE, second)).jobs).toEqual([]);
    expect(await driver.list('ready')).toEqual([id]);
  });

  it('adopts a parked job whose name a foreign program wrote with spaces', async () => {
    const driver = use();
    const [{ id }] = await driver.store.intake.enqueue(QUEUE, [{ envelope: '1 {"n": "send a mail"}\n1' }]);
    const { jobs } = await driver.reserve('w1');
    await driver.settle('w1', { op: 'park', id, token: jobs[0].token, name: 'send a mail' });
    expect((await driver.store.curation.read(QUEUE, [id]))[0]?.state).toBe('parked');
    expect(await driver.idsIn('parked')).toEqual([id]);
    expect((await driver.reserve('w1', 1, { adopt: '*' })).jobs.map((job) => job.id)).toEqual([id]);
    await driver.expectCounts({ active: 1 });
  });

  // ------------------------------------------------------------ settle

  it.each(OPS)('refuses %s under a stale token and changes nothing', async (op) => {
    const driver = use();
    const [job] = (await driver.putMany(2), (await driver.reserve('w1', 2)).jobs);
    const before = await driver.contents();
    const forged = [`w2:${job.token.split(':')[1]}`, `${job.token}0`, 'w1:0', ''];
    const reply = await driver.settle('w1', ...forged.map((token) => settlementOf(op, { ...job, token })));
    expect(reply.lost).toEqual(forged.map(() => job.id));
    expect((await driver.settle('w1', settlementOf(op, { ...job, id: 'gone' }))).lost).toEqual(['gone']);
    expect(await driver.contents()).toEqual(before);
  });

  it.each(OPS)('settles by %s once, and a second time not at all', async (op) => {
    const driver = use();
    const job = await driver.start('w1');
    expect((await driver.settle('w1', settlementOf(op, job))).lost).toEqual([]);
    const before = await driver.contents();
    expect((await driver.settle('w1', settlementOf(op, job))).lost).toEqual([job.id]);
    expect(await driver.contents()).toEqual(before);
  });

  it.each(OPS)('settles by %s once what one turn names twice', async (op) => {
    const driver = use();
    await driver.putMany(3);
    const { jobs } = await driver.reserve('w1', 3);
    const named = [jobs[0], jobs[1], jobs[0], jobs[2], jobs[1]];
    const reply = await driver.settle('w1', ...named.map((job) => settlementOf(op, job)));
    expect(reply.lost).toEqual([jobs[0].id, jobs[1].id]);
    expect((await driver.store.curation.counts(QUEUE)).active).toBe(0);
    await driver.expectConserved();
  });

  it('settles the valid ones of a section and names the others', async () => {
    const driver = use();
    await driver.putMany(4);
    const { jobs } = await driver.reserve('w1', 4);
    await driver.store.workers.reconcile(QUEUE, 'w1', [jobs[0], jobs[2]]);
    const reply = await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
    expect(reply.lost).toEqual([jobs[1].id, jobs[3].id]);
    await driver.expectCounts({ ready: 2, completed: 2 });
    expect(await driver.list('completed')).toHaveLength(1);
    expect((await driver.list('completed'))[0]).toMatch(new RegExp(`^\\d+ \\d+ 2 ${jobs[0].id} ${jobs[2].id}$`));
  });

  it('keeps what ended together as one element and counts every byte', async () => {
    const driver = use();
    await driver.put({ payload: '"ü"' }, {});
    const { jobs } = await driver.reserve('w1', 2);
    await driver.settle('w1', ...jobs.map((job) => settlementOf('complete', job)));
    const records = await Promise.all(jobs.map(({ id }) => driver.record(id)));
    expect(records[0]?.replace(/^C\d{13}/, '')).toBe(`1\n${jobs[0].envelope}`);
    const bytes = records.reduce((sum, record) => sum + Buffer.byteLength(record ?? ''), 0);
    expect(await driver.list('completed')).toEqual([`${driver.now()} ${bytes} 2 ${jobs[0].id} ${jobs[1].id}`]);
    expect(await driver.meta('completedBytes')).toBe(String(bytes));
    expect(await driver.meta('completedCount')).toBe('2');
  });

  it('answers long envelopes one by one, whatever they hold', async () => {
    const driver = use();
    const payloads = ['a', 'b'].map((letter) => `"\0${letter.repeat(2000)}"`);
    await driver.put({ payload: payloads[0] }, { payload: payloads[1] });
    const hmget = jest.spyOn(Link.prototype, 'command');
    const first = await driver.reserve('w1', 2);
    expect(first.jobs.map(({ envelope }) => envelope.split('\n')[1])).toEqual(payloads);
    expect(hmget).not.toHaveBeenCalledWith('hmget', expect.anything());
    hmget.mockRestore();
  });

  it('writes the same record whether the worker sends the envelope or the script finds it', async () => {
    const driver = use();
    await driver.putMany(2);
    const { jobs } = await driver.reserve('w1', 2);
    await driver.settle('w1', settlementOf('complete', jobs[0]), settlementOf('complete slim', jobs[1]));
    const [sent, found] = await Promise.all(jobs.map(({ id }) => driver.record(id)));
    expect(sent).toMatch(/^C\d{13}1\n1/);
    expect(found).toBe(sent);
  });

  it.each(['cancel', 'bury'] as const)('counts the bytes of %s, also through trimming', async (op) => {
    const driver = use();
    const [store, counter] =
      op === 'cancel' ? (['cancelled', 'cancelledBytes'] as const) : (['dead', 'deadBytes'] as const);
    const rule = { ...KEEP, count: 2 };
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) {
      const job = await driver.start('w1', { payload: 'ü'.repeat(index + 1), userId: `u${index}` });
      ids.push(job.id);
      await driver.settle('w1', settlementOf(op, job, rule));
      await driver.advance(1);
    }
    expect(Object.keys(await driver.zset(store))).toEqual(ids.slice(2));
    const records = await Promise.all(ids.map((id) => driver.record(id)));
    expect(records.slice(0, 2)).toEqual([null, null]);
    const bytes = records.reduce((sum, record) => sum + Buffer.byteLength(record ?? ''), 0);
    expect(await driver.meta(counter)).toBe(String(bytes));
    expect(Object.keys(await driver.hash('ids'))).toEqual(['u2', 'u3']);
  });

  it('trims whole elements, never below the limit, and takes user ids and notes with them', async () => {
    const driver = use();
    const rule = { ...KEEP, count: 4 };
    for (let round = 0; round < 3; round++) {
      const ids = await driver.put(...[0, 1, 2].map((index) => ({ userId: `u${round}-${index}` })));
      const { jobs } = await driver.reserve('w1', 3);
      await driver.store.workers.report(QUEUE, [{ id: ids[0], token: jobs[0].token, progress: '1', logs: ['x'] }]);
      await driver.settle('w1', ...jobs.map((job) => settlementOf('complete', job, rule)));
    }
    // 9 in elements of 3: with 4 to keep, one element goes and 6 stay.
    expect(await driver.meta('completedCount')).toBe('6');
    expect(await driver.client.hlen(driver.keys.ids)).toBe(6);
    expect(await driver.client.hlen(driver.keys.notes)).toBe(4);
    expect(Object.keys(await driver.hash('jobs'))).toHaveLength(6);
  });

  it.each(['bury', 'cancel'] as const)('trims after a limit was lowered as many as %s keeps and 100', async (op) => {
    const driver = use();
    const state = op === 'bury' ? 'dead' : 'cancelled';
    const endAll = async (count: number, keep: RetentionRule) => {
      await driver.putMany(count);
      const { jobs } = await driver.reserve('w1', count);
      return driver.settle('w1', ...jobs.map((job) => settlementOf(op, job, keep)));
    };
    await endAll(1000, { ...KEEP, count: 1000 });
    const lowered = { ...KEEP, count: 10 };
    const { trimmedDead } = await endAll(20, lowered);
    expect(trimmedDead).toBe(op === 'bury' ? 120 : 0);
    await driver.expectCounts({ [state]: 900 });
    const rules = { completed: KEEP, cancelled: lowered, dead: lowered };
    while ((await driver.store.duties.trim(QUEUE, rules)).more);
    await driver.expectCounts({ [state]: 10 });
  });

  it('counts right when trimmed elements had holes', async () => {
    const driver = use();
    const ids = await driver.putEnded('completed', 6);
    for (const id of ids.slice(0, 3)) await driver.store.curation.remove(QUEUE, id);
    expect(await driver.meta('completedCount')).toBe('3');
    const job = await driver.start('w1');
    await driver.settle('w1', settlementOf('complete', job, { ...KEEP, count: 1 }));
    await driver.expectCounts({ completed: 1 });
    expect(await driver.list('completed')).toHaveLength(1);
    expect(await driver.meta('completedBytes')).toBe(String(Buffer.byteLength((await driver.record(job.id)) ?? '')));
  });

  it.each(OPS)('leaves nothing behind after %s when nothing is kept', async (op) => {
    const driver = use();
    const job = await driver.start('w1', { userId: 'a', priority: 4, name: 'default' });
    await driver.store.workers.report(QUEUE, [{ id: job.id, token: job.token, progress: '1', logs: ['x'] }]);
    await driver.store.notices.awaitSettled(QUEUE, job.id, 60_000);
    await driver.store.curation.cancel(QUEUE, job.id);
    await driver.settle('w1', settlementOf(op, job, false));
    await driver.store.curation.purge(QUEUE, 'cancelled', 10);
    await driver.store.workers.leave(QUEUE, 'w1');
    await expectOnlyResidue(driver);
  });

  it('leaves nothing behind of a job that crashed, waited, was snoozed and then completed', async () => {
    const driver = use();
    await driver.start('w1', { userId: 'a', priority: 4 });
    await driver.expireLeases();
    const [again] = (await driver.reserve('w2')).jobs;
    expect(again.crashes).toBe(1);
    await driver.settle('w2', settlementOf('snooze', again));
    expect(await driver.hash('crashes')).toEqual({});
    await driver.advance(50);
    const [last] = (await driver.reserve('w2')).jobs;
    await driver.settle('w2', settlementOf('complete', last, false));
    await driver.store.workers.leave(QUEUE, 'w2');
    await expectOnlyResidue(driver);
  });

  it('settles and reserves a thousand at once', async () => {
    const driver = use();
    await driver.putMany(1000);
    await driver.putMany(1000, { priority: 1 });
    const first = await driver.reserve('w1', 1000);
    expect(first.jobs).toHaveLength(1000);
    const half = first.jobs.slice(0, 500).map((job) => settlementOf('complete', job));
    const rest = first.jobs.slice(500).map((job) => settlementOf('bury', job));
    const second = await driver.reserve('w1', 1000, { settlements: [...half, ...rest] });
    expect(second.lost).toEqual([]);
    expect(second.jobs).toHaveLength(1000);
    await driver.expectCounts({ completed: 500, dead: 100, active: 1000 });
    await driver.settle('w1', ...second.jobs.map((job) => settlementOf('complete slim', job, false)));
    await driver.expectCounts({ completed: 500, dead: 100 });
  });

  it('puts errors with newlines on one line', async () => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.settle('w1', { op: 'bury', ...job, detail: '{"a":1,\n"b":2}', envelope: undefined, keep: KEEP });
    expect(await driver.record(job.id)).toBe(`D${driver.now()}{"a":1, "b":2}\n${job.envelope}`);
  });

  // ------------------------------------------------------------ cancelling, suspects

  it.each(OPS.filter((op) => !op.startsWith('complete') && op !== 'bury'))(
    'turns the mark of a cancelled run at %s into its end',
    async (op) => {
      const driver = use();
      const job = await driver.start('w1', { priority: 2 });
      await driver.store.curation.cancel(QUEUE, job.id);
      expect(await driver.hash('cancelling')).toEqual({ [job.id]: String(driver.now()) });
      await driver.settle('w1', settlementOf(op, job));
      expect(await driver.stateOf(job.id)).toBe('cancelled');
      expect(await driver.keyNames()).not.toContain('cancelling');
      await driver.expectConserved();
    },
  );

  it.each(['complete', 'bury'] as const)('forgets the mark of a run that ends by %s', async (op) => {
    const driver = use();
    const job = await driver.start('w1');
    await driver.store.curation.cancel(QUEUE, job.id);
    await driver.settle('w1', settlementOf(op, job));
    expect(await driver.keyNames()).not.toContain('cancelling');
    expect(await driver.stateOf(job.id)).toBe(op === 'bury' ? 'dead' : 'completed');
  });

  async function makeSuspect(driver: RedisDriver, seed = {}): Promise<string> {
    const { id } = await driver.start('victim-1', seed);
    await driver.expireLeases();
    await driver.reserve('victim-2');
    await driver.expireLeases();
    expect(await driver.list('suspects')).toEqual([id]);
    expect(await driver.hash('crashes')).toEqual({ [id]: '2' });
    return id;
  }

  it.each(['release', 'park'] as const)('keeps a suspect among the suspects through %s', async (op) => {
    const driver = use();
    const id = await makeSuspect(driver, { priority: 3 });
    const [job] = (await driver.reserve('w1', 1, { alone: true })).jobs;
    expect(job.crashes).toBe(2);
    await driver.settle('w1', settlementOf(op, job));
    expect(await driver.hash('crashes')).toEqual({ [id]: '2' });
    expect(await driver.list('suspects')).toEqual(op === 'release' ? [id] : []);
    await driver.expectConserved();
  });

  it.each(OPS.filter((op) => op !== 'release' && op !== 'park'))('clears a suspect that ends by %s', async (op) => {
    const driver = use();
    await makeSuspect(driver);
    const [job] = (await driver.reserve('w1', 1, { alone: true })).jobs;
    await driver.settle('w1', settlementOf(op, job));
    expect(await driver.keyNames()).not.toContain('crashes');
    expect(await driver.keyNames()).not.toContain('suspects');
    await driver.expectConserved();
  });

  it('hands a suspect to a worker that holds nothing, alone, before everything else', async () => {
    const driver = use();
    const id = await makeSuspect(driver);
    await driver.put({ priority: 9 }, {});
    expect((await driver.reserve('w1', 5)).jobs).toHaveLength(2);
    const reply = await driver.reserve('w2', 5, { alone: true });
    expect(reply.jobs.map((job) => job.id)).toEqual([id]);
    expect(reply.suspects).toBe(false);
  });

  it('passes over suspects that were cancelled or removed meanwhile', async () => {
    const driver = use();
    const id = await makeSuspect(driver);
    await driver.store.curation.cancel(QUEUE, id);
    expect(await driver.keyNames()).not.toContain('suspects');
    expect(await driver.meta('readyHoles')).toBe('0');
    expect((await driver.reserve('w1', 5, { alone: true })).jobs).toEqual([]);
  });

  // ------------------------------------------------------------ who is woken

  it('lists a worker as idle exactly while it has room', async () => {
    const driver = use();
    await driver.reserve('w1', 1);
    expect(await driver.client.smembers(driver.keys.idle)).toEqual(['w1']);
    await driver.putOne(); // takes it off the list: it is woken
    expect(await driver.keyNames()).not.toContain('idle');
    await driver.reserve('w1', 1);
    expect(await driver.keyNames()).not.toContain('idle');
    await driver.reserve('w1', 0);
    expect(await driver.keyNames()).not.toContain('idle');
    await driver.reserve('w1', 2);
    expect(await driver.client.smembers(driver.keys.idle)).toEqual(['w1']);
  });
});
