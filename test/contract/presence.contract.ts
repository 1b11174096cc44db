import { describe, expect, it } from '@jest/globals';
import { RULES } from '../../src/core/rules.js';
import type { StoreDriver } from './store-driver.js';

export function presenceContract(use: () => StoreDriver): void {
  const idsIn = async (driver: StoreDriver): Promise<string[]> =>
    (await driver.store.presence.processes()).map(({ id }) => id).sort();

  describe('the registry', () => {
    it('has nobody and no queue at first', async () => {
      const { presence } = use().store;
      expect(await presence.processes()).toEqual([]);
      expect(await presence.queues()).toEqual([]);
    });

    it('has each process with what it said last, and when, whichever client asks', async () => {
      const driver = use();
      const { presence } = driver.store;
      await presence.announce('p1', '{"a":1}', ['mail', 'images']);
      const first = driver.now();
      await driver.advance(10_000);
      await presence.announce('p2', '{"b":1}', ['orders']);
      const other = await driver.fixture.connect();
      expect(await other.presence.processes()).toEqual(
        expect.arrayContaining([
          { id: 'p1', seenAt: first, record: '{"a":1}' },
          { id: 'p2', seenAt: first + 10_000, record: '{"b":1}' },
        ]),
      );
      expect(await other.presence.queues()).toEqual(['images', 'mail', 'orders']);
      await presence.announce('p1', '{"a":2}', ['mail']);
      expect(await presence.processes()).toContainEqual({ id: 'p1', seenAt: driver.now(), record: '{"a":2}' });
    });

    it('forgets a process that ends, and not its queues', async () => {
      const driver = use();
      const { presence } = driver.store;
      await presence.announce('p1', '{}', ['mail']);
      await presence.announce('p2', '{}', []);
      await presence.withdraw('p1');
      await presence.withdraw('never there');
      expect(await idsIn(driver)).toEqual(['p2']);
      expect(await presence.queues()).toEqual(['mail']);
    });

    it('does not show a process that is silent for too long, and forgets it when another one speaks', async () => {
      const driver = use();
      const { presence } = driver.store;
      await presence.announce('p1', '{}', []);
      await driver.advance(RULES.presenceMs);
      expect(await idsIn(driver)).toEqual(['p1']);
      await driver.advance(1);
      expect(await idsIn(driver)).toEqual([]);
      await presence.announce('p2', '{}', []);
      expect(await idsIn(driver)).toEqual(['p2']);
      await presence.announce('p1', '{}', []);
      expect(await idsIn(driver)).toEqual(['p1', 'p2']);
    });

    it('forgets a queue that nobody has known for long', async () => {
      const driver = use();
      const { presence } = driver.store;
      await presence.announce('p1', '{}', ['old', 'mail']);
      await driver.advance(RULES.queueMemoryMs);
      await presence.announce('p1', '{}', ['mail']);
      expect(await presence.queues()).toEqual(['mail', 'old']);
      await driver.advance(1);
      expect(await presence.queues()).toEqual(['mail']);
    });

    it('holds no more than it may: who was silent longest makes room', async () => {
      const driver = use();
      const { presence } = driver.store;
      const queues = Array.from({ length: RULES.mostQueues }, (_, index) => `q${index}`);
      await presence.announce('p0', '{}', ['oldest']);
      await driver.advance(1);
      await presence.announce('p0', '{}', queues);
      expect(await presence.queues()).toEqual([...queues].sort());
      await driver.advance(1);
      for (let index = 1; index <= RULES.mostProcesses; index++) await presence.announce(`p${index}`, '{}', []);
      const present = await presence.processes();
      expect(present).toHaveLength(RULES.mostProcesses);
      expect(present.some(({ id }) => id === 'p0')).toBe(false);
    });
  });
}
