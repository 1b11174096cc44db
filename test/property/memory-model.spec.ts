import { it } from '@jest/globals';
import { expectToFollowTheModel } from './model-run.js';
import { openMemoryStore } from './stores.js';

it('memory: keeps to the model, whatever is done to it', async () => {
  const store = await openMemoryStore();
  try {
    await expectToFollowTheModel(store, { runs: 100, maxCommands: 120 });
  } finally {
    await store.close();
  }
}, 3_600_000);
