import { it } from '@jest/globals';
import { expectToFollowTheModel } from './model-run.js';
import { openRedisStore } from './stores.js';

it('redis: keeps to the model, whatever is done to it', async () => {
  const store = await openRedisStore();
  try {
    await expectToFollowTheModel(store, { runs: 50, maxCommands: 120 });
  } finally {
    await store.close();
  }
}, 3_600_000);
