import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { Processor, QueueService, TaskQueueModule, type Job } from 'nestjs-task-queue';
import { closeApps, gate, startApp, startModule, STORES } from '../support/apps.js';
import { startRedisServer } from '../support/redis-server.js';

afterEach(closeApps);

/** As database modules do: closed in `onModuleDestroy`. */
@Injectable()
class Database implements OnModuleDestroy {
  closed = false;
  async query(): Promise<string> {
    await new Promise(setImmediate);
    if (this.closed) throw new Error('The database is closed');
    return 'row';
  }
  onModuleDestroy() {
    this.closed = true;
  }
}

describe.each(STORES)('on $name', ({ options }) => {
  it.each(['root', 'feature', 'global'])(
    'lets running handlers use their providers and enqueue while they drain (database in a %s module)',
    async (place) => {
      const store = options();
      const started = gate();
      const release = gate();
      const order: string[] = [];

      @Injectable()
      class Work implements OnModuleDestroy {
        constructor(
          private readonly database: Database,
          private readonly queues: QueueService,
        ) {}
        @Processor('work')
        async work() {
          started.open();
          await release.promise;
          const row = await this.database.query();
          await this.queues.enqueue('later', { row });
          order.push('handler done');
          return row;
        }
        onModuleDestroy() {
          order.push('destroyed');
        }
      }
      @Module({ providers: [Database], exports: [Database] })
      class DatabaseModule {}
      const database = { module: DatabaseModule, global: place === 'global' };
      const root = TaskQueueModule.forRoot({ ...store, queues: { later: {} } });
      @Module(place === 'root' ? {} : { imports: [database], providers: [Work] })
      class Feature {}
      const { app } = await startModule({
        imports: [Feature, root],
        providers: place === 'root' ? [Database, Work] : [],
      });
      const job = await app.get(QueueService).enqueue('work', {});
      await started.promise;

      const closing = app.close();
      // Enqueued after the app began to close: this process takes it no more.
      const late = await app.get(QueueService).enqueue('work', {});
      release.open();
      await closing;
      expect(order).toEqual(['handler done', 'destroyed']);

      const { app: next } = await startApp({}, { ...store, role: 'worker', queues: { work: {}, later: {} } });
      const queues = next.get(QueueService);
      expect((await queues.getJob('work', job.id))?.state).toBe('completed');
      expect((await queues.getJob('work', late.id))?.state).toBe('ready');
      expect(await queues.counts('later')).toMatchObject({ ready: 1 });
    },
  );

  it('aborts and releases what outlasts the grace, without burning an attempt', async () => {
    const store = options();
    const started = gate<AbortSignal>();
    @Injectable()
    class Stubborn {
      @Processor('work')
      work(job: Job) {
        started.open(job.signal);
        return new Promise(() => {});
      }
    }
    const { app, logs } = await startApp({ providers: [Stubborn] }, { ...store, shutdown: { grace: 20 } });
    const job = await app.get(QueueService).enqueue('work', {});
    const signal = await started.promise;
    await app.close();
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'TASK_QUEUE_RUN_ABORTED', reason: 'shutdown' });
    expect(logs.matching(/grace of 20 ms is over/)).toHaveLength(1);

    const { app: next } = await startApp({}, { ...store, queues: { work: {} } });
    const kept = await next.get(QueueService).getJob('work', job.id);
    expect(kept).toMatchObject({ state: 'ready', attempt: 1 });
  });

  it('closes the store last: onApplicationShutdown of the app can still enqueue', async () => {
    const store = options();
    @Injectable()
    class LastWords implements OnApplicationShutdown {
      constructor(private readonly queues: QueueService) {}
      async onApplicationShutdown() {
        await this.queues.enqueue('last', { words: true });
      }
    }
    @Module({ providers: [LastWords] })
    class Feature {}
    const shared = { ...store, queues: { last: {} } };
    const { app } = await startApp({ imports: [Feature], providers: [LastWords] }, shared);
    const queues = app.get(QueueService);
    await app.close();
    await expect(queues.enqueue('last', {})).rejects.toMatchObject({ code: 'TASK_QUEUE_BROKER_UNAVAILABLE' });
    const { app: next } = await startApp({}, shared);
    expect(await next.get(QueueService).counts('last')).toMatchObject({ ready: 2 });
  });

  it('closes twice and before it has started', async () => {
    const { app } = await startApp({}, options());
    await Promise.all([app.close(), app.close()]);
  });
});

const withRedis = process.env.TEST_REDIS_URL ? describe : describe.skip;

withRedis('while Redis is away', () => {
  it.each(['killed', 'frozen'])('ends within the grace and a second (%s)', async (how) => {
    const server = await startRedisServer();
    try {
      const started = gate();
      @Injectable()
      class Stubborn {
        @Processor('work')
        work() {
          started.open();
          return new Promise(() => {});
        }
      }
      const graceMs = 50;
      const { app } = await startApp(
        { providers: [Stubborn] },
        { connection: server.url, shutdown: { grace: graceMs } },
      );
      const queues = app.get(QueueService);
      const job = await queues.enqueue('work', {});
      await started.promise;
      const awaited = job.result({ timeout: '1m' }).catch((error: Error) => error);

      if (how === 'killed') await server.kill();
      else server.pause();
      const before = performance.now();
      await app.close();
      expect(performance.now() - before).toBeLessThan(graceMs + 1000);
      expect(await awaited).toBeInstanceOf(Error);
    } finally {
      server.resume();
      await server.kill();
    }
  });
});
