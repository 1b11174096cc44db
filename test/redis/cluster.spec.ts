import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { WorkerTurn } from '../../src/core/ports/worker-store.js';
import { encodeEnvelope } from '../../src/core/envelope.js';
import type { RedisConnection } from '../../src/redis/wire/connector.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import { MessageLog } from '../support/message-log.js';
import { startRedisCluster, type RedisCluster } from '../support/redis-cluster.js';
import { KEEP } from '../contract/store-driver.js';
import { rule } from '../contract/schedule-seeds.js';

const QUEUES = Array.from({ length: 12 }, (_, index) => `queue-${index}`);

describe('a cluster of three primaries', () => {
  let cluster: RedisCluster;
  let store: RedisStore;
  const stores: RedisStore[] = [];

  async function open(connection: RedisConnection): Promise<RedisStore> {
    const opened = new RedisStore({
      connection,
      prefix: 'tq',
      commandTimeoutMs: 5000,
      connectTimeoutMs: 5000,
      waitForRedis: false,
      allowEviction: false,
      maxCrashes: 3,
      logLines: 100,
    });
    stores.push(opened);
    expect((await opened.connection.open()).mode).toBe('cluster');
    return opened;
  }

  beforeAll(async () => {
    cluster = await startRedisCluster();
    store = await open({ nodes: cluster.nodes });
  });

  afterAll(async () => {
    for (const each of stores) await each.connection.close();
    await cluster.stop();
  });

  const turn = (call: number, more: Partial<WorkerTurn> = {}): WorkerTurn => ({
    ...{ worker: 'w1', call, leaseMs: 8000, want: 10, alone: false, adopt: undefined, settlements: [] },
    ...more,
  });
  const job = (userId?: string) => ({ envelope: encodeEnvelope(1, userId, undefined, '1') });

  it('keeps each queue in one slot, and queues on every node', async () => {
    for (const queue of QUEUES) await store.intake.enqueue(queue, [job()]);
    const used = await Promise.all(
      cluster.servers.map(async ({ url }) => {
        const client = new Redis(url);
        const keys = await client.keys('*');
        const slots = await Promise.all(keys.map((key) => client.cluster('KEYSLOT', key)));
        client.disconnect();
        return new Set(slots).size;
      }),
    );
    expect(used.every((slots) => slots > 0)).toBe(true);
    expect(used.reduce((sum, slots) => sum + slots, 0)).toBe(QUEUES.length);
    for (const queue of QUEUES) await store.curation.purge(queue, 'ready', 10);
  });

  it('runs every verb on every node', async () => {
    for (const queue of QUEUES.slice(0, 6)) {
      const receipts = await store.intake.enqueue(queue, [
        { ...job(), priority: 3 },
        { ...job('a'), userId: 'a' },
        { ...job(), delayMs: 60_000 },
        job(),
        job(),
      ]);
      const [first, second, third] = (await store.workers.settleAndReserve(queue, turn(1, { want: 3 }))).jobs;
      expect(await store.curation.cancel(queue, third.id)).toBe('requested');
      expect((await store.workers.beat(queue, 'w1', 8000)).cancelling).toEqual([third.id]);
      expect((await store.workers.report(queue, [{ ...first, progress: '1', logs: ['x'] }])).lost).toEqual([]);
      expect((await store.workers.reconcile(queue, 'w1', [first, second, third])).lost).toEqual([]);
      const settlements: WorkerTurn['settlements'] = [
        { op: 'complete', ...first, result: '2', keep: KEEP },
        { op: 'bury', ...second, detail: '{}', envelope: undefined, keep: KEEP },
        { op: 'retry', ...third, delayMs: 0 },
      ];
      expect((await store.workers.settleAndReserve(queue, turn(2, { want: 0, settlements }))).lost).toEqual([]);
      expect(await store.curation.counts(queue)).toMatchObject({
        completed: 1,
        dead: 1,
        cancelled: 1,
        ready: 1,
        scheduled: 1,
      });
      expect(await store.curation.logs(queue, first.id)).toEqual(['x']);
      expect((await store.curation.list(queue, 'scheduled', undefined, 5)).jobs.map(({ id }) => id)).toEqual([
        receipts[2].id,
      ]);
      await store.duties.promote(queue, 10);
      await store.duties.reclaim(queue, 8000);
      await store.duties.trim(queue, { completed: KEEP, cancelled: KEEP, dead: KEEP });
      await store.curation.setPaused(queue, true);
      expect(await store.curation.isPaused(queue)).toBe(true);
      await store.curation.setPaused(queue, false);
      expect(await store.curation.remove(queue, second.id)).toBe('removed');
      for (const state of ['ready', 'scheduled', 'completed', 'cancelled'] as const)
        await store.curation.purge(queue, state, 10);
      expect(await store.timetable.register(queue, rule(1, { app: 'shop' }))).toBe('created');
      expect((await store.timetable.announce(queue, 'shop', [rule(1)])).unknown).toEqual([]);
      expect((await store.timetable.due(queue, 10)).due).toHaveLength(1);
      const scheduled = { ...job('b'), userId: 'b', scheduledFor: 1 };
      const fire = { name: 'digest', specHash: 'h1', tick: 1, nextTick: undefined, jobs: [scheduled], missed: 0 };
      const rest = { overlap: 'skip', pauseOnFailure: true, limit: 5 } as const;
      expect(await store.timetable.fire(queue, [{ ...fire, ...rest }])).toEqual(['fired']);
      const extra = { ...scheduled, userId: 'c' };
      expect(await store.timetable.runNow(queue, 'digest', 'h1', extra)).toMatchObject({ created: true });
      expect((await store.timetable.list(queue, undefined, 10)).schedules).toMatchObject([{ status: 'ended' }]);
      expect(await store.timetable.history(queue, 'digest', 10)).toHaveLength(2);
      expect(await store.timetable.pause(queue, 'digest')).toBe(true);
      expect(await store.timetable.resume(queue, 'digest', 'h1', { nextTick: 2 })).toBe('resumed');
      expect(await store.timetable.remove(queue, 'digest')).toBe(true);
      await store.workers.leave(queue, 'w1');
      await store.curation.purge(queue, 'ready', 10);
    }
  });

  it('wakes an idle worker and sends events of a queue from any node', async () => {
    const producer = await open({ nodes: cluster.nodes.slice(1, 2) });
    const wakes = new MessageLog<string>();
    const pauses = new MessageLog<string>();
    const ends = new MessageLog<string>();
    // The script cannot count receivers at other nodes: it only wakes.
    await store.workers.onWake('w1', (queue, handed) => wakes.listener(handed === undefined ? queue : 'handed over'));
    for (const queue of QUEUES) {
      await store.notices.onSignal(queue, ({ type }) => type === 'paused' && pauses.listener(queue));
      await store.notices.onSettled(queue, (end) => end !== 'resync' && ends.listener(end.id));
    }
    for (const queue of QUEUES) {
      await store.workers.settleAndReserve(queue, turn(10, { takesHanded: true }));
      const [{ id }] = await producer.intake.enqueue(queue, [job()]);
      await wakes.has(queue);
      await producer.curation.setPaused(queue, true);
      await pauses.has(queue);
      await producer.notices.awaitSettled(queue, id, 10_000);
      await producer.curation.cancel(queue, id);
      await ends.has(id);
      await producer.curation.setPaused(queue, false);
      await producer.curation.purge(queue, 'cancelled', 10);
    }
  });

  it('takes an inbox that lies in the slot of its queue, and refuses another one', async () => {
    const client = new Cluster(cluster.nodes);
    await client.lpush('{tq:queue-0}:inbox', 'x');
    expect(await store.intake.takeInbox('queue-0', '{tq:queue-0}:inbox', 5)).toBe(1);
    await store.curation.purge('queue-0', 'ready', 5);
    // The client itself refuses keys of different slots in some versions, the server in others.
    await expect(store.intake.takeInbox('queue-0', 'elsewhere', 5)).rejects.toThrow(/slot/i);
    client.disconnect();
  });

  it('duplicates a user\u2019s cluster instance and never closes it', async () => {
    const instance = new Cluster(cluster.nodes, { scaleReads: 'all', redisOptions: { stringNumbers: true } });
    const other = await open(instance);
    await other.intake.enqueue('queue-1', [job()]);
    expect((await other.workers.settleAndReserve('queue-1', turn(20))).jobs).toHaveLength(1);
    await other.connection.close();
    await instance.set('still', 'open');
    await other.workers.leave('queue-1', 'w1').catch(() => {});
    await store.workers.leave('queue-1', 'w1');
    await store.curation.purge('queue-1', 'ready', 10);
    instance.disconnect();
  });

  it('has a fixed number of connections, however many queues there are', async () => {
    const other = await open({ nodes: cluster.nodes });
    await other.workers.onWake('w2', () => {});
    const count = async () => {
      const lists = await Promise.all(
        cluster.servers.map(async ({ url }) => {
          const client = new Redis(url);
          const list = String(await client.client('LIST'));
          client.disconnect();
          return list.split('\n').filter((line) => /lib-name=ioredis/.test(line)).length - 1;
        }),
      );
      return lists.reduce((sum, each) => sum + each, 0);
    };
    for (const queue of QUEUES) await other.curation.counts(queue);
    const before = await count();
    for (let index = 0; index < 40; index++) {
      await other.curation.counts(`many-${index}`);
      await other.notices.onSignal(`many-${index}`, () => {});
    }
    expect(await count()).toBe(before);
  });

  it('goes on when a slot moves to another node', async () => {
    const queue = 'moving';
    const [{ id }] = await store.intake.enqueue(queue, [job()]);
    const client = new Cluster(cluster.nodes);
    const slot = await client.cluster('KEYSLOT', `{tq:${queue}}:meta`);
    client.disconnect();
    const admins = cluster.servers.map(({ url }) => new Redis(url));
    const ids = await Promise.all(admins.map((admin) => admin.call('CLUSTER', 'MYID')));
    const from = Math.floor((slot * 3) / 16384);
    const to = (from + 1) % 3;
    await admins[to].call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from] as string);
    await admins[from].call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to] as string);
    const keys = (await admins[from].call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
    // Half moved: scripts meet TRYAGAIN or ASK until the rest has followed.
    const [first, ...rest] = keys;
    const move = (key: string) => admins[from].call('MIGRATE', '127.0.0.1', cluster.nodes[to].port, key, 0, 1000);
    await move(first);
    const call = store.intake.enqueue(queue, [job()]);
    for (const key of rest) await move(key);
    for (const admin of admins) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to] as string);
    await call;
    const { jobs } = await store.workers.settleAndReserve(queue, turn(1));
    expect(jobs).toHaveLength(2);
    expect(jobs[0].id).toBe(id);
    for (const admin of admins) admin.disconnect();
  });
});
