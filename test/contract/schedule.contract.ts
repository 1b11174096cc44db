import { expect, it } from '@jest/globals';
import type { ScheduleFire } from '../../src/core/broker.js';
import { QUEUE, type BrokerDriver } from './broker-driver.js';

export function scheduleContract(use: () => BrokerDriver): void {
  const MINUTE = 60_000;
  const rule = (nextTick: number, specHash = 'h1') => ({
    name: 'digest',
    specHash,
    spec: `{"rule":"${specHash}"}`,
    nextTick,
  });

  function fire(tick: number, fields: Partial<ScheduleFire> = {}): ScheduleFire {
    const job = use().newJob({ userId: `cron~digest~${tick}`, name: 'digest' });
    return { name: 'digest', specHash: 'h1', tick, nextTick: tick + MINUTE, job, ...fields };
  }

  it('creates a rule, and writes nothing for the same one', async () => {
    const driver = use();
    const tick = driver.now() + MINUTE;
    expect(await driver.broker.registerSchedule(QUEUE, rule(tick))).toBe('created');
    expect(await driver.broker.registerSchedule(QUEUE, rule(tick + 5 * MINUTE))).toBe('unchanged');
    expect(await driver.broker.schedules(QUEUE)).toEqual([
      { name: 'digest', specHash: 'h1', spec: '{"rule":"h1"}', tick, lastTick: undefined },
    ]);
  });

  it('counts a changed rule from its new tick, and remembers the last one', async () => {
    const driver = use();
    const tick = driver.now();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    await driver.broker.fireSchedule(QUEUE, fire(tick));
    expect(await driver.broker.registerSchedule(QUEUE, rule(tick + 7, 'h2'))).toBe('replaced');
    expect(await driver.broker.schedules(QUEUE)).toEqual([
      { name: 'digest', specHash: 'h2', spec: '{"rule":"h2"}', tick: tick + 7, lastTick: tick },
    ]);
  });

  it('keeps a spec byte for byte', async () => {
    const driver = use();
    const spec = '{"pattern":"0 12 * * *","zone":"Europe/Berlin","note":"é\\n %s"}';
    await driver.broker.registerSchedule(QUEUE, { name: 'a-b.c_d', specHash: 'x', spec, nextTick: driver.now() + 1 });
    expect((await driver.broker.schedules(QUEUE))[0]).toMatchObject({ name: 'a-b.c_d', spec });
  });

  it('keeps the schedules of queues apart', async () => {
    const driver = use();
    await driver.broker.registerSchedule(QUEUE, rule(driver.now()));
    expect(await driver.broker.schedules('other')).toEqual([]);
    expect(await driver.broker.fireSchedule('other', fire(driver.now()))).toBe('stale');
  });

  it('tells which ticks have come and when the next one comes, by its own clock', async () => {
    const driver = use();
    const start = driver.now();
    for (const [name, after] of [
      ['c', 3000],
      ['a', 1000],
      ['b', 2000],
    ] as const) {
      await driver.broker.registerSchedule(QUEUE, { name, specHash: 'h', spec: '{}', nextTick: start + after });
    }
    expect(await driver.broker.dueSchedules(QUEUE, 10)).toEqual({ now: start, due: [], nextTickAt: start + 1000 });
    await driver.advance(2000);
    const { now, due, nextTickAt } = await driver.broker.dueSchedules(QUEUE, 10);
    expect(now).toBe(start + 2000);
    expect(due.map(({ name, tick }) => [name, tick - start])).toEqual([
      ['a', 1000],
      ['b', 2000],
    ]);
    expect(due[0]).toMatchObject({ specHash: 'h', spec: '{}' });
    expect(nextTickAt).toBe(start + 3000);
    expect((await driver.broker.dueSchedules(QUEUE, 1)).due.map(({ name }) => name)).toEqual(['a']);
  });

  it('tells nothing of a queue without schedules', async () => {
    const driver = use();
    expect(await driver.broker.dueSchedules(QUEUE, 10)).toEqual({ now: driver.now(), due: [], nextTickAt: undefined });
  });

  it('enqueues the job of a tick and goes on to the next one', async () => {
    const driver = use();
    const tick = driver.now() + MINUTE;
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    await driver.advance(MINUTE + 5);
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick))).toBe('fired');
    const [stored] = await driver.broker.read(QUEUE, [`cron~digest~${tick}`]);
    expect(stored).toMatchObject({ state: 'ready', id: expect.stringMatching(/^[0-9a-z]{10}$/) });
    expect(await driver.broker.schedules(QUEUE)).toMatchObject([{ tick: tick + MINUTE, lastTick: tick }]);
    await driver.expectCounts({ ready: 1 });
  });

  it('fires a tick once, however many ask', async () => {
    const driver = use();
    const other = await driver.store.connect();
    const tick = driver.now();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    const answers = await Promise.all(
      [driver.broker, other, driver.broker, other].map((broker) => broker.fireSchedule(QUEUE, fire(tick))),
    );
    expect(answers.sort()).toEqual(['fired', 'stale', 'stale', 'stale']);
    await driver.expectCounts({ ready: 1 });
  });

  it('refuses a tick that has not come', async () => {
    const driver = use();
    const tick = driver.now() + 1;
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick))).toBe('early');
    await driver.expectCounts({});
    await driver.advance(1);
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick))).toBe('fired');
  });

  it.each([
    ['another tick', { tick: 1_700_000_000_000 }],
    ['another rule', { specHash: 'h0' }],
    ['another name', { name: 'nothing' }],
  ])('refuses %s than the stored one', async (_, fields) => {
    const driver = use();
    const tick = driver.now();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick, fields))).toBe('stale');
    await driver.expectCounts({});
    expect(await driver.broker.schedules(QUEUE)).toMatchObject([{ tick, lastTick: undefined }]);
  });

  it('skips a tick without a job, and remembers the last one that had a job', async () => {
    const driver = use();
    const tick = driver.now();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick, { job: undefined }))).toBe('fired');
    await driver.expectCounts({});
    expect(await driver.broker.schedules(QUEUE)).toMatchObject([{ tick: tick + MINUTE, lastTick: undefined }]);
  });

  it('enqueues no second job for a tick whose job is kept, and still goes on', async () => {
    const driver = use();
    const tick = driver.now();
    await driver.putOne({ userId: `cron~digest~${tick}` });
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick))).toBe('fired');
    await driver.expectCounts({ ready: 1 });
    expect(await driver.broker.schedules(QUEUE)).toMatchObject([{ tick: tick + MINUTE }]);
  });

  it('gives the job of a tick its priority', async () => {
    const driver = use();
    const tick = driver.now();
    await driver.putOne();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    const job = driver.newJob({ userId: `cron~digest~${tick}`, priority: 3 });
    await driver.broker.fireSchedule(QUEUE, fire(tick, { job }));
    expect((await driver.reserve('w1')).jobs[0].envelope).toBe(job.envelope);
  });

  it('ends a rule that has no further tick', async () => {
    const driver = use();
    const tick = driver.now();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick, { nextTick: undefined }))).toBe('fired');
    expect(await driver.broker.dueSchedules(QUEUE, 10)).toMatchObject({ due: [], nextTickAt: undefined });
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick))).toBe('stale');
    expect(await driver.broker.registerSchedule(QUEUE, rule(tick + 1))).toBe('unchanged');
    await driver.expectCounts({ ready: 1 });
  });

  it('removes a rule', async () => {
    const driver = use();
    const tick = driver.now();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    expect(await driver.broker.removeSchedule(QUEUE, 'digest')).toBe(true);
    expect(await driver.broker.removeSchedule(QUEUE, 'digest')).toBe(false);
    expect(await driver.broker.schedules(QUEUE)).toEqual([]);
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick))).toBe('stale');
    expect(await driver.broker.registerSchedule(QUEUE, rule(tick))).toBe('created');
  });

  it('fires while the queue is paused: the job waits', async () => {
    const driver = use();
    const tick = driver.now();
    await driver.broker.registerSchedule(QUEUE, rule(tick));
    await driver.broker.setPaused(QUEUE, true);
    expect(await driver.broker.fireSchedule(QUEUE, fire(tick))).toBe('fired');
    expect((await driver.reserve('w1')).jobs).toEqual([]);
    await driver.expectCounts({ ready: 1 });
  });
}
