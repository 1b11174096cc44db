import { afterEach, beforeEach, describe } from '@jest/globals';
import type { StoreKind } from '../support/stores.js';
import { StoreDriver } from './store-driver.js';
import { curateContract } from './curate.contract.js';
import { enqueueContract } from './enqueue.contract.js';
import { fireContract } from './fire.contract.js';
import { inboxContract } from './inbox.contract.js';
import { leaseContract } from './lease.contract.js';
import { lifecycleContract } from './lifecycle.contract.js';
import { noticeContract } from './notice.contract.js';
import { reserveContract } from './reserve.contract.js';
import { retentionContract } from './retention.contract.js';
import { scheduleContract } from './schedule.contract.js';
import { settleContract } from './settle.contract.js';
import { wakeContract } from './wake.contract.js';

const CAPABILITIES: Record<string, (use: () => StoreDriver) => void> = {
  enqueue: enqueueContract,
  reserve: reserveContract,
  settle: settleContract,
  lease: leaseContract,
  curate: curateContract,
  retention: retentionContract,
  wake: wakeContract,
  notice: noticeContract,
  schedule: scheduleContract,
  fire: fireContract,
  inbox: inboxContract,
  'life cycle': lifecycleContract,
};

/** What every store promises. A new verb starts as a test in one of these files. */
export function describeStore(kind: StoreKind): void {
  describe.each(Object.entries(CAPABILITIES))(`${kind.name}: %s`, (_, contract) => {
    let driver: StoreDriver;

    beforeEach(async () => {
      driver = new StoreDriver(await kind.openStore());
    });

    // Whatever a test did: no job may be in two places, in none, or counted wrong.
    afterEach(async () => {
      try {
        await driver.expectConserved();
      } finally {
        await driver.fixture.close();
      }
    });

    contract(() => driver);
  });
}
