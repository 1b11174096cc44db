import { afterEach, beforeEach, describe } from '@jest/globals';
import type { StoreKind } from '../support/stores.js';
import { StoreDriver } from './store-driver.js';
import { alertContract } from './alert.contract.js';
import { bulkContract } from './bulk.contract.js';
import { conflictContract } from './conflict.contract.js';
import { curateContract } from './curate.contract.js';
import { enqueueContract } from './enqueue.contract.js';
import { explainContract } from './explain.contract.js';
import { fireContract } from './fire.contract.js';
import { groupContract } from './group.contract.js';
import { inboxContract } from './inbox.contract.js';
import { limitContract } from './limit.contract.js';
import { leaseContract } from './lease.contract.js';
import { lifecycleContract } from './lifecycle.contract.js';
import { longPayloadContract } from './long-payload.contract.js';
import { noticeContract } from './notice.contract.js';
import { presenceContract } from './presence.contract.js';
import { reserveContract } from './reserve.contract.js';
import { retentionContract } from './retention.contract.js';
import { scheduleContract } from './schedule.contract.js';
import { searchContract } from './search.contract.js';
import { settleContract } from './settle.contract.js';
import { statisticsContract } from './statistics.contract.js';
import { uniqueContract } from './unique.contract.js';
import { wakeContract } from './wake.contract.js';

const CAPABILITIES: Record<string, (use: () => StoreDriver) => void> = {
  enqueue: enqueueContract,
  unique: uniqueContract,
  conflict: conflictContract,
  reserve: reserveContract,
  settle: settleContract,
  'long payload': longPayloadContract,
  lease: leaseContract,
  limit: limitContract,
  groups: groupContract,
  curate: curateContract,
  bulk: bulkContract,
  search: searchContract,
  explain: explainContract,
  retention: retentionContract,
  wake: wakeContract,
  notice: noticeContract,
  presence: presenceContract,
  alert: alertContract,
  statistics: statisticsContract,
  schedule: scheduleContract,
  fire: fireContract,
  inbox: inboxContract,
  'life cycle': lifecycleContract,
};

/** What every store promises. A new verb starts as a test in one of these files. */
export function describeStore(kind: StoreKind): void {
  const capabilities = Object.entries(CAPABILITIES).filter(([name]) => !kind.lacks?.includes(name));

  describe.each(capabilities)(`${kind.name}: %s`, (_, contract) => {
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
