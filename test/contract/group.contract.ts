import { describe, expect, it } from '@jest/globals';
import { QUEUE, type StoreDriver } from './store-driver.js';

export function groupContract(use: () => StoreDriver): void {
  describe('the jobs of groups', () => {
    it('take turns, however many one group has', async () => {
      const driver = use();
      const many = await driver.putMany(6, { group: 'a' });
      const few = await driver.putMany(2, { group: 'b' });
      const { jobs } = await driver.reserve('w1', 4);
      expect(jobs.map(({ id }) => id).sort()).toEqual([...many.slice(0, 2), ...few].sort());
    });

    it('are listed by group: those that wait in order, then those that run', async () => {
      const driver = use();
      const ids = await driver.putMany(3, { group: 'a' });
      await driver.putOne({ group: 'b' });
      await driver.putOne();
      await driver.reserve('w1', 1);
      expect(await driver.store.groups.jobs(QUEUE, 'a', '', 10)).toEqual({
        ids: [ids[1], ids[2], ids[0]],
        cursor: '',
      });
    });
  });
}
