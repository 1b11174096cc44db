import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Module, type OnModuleInit, type Provider, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import {
  Cron,
  InjectQueue,
  Interval,
  OnQueueEvent,
  Processor,
  Queue,
  QueueService,
  ScheduleService,
  TaskQueueHealth,
  TaskQueueModule,
  type Job,
  type JobEvent,
} from 'nestjs-task-queue';
import { closeApps, gate, startApp, STORES } from '../support/apps.js';
import { handlerOf } from '../support/handlers.js';

afterEach(closeApps);

function moduleOf(...providers: Provider[]): Type {
  @Module({ providers })
  class Late {}
  return Late;
}

describe.each(STORES)('a module that is loaded lazily, on $name', (store) => {
  it('has its jobs run, those that were parked among them', async () => {
    const { app } = await startApp(
      { providers: [handlerOf('boot', () => 'boot'), handlerOf('mail', () => 'boot', { name: 'first' })] },
      { ...store.options(), queues: { late: {} } },
    );
    const queues = app.get(QueueService);
    const waiting = await queues.enqueue('late', {});
    const parked = await queues.enqueue('mail', {}, { name: 'second' });
    await app.get(LazyModuleLoader).load(() =>
      moduleOf(
        handlerOf('late', () => 'late'),
        handlerOf('mail', () => 'second', { name: 'second' }),
      ),
    );
    expect(await waiting.result({ timeout: '5s' })).toBe('late');
    expect(await parked.result({ timeout: '5s' })).toBe('second');
    const again = await queues.enqueue('late', {});
    expect(await again.result({ timeout: '5s' })).toBe('late');
    const first = await queues.enqueue('mail', {}, { name: 'first' });
    expect(await first.result({ timeout: '5s' })).toBe('boot');
    const { ready, workers } = await app.get(TaskQueueHealth).readiness();
    expect(ready).toBe(true);
    expect(workers.map(({ queue }) => queue).sort()).toEqual(['boot', 'late', 'mail']);
  });

  it('has its schedules and listeners', async () => {
    const ticked = gate<string>();
    const ownTick = gate<string>();
    const heard = gate<JobEvent>();
    @Injectable()
    class Late {
      @Cron('* * * * * *', { name: 'late' })
      tick(job: Job) {
        ticked.open(job.name);
      }
      @Interval('1s', { name: 'own', scope: 'instance' })
      own(job: Job) {
        ownTick.open(job.name);
      }
      @OnQueueEvent('cron', 'completed')
      done(event: JobEvent) {
        heard.open(event);
      }
    }
    const { app } = await startApp({}, store.options());
    await app.get(LazyModuleLoader).load(() => moduleOf(Late));
    expect(await app.get(ScheduleService).get('late')).toMatchObject({ name: 'late' });
    expect(await ticked.promise).toBe('late');
    expect(await ownTick.promise).toBe('own');
    expect(await heard.promise).toMatchObject({ queue: 'cron', name: 'late' });
  });

  it('is drained when the app closes', async () => {
    const begun = gate();
    const finish = gate();
    let ended = false;
    const { app } = await startApp({}, { ...store.options(), queues: { late: {} } });
    const work = handlerOf('late', async () => {
      begun.open();
      await finish.promise;
      ended = true;
    });
    await app.get(LazyModuleLoader).load(() => moduleOf(work));
    await app.get(QueueService).enqueue('late', {});
    await begun.promise;
    const closed = app.close();
    finish.open();
    await closed;
    expect(ended).toBe(true);
  });
});

it('is found where an onModuleInit loads it', async () => {
  const late = moduleOf(handlerOf('late', () => 'late'));
  @Injectable()
  class Loading implements OnModuleInit {
    constructor(readonly loader: LazyModuleLoader) {}
    async onModuleInit() {
      await this.loader.load(() => late);
    }
  }
  Reflect.defineMetadata('design:paramtypes', [LazyModuleLoader], Loading);
  const { app } = await startApp({ providers: [Loading] });
  const job = await app.get(QueueService).enqueue('late', {});
  expect(await job.result({ timeout: '5s' })).toBe('late');
});

it('runs once, however often it is loaded', async () => {
  const { app, logs } = await startApp({});
  const late = moduleOf(handlerOf('late', () => 'late'));
  const other = moduleOf(handlerOf('other', () => 'other'));
  const loader = app.get(LazyModuleLoader);
  await Promise.all([loader.load(() => late), loader.load(() => other), loader.load(() => late)]);
  await loader.load(() => late);
  const job = await app.get(QueueService).enqueue('late', {});
  expect(await job.result({ timeout: '5s' })).toBe('late');
  expect(logs.matching(/^warn/)).toEqual([]);
});

it('is refused by the call that loads it, for what the boot would refuse', async () => {
  class Wrong {
    @Processor('late')
    static run() {}
  }
  const { app } = await startApp({ providers: [handlerOf('mail', () => 'boot')] });
  const loader = app.get(LazyModuleLoader);
  await expect(loader.load(() => moduleOf(Wrong))).rejects.toThrow('a static method belongs to no provider');
  await expect(loader.load(() => moduleOf(handlerOf('mail', () => 'twin')))).rejects.toThrow('Two handlers take every');
  await loader.load(() => moduleOf(handlerOf('late', () => 'late')));
  const job = await app.get(QueueService).enqueue('late', {});
  expect(await job.result({ timeout: '5s' })).toBe('late');
});

it('says that a worker which runs keeps its options', async () => {
  const { app, logs } = await startApp({ providers: [handlerOf('mail', () => 1, { name: 'one', concurrency: 2 })] });
  const loader = app.get(LazyModuleLoader);
  await loader.load(() => moduleOf(handlerOf('mail', () => 2, { name: 'two' })));
  expect(logs.matching(/those of the start stay/)).toEqual([]);
  await loader.load(() => moduleOf(handlerOf('mail', () => 3, { name: 'three', lease: '20s' })));
  expect(logs.matching(/Queue "mail" has a worker already.*those of the start stay/)).toHaveLength(1);
});

it('may register queues, and inject them', async () => {
  @Injectable()
  class Sender {
    constructor(@InjectQueue('registered') readonly queue: Queue) {}
    @Processor('registered')
    run(job: Job) {
      return job.maxAttempts;
    }
  }
  @Module({ imports: [TaskQueueModule.registerQueue({ name: 'registered', maxAttempts: 4 })], providers: [Sender] })
  class Late {}
  const { app } = await startApp({});
  const moduleRef = await app.get(LazyModuleLoader).load(() => Late);
  const job = await moduleRef.get(Sender).queue.enqueue({});
  expect(await job.result({ timeout: '5s' })).toBe(4);
});

it('takes no context of the request that loads it', async () => {
  const storage = new AsyncLocalStorage<string>();
  const ran = gate<string | undefined>();
  const { app } = await startApp({});
  await storage.run('request', () =>
    app.get(LazyModuleLoader).load(() => moduleOf(handlerOf('late', () => ran.open(storage.getStore())))),
  );
  await app.get(QueueService).enqueue('late', {});
  expect(await ran.promise).toBeUndefined();
});

it('only listens in a producer', async () => {
  const [{ options }] = STORES;
  const shared = options();
  const { app } = await startApp({}, { ...shared, role: 'producer', queues: { late: {} } });
  const run = handlerOf('late', () => 'late');
  await app.get(LazyModuleLoader).load(() => moduleOf(run));
  const job = await app.get(QueueService).enqueue('late', {});
  expect(await app.get(QueueService).counts('late')).toMatchObject({ ready: 1 });
  const worker = await startApp({ providers: [run] }, shared);
  expect(await job.result({ timeout: '5s' })).toBe('late');
  await worker.app.close();
});
