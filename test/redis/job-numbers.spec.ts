import { describe, expect, it } from '@jest/globals';
import { BLOCK_SIZE, JobNumbers } from '../../src/redis/job-numbers.js';
import { QueueKeys } from '../../src/redis/keys.js';
import type { Link } from '../../src/redis/wire/link.js';
import { QUEUE } from '../contract/store-driver.js';
import { storeOfEachTest } from './store-of-each-test.js';

describe('take-ids.lua', () => {
  const use = storeOfEachTest();

  it('hands out blocks by the clock, and by the last block where the clock stands or went back', async () => {
    const driver = use();
    const block = Math.floor((driver.now() * 1000) / BLOCK_SIZE);
    const first = await driver.putOne();
    expect(first).toBe(`${block.toString(36)}00`);
    expect(await driver.meta('lastBlock')).toBe(String(block));
    expect(await driver.meta('format')).toBe('2');
    const other = await driver.connect();
    const [second] = await other.intake.enqueue(QUEUE, [driver.newJob()]);
    expect(second.id).toBe(`${(block + 1).toString(36)}00`);
    await driver.advance(-60_000);
    const third = await (await driver.connect()).intake.enqueue(QUEUE, [driver.newJob()]);
    expect(third[0].id).toBe(`${(block + 2).toString(36)}00`);
    await driver.client.hdel(driver.keys.meta, 'lastBlock'); // a failover that lost it
    await driver.advance(60_010);
    const fourth = await (await driver.connect()).intake.enqueue(QUEUE, [driver.newJob()]);
    expect(fourth[0].id > third[0].id).toBe(true);
  });

  it('makes the hashes that are looked up real tables from the start', async () => {
    const driver = use();
    await driver.start('w1');
    for (const key of [driver.keys.jobs, driver.keys.inflight]) {
      expect(await driver.client.object('ENCODING', key)).toBe('hashtable');
    }
  });

  it('refuses a store of another format before anything is written', async () => {
    const driver = use();
    await driver.client.hset(driver.keys.meta, 'format', '1');
    const refused = {
      code: 'TASK_QUEUE_INCOMPATIBLE_STORE',
      message: expect.stringMatching(
        /format 1; .*No release wrote it: empty the queue with the version that did, or delete its keys/,
      ),
    };
    await expect(driver.putOne()).rejects.toMatchObject(refused);
    await expect(driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 1)).rejects.toMatchObject(refused);
    await expect(driver.reserve('w1')).rejects.toMatchObject(refused);
    expect(await driver.client.hgetall(driver.keys.meta)).toEqual({ format: '1' });
    expect(await driver.keyNames()).toEqual(['meta']);
    // Where the other version has gone, no restart is needed.
    await driver.client.del(driver.keys.meta);
    await driver.putOne();
    expect((await driver.reserve('w1')).jobs).toHaveLength(1);
  });
});

describe('JobNumbers', () => {
  /** A link whose replies a test holds back. */
  function fakeLink() {
    const waiting: ((reply: unknown) => void)[] = [];
    let block = 0;
    return {
      epoch: 1,
      calls: 0,
      run() {
        this.calls++;
        return new Promise((resolve) => waiting.push(resolve));
      },
      answer() {
        waiting.shift()?.(['1800000000000', String(++block + 46655)]);
      },
    };
  }

  it('throws the rest of a block away on reconnect, also when the next one was under way', async () => {
    const link = fakeLink();
    const numbers = new JobNumbers(link as unknown as Link, {} as never, new QueueKeys('p', 'q'));
    const first = numbers.take(1000);
    link.answer();
    const [id] = await first; // beyond half of the block: the spare is under way
    expect(link.calls).toBe(2);
    link.epoch = 2;
    link.answer(); // asked for by the old connection: it is asked for again
    await Promise.resolve();
    link.answer();
    await new Promise((resolve) => setImmediate(resolve));
    link.answer();
    const [fresh] = await numbers.take(1);
    expect(fresh.slice(0, -2)).not.toBe(id.slice(0, -2));
    expect(fresh.slice(-2)).toBe('00');
  });

  it('refuses what no block holds', async () => {
    const numbers = new JobNumbers(fakeLink() as unknown as Link, {} as never, new QueueKeys('p', 'q'));
    await expect(numbers.take(BLOCK_SIZE + 1)).rejects.toThrow(RangeError);
  });
});

describe('the order of calls', () => {
  const use = storeOfEachTest();

  it('holds over the end of a block', async () => {
    const driver = use();
    // 1296 numbers a block: a call of 250 that no longer fits must not be overtaken by a small one that does.
    const sizes = [250, 250, 250, 250, 250, 250, 7, 250, 3, 1000, 1, 290, 2];
    const receipts = await Promise.all(sizes.map((size) => driver.putMany(size)));
    expect(await driver.list('ready')).toEqual(receipts.flat());
    expect(new Set(receipts.flat()).size).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });
});
