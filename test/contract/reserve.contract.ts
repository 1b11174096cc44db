import { expect, it } from '@jest/globals';
import { emptyReservation } from '../support/empty-reservation.js';
import { QUEUE, type StoreDriver } from './store-driver.js';

export function reserveContract(use: () => StoreDriver): void {
  const idsOf = (reply: { jobs: { id: string }[] }) => reply.jobs.map(({ id }) => id);

  it('answers a turn on an empty queue with no jobs', async () => {
    const driver = use();
    expect(await driver.reserve('w1', 5)).toEqual({
      ...emptyReservation(driver.now()),
      fence: expect.any(Number),
    });
  });

  it('says that somebody awaits a result, so that settlements are not held back for long', async () => {
    const driver = use();
    const [id] = await driver.putMany(1);
    expect((await driver.reserve('w1', 0)).awaited).toBe(false);
    await driver.store.notices.awaitSettled(QUEUE, id, 60_000);
    expect((await driver.reserve('w1', 0)).awaited).toBe(true);
  });

  it('hands out the oldest first, as many as are wanted, and says whether more wait', async () => {
    const driver = use();
    const ids = await driver.putMany(5);
    const first = await driver.reserve('w1', 3);
    expect(idsOf(first)).toEqual(ids.slice(0, 3));
    expect(first.backlog).toBe(true);
    await driver.expectCounts({ ready: 2, active: 3 });
    const second = await driver.reserve('w2', 10);
    expect(idsOf(second)).toEqual(ids.slice(3));
    expect(second.backlog).toBe(false);
    await driver.expectCounts({ active: 5 });
  });

  it('keeps the order of the calls of one process', async () => {
    const driver = use();
    const calls = Array.from({ length: 20 }, (_, index) => driver.putMany((index % 3) + 1));
    const ids = (await Promise.all(calls)).flat();
    expect(idsOf(await driver.reserve('w1', 100))).toEqual(ids);
  });

  it('reserves a thousand in one turn', async () => {
    const driver = use();
    const ids = [...(await driver.putMany(1000)), ...(await driver.putMany(10))];
    const reply = await driver.reserve('w1', 1000);
    expect(idsOf(reply)).toEqual(ids.slice(0, 1000));
    const ended = await driver.settle('w1', ...reply.jobs.map((job) => driver.complete(job, '1', false)));
    expect(ended.lost).toEqual([]);
    await driver.expectCounts({ ready: 10 });
  });

  it('reserves nothing where nothing is wanted', async () => {
    const driver = use();
    await driver.putOne();
    expect((await driver.reserve('w1', 0)).jobs).toEqual([]);
    await driver.expectCounts({ ready: 1 });
  });

  it('gives a token that names worker and fence, one fence per turn', async () => {
    const driver = use();
    await driver.putMany(3);
    const first = await driver.reserve('w1', 2);
    const second = await driver.reserve('w1', 1);
    expect(first.jobs.map(({ token }) => token)).toEqual([`w1:${first.fence}`, `w1:${first.fence}`]);
    expect(second.jobs[0].token).toBe(`w1:${second.fence}`);
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(first.fence).toBeGreaterThanOrEqual(driver.now() * 1000);
  });

  it('raises the fence of a job with every reservation', async () => {
    const driver = use();
    const first = await driver.start('w1');
    await driver.settle('w1', { op: 'release', id: first.id, token: first.token });
    const { jobs, fence } = await driver.reserve('w2');
    expect(jobs[0].id).toBe(first.id);
    expect(fence).toBeGreaterThan(Number(first.token.split(':')[1]));
  });

  it('gives two workers different jobs', async () => {
    const driver = use();
    const ids = await driver.putMany(40);
    const other = await driver.fixture.connect();
    const replies = await Promise.all(
      [driver.store, other, driver.store, other].map((store, index) =>
        store.workers.settleAndReserve(QUEUE, driver.turn(`w${index}`, { want: 10 })),
      ),
    );
    expect(replies.flatMap(idsOf).sort()).toEqual(ids);
  });

  // ------------------------------------------------------------ priorities

  it('runs higher priorities first, FIFO inside each', async () => {
    const driver = use();
    const seeds = [0, 3, 9, 0, 9, 3, 1];
    const ids = await driver.put(...seeds.map((priority) => ({ priority })));
    const expected = [2, 4, 1, 5, 6, 0, 3].map((index) => ids[index]);
    expect(await driver.idsIn('ready', 2)).toEqual(expected);
    expect(idsOf(await driver.reserve('w1', 4))).toEqual(expected.slice(0, 4));
    expect(idsOf(await driver.reserve('w1', 10))).toEqual(expected.slice(4));
  });

  it('remembers the priority of a job through delay, release, retry and reclaim', async () => {
    const driver = use();
    const [late] = await driver.put({ priority: 5, delayMs: 100 });
    const plain = await driver.putMany(3);
    await driver.advance(100);
    const [first] = (await driver.reserve('w1')).jobs;
    expect(first.id).toBe(late);
    await driver.settle('w1', { op: 'release', id: late, token: first.token });
    const [second] = (await driver.reserve('w1')).jobs;
    expect(second.id).toBe(late);
    const envelope = driver.envelope({ priority: 5 });
    await driver.settle('w1', { op: 'retry', id: late, token: second.token, delayMs: 50, envelope });
    await driver.advance(50);
    const [third] = (await driver.reserve('w1')).jobs;
    expect(third.id).toBe(late);
    await driver.expireLeases();
    expect(idsOf(await driver.reserve('w2', 10))).toEqual([late, ...plain]);
  });

  // ------------------------------------------------------------ holes

  it('skips jobs that were removed or cancelled while they waited', async () => {
    const driver = use();
    const ids = await driver.putMany(6);
    await driver.store.curation.remove(QUEUE, ids[0]);
    await driver.store.curation.cancel(QUEUE, ids[1]);
    await driver.store.curation.remove(QUEUE, ids[4]);
    await driver.expectCounts({ ready: 3, cancelled: 1 });
    expect(await driver.idsIn('ready', 1)).toEqual([ids[2], ids[3], ids[5]]);
    const reply = await driver.reserve('w1', 6);
    expect(idsOf(reply)).toEqual([ids[2], ids[3], ids[5]]);
    expect(reply.backlog).toBe(false);
    await driver.expectCounts({ active: 3, cancelled: 1 });
  });

  it('finds the job behind a removed one, though the turn asks for a single job', async () => {
    const driver = use();
    const ids = await driver.putMany(3);
    await driver.store.curation.remove(QUEUE, ids[0]);
    await driver.store.curation.remove(QUEUE, ids[1]);
    expect(idsOf(await driver.reserve('w1', 1))).toEqual([ids[2]]);
  });

  it('skips holes among priorities', async () => {
    const driver = use();
    const ids = await driver.put({ priority: 9 }, { priority: 9 }, { priority: 1 });
    await driver.store.curation.cancel(QUEUE, ids[0]);
    await driver.store.curation.remove(QUEUE, ids[2]);
    expect(idsOf(await driver.reserve('w1', 5))).toEqual([ids[1]]);
  });

  // ------------------------------------------------------------ delays

  it('promotes what is due in the order of due times, behind what is ready', async () => {
    const driver = use();
    const [third, first, never, second] = await driver.put(
      { delayMs: 300 },
      { delayMs: 100 },
      { delayMs: 301 },
      { delayMs: 200 },
    );
    const ready = await driver.putOne();
    await driver.advance(300);
    expect(idsOf(await driver.reserve('w1', 10))).toEqual([ready, first, second, third]);
    expect(await driver.stateOf(never)).toBe('scheduled');
  });

  it('lists what is scheduled next to run first', async () => {
    const driver = use();
    const [b, a, c] = await driver.put({ delayMs: 200 }, { delayMs: 100 }, { delayMs: 200 });
    expect(await driver.idsIn('scheduled', 1)).toEqual([a, b, c]);
  });

  it('hands out no job before it is due', async () => {
    const driver = use();
    const id = await driver.putOne({ delayMs: 1000 });
    await driver.advance(999);
    const early = await driver.reserve('w1');
    expect(early.jobs).toEqual([]);
    expect(early.nextDueAt).toBe(driver.now() + 1);
    await driver.advance(1);
    expect(idsOf(await driver.reserve('w1'))).toEqual([id]);
  });

  it('promotes no more jobs than the limit, and answers when the next one is due', async () => {
    const driver = use();
    const ids = await driver.put({ delayMs: 1 }, { delayMs: 2 }, { delayMs: 3 }, { delayMs: 5000 });
    await driver.advance(10);
    expect(await driver.store.duties.promote(QUEUE, 2)).toEqual({ promoted: 2, nextDueAt: driver.now() - 7 });
    expect(await driver.idsIn('ready')).toEqual(ids.slice(0, 2));
    expect(await driver.store.duties.promote(QUEUE, 2)).toEqual({ promoted: 1, nextDueAt: driver.now() + 4990 });
    expect(await driver.store.duties.promote(QUEUE, 2)).toEqual({ promoted: 0, nextDueAt: driver.now() + 4990 });
    await driver.expectCounts({ ready: 3, scheduled: 1 });
  });

  // ------------------------------------------------------------ pause

  it('reserves nothing while the queue is paused, and still settles and promotes', async () => {
    const driver = use();
    const running = await driver.start('w1');
    await driver.put({}, { delayMs: 10 });
    await driver.store.curation.setPaused(QUEUE, true);
    await driver.advance(10);
    const reply = await driver.reserve('w1', 5, { settlements: [driver.complete(running)] });
    expect(reply).toMatchObject({ jobs: [], paused: true, lost: [] });
    await driver.expectCounts({ completed: 1, ready: 2 });
    await driver.store.curation.setPaused(QUEUE, false);
    expect(await driver.reserve('w1', 5)).toMatchObject({ paused: false, jobs: [{}, {}] });
  });

  it('keeps pause until resumed, for every client', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    expect(await other.curation.isPaused(QUEUE)).toBe(false);
    await driver.store.curation.setPaused(QUEUE, true);
    await driver.store.curation.setPaused(QUEUE, true);
    expect(await other.curation.isPaused(QUEUE)).toBe(true);
    expect(await other.curation.isPaused('other')).toBe(false);
    await other.curation.setPaused(QUEUE, false);
    await other.curation.setPaused(QUEUE, false);
    expect(await driver.store.curation.isPaused(QUEUE)).toBe(false);
  });

  it('takes jobs while the queue is paused', async () => {
    const driver = use();
    await driver.store.curation.setPaused(QUEUE, true);
    await driver.putOne();
    await driver.expectCounts({ ready: 1 });
  });

  // ------------------------------------------------------------ lost replies

  it('answers a repeated call with the reservation of the first', async () => {
    const driver = use();
    const ids = await driver.put({}, { priority: 4 }, {});
    const turn = driver.turn('w1', { want: 2 });
    const first = await driver.store.workers.settleAndReserve(QUEUE, turn);
    const again = await driver.store.workers.settleAndReserve(QUEUE, turn);
    expect(again.jobs).toEqual(first.jobs);
    expect(again.fence).toBe(first.fence);
    expect(idsOf(first)).toEqual([ids[1], ids[0]]);
    await driver.expectCounts({ active: 2, ready: 1 });
  });

  it('applies the settlements of a repeated call once, and names the same losses', async () => {
    const driver = use();
    const job = await driver.start('w1');
    const settlements = [driver.complete(job), driver.complete({ id: 'zzzzzzzzzz', token: 'w1:1' })];
    await driver.putOne();
    const turn = driver.turn('w1', { settlements });
    const first = await driver.store.workers.settleAndReserve(QUEUE, turn);
    const again = await driver.store.workers.settleAndReserve(QUEUE, turn);
    expect(first.lost).toEqual(['zzzzzzzzzz']);
    expect(again).toMatchObject({ lost: ['zzzzzzzzzz'], fence: first.fence, jobs: first.jobs });
    await driver.expectCounts({ completed: 1, active: 1 });
  });

  it('answers a repeated empty call without reserving what came meanwhile', async () => {
    const driver = use();
    const turn = driver.turn('w1', { want: 1 });
    expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).jobs).toEqual([]);
    await driver.putOne();
    expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).jobs).toEqual([]);
    await driver.expectCounts({ ready: 1 });
  });

  it('leaves jobs out of a repeated answer that the worker has lost meanwhile', async () => {
    const driver = use();
    await driver.scan();
    const ids = await driver.putMany(2);
    const turn = driver.turn('w1', { want: 2 });
    await driver.store.workers.settleAndReserve(QUEUE, turn);
    await driver.store.workers.reconcile(QUEUE, 'w1', [{ id: ids[0], token: 'w1:1' }]);
    const [stolen] = (await driver.reserve('w2')).jobs;
    expect(stolen.id).toBe(ids[1]);
    expect(idsOf(await driver.store.workers.settleAndReserve(QUEUE, turn))).toEqual([ids[0]]);
  });

  it('does nothing for a call older than the last one', async () => {
    const driver = use();
    const job = await driver.start('w1');
    const late = driver.turn('w1', { settlements: [driver.complete(job)] });
    await driver.reserve('w1', 0);
    const id = await driver.putOne();
    const answer = await driver.store.workers.settleAndReserve(QUEUE, late);
    expect(answer).toMatchObject({ jobs: [], lost: [] });
    await driver.expectCounts({ active: 1, ready: 1 });
    expect(idsOf(await driver.reserve('w1'))).toEqual([id]);
  });

  it.each(['leave', 'reclaim'] as const)('does nothing for a copy of a turn that comes after %s', async (kind) => {
    const driver = use();
    await driver.putOne();
    const turn = driver.turn('w1');
    await driver.store.workers.settleAndReserve(QUEUE, turn);
    if (kind === 'leave') await driver.store.workers.leave(QUEUE, 'w1');
    else await driver.expireLeases();
    expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).jobs).toEqual([]);
    await driver.expectCounts({ ready: 1 });
  });

  it('counts the calls of each worker and each queue by themselves', async () => {
    const driver = use();
    await driver.putMany(2);
    await driver.store.intake.enqueue('other', [driver.newJob()]);
    const turn = driver.turn('w1');
    const first = await driver.store.workers.settleAndReserve(QUEUE, turn);
    const second = await driver.store.workers.settleAndReserve(QUEUE, { ...turn, worker: 'w2' });
    const third = await driver.store.workers.settleAndReserve('other', turn);
    expect(second.jobs[0].id).not.toBe(first.jobs[0].id);
    expect(third.jobs).toHaveLength(1);
  });

  // ------------------------------------------------------------ parked jobs

  it('gives parked jobs to a worker that announces their name, after what is ready', async () => {
    const driver = use();
    await driver.put({ name: 'resize' }, { name: 'crop' }, { name: 'resize' });
    const { jobs } = await driver.reserve('w1', 3);
    const names = ['resize', 'crop', 'resize'];
    await driver.settle(
      'w1',
      ...jobs.map(({ id, token }, index) => ({ op: 'park' as const, id, token, name: names[index] })),
    );
    await driver.expectCounts({ parked: 3 });
    const without = await driver.reserve('w2', 10);
    expect(without).toMatchObject({ jobs: [], parked: true });
    expect((await driver.reserve('w2', 10, { adopt: ['rotate', 'res'] })).jobs).toEqual([]);
    const ready = await driver.putOne();
    const adopted = await driver.reserve('w2', 2, { adopt: ['resize'] });
    expect(idsOf(adopted)).toEqual([ready, jobs[0].id]);
    expect(adopted.parked).toBe(true);
    expect(idsOf(await driver.reserve('w2', 10, { adopt: '*' })).sort()).toEqual([jobs[1].id, jobs[2].id].sort());
    await driver.expectCounts({ active: 4 });
    expect((await driver.reserve('w2', 10, { adopt: '*' })).parked).toBe(false);
  });

  it('takes a name that goes on behind a space for another one', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1', { name: 'resize all' });
    await driver.settle('w1', { op: 'park', id, token, name: 'resize all' });
    expect((await driver.reserve('w2', 5, { adopt: ['resize'] })).jobs).toEqual([]);
    expect(idsOf(await driver.reserve('w2', 5, { adopt: '*' }))).toEqual([id]);
  });

  it('adopts nothing while paused', async () => {
    const driver = use();
    const { id, token } = await driver.start('w1', { name: 'resize' });
    await driver.settle('w1', { op: 'park', id, token, name: 'resize' });
    await driver.store.curation.setPaused(QUEUE, true);
    expect((await driver.reserve('w1', 1, { adopt: '*' })).jobs).toEqual([]);
  });

  it('refuses the late settlement of a job that another worker runs now', async () => {
    const driver = use();
    await driver.scan();
    const old = await driver.start('w1');
    await driver.expireLeases();
    const [fresh] = (await driver.reserve('w2')).jobs;
    expect(fresh.id).toBe(old.id);
    expect((await driver.settle('w1', driver.complete(old))).lost).toEqual([old.id]);
    expect((await driver.settle('w2', driver.complete(fresh, '"new"'))).lost).toEqual([]);
    expect((await driver.settledOf(old.id))?.detail).toBe('"new"');
  });
}
