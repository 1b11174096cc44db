import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { Cron, Processor, QueueService, type Job, type TaskQueueModuleOptions } from 'nestjs-task-queue';
import type { Link } from '../../src/redis/wire/link.js';
import { RedisDuties } from '../../src/redis/duties.js';
import { RedisIntake } from '../../src/redis/intake.js';
import { RedisQueue } from '../../src/redis/redis-queue.js';
import { RedisTimetable } from '../../src/redis/timetable.js';
import { STORE } from '../../src/core/constants.js';
import { closeApps, gate, startApp, type RunningApp } from '../support/apps.js';
import { startRedisServer, type RedisServer } from '../support/redis-server.js';

const ends: (() => unknown)[] = [];
const prefix = `e2e${randomBytes(6).toString('hex')}`;

@Injectable()
class Mailer {
  @Processor('mail', { inbox: `${prefix}-list`, lease: '2s' })
  async send({ payload }: Job<{ held?: true }>): Promise<string> {
    if (payload.held) {
      started.open();
      await release.promise;
    }
    return 'sent';
  }

  @Cron('* * * * * *', { name: 'tick', queue: 'mail' })
  tick(): void {}
}

let server: RedisServer;
/** A job is held by its handler; its end is told to a store that is away. */
let started = gate();
let release = gate();
let admin: Redis;

async function startServer(args: string[] = [], port?: number): Promise<void> {
  server = await startRedisServer({ args, port });
  admin = new Redis(server.url);
  admin.on('error', () => {});
  ends.push(
    () => server.stop(),
    () => admin.disconnect(),
  );
}

beforeEach(() => {
  jest.restoreAllMocks();
  started = gate();
  release = gate();
});

afterEach(async () => {
  await closeApps();
  for (const end of ends.splice(0).reverse()) await end();
});

const open = (options: TaskQueueModuleOptions = {}): Promise<RunningApp> =>
  startApp({ providers: [Mailer] }, { connection: server.url, prefix, commandTimeout: '500ms', ...options });

const VERBS = {
  settleAndReserve: [RedisQueue, 'settleAndReserve'],
  takeInbox: [RedisIntake, 'takeInbox'],
  dueSchedules: [RedisTimetable, 'due'],
  fireSchedules: [RedisTimetable, 'fire'],
  reclaim: [RedisDuties, 'reclaim'],
} as const;
type Duty = keyof typeof VERBS;
type Verb = (...args: unknown[]) => Promise<unknown>;

/** Resolves once each of these calls of the store has failed twice. */
function failuresOf(duties: readonly Duty[]): Promise<unknown> {
  const failing = duties.map((duty) => {
    const [{ prototype }, name] = VERBS[duty];
    const verbs = prototype as unknown as Record<string, Verb>;
    const call = verbs[name];
    let failed = 0;
    return new Promise<void>((resolve) => {
      jest.spyOn(verbs, name).mockImplementation(function (this: unknown, ...args: unknown[]) {
        return call.apply(this, args).catch((error: unknown) => {
          if (++failed === 2) resolve();
          throw error;
        });
      });
    });
  });
  return Promise.all(failing);
}

/** Nobody heeds SIGTERM here, and a server that comes back empty has lost its jobs: both is said as well. */
const linesSince = (logs: RunningApp['logs'], count: number) =>
  logs.lines.slice(count).filter((line) => !/SIGTERM|the lease on \d+ job/.test(line));

const ALL = ['settleAndReserve', 'takeInbox', 'dueSchedules', 'reclaim'] as const;
const config = (name: string, value: string) => () => admin.config('SET', name, value);

describe('an outage is one line in the log when it begins, and one when it ends', () => {
  it.each<[string, readonly Duty[], RegExp, () => unknown, () => unknown]>([
    [
      'of a server that refuses writes',
      ALL,
      /^error .*TaskQueueModule \| Redis refuses calls .*NOREPLICAS/,
      config('min-replicas-to-write', '1'),
      config('min-replicas-to-write', '0'),
    ],
    [
      'of a server at maxmemory, which takes what workers tell it',
      ['takeInbox', 'fireSchedules'],
      /^error .*TaskQueueModule \| Redis refuses calls .*OOM/,
      config('maxmemory', '1'),
      config('maxmemory', '0'),
    ],
    [
      'of a server that hangs',
      ALL,
      /^error .*TaskQueueModule \| The connection to Redis was lost/,
      () => server.pause(),
      () => server.resume(),
    ],
    [
      'of a server that is gone',
      ALL,
      /^error .*TaskQueueModule \| The connection to Redis was lost/,
      () => server.kill(),
      () => startServer([], server.port),
    ],
  ])('%s', async (_, duties, begins, give, take) => {
    await startServer(['--maxmemory-policy', 'noeviction']);
    const failed = failuresOf(duties);
    const { app, logs } = await open();
    const queues = app.get(QueueService);
    await queues.enqueue('mail', { held: true });
    await started.promise;
    const booted = logs.lines.length;
    await give();
    release.open();
    const calls = Array.from({ length: 3 }, () => queues.enqueue('mail', {}).catch(() => {}));
    await Promise.all([failed, ...calls]);
    expect(linesSince(logs, booted)).toEqual([expect.stringMatching(begins)]);
    await take();
    while (logs.matching(/Redis answers again/).length === 0) await queues.enqueue('mail', {}).catch(() => {});
    const job = await queues.enqueue('mail', {});
    // Results come by another connection, which may be back a little later.
    const ends = (): Promise<boolean> =>
      job.result({ timeout: '10s' }).then(
        () => true,
        () => false,
      );
    while (!(await ends()));
    expect(linesSince(logs, booted)).toEqual([
      expect.stringMatching(begins),
      expect.stringMatching(
        /^log TaskQueueModule \| Redis answers again \(.* after [0-9.]+ s; \d+ calls were held back\)$/,
      ),
    ]);
  });

  it('and what is refused to one user alone is still told by who is refused', async () => {
    await startServer();
    await admin.call('ACL', 'SETUSER', 'app', 'on', 'nopass', '~*', '&*', '+@all');
    const failed = failuresOf(['takeInbox']);
    const { logs } = await open({ connection: `redis://app:any@127.0.0.1:${server.port}` });
    const booted = logs.lines.length;
    await admin.call('ACL', 'SETUSER', 'app', '-lrange', '-rpop', '-lpop', '-lmove', '-blmove');
    await failed;
    expect(linesSince(logs, booted).filter((line) => line.includes('Inbox'))).toEqual([
      expect.stringMatching(/^error .*Inbox ".*" of queue "mail": .*NOPERM/),
    ]);
  });
});

it('close() comes to its end a moment after commandTimeout at the latest where the store has refused every call since the boot', async () => {
  await startServer(['--min-replicas-to-write', '1']);
  const failed = failuresOf(['settleAndReserve']);
  const { app } = await open({ commandTimeout: '2s', shutdown: { grace: '30s' } });
  await failed;
  const begunAt = performance.now();
  await app.close();
  expect(performance.now() - begunAt).toBeLessThan(3000);
});

it('a server that closes idle connections leaves no line in the log', async () => {
  await startServer(['--timeout', '1']);
  @Injectable()
  class Idle {
    @Processor('idle')
    run(): string {
      return 'ran';
    }
  }
  const { app, logs } = await startApp({ providers: [Idle] }, { connection: server.url, prefix });
  const booted = logs.lines.length;
  const { link } = app.get<{ connection: { link: Link } }>(STORE).connection;
  for (let closed = 0; closed < 2; closed++) {
    await once(link.client as Redis, 'close');
    await once(link.client as Redis, 'ready');
  }
  const job = await app.get(QueueService).enqueue('idle', {});
  expect(await job.result({ timeout: '10s' })).toBe('ran');
  expect(linesSince(logs, booted)).toEqual([]);
}, 60_000);
