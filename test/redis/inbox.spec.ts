import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { InboxWatch } from '../../src/redis/wire/inbox-watch.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.mjs';
import { QUEUE } from '../contract/store-driver.js';
import { storeOfEachTest } from './store-of-each-test.js';

describe('take-inbox.lua', () => {
  const use = storeOfEachTest();
  let proxy: TcpProxy | undefined;

  afterEach(() => proxy?.stop());

  it('makes an envelope of an element, byte for byte, the tail first', async () => {
    const driver = use();
    for (const element of ['{"a":1}', 'ünï\ncödé', '']) await driver.fixture.pushInbox(element);
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 2)).toBe(2);
    const { jobs } = await driver.reserve('w1', 5);
    expect(jobs.map(({ envelope }) => envelope.slice(envelope.indexOf('\n') + 1))).toEqual(['{"a":1}', 'ünï\ncödé']);
    expect(await driver.client.llen(driver.fixture.inbox)).toBe(1);
    expect(Object.values(await driver.callRecords())).toContain(`1 ${driver.now() / 1000} 2`);
  });

  it('writes nothing when the list is empty', async () => {
    const driver = use();
    expect(await driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 100)).toBe(0);
    expect(await driver.keyNames()).toEqual(['inflight', 'jobs', 'meta']);
  });

  it('moves no element over the job of another when a reply was lost', async () => {
    const driver = use();
    for (let index = 0; index < 6; index++) await driver.fixture.pushInbox(String(index));
    proxy = await startTcpProxy(Number(new URL(process.env.TEST_REDIS_URL ?? '').port));
    const store = await driver.connect({ connection: `redis://127.0.0.1:${proxy.port}` });
    await store.intake.takeInbox(QUEUE, `${driver.prefix}-empty`, 1); // numbers at hand, script known
    const dropped = proxy.dropReply((bytes) => bytes.includes(driver.fixture.inbox));
    const moved = store.intake.takeInbox(QUEUE, driver.fixture.inbox, 3);
    await dropped;
    expect(await moved).toBe(3);
    expect(await store.intake.takeInbox(QUEUE, driver.fixture.inbox, 3)).toBe(3);
    const { jobs } = await driver.reserve('w1', 10);
    expect(jobs.map(({ envelope }) => envelope.split('\n')[1])).toEqual(['0', '1', '2', '3', '4', '5']);
    await driver.expectCounts({ active: 6 });
  });

  it('lets two processes share a list', async () => {
    const driver = use();
    const other = await driver.connect();
    for (let index = 0; index < 100; index++) await driver.fixture.pushInbox(String(index));
    const counts = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 ? driver.store : other).intake.takeInbox(QUEUE, driver.fixture.inbox, 7),
      ),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100);
    await driver.expectCounts({ ready: 100 });
  });
});

describe('InboxWatch', () => {
  const use = storeOfEachTest();
  let watch: InboxWatch;

  afterEach(() => watch.close());

  const connect = (url = process.env.TEST_REDIS_URL ?? '') => new Redis(url, { enableOfflineQueue: false });

  it('blocks on its connection once that is ready, and hears of an element at once', async () => {
    const driver = use();
    const clients: Redis[] = [];
    watch = new InboxWatch(() => {
      clients.push(connect());
      return clients.at(-1) as Redis;
    });
    await watch.wait(driver.fixture.inbox, 60_000); // resolves with the connection: the caller looks before it waits
    const heard = watch.wait(driver.fixture.inbox, 15_000);
    await blockedOn(driver.client, driver.fixture.inbox);
    await driver.fixture.pushInbox('1');
    await heard;
    expect(await driver.client.lrange(driver.fixture.inbox, 0, -1)).toEqual(['1']);
    await watch.wait(driver.fixture.inbox, 15_000); // still there
    expect(clients).toHaveLength(1);
  });

  it('keeps its connection when time passes without an element', async () => {
    const driver = use();
    let connections = 0;
    watch = new InboxWatch(() => {
      connections++;
      return connect();
    });
    for (let turn = 0; turn < 4; turn++) await watch.wait(driver.fixture.inbox, 20);
    expect(connections).toBe(1);
  });

  it('ends its wait when it is closed', async () => {
    const driver = use();
    watch = new InboxWatch(() => connect());
    await watch.wait(driver.fixture.inbox, 15_000);
    const waiting = watch.wait(driver.fixture.inbox, 15_000);
    await blockedOn(driver.client, driver.fixture.inbox);
    watch.close();
    await waiting;
    await watch.wait(driver.fixture.inbox, 15_000);
  });

  /** Resolves once some client blocks on this list. */
  async function blockedOn(client: Redis, inbox: string): Promise<void> {
    for (;;) {
      const info = await client.client('LIST');
      if (
        String(info)
          .split('\n')
          .some((line) => line.includes('cmd=blmove') && line.includes('flags=b'))
      )
        return;
      expect(inbox).toBeTruthy();
    }
  }
});
