import { expect } from '@jest/globals';
import type { EnqueueReceipt, NewJob } from '../../src/core/ports/intake.js';
import { QUEUE, type StoreDriver } from './store-driver.js';

/** Enqueues in one call. A job that was met is told as a read tells it, where the store has told it: the answers are without it. */
export async function enqueueTogether(driver: StoreDriver, jobs: readonly NewJob[]): Promise<EnqueueReceipt[]> {
  const receipts = await driver.store.intake.enqueue(QUEUE, jobs);
  const stored = await driver.store.curation.read(
    QUEUE,
    receipts.map(({ id }) => id),
  );
  return receipts.map(({ job, ...receipt }, index) => {
    if (receipt.created) expect(job).toBeUndefined();
    else if (job !== undefined) expect(job).toEqual(stored[index] ?? null);
    return receipt;
  });
}
