import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Store } from '../../src/core/ports/store.js';
import type { ScheduleDeclaration } from '../../src/schedules/rule/declaration.js';
import { decodeEnvelope, splitRecord } from '../../src/core/envelope.js';
import { BrokerRefusedError } from '../../src/core/errors/store-errors.js';
import type { RedisStore } from '../../src/redis/redis-store.js';
import { Scheduler } from '../../src/schedules/scheduler.js';
import { QUEUE } from '../contract/store-driver.js';
import { fireOf, MINUTE, rule, storedOf, tickJob } from '../contract/schedule-seeds.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.mjs';
import { RedisDriver } from './redis-driver.js';

const WORDS = 'ERR max request size exceeded';
const LARGE = 'x'.repeat(60_000);

describe('a server that refuses large requests', () => {
  let driver: RedisDriver;
  let proxy: TcpProxy;
  /** Behind a proxy that takes 100,000 bytes a request. */
  let limited: RedisStore;

  beforeEach(async () => {
    driver = await RedisDriver.open();
    proxy = await startTcpProxy(Number(new URL(String(process.env.TEST_REDIS_URL)).port));
    proxy.limit(100_000, WORDS);
    limited = await driver.connect({ connection: `redis://127.0.0.1:${proxy.port}` });
  });

  afterEach(async () => {
    await driver.close();
    await proxy.stop();
  });

  const jobOf = (name: string, tick: number, text: string) => {
    const job = tickJob(driver, tick, { name });
    return { ...job, envelope: `${job.envelope.split('\n')[0]}\n"${text}"` };
  };

  it('gets the fires of a call in parts, and answers for the one that it refuses alone', async () => {
    const tick = driver.now();
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) await driver.store.timetable.register(QUEUE, rule(tick, { name }));
    const fires = names.map((name) =>
      fireOf(driver, tick, { name, jobs: [jobOf(name, tick, name === 'c' ? LARGE + LARGE : LARGE)] }),
    );
    const answers = await limited.timetable.fire(QUEUE, fires);
    expect(answers.map((answer) => (typeof answer === 'string' ? answer : answer.name))).toEqual([
      'fired',
      'fired',
      'BrokerRefusedError',
      'fired',
    ]);
    expect(answers[2]).toBeInstanceOf(BrokerRefusedError);
    expect((answers[2] as BrokerRefusedError).message).toMatch(/max request size exceeded.* 1 job of 120\d{3} bytes/);
    expect((await storedOf(driver, 'c')).nextTick).toBe(tick);
    expect((await driver.store.curation.counts(QUEUE)).ready).toBe(3);
  });

  it('gets the ticks of a backlog in parts: each has its job, once', async () => {
    const tick = driver.now();
    await driver.store.timetable.register(QUEUE, rule(tick));
    await driver.advance(5 * MINUTE);
    const ticks = [0, 1, 2, 3, 4].map((minutes) => tick + minutes * MINUTE);
    const jobs = ticks.map((each) => jobOf('digest', each, LARGE));
    const fire = fireOf(driver, tick, { jobs, missed: 7, nextTick: tick + 6 * MINUTE });
    expect(await limited.timetable.fire(QUEUE, [fire])).toEqual(['fired']);
    expect(await storedOf(driver)).toMatchObject({ nextTick: tick + 6 * MINUTE, fired: 5 });
    const history = await driver.store.timetable.history(QUEUE, 'digest', 10);
    expect(history.map((run) => run.tick)).toEqual(ticks.toReversed());
    expect(history.reduce((sum, { missed }) => sum + missed, 0)).toBe(7);
    expect(await limited.timetable.fire(QUEUE, [fire])).toEqual(['stale']);
    expect((await driver.store.curation.counts(QUEUE)).ready).toBe(5);
  });

  describe('and the scheduler', () => {
    let logger: RecordingLogger;
    const schedulers: Scheduler[] = [];

    beforeEach(() => {
      logger = new RecordingLogger();
    });

    afterEach(async () => {
      for (const scheduler of schedulers.splice(0)) await scheduler.stop();
    });

    const declare = (name: string, payload: unknown): ScheduleDeclaration => ({
      ...{ name, queue: QUEUE, label: name, missed: 'once', overlap: 'allow', jitterMs: 0, pauseOnFailure: false },
      ...{ rule: { kind: 'interval', everyMs: MINUTE }, scope: 'cluster', disabled: false, payload, job: {} },
    });

    const start = async (store: Store, ...declarations: ScheduleDeclaration[]) => {
      const scheduler = new Scheduler({ store, declarations, queues: [QUEUE], logger });
      schedulers.push(scheduler);
      await scheduler.start();
      return scheduler;
    };

    const fired = async () => {
      const { jobs } = await driver.store.curation.list(QUEUE, 'ready', undefined, 100);
      return jobs.map(({ record }) => decodeEnvelope(splitRecord(record).envelope).header.n);
    };
    const errors = () => logger.lines.filter((line) => /^(error|warn)/.test(line));

    it('leaves a tick that is refused, says so once, and fires the others', async () => {
      // Stored by a process without the limit.
      const unlimited = await start(driver.store, declare('large', LARGE + LARGE), declare('small', 1));
      await unlimited.stop();
      const scheduler = await start(limited);
      for (let minutes = 1; minutes <= 3; minutes++) {
        await driver.advance(MINUTE);
        await scheduler.runOnce();
        await scheduler.runOnce();
        expect(await fired()).toEqual(Array.from({ length: minutes }, () => 'small'));
      }
      expect(errors()).toEqual([expect.stringMatching(/Schedule "large" of queue .*max request size exceeded/)]);
      // Somebody raises the limit: the tick, which stayed, is fired.
      proxy.limit(1_000_000, WORDS);
      proxy.reset();
      await driver.advance(10 * MINUTE);
      await scheduler.runOnce();
      expect((await fired()).filter((name) => name === 'large')).toHaveLength(1);
      expect(errors()).toHaveLength(1);
    });

    it('registers the others, and says once which one it can not', async () => {
      const scheduler = await start(limited, declare('large', LARGE + LARGE), declare('small', 1));
      await driver.advance(MINUTE);
      await scheduler.runOnce();
      await scheduler.runOnce();
      expect(await fired()).toEqual(['small']);
      expect(errors()).toEqual([
        expect.stringMatching(/Schedule "large" of queue .* cannot be stored: .*max request size exceeded/),
      ]);
    });

    it('replaces a rule whose tick is refused', async () => {
      const unlimited = await start(driver.store, declare('digest', LARGE + LARGE));
      await unlimited.stop();
      await driver.advance(MINUTE);
      const scheduler = await start(limited, declare('digest', 1));
      await driver.advance(MINUTE);
      await scheduler.runOnce();
      expect(await fired()).toEqual(['digest']);
      expect(errors()).toEqual([]);
    });
  });
});
