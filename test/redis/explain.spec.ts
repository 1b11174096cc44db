import { describe, expect, it } from '@jest/globals';
import { MOST_HOLES_LOOKED_AT, MOST_LOOKED_THROUGH } from '../../src/redis/explainer.js';
import { QUEUE } from '../contract/store-driver.js';
import { storeOfEachTest } from './store-of-each-test.js';

describe('explain.lua', () => {
  const use = storeOfEachTest();

  it('looks through a bounded part of the line, and says that more may be ahead', async () => {
    const driver = use();
    const [, near] = await driver.put({}, {});
    const far = await driver.putOne();
    const fill = Array.from({ length: MOST_LOOKED_THROUGH }, (_, at) => `filler-${at}`);
    await driver.client.lrem(driver.keys.ready, 1, far);
    await driver.client.rpush(driver.keys.ready, ...fill, far);
    const explain = async (id: string) => (await driver.store.explainer.explain(QUEUE, id))?.ahead;
    expect(await explain(near)).toEqual({ count: 1, isExact: true });
    expect(await explain(far)).toEqual({ count: MOST_LOOKED_THROUGH, isExact: false });
  });

  it('looks at holes one by one near the front, and takes them off further behind', async () => {
    const driver = use();
    const ids = await driver.putMany(MOST_HOLES_LOOKED_AT + 10);
    await driver.store.curation.cancel(QUEUE, ids[0]);
    await driver.store.curation.remove(QUEUE, ids[1]);
    const explain = async (id: string) => (await driver.store.explainer.explain(QUEUE, id))?.ahead;
    expect(await explain(ids[5])).toEqual({ count: 3, isExact: true });
    const last = ids.length - 1;
    expect(await explain(ids[last])).toEqual({ count: last - 2, isExact: false });
  });
});
