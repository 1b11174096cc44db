import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { aclRule } from '../../scripts/acl.mjs';
import type { Settlement, WorkerTurn } from '../../src/core/ports/worker-store.js';
import { QueueKeys } from '../../src/redis/keys.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { KEEP, LEASE_MS, QUEUE } from '../contract/store-driver.js';
import { expectConservation, expectEachRunsOnce } from './conservation.js';
import { RedisDriver } from './redis-driver.js';

let server: RedisServer;
let admin: Redis;
let granted: string[];

beforeAll(async () => {
  server = await startRedisServer();
  admin = new Redis(server.port);
  const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(await admin.info('server')) ?? [];
  const redis = Number(major) === 7 && Number(minor) < 2 ? '7.0' : '7.2';
  const words = aclRule({ role: 'worker', prefix: 't-*', user: 'worker', inboxes: ['t-*-inbox*'], redis }).split(' ');
  await admin.call('ACL', 'SETUSER', ...words, '>secret', '~t-*-clock', '+get');
  granted = words.filter((word) => word.startsWith('+')).map((word) => word.slice(1));
});

afterAll(async () => {
  admin?.disconnect();
  await server?.stop();
});

/** What a process of an app does all the time; each call is repeated, as it was, until the store takes it. */
class Load {
  private open: WorkerTurn | undefined;
  private readonly unsettled: Settlement[] = [];
  private readonly waiting: string[] = [];
  private round = 0;
  /** User ids in the order in which their jobs were run. */
  readonly ran: string[] = [];
  readonly stored = new Set<string>();

  constructor(private readonly driver: RedisDriver) {}

  async step(): Promise<void> {
    const { driver } = this;
    const { store } = driver;
    const round = ++this.round;
    this.waiting.push(...['plain', 'later', 'high'].map((kind) => `${kind}-${round}`));
    for (const userId of [...this.waiting]) {
      const seed = {
        userId,
        ...(userId.startsWith('later') && { delayMs: 1 }),
        ...(userId.startsWith('high') && { priority: 2 }),
      };
      await this.tryTo(async () => {
        await store.intake.enqueue(QUEUE, [driver.newJob(seed)]);
        this.waiting.splice(this.waiting.indexOf(userId), 1);
        this.stored.add(userId);
      });
    }
    await driver.advance(5);
    await this.tryTo(() => store.duties.promote(QUEUE, 10));
    await this.turn();
    await this.tryTo(() => store.duties.reclaim(QUEUE, LEASE_MS));
    await this.tryTo(() => store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP }));
    await this.tryTo(() => store.workers.beat(QUEUE, 'w1', LEASE_MS));
    await this.turn();
  }

  private async turn(): Promise<void> {
    this.open ??= this.driver.turn('w1', { want: 4, adopt: '*', settlements: this.unsettled.splice(0) });
    const turn = this.open;
    await this.tryTo(async () => {
      const { jobs } = await this.driver.store.workers.settleAndReserve(QUEUE, turn);
      this.open = undefined;
      for (const job of jobs) {
        const { id, token, envelope } = job;
        const userId = /^1\w* (\S+)/.exec(envelope)?.[1] ?? id;
        // Every third one fails once: it comes again, and counts then.
        if (userId.endsWith('3') && !envelope.includes('"a":2')) {
          const again = this.driver.envelope({ userId }).replace('\n', ' {"a":2}\n');
          this.unsettled.push({ op: 'retry', id, token, delayMs: 0, envelope: again });
        } else {
          this.ran.push(userId);
          this.unsettled.push(this.driver.complete(job));
        }
      }
    });
  }

  async finish(): Promise<void> {
    for (let round = 0; round < 60; round++) {
      await this.step();
      if (this.waiting.length > 0) throw new Error('an enqueue is refused though everything is permitted');
    }
    for (let round = 0; round < 400 && new Set(this.ran).size < this.stored.size; round++) {
      await this.driver.advance(10);
      await this.turn();
    }
    await this.turn();
  }

  private async tryTo(call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } catch (error) {
      expect(error).toMatchObject({ code: 'TASK_QUEUE_BROKER_REFUSED' });
    }
  }
}

async function expectNothingAmiss(driver: RedisDriver, load: Load): Promise<void> {
  expect(load.ran.filter((id, at) => load.ran.indexOf(id) !== at)).toEqual([]); // twice
  expect([...load.stored].filter((id) => !load.ran.includes(id))).toEqual([]); // never
  await expectConservation(driver);
  await expectEachRunsOnce(driver);
}

describe('under load', () => {
  let driver: RedisDriver;
  beforeEach(async () => {
    const connection = `redis://worker:secret@127.0.0.1:${server.port}`;
    driver = await RedisDriver.open({ url: server.url, connection });
  });
  afterEach(() => driver.close());

  it('a user that lacks each of its commands for a while loses nothing and runs nothing twice', async () => {
    const load = new Load(driver);
    await load.step();
    for (const command of granted) {
      await admin.call('ACL', 'SETUSER', 'worker', `-${command}`);
      await load.step();
      await load.step();
      await admin.call('ACL', 'SETUSER', 'worker', `+${command}`);
      await load.step();
      await expectConservation(driver).catch((error: Error) => {
        throw new Error(`after ${command}: ${error.message}`, { cause: error });
      });
    }
    await load.finish();
    await expectNothingAmiss(driver, load);
  }, 120_000);

  it('an enqueue that is refused in the middle leaves no record, also right after one that was refused at its beginning', async () => {
    const id = await driver.putOne(); // numbers are at hand from here on
    await driver.wakesOf('w1');
    await driver.reserve('w1', 5, { takesHanded: true });
    for (const command of ['hmget', 'zadd']) {
      await admin.call('ACL', 'SETUSER', 'worker', `-${command}`);
      await expect(driver.put({})).rejects.toThrow(command.toUpperCase());
      await admin.call('ACL', 'SETUSER', 'worker', `+${command}`);
    }
    await expectConservation(driver);
    expect(Object.keys(await driver.hash('jobs'))).toEqual([id]);
  });

  const names = Object.entries(new QueueKeys('p', 'q'))
    .filter(([name, key]) => typeof key === 'string' && name !== 'base' && key.includes('}:'))
    .map(([name]) => name);

  it.each(names)('a key "%s" that holds something else for a while loses nothing', async (name) => {
    const key = `${driver.keys.base}${name}`;
    const load = new Load(driver);
    await load.step();
    await load.step();
    const had = await driver.client.exists(key);
    if (had) await driver.client.rename(key, `${key}-away`);
    await driver.client.set(key, 'something else');
    await load.step();
    await load.step();
    await driver.client.del(key);
    if (had) await driver.client.rename(`${key}-away`, key);
    await load.step();
    await load.finish();
    await expectNothingAmiss(driver, load);
  });
});
