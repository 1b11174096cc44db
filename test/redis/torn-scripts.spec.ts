import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Link } from '../../src/redis/link.js';
import { loadScripts, type ScriptName } from '../../src/redis/script-library.js';
import { expectConservation, expectEachRunsOnce } from './conservation.js';
import { QUEUE } from '../contract/broker-driver.js';
import { RedisDriver } from './redis-driver.js';
import { callTorn, withTears } from './tear.js';

/** Makes what the call needs, and the call. */
type Prepare = (driver: RedisDriver) => Promise<() => Promise<unknown>>;

interface Case {
  title: string;
  prepare: Prepare;
  /** How the caller repeats it: the same bytes, as after a lost reply, or by the verb again. */
  again: 'bytes' | 'verb';
  /** Of the repeated call. */
  expected?: unknown;
}

const CASES: Partial<Record<ScriptName, Case[]>> = {
  enqueue: [
    {
      title: 'plain jobs',
      again: 'bytes',
      prepare: async (driver) => () => driver.put({}, {}, {}),
    },
    {
      title: 'plain jobs for a worker that waits',
      again: 'bytes',
      prepare: async (driver) => {
        await driver.wakesOf('w1');
        await driver.reserve('w1', 5, { takesHanded: true });
        return () => driver.put({}, {});
      },
    },
    ...(['bytes', 'verb'] as const).map((again): Case => ({
      title: `jobs with ids, repeated by its ${again}`,
      again,
      prepare: async (driver) => {
        await driver.putOne({ userId: 'old' });
        return () =>
          driver.put({ userId: 'a' }, { userId: 'b', delayMs: 500 }, { userId: 'c', priority: 3 }, { userId: 'old' });
      },
    })),
    {
      title: 'delayed jobs and levels',
      again: 'bytes',
      prepare: async (driver) => () => driver.put({ delayMs: 5 }, { priority: 2 }, { delayMs: 9, priority: 1 }, {}),
    },
    {
      title: 'jobs with ids for a worker that waits',
      again: 'verb',
      prepare: async (driver) => {
        await driver.wakesOf('w1');
        await driver.reserve('w1', 5, { takesHanded: true });
        return () => driver.put({ userId: 'a' }, { userId: 'b' });
      },
    },
  ],
  'promote-job': (['bytes', 'verb'] as const).map((again): Case => ({
    title: `a delayed job, repeated by its ${again}`,
    again,
    prepare: async (driver) => {
      await driver.put({ delayMs: 5, userId: 'a' }, { delayMs: 9 });
      return () => driver.broker.promoteJob(QUEUE, 'a');
    },
  })),
};

describe('a script that stops in the middle', () => {
  let driver: RedisDriver;
  let lastCall: (() => Promise<unknown>) | undefined;
  const { run } = Link.prototype;

  async function openDriver(): Promise<void> {
    driver = await RedisDriver.open({ scriptsOf: (clockKey) => withTears(loadScripts(clockKey), clockKey) });
  }

  beforeEach(() => {
    Link.prototype.run = function (this: Link, ...args) {
      lastCall = () => run.apply(this, args);
      return run.apply(this, args);
    };
  });

  afterEach(async () => {
    Link.prototype.run = run;
    await driver.close();
  });

  describe.each(Object.entries(CASES) as [ScriptName, Case[]][])('%s', (name, cases) => {
    it.each(cases)('is completed by its repetition: $title', async ({ prepare, again, expected }) => {
      for (let writes = 0; ; writes++) {
        await openDriver();
        const call = await prepare(driver);
        await driver.put({ userId: 'bystander' });
        const torn = await callTorn(driver, name, writes, call);
        const repeat = again === 'bytes' ? lastCall : call;
        const answer = torn ? await repeat?.() : undefined;
        try {
          if (expected !== undefined && torn) expect(answer).toEqual(expected);
          await expectConservation(driver);
          await expectEachRunsOnce(driver);
        } catch (error) {
          throw new Error(`Stopped after ${writes} writes: ${String((error as Error).message)}`, { cause: error });
        }
        if (!torn) {
          expect(writes).toBeGreaterThan(0);
          return;
        }
        await driver.close();
      }
    });
  });
});
