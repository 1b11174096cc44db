import { expect, it } from '@jest/globals';
import type { JobStanding } from '../../src/core/ports/explainer.js';
import { readHead } from '../../src/core/envelope-head.js';
import { QUEUE, type StoreDriver } from './store-driver.js';

async function explain(driver: StoreDriver, id: string): Promise<JobStanding> {
  const standing = await driver.store.explainer.explain(QUEUE, id);
  if (standing === undefined) throw new Error(`Nothing is kept of job ${id}`);
  return standing;
}

async function aheadOf(driver: StoreDriver, ids: readonly string[]): Promise<(number | undefined)[]> {
  const ahead: (number | undefined)[] = [];
  for (const id of ids) ahead.push((await explain(driver, id)).ahead?.count);
  return ahead;
}

/** Where a job stands, and what might hold it. */
export function explainContract(use: () => StoreDriver): void {
  it('tells nothing of a job that is not kept', async () => {
    expect(await use().store.explainer.explain(QUEUE, 'zzzzzzzzzz')).toBeUndefined();
  });

  it('counts what runs before a ready job: by priority, in the order of the line, without what left it', async () => {
    const driver = use();
    const ids = await driver.put({}, { userId: 'a' }, {}, { priority: 2 }, { priority: 5 });
    expect(await aheadOf(driver, ids)).toEqual([2, 3, 4, 1, 0]);
    expect(await explain(driver, 'a')).toMatchObject({ state: 'ready', ahead: { count: 3, isExact: true } });
    await driver.store.curation.cancel(QUEUE, ids[0]);
    await driver.store.curation.remove(QUEUE, ids[1]);
    expect(await aheadOf(driver, [ids[2]])).toEqual([2]);
    await driver.store.curation.cancel(QUEUE, ids[4]);
    expect(await aheadOf(driver, ids.slice(2, 4))).toEqual([1, 0]);
  });

  it.each(['active', 'scheduled', 'parked', 'completed', 'dead'] as const)('tells the state: %s', async (state) => {
    const driver = use();
    let id: string;
    if (state === 'scheduled') id = await driver.putOne({ delayMs: 500 });
    else if (state === 'completed' || state === 'dead') [id] = await driver.putEnded(state, 1);
    else {
      const job = await driver.start('w1', { name: 'resize image' });
      id = job.id;
      if (state === 'parked') await driver.settle('w1', { op: 'park', id, token: job.token, name: 'resize image' });
    }
    expect(await explain(driver, id)).toMatchObject({
      state,
      ahead: undefined,
      dueAt: state === 'scheduled' ? driver.now() + 500 : undefined,
      parkedAs: state === 'parked' ? 'resize image' : undefined,
      running: state === 'active' ? 1 : 0,
    });
  });

  it('gives the head of the envelope, which says when the job expires and its attempt', async () => {
    const driver = use();
    const [{ id }] = await driver.store.intake.enqueue(QUEUE, [
      { envelope: `1 {"n":"resize","a":3,"x":7,"e":[{"attempt":1,"message":"no"}]}\n${'x'.repeat(9000)}` },
    ]);
    expect(readHead((await explain(driver, id)).head)?.header).toEqual({ n: 'resize', a: 3, x: 7 });
  });

  it('tells whether the queue is paused, and whether it has workers', async () => {
    const driver = use();
    const id = await driver.putOne({ delayMs: 99_000 });
    expect(await explain(driver, id)).toMatchObject({ isPaused: false, hasWorkers: false });
    await driver.store.curation.setPaused(QUEUE, true);
    await driver.reserve('w1');
    expect(await explain(driver, id)).toMatchObject({ isPaused: true, hasWorkers: true });
    await driver.store.workers.leave(QUEUE, 'w1');
    expect(await explain(driver, id)).toMatchObject({ hasWorkers: false });
  });

  it('tells of limits: what runs, when the rate opens for what the job costs, and what a handler has closed', async () => {
    const driver = use();
    const rate = { limit: 3, perMs: 1000, smooth: false };
    await driver.store.limits.set(QUEUE, { running: 2, rate });
    const [first, small, big] = await driver.put({ cost: 2 }, { cost: 1 }, { cost: 2 });
    const { token } = (await driver.reserve('w1')).jobs[0];
    expect(await explain(driver, small)).toMatchObject({
      ...{ running: 1, limits: { running: 2, rate }, rateOpensAt: undefined, gateUntil: undefined },
    });
    const { rateOpensAt } = await explain(driver, big);
    expect(rateOpensAt).toBeGreaterThan(driver.now());
    expect(rateOpensAt).toBeLessThanOrEqual(driver.now() + 1010);
    await driver.settle('w1', { op: 'limit', id: first, token, forMs: 5000 });
    expect(await explain(driver, small)).toMatchObject({ gateUntil: driver.now() + 5000, running: 0 });
    await driver.advance(5000);
    expect(await explain(driver, small)).toMatchObject({ gateUntil: undefined, rateOpensAt: undefined });
  });

  it('tells of a suspect, which waits to run alone', async () => {
    const driver = use();
    const id = await driver.putOne();
    for (let crash = 0; crash < 2; crash++) {
      await driver.reserve('dying', 1, { alone: true });
      await driver.expireLeases();
    }
    const [other] = await driver.put({});
    expect(await explain(driver, id)).toMatchObject({ isSuspect: true, state: 'ready', ahead: { count: 0 } });
    expect(await explain(driver, other)).toMatchObject({ isSuspect: false, ahead: { count: 0, isExact: true } });
  });
}
