import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deadRate, memory, noWorkers, oldestDead, oldestReady, scheduleLate, silence } from 'nestjs-task-queue';
import { measure, type Finding } from '../../src/alerts/rule-gauge.js';
import { StoreFacts } from '../../src/alerts/store-facts.js';
import { emptyCounts } from '../../src/core/run-counts.js';
import type { AlertRule } from '../../src/options/alert-rules.js';
import { encodeProcess } from '../../src/inspector/process-info.js';
import { KEEP, QUEUE, StoreDriver } from '../contract/store-driver.js';
import { rule as schedule } from '../contract/schedule-seeds.js';
import { memoryKind } from '../support/stores.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('a rule finds', () => {
  let driver: StoreDriver;
  let sequence = 0;

  beforeEach(async () => {
    driver = new StoreDriver(await memoryKind.openStore());
  });
  afterEach(() => driver.fixture.close());

  const find = (rule: AlertRule, queue = QUEUE): Promise<Finding | undefined> =>
    measure(rule, queue, new StoreFacts(driver.store, driver.now()));

  async function ended(completed: number, dead = 0): Promise<void> {
    const counts = emptyCounts();
    counts[0] = completed;
    counts[1] = dead;
    await driver.store.statistics.record(QUEUE, {
      ...{ process: 'p1', sequence: ++sequence, version: undefined, startedAt: 0, rows: [{ name: '', counts }] },
    });
  }

  async function announce(queue: string): Promise<void> {
    const record = encodeProcess({
      ...{
        host: 'h',
        pid: 1,
        app: 'shop',
        role: 'worker',
        node: 'v20',
        packageVersion: '1',
        rssBytes: 1,
        loopLagMs: 0,
      },
      ...{ startedAt: new Date(0), queues: [{ queue, slots: 1, slotsBusy: 0, names: ['*'] }], runs: [] },
    });
    await driver.store.presence.announce('p1', record, [queue]);
  }

  it('oldestReady: how long the oldest ready job waits', async () => {
    const rule = oldestReady(QUEUE, '2m');
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    await driver.put({}, {});
    await driver.advance(2 * MINUTE - 1);
    expect(await find(rule)).toEqual({ holds: false, value: 2 * MINUTE - 1 });
    await driver.advance(1);
    expect(await find(rule)).toEqual({ holds: true, value: 2 * MINUTE });
    await driver.reserve('w1', 2);
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
  });

  it('oldestDead: how long the oldest dead job has been there', async () => {
    const rule = oldestDead(QUEUE, '1h');
    await driver.putEnded('dead', 1, KEEP);
    await driver.advance(HOUR - 1);
    expect(await find(rule)).toEqual({ holds: false, value: HOUR - 1 });
    await driver.advance(1);
    expect(await find(rule)).toEqual({ holds: true, value: HOUR });
    await driver.store.curation.purge(QUEUE, 'dead', 10);
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
  });

  it('noWorkers: jobs that wait where nobody works', async () => {
    const rule = noWorkers(QUEUE);
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    await driver.put({}, {}, { delayMs: 5000 });
    expect(await find(rule)).toEqual({ holds: true, value: 2 });
    await announce('other');
    expect(await find(rule)).toMatchObject({ holds: true });
    await announce(QUEUE);
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    await driver.advance(35_001); // it was killed
    expect(await find(rule)).toMatchObject({ holds: true });
  });

  it('noWorkers: a job that is due, too, because nobody makes it ready', async () => {
    const rule = noWorkers(QUEUE);
    await driver.put({ delayMs: 5000 });
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    await driver.advance(5000);
    expect(await find(rule)).toEqual({ holds: true, value: 1 });
  });

  it('deadRate: the share that died within the window, once enough have ended', async () => {
    const rule = deadRate(QUEUE, 0.2, '10m');
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    await ended(0, 9);
    expect(await find(rule)).toEqual({ holds: false, value: 1 });
    await ended(26);
    expect(await find(rule)).toEqual({ holds: true, value: 9 / 35 });
    await ended(10);
    expect(await find(rule)).toEqual({ holds: true, value: 0.2 });
    await ended(1);
    expect(await find(rule)).toEqual({ holds: false, value: 9 / 46 });
    await driver.advance(12 * MINUTE);
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    expect(await find(deadRate(QUEUE, 0.1, '1d'))).toEqual({ holds: true, value: 9 / 46 });
    await driver.advance(3 * 24 * HOUR);
    expect(await find(deadRate(QUEUE, 0.1, '1d'))).toEqual({ holds: false, value: 0 });
    expect(await find(deadRate(QUEUE, 0.1, '20d'))).toEqual({ holds: true, value: 9 / 46 });
  });

  it('silence: since when no job has completed; deaths are no sign of life', async () => {
    const rule = silence(QUEUE, '1h');
    expect(await find(rule)).toEqual({ holds: true, value: 2 * HOUR, leastMs: HOUR });
    await ended(1);
    const stepEnd = (Math.floor(driver.now() / MINUTE) + 1) * MINUTE;
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    await driver.advance(30 * MINUTE);
    await ended(0, 50);
    await driver.advance(stepEnd + HOUR - 1 - driver.now());
    expect(await find(rule)).toEqual({ holds: false, value: HOUR - 1 });
    await driver.advance(1);
    expect(await find(rule)).toEqual({ holds: true, value: HOUR });
    await ended(1);
    expect(await find(rule)).toMatchObject({ holds: false });
  });

  it('scheduleLate: how long a tick has been due', async () => {
    const rule = scheduleLate(QUEUE, '5m');
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
    await driver.store.timetable.register(QUEUE, schedule(driver.now() + MINUTE));
    await driver.advance(MINUTE + 5 * MINUTE - 1);
    expect(await find(rule)).toEqual({ holds: false, value: 5 * MINUTE - 1 });
    await driver.advance(1);
    expect(await find(rule)).toEqual({ holds: true, value: 5 * MINUTE });
    await driver.store.timetable.pause(QUEUE, 'digest');
    expect(await find(rule)).toEqual({ holds: false, value: 0 });
  });

  it('memory: what the server uses of its limit, and nothing where it has none', async () => {
    expect(await find(memory(0.9), '')).toBeUndefined();
    const using = (usedBytes: number | undefined, limitBytes: number | undefined) => {
      const connection = { examine: async () => ({ memory: { usedBytes, limitBytes, policy: 'noeviction' } }) };
      return measure(memory(0.9), '', new StoreFacts({ ...driver.store, connection } as never, driver.now()));
    };
    expect(await using(899, 1000)).toEqual({ holds: false, value: 0.899 });
    expect(await using(900, 1000)).toEqual({ holds: true, value: 0.9 });
    expect(await using(900, 0)).toBeUndefined();
    expect(await using(undefined, 1000)).toBeUndefined();
    expect(await using(900, undefined)).toBeUndefined();
  });

  it('asks the store once for a fact, whatever the number of rules', async () => {
    let asked = 0;
    const { curation } = driver.store;
    const store = { ...driver.store, curation: { oldest: (queue: string) => (asked++, curation.oldest(queue)) } };
    const facts = new StoreFacts(store as never, driver.now());
    await measure(oldestReady(QUEUE, '2m'), QUEUE, facts);
    await measure(oldestDead(QUEUE, '2m'), QUEUE, facts);
    expect(asked).toBe(1);
    await measure(oldestDead(QUEUE, '2m'), 'other', facts);
    expect(asked).toBe(2);
  });
});
