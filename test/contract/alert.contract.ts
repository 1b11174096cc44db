import { describe, expect, it } from '@jest/globals';
import { encodeEnvelope } from '../../src/core/envelope.js';
import type { Alerts } from '../../src/core/ports/alerts.js';
import { RULES } from '../../src/core/rules.js';
import { KEEP, QUEUE, type StoreDriver } from './store-driver.js';

const LEASE_MS = 25_000;

export function alertContract(use: () => StoreDriver): void {
  const lookOf = (alerts: Alerts, process: string, rank = 0, app = 'shop') => alerts.look(app, process, rank, LEASE_MS);
  const set = (alerts: Alerts, record: string | undefined, seen?: string, queue = 'mail') =>
    alerts.change('shop', [{ rule: 'late', queue, seen, record }]);

  describe('who looks', () => {
    it('is the first to ask, as long as it asks again in time', async () => {
      const driver = use();
      const { alerts } = driver.store;
      expect(await lookOf(alerts, 'p1')).toEqual({ now: driver.now(), looks: true, alerts: [] });
      expect((await lookOf(alerts, 'p2')).looks).toBe(false);
      await driver.advance(LEASE_MS - 1);
      expect((await lookOf(alerts, 'p2')).looks).toBe(false);
      expect((await lookOf(alerts, 'p1')).looks).toBe(true);
      await driver.advance(LEASE_MS - 1);
      expect((await lookOf(alerts, 'p2')).looks).toBe(false);
      await driver.advance(1);
      expect((await lookOf(alerts, 'p2')).looks).toBe(true);
      expect((await lookOf(alerts, 'p1')).looks).toBe(false);
    });

    it('is another one of a higher rank at once, and one of the same or a lower rank never', async () => {
      const { alerts } = use().store;
      await lookOf(alerts, 'p1', 1_800_000_000_000);
      expect((await lookOf(alerts, 'p2', 1_800_000_000_000)).looks).toBe(false);
      expect((await lookOf(alerts, 'p2', 1_799_999_999_999)).looks).toBe(false);
      expect((await lookOf(alerts, 'p3', 1_800_000_000_001)).looks).toBe(true);
      expect((await lookOf(alerts, 'p1', 1_800_000_000_000)).looks).toBe(false);
    });

    it('is one process of each app', async () => {
      const { alerts } = use().store;
      await lookOf(alerts, 'p1');
      expect((await lookOf(alerts, 'p2', 0, 'desk')).looks).toBe(true);
      expect((await lookOf(alerts, 'p1')).looks).toBe(true);
    });
  });

  describe('a record', () => {
    it('is changed by whoever has seen what is there, and by nobody else', async () => {
      const driver = use();
      const { alerts } = driver.store;
      expect(await set(alerts, 'a {"x": 1}')).toEqual([true]);
      const other = (await driver.fixture.connect()).alerts;
      expect(await set(other, 'b')).toEqual([false]);
      expect(await set(other, 'b', 'c')).toEqual([false]);
      expect(await set(other, 'b', 'a {"x": 1}')).toEqual([true]);
      expect(await set(alerts, 'c', 'a {"x": 1}')).toEqual([false]);
      expect((await lookOf(alerts, 'p1')).alerts).toEqual([{ rule: 'late', queue: 'mail', record: 'b' }]);
    });

    it('answers a repeated change as the first', async () => {
      const { alerts } = use().store;
      for (let call = 0; call < 2; call++) expect(await set(alerts, 'a')).toEqual([true]);
      for (let call = 0; call < 2; call++) expect(await set(alerts, 'b', 'a')).toEqual([true]);
      for (let call = 0; call < 2; call++) expect(await set(alerts, undefined, 'b')).toEqual([true]);
      expect(await alerts.read()).toEqual([]);
    });

    it('is one of many in a call, each changed by itself', async () => {
      const { alerts } = use().store;
      await set(alerts, 'other', undefined, 'q7');
      const changes = Array.from({ length: 250 }, (_, index) => ({
        ...{ rule: 'late', queue: `q${index}`, seen: undefined, record: `r${index}` },
      }));
      const done = await alerts.change('shop', changes);
      expect(done.map((isDone, index) => (isDone ? -1 : index)).filter((index) => index >= 0)).toEqual([7]);
      const found = new Map((await alerts.read()).map(({ queue, record }) => [queue, record]));
      expect(found.size).toBe(250);
      expect(found.get('q7')).toBe('other');
      expect(found.get('q249')).toBe('r249');
    });

    it('belongs to an app, a rule and a queue, or to none', async () => {
      const { alerts } = use().store;
      await alerts.change('shop', [{ rule: 'memory', queue: '', seen: undefined, record: 'full' }]);
      await set(alerts, 'a');
      await alerts.change('desk', [{ rule: 'late', queue: 'mail', seen: undefined, record: 'z' }]);
      expect((await lookOf(alerts, 'p9', 0, 'desk')).alerts).toEqual([{ rule: 'late', queue: 'mail', record: 'z' }]);
      expect((await alerts.read()).sort((one, other) => (one.record < other.record ? -1 : 1))).toEqual([
        { app: 'shop', rule: 'late', queue: 'mail', record: 'a' },
        { app: 'shop', rule: 'memory', queue: '', record: 'full' },
        { app: 'desk', rule: 'late', queue: 'mail', record: 'z' },
      ]);
    });

    it('is shown to processes that do not look, too: they may have to tell of it', async () => {
      const { alerts } = use().store;
      await lookOf(alerts, 'p1');
      await set(alerts, 'a');
      expect(await lookOf(alerts, 'p2')).toMatchObject({ looks: false, alerts: [{ record: 'a' }] });
    });

    it('is forgotten with its app, a day after its last look', async () => {
      const driver = use();
      const { alerts } = driver.store;
      await lookOf(alerts, 'p1', 0, 'desk');
      await alerts.change('desk', [{ rule: 'late', queue: 'mail', seen: undefined, record: 'z' }]);
      await driver.advance(LEASE_MS + RULES.alertMemoryMs);
      await lookOf(alerts, 'p1');
      expect(await alerts.read()).toHaveLength(1);
      await driver.advance(1);
      await lookOf(alerts, 'p1');
      expect(await alerts.read()).toEqual([]);
    });
  });

  describe('the oldest jobs of a queue', () => {
    const oldest = () => use().store.curation.oldest(QUEUE);

    it('may wait in groups, also in such that are held', async () => {
      const driver = use();
      const start = driver.now();
      await driver.store.groups.set(QUEUE, 'a', { paused: true });
      const [held] = await driver.put({ group: 'a' });
      await driver.advance(100);
      await driver.put({ group: 'b' });
      expect((await oldest()).readySince).toBe(start);
      await driver.store.curation.remove(QUEUE, held);
      expect((await oldest()).readySince).toBe(start + 100);
    });

    it('are none where there are none', async () => {
      const driver = use();
      expect(await oldest()).toEqual({ now: driver.now(), readySince: undefined, deadSince: undefined });
      await driver.put({ delayMs: 5000 });
      await driver.start('w1');
      expect(await oldest()).toMatchObject({ readySince: undefined, deadSince: undefined });
    });

    it('wait since they were enqueued, whatever their priority, without those that left the line', async () => {
      const driver = use();
      const start = driver.now();
      const [first] = await driver.put({});
      await driver.advance(100);
      const [ranked] = await driver.put({ priority: 2 });
      await driver.advance(100);
      await driver.put({}, { priority: 7 });
      expect((await oldest()).readySince).toBe(start);
      await driver.store.curation.cancel(QUEUE, first);
      expect((await oldest()).readySince).toBe(start + 100);
      await driver.store.curation.remove(QUEUE, ranked);
      expect((await oldest()).readySince).toBe(start + 200);
    });

    it('wait since they were due, also where nobody has made them ready', async () => {
      const driver = use();
      const start = driver.now();
      await driver.put({ delayMs: 5000 });
      await driver.advance(4999);
      expect((await oldest()).readySince).toBeUndefined();
      await driver.advance(3001);
      expect((await oldest()).readySince).toBe(start + 5000);
    });

    it('wait since their last failure', async () => {
      const driver = use();
      const error = { attempt: 1, at: driver.now() + 700, name: 'Error', message: '"at":5' };
      await driver.store.intake.enqueue(QUEUE, [
        { envelope: encodeEnvelope(driver.now(), 'a', { n: 'send', a: 2, e: [error] }, '{"at":7}') },
      ]);
      expect((await oldest()).readySince).toBe(driver.now() + 700);
    });

    it('are dead since the first of them died', async () => {
      const driver = use();
      await driver.advance(100);
      const start = driver.now();
      const [dead] = await driver.putEnded('dead', 1, KEEP);
      await driver.advance(1000);
      await driver.putEnded('dead', 1, KEEP);
      expect((await oldest()).deadSince).toBe(start);
      await driver.store.curation.remove(QUEUE, dead);
      expect((await oldest()).deadSince).toBe(start + 1000);
    });
  });
}
