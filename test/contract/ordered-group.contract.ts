import { describe, expect, it } from '@jest/globals';
import type { Settlement } from '../../src/core/ports/worker-store.js';
import { QUEUE, type StoreDriver } from './store-driver.js';
import { bury, makeSuspect, retry, take, takeIds, viewOf } from './group-driver.js';

const ORDERED = { group: 'a', ordered: true };

export function orderedGroupContract(use: () => StoreDriver): void {
  describe('an ordered group', () => {
    it('runs one job at a time, in order, and holds up no other group', async () => {
      const driver = use();
      const [first, second] = await driver.putMany(2, ORDERED);
      const [other] = await driver.put({ group: 'b' });
      const jobs = await take(driver);
      expect(jobs.map(({ id }) => id)).toEqual([first, other]);
      expect(await takeIds(driver)).toEqual([]);
      expect(await viewOf(driver, 'a')).toMatchObject({ hold: { by: 'order', holder: first }, waiting: 1, running: 1 });
      const next = await driver.reserve('taker', 5, { settlements: [driver.complete(jobs[0])] });
      expect(next.jobs.map(({ id }) => id)).toEqual([second]);
    });

    it('waits for its job while that waits for its next attempt, at whatever place others stand', async () => {
      const driver = use();
      const [first, second] = await driver.putMany(2, ORDERED);
      const [job] = await take(driver);
      await driver.settle('taker', retry(job, 1000));
      const urgent = await driver.putOne({ ...ORDERED, priority: 9 });
      expect(await takeIds(driver)).toEqual([]);
      expect(await viewOf(driver, 'a')).toMatchObject({ hold: { by: 'order', holder: first }, waiting: 2, running: 0 });
      await driver.advance(1000);
      const [again] = await take(driver);
      expect(again.id).toBe(first);
      await driver.settle('taker', retry(again, 0));
      const [last] = await take(driver);
      expect(last.id).toBe(first);
      await driver.settle('taker', driver.complete(last));
      const [third] = await take(driver);
      expect(third.id).toBe(urgent);
      await driver.settle('taker', driver.complete(third));
      expect(await takeIds(driver)).toEqual([second]);
    });

    it('waits for its job that was promoted by hand, too', async () => {
      const driver = use();
      const [first] = await driver.putMany(2, ORDERED);
      const [job] = await take(driver);
      await driver.settle('taker', retry(job, 60_000));
      expect(await driver.store.curation.promoteJob(QUEUE, first)).toBe('promoted');
      expect(await takeIds(driver)).toEqual([first]);
    });

    it.each<[string, (id: string, token: string) => Settlement]>([
      ['snoozed', (id: string, token: string) => ({ op: 'snooze', id, token, delayMs: 0, envelope: undefined })],
      ['given back', (id: string, token: string) => ({ op: 'release', id, token })],
      ['parked', (id: string, token: string) => ({ op: 'park', id, token, name: 'unknown' })],
    ])('waits for its job that is %s', async (_how, settlementOf) => {
      const driver = use();
      const [first, second] = await driver.putMany(2, ORDERED);
      const [{ id, token }] = await take(driver);
      await driver.settle('taker', settlementOf(id, token));
      const { jobs } = await driver.reserve('taker', 5, { adopt: '*' });
      expect(jobs.map((job) => job.id)).toEqual([first]);
      const next = await driver.reserve('taker', 5, { settlements: [driver.complete(jobs[0])] });
      expect(next.jobs.map((job) => job.id)).toEqual([second]);
    });

    it('waits for its job whose worker died, and for one that crashed often and runs alone', async () => {
      const driver = use();
      const suspect = await makeSuspect(driver, ORDERED);
      const [second] = await driver.putMany(2, ORDERED);
      expect(await takeIds(driver)).toEqual([]);
      const alone = await driver.reserve('taker', 5, { alone: true });
      expect(alone.jobs.map(({ id }) => id)).toEqual([suspect]);
      const next = await driver.reserve('taker', 5, { settlements: [driver.complete(alone.jobs[0])] });
      expect(next.jobs.map(({ id }) => id)).toEqual([second]);
    });

    it('goes on when its job dies, also as poison', async () => {
      const driver = use();
      const poison = await makeSuspect(driver, ORDERED);
      const [second, third] = await driver.putMany(2, ORDERED);
      await driver.reserve('dying', 1, { alone: true });
      await driver.expireLeases();
      expect(await driver.stateOf(poison)).toBe('dead');
      const [job] = await take(driver);
      expect(job.id).toBe(second);
      await driver.settle('taker', bury(job));
      expect(await takeIds(driver)).toEqual([third]);
    });

    it.each([
      ['cancelled', (driver: StoreDriver, id: string) => driver.store.curation.cancel(QUEUE, id)],
      ['removed', (driver: StoreDriver, id: string) => driver.store.curation.remove(QUEUE, id)],
      ['purged', (driver: StoreDriver) => driver.store.curation.purge(QUEUE, 'scheduled', 10)],
    ])('goes on, and a worker hears of it, when its job is %s between two attempts', async (_how, end) => {
      const driver = use();
      const [first, second] = await driver.putMany(2, ORDERED);
      const [job] = await take(driver);
      await driver.settle('taker', retry(job, 60_000));
      const wakes = await driver.wakesOf('w2');
      expect((await driver.reserve('w2', 5)).jobs).toEqual([]);
      await end(driver, first);
      await driver.barrier();
      expect(wakes.messages).toHaveLength(1);
      expect((await driver.reserve('w2', 5)).jobs.map(({ id }) => id)).toEqual([second]);
    });

    it('goes on when its job is cancelled while it runs, and once a dead one is retried waits for that in its turn', async () => {
      const driver = use();
      const [first, second, third] = await driver.putMany(3, ORDERED);
      const [job] = await take(driver);
      await driver.store.curation.cancel(QUEUE, first);
      expect(await takeIds(driver)).toEqual([]);
      await driver.settle('taker', { op: 'release', id: first, token: job.token });
      expect(await driver.stateOf(first)).toBe('cancelled');
      const [next] = await take(driver);
      expect(next.id).toBe(second);
      await driver.settle('taker', bury(next));
      const [stored] = await driver.store.curation.read(QUEUE, [second]);
      const settledAt = (await driver.settledOf(second))?.settledAt as number;
      const envelope = stored?.record.split('\n').slice(1).join('\n') as string;
      expect(await driver.store.curation.retryDead(QUEUE, second, settledAt, envelope)).toBe('retried');
      const [after] = await take(driver);
      expect(after.id).toBe(third);
      await driver.settle('taker', driver.complete(after));
      expect(await takeIds(driver)).toEqual([second]);
    });

    it('lets its jobs that are not ordered run beside', async () => {
      const driver = use();
      const [ordered, free, behind] = await driver.put(ORDERED, { group: 'a' }, ORDERED);
      expect(await takeIds(driver)).toEqual([ordered, free]);
      expect(await driver.stateOf(behind)).toBe('ready');
    });

    it('is explained: which job the others wait for', async () => {
      const driver = use();
      const [first, second, third] = await driver.putMany(3, ORDERED);
      await take(driver);
      expect(await driver.store.explainer.explain(QUEUE, third)).toMatchObject({
        ahead: { count: 1 },
        group: { key: 'a', ordered: true, running: 1, hold: { by: 'order', holder: first } },
      });
      expect(await driver.store.explainer.explain(QUEUE, second)).toMatchObject({ ahead: { count: 0 } });
    });
  });
}
