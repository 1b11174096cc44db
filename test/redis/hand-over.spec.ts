import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { StoreEvent } from '../../src/core/ports/notices.js';
import type { ReservedJob, WorkerTurn } from '../../src/core/ports/worker-store.js';
import { wakeChannel } from '../../src/redis/keys.js';
import { Link } from '../../src/redis/wire/link.js';
import { MessageLog } from '../support/message-log.js';
import { replicaInSync } from '../support/replica.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { KEEP, LEASE_MS, QUEUE, type Seed } from '../contract/store-driver.js';
import { RedisDriver } from './redis-driver.js';
import { storeOfEachTest } from './store-of-each-test.js';

/** A wake-up as its worker sees it. */
type Told = ReservedJob | 'woken';

/** What this worker is told from now on. */
async function listen(driver: RedisDriver, worker: string): Promise<MessageLog<Told>> {
  const told = new MessageLog<Told>();
  await driver.store.workers.onWake(worker, (_queue, handed) => told.listener(handed ?? 'woken'));
  return told;
}

/** A worker that took a turn just now, found nothing and waits. */
async function wait(driver: RedisDriver, worker: string, turn: Partial<WorkerTurn> = {}): Promise<MessageLog<Told>> {
  const told = await listen(driver, worker);
  await ask(driver, worker, turn);
  return told;
}

function ask(driver: RedisDriver, worker: string, turn: Partial<WorkerTurn> = {}) {
  return driver.reserve(worker, turn.want ?? 10, { takesHanded: true, ...turn });
}

/** What was told so far; everything that was sent has arrived. */
async function allTold(driver: RedisDriver, told: MessageLog<Told>): Promise<Told[]> {
  await driver.barrier();
  return told.messages;
}

function idsOf(told: readonly Told[]): string[] {
  return told.map((each) => (each === 'woken' ? each : each.id));
}

describe('a job for which a worker waits', () => {
  const use = storeOfEachTest();

  it('is reserved for it and comes with the wake-up', async () => {
    const driver = use();
    const told = await wait(driver, 'w1');
    const id = await driver.putOne({ payload: '"a\\nb"' });
    const fence = driver.now() * 1000;
    expect(await told.first(1)).toEqual([
      { id, token: `w1:${fence}`, fence, envelope: driver.envelope({ payload: '"a\\nb"' }), crashes: 0 },
    ]);
    expect(await driver.list('ready')).toEqual([]);
    expect(await driver.hash('inflight')).toEqual({ [id]: `w1:${fence}` });
    expect(await driver.zset('workers')).toEqual({ w1: driver.now() + LEASE_MS });
    expect(await driver.meta('fence')).toBe(String(fence));
    expect((await driver.callRecords())['w1!']).toBe(`0 ${driver.now() / 1000} 9 ${fence}:${id}`);
    expect(await driver.client.smembers(driver.keys.idle)).toEqual(['w1']); // for the rest of its room
    await driver.expectCounts({ active: 1 });
    await driver.expectConserved();
  });

  it('settles like any other', async () => {
    const driver = use();
    const told = await wait(driver, 'w1');
    const id = await driver.putOne();
    const [job] = (await told.first(1)) as ReservedJob[];
    const { lost, jobs } = await ask(driver, 'w1', { handedFence: job.fence, settlements: [driver.complete(job)] });
    expect({ lost, jobs }).toEqual({ lost: [], jobs: [] });
    expect(await driver.stateOf(id)).toBe('completed');
    expect(await driver.callRecords()).not.toHaveProperty('w1!');
  });

  it('comes with up to seven others, each under a fence of its own', async () => {
    const driver = use();
    const told = await wait(driver, 'w1');
    const ids = await driver.putMany(8);
    const jobs = (await told.first(8)) as ReservedJob[];
    expect(idsOf(jobs)).toEqual(ids);
    expect(jobs.map(({ fence }) => fence - jobs[0].fence)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await driver.hash('inflight')).toEqual(Object.fromEntries(jobs.map(({ id, token }) => [id, token])));
    expect(await driver.meta('fence')).toBe(String(jobs[7].fence));
    const { lost } = await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
    expect(lost).toEqual([]);
  });

  it('gets a fence above all others, also where the clock fell behind', async () => {
    const driver = use();
    const told = await wait(driver, 'w1');
    const last = driver.now() * 1000 + 5_000_000;
    await driver.client.hset(driver.keys.meta, 'fence', String(last));
    await driver.putMany(2);
    expect((await told.first(2)).map((each) => (each as ReservedJob).fence)).toEqual([last + 1, last + 2]);
    await driver.putOne();
    expect((await ask(driver, 'w2')).fence).toBe(last + 3);
  });

  it('is handed over also with a user id of its own, and with jobs for later', async () => {
    const driver = use();
    const told = await wait(driver, 'w1');
    await driver.putOne({ delayMs: 500 });
    await ask(driver, 'w1'); // the earlier due time had woken it
    const [now] = await driver.put({ userId: 'a' }, { delayMs: 1000 });
    expect(idsOf(await told.first(2))).toEqual(['woken', now]);
    expect(await driver.hash('ids')).toEqual({ a: now });
    const [again] = await driver.store.intake.enqueue(QUEUE, [driver.newJob({ userId: 'a' })]);
    expect(again).toMatchObject({ id: now, created: false, state: 'active' });
  });

  it('makes the events enqueued and active', async () => {
    const driver = use();
    const events = new MessageLog<StoreEvent[]>();
    const stop = await driver.store.notices.onEvents(QUEUE, events.listener);
    await wait(driver, 'w1');
    const [first, second] = await driver.putMany(2);
    const [made] = await events.first(1);
    expect(made.map(({ event, id }) => `${event} ${id}`)).toEqual([
      `enqueued ${first}`,
      `active ${first}`,
      `enqueued ${second}`,
      `active ${second}`,
    ]);
    await stop();
  });

  it('is followed by others, one by one, for which the worker has room', async () => {
    const driver = use();
    const told = await wait(driver, 'w1', { want: 3 });
    const ids = [await driver.putOne(), await driver.putOne(), await driver.putOne()];
    expect(idsOf(await told.first(3))).toEqual(ids);
    expect(await driver.keyNames()).not.toContain('idle');
    const ready = await driver.putOne();
    expect(idsOf(await allTold(driver, told))).toEqual(ids);
    expect(await driver.list('ready')).toEqual([ready]);
    await driver.expectConserved();
  });

  it('is followed by no others while eight are on their way to the worker', async () => {
    const driver = use();
    const told = await wait(driver, 'w1', { want: 20 });
    const ids = await driver.putMany(7);
    ids.push(await driver.putOne());
    const ready = await driver.putOne();
    expect(idsOf(await told.first(9))).toEqual([...ids, 'woken']);
    const jobs = (await told.first(9)).slice(0, 8) as ReservedJob[];
    expect((await ask(driver, 'w1', { want: 12, handedFence: jobs[7].fence })).jobs.map(({ id }) => id)).toEqual([
      ready,
    ]);
    const next = await driver.putOne();
    expect(idsOf(await told.first(10))).toEqual([...ids, 'woken', next]);
    await driver.expectConserved();
  });

  it.each([0, 1])('follows no more than the room that the last turn left, whichever its lane: %i', async (lane) => {
    const driver = use();
    const told = await wait(driver, 'w1', { want: 10 });
    await ask(driver, 'w1', { want: 1, lane });
    const ids = [await driver.putOne(), await driver.putOne()];
    expect(idsOf(await allTold(driver, told))).toEqual(ids.slice(0, 1));
    expect(await driver.list('ready')).toEqual(ids.slice(1));
  });
});

describe('a worker that waits is only woken', () => {
  const use = storeOfEachTest();

  const cases: [string, { seeds?: Seed[]; turn?: Partial<WorkerTurn>; before?: (driver: RedisDriver) => unknown }][] = [
    ['for nine jobs', { seeds: Array.from({ length: 9 }, () => ({})) }],
    ['for more jobs than it has room for', { seeds: [{}, {}, {}], turn: { want: 2 } }],
    ['for a prioritised job', { seeds: [{ priority: 1 }] }],
    ['for a job beside a prioritised one', { seeds: [{}, { priority: 1 }] }],
    ['for a job beside one that is due earlier than all before', { seeds: [{}, { delayMs: 5 }] }],
    ['where it does not take jobs that way', { turn: { takesHanded: false } }],
    ['where its last turn is two seconds old', { before: (driver) => driver.advance(2000) }],
    ['where its call record is gone', { before: (driver) => driver.client.hdel(driver.keys.meta, '@w1') }],
    ['while a job is ready', { before: (driver) => driver.client.rpush(driver.keys.ready, 'zzzzzzzzzz') }],
    [
      'while a prioritised job is ready',
      {
        before: async (driver) => {
          await driver.client.hset(driver.keys.meta, 'features', 'p');
          await driver.client.zadd(driver.keys.priority, '1', 'zzzzzzzzzz');
        },
      },
    ],
  ];

  it.each(cases)('%s', async (_why, { seeds = [{}], turn, before }) => {
    const driver = use();
    const told = await wait(driver, 'w1', turn);
    await before?.(driver);
    const ids = await driver.put(...seeds);
    expect(await told.first(1)).toEqual(['woken']);
    expect(await driver.hash('inflight')).toEqual({});
    expect(await driver.callRecords()).not.toHaveProperty('w1!');
    const plain = ids.filter((_, index) => seeds[index].priority === undefined && seeds[index].delayMs === undefined);
    expect((await driver.list('ready')).filter((id) => ids.includes(id))).toEqual(plain);
  });

  it('not at all while the queue is paused', async () => {
    const driver = use();
    const told = await wait(driver, 'w1');
    await driver.store.curation.setPaused(QUEUE, true);
    const id = await driver.putOne();
    expect(await allTold(driver, told)).toEqual([]);
    expect(await driver.list('ready')).toEqual([id]);
  });

  it('while it runs a suspect: nothing may run beside that', async () => {
    const driver = use();
    const suspect = (await driver.start('victim-1')).id;
    await driver.expireLeases();
    await driver.reserve('victim-2');
    await driver.expireLeases();
    const told = await listen(driver, 'w1');
    expect((await ask(driver, 'w1', { alone: true })).jobs.map(({ id }) => id)).toEqual([suspect]);
    const id = await driver.putOne();
    expect(await allTold(driver, told)).toEqual(['woken']);
    expect(await driver.list('ready')).toEqual([id]);
  });

  it('and when nobody receives it, the next one is', async () => {
    const driver = use();
    await ask(driver, 'gone');
    expect(await driver.client.smembers(driver.keys.idle)).toEqual(['gone']);
    const id = await driver.putOne();
    expect(await driver.list('ready')).toEqual([id]);
    expect(await driver.hash('inflight')).toEqual({});
    await driver.store.curation.purge(QUEUE, 'ready', 10);

    const told = await wait(driver, 'w1');
    for (const name of ['gone-1', 'gone-2', 'gone-3']) await ask(driver, name);
    const next = await driver.putOne();
    const [first] = await told.first(1);
    // Whoever was asked first, the job is in one place: ready, or this worker's.
    expect(first === 'woken' ? await driver.list('ready') : [first.id]).toEqual([next]);
    await driver.expectConserved();
  });
});

describe('a worker that listens at a replica', () => {
  const use = storeOfEachTest();
  let replica: RedisServer;
  let asReplica: Redis;

  beforeAll(async () => {
    replica = await startRedisServer();
    asReplica = new Redis(replica.port);
    const primary = new URL(String(process.env.TEST_REDIS_URL));
    await asReplica.replicaof(primary.hostname, primary.port);
    await replicaInSync(replica.port);
  });

  afterAll(async () => {
    asReplica?.disconnect();
    await replica?.stop();
  });

  it('gets messages that the server of the script does not count: it is woken without a job', async () => {
    const driver = use();
    const channel = wakeChannel(driver.prefix, 'w1');
    const heard = new MessageLog<string>();
    asReplica.on('message', (_channel, message: string) => heard.listener(message));
    await asReplica.subscribe(channel);
    await ask(driver, 'w1');
    const id = await driver.putOne();
    expect(await heard.first(1)).toEqual([QUEUE]);
    expect(await driver.list('ready')).toEqual([id]);
    expect(await driver.hash('inflight')).toEqual({});

    // Told at both servers, the job is reserved: whichever message comes first begins that very run.
    await driver.store.curation.purge(QUEUE, 'ready', 10);
    const told = await wait(driver, 'w1');
    const next = await driver.putOne();
    const [job] = (await told.first(1)) as ReservedJob[];
    expect(job.id).toBe(next);
    expect((await heard.first(2))[1]).toContain(`${job.fence} ${next}`);
    expect(await driver.hash('inflight')).toEqual({ [next]: job.token });
    await asReplica.unsubscribe(channel);
  });
});

describe('a repeated enqueue', () => {
  const use = storeOfEachTest();

  it('hands nothing over twice', async () => {
    const driver = use();
    const told = await wait(driver, 'w1');
    const { link, scripts } = (await driver.connect()).connection as unknown as {
      link: Link;
      scripts: Record<string, never>;
    };
    const call = () => link.run(scripts.enqueue, driver.keys.all, ['lane', 1, 'id1', '1\n1', '', '']);
    const first = await call();
    await ask(driver, 'w1', { handedFence: driver.now() * 1000 }); // waits again
    expect(await call()).toEqual(first);
    expect(idsOf(await allTold(driver, told))).toEqual(['id1']);
    expect(await driver.list('ready')).toEqual([]);
    expect(Object.keys(await driver.hash('inflight'))).toEqual(['id1']);
  });
});

describe('a message that was lost', () => {
  const use = storeOfEachTest();

  /** Jobs handed over to w1, whose messages nobody heeds. */
  async function handOver(driver: RedisDriver, count = 1): Promise<ReservedJob[]> {
    const told = await wait(driver, 'w1', { want: count });
    await driver.putMany(count);
    return (await told.first(count)) as ReservedJob[];
  }

  const brought = (jobs: ReservedJob[]) => jobs.map((job) => ({ ...job, handed: true }));

  it('leaves its job to the next turn, in either lane, which begins its lease anew', async () => {
    for (const lane of [0, 1]) {
      const driver = use();
      const jobs = await handOver(driver);
      await driver.advance(LEASE_MS - 1);
      const reply = await ask(driver, 'w1', { lane });
      expect(reply.jobs).toEqual(brought(jobs));
      expect(await driver.zset('workers')).toEqual({ w1: driver.now() + LEASE_MS });
      await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
    }
  });

  it('leaves its job also to a turn that asks for nothing', async () => {
    const driver = use();
    const jobs = await handOver(driver, 2);
    expect((await ask(driver, 'w1', { want: 0 })).jobs).toEqual(brought(jobs));
    expect(await driver.client.smembers(driver.keys.idle)).toEqual([]);
  });

  it('is known by the fence of the last that arrived', async () => {
    const driver = use();
    const jobs = await handOver(driver, 3);
    expect((await ask(driver, 'w1', { handedFence: jobs[0].fence })).jobs).toEqual(brought(jobs.slice(1)));
    expect((await ask(driver, 'w1', { handedFence: jobs[2].fence })).jobs).toEqual([]);
    expect(await driver.callRecords()).not.toHaveProperty('w1!');
  });

  it('leaves its jobs the room they have, before those that are ready', async () => {
    const driver = use();
    const jobs = await handOver(driver, 2);
    const [ready] = await driver.putMany(2);
    const reply = await ask(driver, 'w1', { want: 3 });
    expect(reply.jobs.map(({ id, handed }) => [id, handed])).toEqual([
      [jobs[0].id, true],
      [jobs[1].id, true],
      [ready, undefined],
    ]);
    expect(reply.fence).toBeGreaterThan(jobs[1].fence);
    await driver.expectCounts({ ready: 1, active: 3 });
  });

  it('comes again with each turn that does not know of it', async () => {
    const driver = use();
    const jobs = await handOver(driver);
    expect((await ask(driver, 'w1', { lane: 0 })).jobs).toEqual(brought(jobs));
    expect((await ask(driver, 'w1', { lane: 1 })).jobs).toEqual(brought(jobs));
    await driver.expectCounts({ active: 1 });
  });

  it('comes again with a repeated call, though another hand-over came between', async () => {
    const driver = use();
    const jobs = await handOver(driver, 2);
    const [ready] = await driver.putMany(9);
    const turn = driver.turn('w1', { want: 3, takesHanded: true });
    const first = await driver.store.workers.settleAndReserve(QUEUE, turn);
    await driver.store.curation.purge(QUEUE, 'ready', 10);
    const told = await wait(driver, 'w1', { lane: 1, handedFence: jobs[1].fence, call: 1 });
    await driver.putOne();
    await told.first(1);
    const again = await driver.store.workers.settleAndReserve(QUEUE, turn);
    expect(again.jobs).toEqual(first.jobs);
    expect(again.jobs.map(({ id }) => id)).toEqual([...jobs.map(({ id }) => id), ready]);
    expect(again.fence).toBe(first.fence);
  });

  it('costs a suspect nothing: it waits for a turn that brings nothing else', async () => {
    const driver = use();
    const suspect = (await driver.start('victim-1')).id;
    await driver.expireLeases();
    await driver.reserve('victim-2');
    await driver.expireLeases();
    expect(await driver.list('suspects')).toEqual([suspect]);
    const jobs = await handOver(driver);
    const reply = await ask(driver, 'w1', { alone: true });
    expect(reply.jobs).toEqual(brought(jobs));
    expect(reply.suspects).toBe(true);
    const turn = { alone: true, handedFence: jobs[0].fence, settlements: [driver.complete(jobs[0])] };
    expect((await ask(driver, 'w1', turn)).jobs.map(({ id }) => id)).toEqual([suspect]);
  });

  it('brings the crashes of other jobs in their places', async () => {
    const driver = use();
    const [job] = await handOver(driver);
    const crashed = (await driver.start('victim')).id;
    await driver.scan();
    for (let step = 0; step < 4; step++) {
      await driver.advance(LEASE_MS / 4 + 1);
      await driver.store.workers.beat(QUEUE, 'w1', LEASE_MS);
      await driver.scan();
    }
    const reply = await ask(driver, 'w1');
    expect(reply.jobs.map(({ id, crashes, handed }) => [id, crashes, handed])).toEqual([
      [job.id, 0, true],
      [crashed, 1, undefined],
    ]);
  });

  describe('is not made up for', () => {
    const meanwhile: [string, (driver: RedisDriver, job: ReservedJob) => Promise<unknown>][] = [
      ['settled', (driver, job) => driver.settle('w2', driver.complete(job))],
      ['given back', (driver) => driver.store.workers.reconcile(QUEUE, 'w1', [])],
      ['reclaimed', (driver) => driver.expireLeases()],
      [
        'reclaimed and taken by another worker',
        async (driver) => {
          await driver.expireLeases();
          await driver.reserve('w2');
        },
      ],
      [
        'given back and removed',
        async (driver, { id }) => {
          await driver.store.workers.reconcile(QUEUE, 'w1', []);
          expect(await driver.store.curation.remove(QUEUE, id)).toBe('removed');
        },
      ],
      [
        'cancelled and given back',
        async (driver, { id }) => {
          expect(await driver.store.curation.cancel(QUEUE, id)).toBe('requested');
          await driver.store.workers.reconcile(QUEUE, 'w1', []);
          expect(await driver.stateOf(id)).toBe('cancelled');
        },
      ],
    ];

    it.each(meanwhile)('where the job was %s meanwhile', async (_what, act) => {
      const driver = use();
      const [job] = await handOver(driver);
      await act(driver, job);
      expect((await ask(driver, 'w1', { want: 0 })).jobs).toEqual([]);
      expect(await driver.callRecords()).not.toHaveProperty('w1!');
      await driver.expectConserved();
    });

    it.each(meanwhile)('by a repeated call where the job was %s meanwhile', async (_what, act) => {
      const driver = use();
      const [job] = await handOver(driver);
      const turn = driver.turn('w1', { want: 0 });
      expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).jobs).toEqual(brought([job]));
      await act(driver, job);
      expect((await driver.store.workers.settleAndReserve(QUEUE, turn)).jobs).toEqual([]);
      await driver.expectConserved();
    });
  });

  it('comes with the wish to cancel its job', async () => {
    const driver = use();
    const [{ id, token }] = await handOver(driver);
    await driver.store.curation.cancel(QUEUE, id);
    const reply = await ask(driver, 'w1');
    expect(reply.jobs.map((job) => job.id)).toEqual([id]);
    expect(reply.cancelling).toEqual([id]);
    await driver.settle('w1', { op: 'release', id, token });
    expect(await driver.stateOf(id)).toBe('cancelled');
  });

  it.each([
    ['a worker that leaves', (driver: RedisDriver) => driver.store.workers.leave(QUEUE, 'w1')],
    [
      'a reconcile that does not know of them',
      (driver: RedisDriver) => driver.store.workers.reconcile(QUEUE, 'w1', []),
    ],
  ])('costs no job: %s gives them back to the front, in order', async (_who, act) => {
    const driver = use();
    const jobs = await handOver(driver, 3);
    const last = await driver.putOne();
    await act(driver);
    expect(await driver.list('ready')).toEqual([...jobs.map(({ id }) => id), last]);
    await driver.expectCounts({ ready: 4 });
    expect((await ask(driver, 'w2')).jobs.map(({ crashes }) => crashes)).toEqual([0, 0, 0, 0]);
  });

  it('is known to the worker after a reconcile by the fence up to which that looked', async () => {
    const driver = use();
    const jobs = await handOver(driver, 2);
    const held = jobs.map(({ id, token }) => ({ id, token }));
    expect(await driver.store.workers.reconcile(QUEUE, 'w1', held)).toEqual({
      lost: [],
      released: 0,
      fence: jobs[1].fence,
    });
  });

  it('is forgotten with the call records', async () => {
    const driver = use();
    const [job] = await handOver(driver);
    await driver.settle('w2', driver.complete(job));
    const trim = () => driver.store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP });
    await driver.advance(600_000);
    await trim();
    expect(await driver.callRecords()).toHaveProperty('w1!');
    await driver.advance(1000);
    await trim();
    expect(await driver.callRecords()).toEqual({});
  });
});

describe('hand-over at maxmemory', () => {
  let server: RedisServer;
  let driver: RedisDriver;

  beforeAll(async () => {
    server = await startRedisServer({ args: ['--maxmemory-policy', 'noeviction'] });
    driver = await RedisDriver.open({ url: server.url });
  });

  afterAll(async () => {
    await driver.client.config('SET', 'maxmemory', '0');
    await driver.close();
    await server.stop();
  });

  it('is refused with the enqueue, and what was handed over before is brought and settled', async () => {
    const told = await wait(driver, 'w1');
    await driver.putOne();
    const [job] = (await told.first(1)) as ReservedJob[];
    await wait(driver, 'w2');
    await driver.client.config('SET', 'maxmemory', '1');
    await expect(driver.putOne()).rejects.toMatchObject({ code: 'TASK_QUEUE_STORE_FULL' });
    await driver.expectCounts({ active: 1 });
    expect((await driver.client.smembers(driver.keys.idle)).sort()).toEqual(['w1', 'w2']);
    expect((await ask(driver, 'w1')).jobs).toEqual([{ ...job, handed: true }]);
    expect((await driver.settle('w1', driver.complete(job))).lost).toEqual([]);
    await driver.expectCounts({ completed: 1 });
  });
});
