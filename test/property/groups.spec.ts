import { describe, it } from '@jest/globals';
import * as fc from 'fast-check';
import { StoreDriver } from '../contract/store-driver.js';
import { memoryKind, redisKind } from '../support/stores.js';
import { GroupRules, steps } from './group-rules.js';
import { parametersOf } from './model-run.js';

describe.each([memoryKind, redisKind])('$name', ({ openStore, name }) => {
  it('keeps what groups promise, whatever is done to them', async () => {
    const sequence = fc.array(fc.oneof(...steps), { minLength: 10, maxLength: 80, size: 'max' });
    const property = fc.asyncProperty(sequence, async (all) => {
      const fixture = await openStore();
      try {
        const rules = new GroupRules(new StoreDriver(fixture));
        for (const step of all) await rules.run(step);
        await rules.drain();
      } finally {
        await fixture.close();
      }
    });
    await fc.assert(property, parametersOf({ runs: name === 'memory' ? 150 : 40, maxCommands: 80 }));
  }, 3_600_000);
});
