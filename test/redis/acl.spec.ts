import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { aclRule, commandsOf } from '../../scripts/acl.mjs';
import { scriptNames } from '../../src/redis/scripts/complete.mjs';
import type { StoreEvent } from '../../src/core/ports/notices.js';
import { JOB_STATES } from '../../src/core/job.js';
import { RedisStore } from '../../src/redis/redis-store.js';
import type { RedisStoreOptions } from '../../src/redis/store-options.js';
import { describeStore } from '../contract/store.contract.js';
import { redisKind } from '../support/stores.js';
import { MessageLog } from '../support/message-log.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';
import { rule } from '../contract/schedule-seeds.js';
import { RedisDriver } from './redis-driver.js';

const PASSWORD = 'a-password';
const root = fileURLToPath(new URL('../..', import.meta.url));

type Role = 'producer' | 'worker' | 'viewer';

let server: RedisServer;
let admin: Redis;
let redis: '7.0' | '7.2';

/** The user of a role, for every prefix of tests; `also`: what tests need beyond what the product does. */
async function createUser(role: Role, also: string[] = [], user: string = role, database = '0'): Promise<void> {
  const rule = aclRule({ role, prefix: 't-*', user, inboxes: ['t-*-inbox*'], redis, database }).split(' ');
  await admin.call('ACL', 'SETUSER', ...rule, `>${PASSWORD}`, ...also);
}

beforeAll(async () => {
  server = await startRedisServer({ args: ['--enable-debug-command', 'yes'] });
  admin = new Redis(server.port);
  const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(await admin.info('server')) ?? [];
  redis = Number(major) === 7 && Number(minor) < 2 ? '7.0' : '7.2';
  await createUser('worker', ['~t-*-clock', '+get']);
  await createUser('worker', ['~t-*-clock', '+get'], 'worker-3', '3');
  await createUser('producer');
  await createUser('viewer');
});

afterAll(async () => {
  admin?.disconnect();
  await server?.stop();
});

const urlOf = (role: Role) => `redis://${role}:${PASSWORD}@127.0.0.1:${server.port}`;

// Every verb, every state, every refusal: with nothing but the rights of a worker, and in a database that is not the first.
describeStore({
  name: 'redis as the worker user of database 3',
  lacks: redisKind.lacks,
  openStore: async () => {
    const connection = `redis://worker-3:${PASSWORD}@127.0.0.1:${server.port}/3`;
    return (await RedisDriver.open({ url: `${server.url}/3`, connection })).fixture;
  },
});

describe('users', () => {
  const stores: RedisStore[] = [];

  async function open(role: Role, more: Partial<RedisStoreOptions> = {}): Promise<RedisStore> {
    const store = new RedisStore({
      connection: urlOf(role),
      prefix: 't-acl',
      commandTimeoutMs: 5000,
      connectTimeoutMs: 5000,
      waitForRedis: false,
      allowEviction: false,
      maxCrashes: 3,
      logLines: 100,
      ...more,
    });
    stores.push(store);
    await store.connection.open();
    return store;
  }

  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.connection.close()));
    await admin.flushall();
  });

  const job = { envelope: '1abc\n{}' };
  const refused = { code: 'TASK_QUEUE_BROKER_REFUSED', reply: 'NOPERM' };
  const turn = {
    worker: 'w1',
    call: 1,
    leaseMs: 8000,
    want: 10,
    alone: true,
    adopt: '*' as const,
    settlements: [],
  };

  it('the producer enqueues, reads, awaits results and hears events', async () => {
    const store = await open('producer');
    const worker = await open('worker');
    const events = new MessageLog<StoreEvent[]>();
    const ends = new MessageLog<unknown>();
    await store.notices.onEvents('mail', events.listener);
    await store.notices.onSettled('mail', ends.listener);
    const [plain, named] = await store.intake.enqueue('mail', [job, { ...job, envelope: '1abc a\n{}', userId: 'a' }]);
    await store.intake.enqueue('mail', [
      { ...job, priority: 3 },
      { ...job, delayMs: 60_000 },
    ]);
    const again = await store.intake.enqueue('mail', [{ ...job, envelope: '1abc a\n{}', userId: 'a' }]);
    expect(again[0]).toMatchObject({ id: named.id, created: false });
    expect((await store.curation.counts('mail')).ready).toBe(3);
    expect((await store.curation.list('mail', 'ready', undefined, 10)).jobs).toHaveLength(3);
    expect((await store.curation.list('mail', 'scheduled', undefined, 10)).jobs).toHaveLength(1);
    expect((await store.curation.read('mail', ['a']))[0]?.id).toBe(named.id);
    expect(await store.curation.logs('mail', plain.id)).toEqual([]);
    expect(await store.notices.awaitSettled('mail', plain.id, 1000)).toMatchObject({ state: 'ready' });
    expect(await store.curation.isPaused('mail')).toBe(false);
    expect((await store.timetable.list('mail', undefined, 10)).schedules).toEqual([]);
    expect(await store.timetable.read('mail', ['s'])).toEqual([undefined]);
    expect(await store.timetable.history('mail', 's', 10)).toEqual([]);
    expect((await store.connection.examine()).unknown).toContain('appendfsync: the server did not say');

    const { jobs } = await worker.workers.settleAndReserve('mail', turn);
    const keep = { count: 10, ageMs: 1000, bytes: 1000 };
    const settlements = jobs.map(({ id, token }) => ({ op: 'complete' as const, id, token, result: '1', keep }));
    await worker.workers.settleAndReserve('mail', { ...turn, call: 2, want: 0, settlements });
    await ends.first(1);
    await events.first(1);
  });

  it('the producer has every verb of QueueService and ScheduleService', async () => {
    const store = await open('producer');
    const [one, two, three] = await store.intake.enqueue('mail', [job, job, { ...job, delayMs: 60_000 }]);
    await store.curation.setPaused('mail', true);
    await store.curation.setPaused('mail', false);
    expect(await store.curation.cancel('mail', one.id)).toBe('cancelled');
    expect(await store.curation.cancel('mail', three.id)).toBe('cancelled');
    expect(await store.curation.remove('mail', two.id)).toBe('removed');
    expect(await store.curation.purge('mail', 'cancelled', 10)).toMatchObject({ removed: 2 });
    expect(await store.curation.retryDead('mail', one.id, 1, job.envelope)).toBe('not-found');
    const scheduled = { ...job, userId: 'cron~digest~1', scheduledFor: 1 };
    expect(await store.timetable.register('mail', rule(1))).toBe('created');
    expect(await store.timetable.pause('mail', 'digest')).toBe(true);
    expect(await store.timetable.resume('mail', 'digest', 'h1', { nextTick: 1 })).toBe('resumed');
    expect(await store.timetable.runNow('mail', 'digest', 'h1', scheduled)).toMatchObject({ created: true });
    expect((await store.timetable.list('mail', undefined, 10)).schedules).toMatchObject([{ name: 'digest' }]);
    expect(await store.timetable.history('mail', 'digest', 10)).toHaveLength(1);
    expect(await store.timetable.remove('mail', 'digest')).toBe(true);
    expect((await store.alerts.look('shop', 'p1', 0, 1000)).looks).toBe(true);
    const found = { rule: 'late', queue: 'mail', record: '{}' };
    expect(await store.alerts.change('shop', [{ ...found, seen: undefined }])).toEqual([true]);
    await expect(store.workers.settleAndReserve('mail', turn)).rejects.toMatchObject(refused);
    await expect(store.intake.takeInbox('mail', 't-acl-inbox', 1)).rejects.toMatchObject(refused);
  });

  it('a producer without rights on channels enqueues, and is refused when it subscribes', async () => {
    const rule = aclRule({ role: 'producer', prefix: 't-*', user: 'mute', redis }).split(' ');
    await admin.call('ACL', 'SETUSER', ...rule, `>${PASSWORD}`, 'resetchannels');
    const store = await open('mute' as Role);
    const worker = await open('worker');
    await worker.workers.settleAndReserve('mail', turn); // waits for jobs
    const [first] = await store.intake.enqueue('mail', [{ ...job, userId: 'a' }]);
    await store.intake.enqueue('mail', [{ ...job, priority: 3 }]);
    expect((await store.intake.enqueue('mail', [{ ...job, userId: 'a' }]))[0]).toMatchObject({
      id: first.id,
      state: 'ready',
    });
    await store.curation.setPaused('mail', true);
    expect(await store.curation.isPaused('mail')).toBe(true);
    await store.curation.setPaused('mail', false);
    expect((await worker.workers.settleAndReserve('mail', { ...turn, call: 2 })).jobs).toHaveLength(2);
    expect(await store.curation.cancel('mail', first.id)).toBe('requested');
    await expect(store.notices.onSettled('mail', () => {})).rejects.toMatchObject(refused);
    await expect(store.notices.onEvents('mail', () => {})).rejects.toMatchObject(refused);
  });

  it('a worker that may no longer subscribe goes on, logs it, and is woken again once it may', async () => {
    const told = new MessageLog<string>();
    const store = await open('worker', { onConnection: (event) => told.listener(event) });
    const heard = new MessageLog<string>();
    await store.workers.onWake('w1', (signal) => heard.listener(signal));
    await admin.call('ACL', 'SETUSER', 'worker', 'resetchannels');
    await told.has('deaf');
    await admin.call('ACL', 'SETUSER', 'worker', 'allchannels');
    // As its watch does every few seconds.
    await (store.connection as unknown as { subscriptions: { ping(): Promise<void> } }).subscriptions.ping();
    expect(told.messages).toContain('restored');
    const before = heard.messages.length;
    await store.workers.settleAndReserve('mail', turn);
    await store.intake.enqueue('mail', [job]);
    await heard.first(before + 1);
    await createUser('worker', ['~t-*-clock', '+get']);
  });

  it('the viewer reads and changes nothing', async () => {
    const producer = await open('producer');
    const [{ id }] = await producer.intake.enqueue('mail', [job, { ...job, delayMs: 60_000 }, { ...job, priority: 2 }]);
    const store = await open('viewer');
    expect(await store.curation.counts('mail')).toMatchObject({ ready: 2, scheduled: 1 });
    expect((await store.curation.oldest('mail')).deadSince).toBeUndefined();
    expect(await store.alerts.read()).toEqual([]);
    await expect(store.alerts.look('shop', 'p1', 0, 1000)).rejects.toMatchObject(refused);
    for (const state of JOB_STATES) {
      const request = { needles: [{ anyOf: ['{}'], inPayload: true }], payloads: true, on: 'primary' } as const;
      const { jobs } = await store.search.scan('mail', state, undefined, request);
      expect({ state, found: jobs.length }).toEqual({ state, found: { ready: 2, scheduled: 1 }[state as string] ?? 0 });
    }
    for (const state of ['ready', 'scheduled', 'active', 'completed', 'dead', 'cancelled', 'parked'] as const) {
      await store.curation.list('mail', state, undefined, 10);
    }
    expect((await store.curation.read('mail', [id]))[0]?.state).toBe('ready');
    expect(await store.explainer.explain('mail', id)).toMatchObject({ state: 'ready', ahead: { count: 1 } });
    expect(await store.curation.logs('mail', id)).toEqual([]);
    expect(await store.curation.isPaused('mail')).toBe(false);
    expect((await store.timetable.list('mail', undefined, 10)).schedules).toEqual([]);
    expect(await store.timetable.read('mail', ['s'])).toEqual([undefined]);
    expect(await store.timetable.history('mail', 's', 10)).toEqual([]);
    expect((await store.connection.examine()).mode).toBe('standalone');

    const before = await admin.call('DEBUG', 'DIGEST');
    const writes = [
      store.intake.enqueue('mail', [job]),
      store.curation.setPaused('mail', true),
      store.curation.cancel('mail', id),
      store.curation.remove('mail', id),
      store.curation.purge('mail', 'ready', 1),
      store.workers.settleAndReserve('mail', turn),
      store.duties.reclaim('mail', 8000),
      store.notices.awaitSettled('mail', id, 1000),
      store.notices.onEvents('mail', () => {}),
      store.workers.leave('mail', 'w1'),
    ];
    for (const write of writes) await expect(write).rejects.toMatchObject(refused);
    const raw = new Redis(urlOf('viewer'));
    try {
      const key = '{t-acl:mail}:meta';
      await expect(raw.hset(key, 'paused', '1')).rejects.toThrow(/NOPERM/);
      await expect(raw.eval("return redis.call('HSET', KEYS[1], 'paused', '1')", 1, key)).rejects.toThrow(/NOPERM/);
      const sneaky = "#!lua flags=no-writes\nreturn redis.call('HSET', KEYS[1], 'paused', '1')";
      await expect(raw.call('EVAL_RO', sneaky, 1, key)).rejects.toThrow(/NOPERM|not allowed|can't run|no permissions/i);
      await expect(raw.publish('{t-acl:mail}:signals', 'paused')).rejects.toThrow(/NOPERM/);
    } finally {
      raw.disconnect();
    }
    expect(await admin.call('DEBUG', 'DIGEST')).toEqual(before);
    expect(await store.curation.counts('mail')).toMatchObject({ ready: 2, scheduled: 1 });
  });

  it.each(['producer', 'worker', 'viewer'] as const)(
    'the %s stays within its prefix and is no administrator',
    async (role) => {
      const raw = new Redis(urlOf(role));
      try {
        await expect(raw.hget('{other:mail}:meta', 'format')).rejects.toThrow(/NOPERM/);
        for (const command of [
          ['KEYS', '*'],
          ['FLUSHALL'],
          ['CONFIG', 'GET', '*'],
          ['DEBUG', 'SLEEP', '0'],
          ['CLIENT', 'LIST'],
          ['ACL', 'LIST'],
          ['SCRIPT', 'FLUSH'],
        ]) {
          // prettier-ignore
          await expect(raw.call(command[0], ...command.slice(1))).rejects.toThrow(/NOPERM/);
        }
      } finally {
        raw.disconnect();
      }
    },
  );
});

describe('scripts/acl.mjs', () => {
  it('knows every command of every script', () => {
    for (const name of scriptNames()) {
      const source = readFileSync(`${root}/src/redis/scripts/${name}.lua`, 'utf8').replaceAll(/--[^\n]*/g, '');
      const calls = source.match(/redis(\.c|C)all\(/g)?.length ?? 0;
      expect(calls === 0 || commandsOf(name).length > 0).toBe(true);
    }
    expect(commandsOf('list')).toEqual(expect.arrayContaining(['zrange', 'zrevrange']));
  });

  it.each(['producer', 'worker', 'viewer'] as const)('prints the %s as the guide shows it', (role) => {
    const line = execFileSync(process.execPath, ['scripts/acl.mjs', '--role', role], { cwd: root, encoding: 'utf8' });
    expect(line.trim()).toBe(`ACL SETUSER ${aclRule({ role })}`);
    const guide = readFileSync(`${root}/docs/guides/security.md`, 'utf8');
    expect(guide).toContain(aclRule({ role }));
  });

  it('refuses a role it does not know', () => {
    expect(() =>
      execFileSync(process.execPath, ['scripts/acl.mjs', '--role', 'root'], { cwd: root, stdio: 'pipe' }),
    ).toThrow(/Usage/);
  });
});
