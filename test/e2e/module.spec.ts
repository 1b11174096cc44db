import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnModuleInit, type Type } from '@nestjs/common';
import {
  getQueueToken,
  InjectQueue,
  OnQueueEvent,
  Processor,
  QueueService,
  ScheduleService,
  TaskQueueModule,
  type Job,
  type Queue,
  type TaskQueueModuleOptions,
  type TaskQueueOptionsFactory,
} from 'nestjs-task-queue';
import { ServerConnection } from '../../src/redis/connection.js';
import type { RedisStoreOptions } from '../../src/redis/store-options.js';
import { TASK_QUEUE_OPTIONS } from '../../src/core/constants.js';
import type { ResolvedOptions } from '../../src/options/options.js';
import { closeApps, gate, startApp, startModule, STORES } from '../support/apps.js';

afterEach(closeApps);

const memory = { connection: 'memory://' };

@Injectable()
class Mailer {
  @Processor('mail')
  send(job: Job<{ to: string }>) {
    return `to ${job.payload.to}`;
  }
}

describe.each(STORES)('on $name', ({ options }) => {
  it('runs a job end to end', async () => {
    const { app } = await startApp({ providers: [Mailer] }, options());
    const job = await app.get(QueueService).enqueue<{ to: string }, string>('mail', { to: 'ada' });
    expect(await job.result({ timeout: '10s' })).toBe('to ada');
  });

  it('runs the jobs of a producer in a worker of another app', async () => {
    const store = options();
    const producer = await startApp({ providers: [Mailer] }, { ...store, role: 'producer' });
    const job = await producer.app.get(QueueService).enqueue<{ to: string }, string>('mail', { to: 'bob' });
    await new Promise(setImmediate);
    expect(await producer.app.get(QueueService).counts('mail')).toMatchObject({ ready: 1, active: 0 });
    await startApp({ providers: [Mailer] }, { ...store, role: 'worker' });
    expect(await job.result({ timeout: '10s' })).toBe('to bob');
  });
});

describe('a store on Redis', () => {
  const [options] = STORES.filter(({ name }) => name === 'redis').map((store) => store.options);

  class Listener {
    @OnQueueEvent('mail', 'completed')
    told() {}
  }

  it.each<[string, Type<object>[], TaskQueueModuleOptions, boolean]>([
    ['has handlers', [Mailer], {}, true],
    ['has handlers and is a worker', [Mailer], { role: 'worker' }, true],
    ['has handlers and is a producer', [Mailer], { role: 'producer' }, false],
    ['has none', [], {}, false],
    ['only listens', [Listener], {}, false],
  ])('is opened for work, or not, where the app %s', async (_what, providers, more, expected) => {
    const open = jest.spyOn(ServerConnection.prototype, 'open'); // calls through
    const imports = [TaskQueueModule.registerQueue({ name: 'mail' })];
    await startApp({ providers, imports }, { ...options(), ...more });
    const connections = open.mock.contexts as unknown as { options: RedisStoreOptions }[];
    expect(connections.map((connection) => connection.options.works)).toEqual([expected]);
    open.mockRestore();
  });
});

describe('forRoot', () => {
  it('serves every module, unless it is told not to', async () => {
    @Injectable()
    class Anywhere {
      constructor(readonly queues: QueueService) {}
    }
    @Module({ providers: [Anywhere] })
    class Feature {}
    const { app } = await startApp({ imports: [Feature] }, memory);
    expect(app.get(Anywhere).queues).toBe(app.get(QueueService));

    const closed = startModule({ imports: [TaskQueueModule.forRoot({ ...memory, isGlobal: false }), Feature] });
    await expect(closed).rejects.toThrow(/can't resolve dependencies of the Anywhere/i);
    @Module({ imports: [TaskQueueModule.registerQueue({ name: 'mail' })] })
    class Local {
      constructor(@InjectQueue('mail') readonly mail: Queue) {}
    }
    const local = await startModule({
      imports: [TaskQueueModule.forRoot({ ...memory, isGlobal: false }), Local],
      providers: [Anywhere],
    });
    expect(local.app.get(Anywhere).queues).toBeInstanceOf(QueueService);
  });

  it('says where it is missing', async () => {
    const boot = startModule({ imports: [TaskQueueModule.registerQueue({ name: 'mail' })] });
    await expect(boot).rejects.toThrow(/TaskQueueModule\.forRoot\(\)/);
    await expect(startModule({ imports: [TaskQueueModule] })).rejects.toMatchObject({
      code: 'TASK_QUEUE_CONFIGURATION',
    });
  });

  it('says where it is missing to who injects its services through the bare class', async () => {
    @Injectable()
    class Producer {
      constructor(readonly queues: QueueService) {}
    }
    @Injectable()
    class Planner {
      constructor(readonly schedules: ScheduleService) {}
    }
    for (const provider of [Producer, Planner]) {
      await expect(startModule({ imports: [TaskQueueModule], providers: [provider] })).rejects.toMatchObject({
        code: 'TASK_QUEUE_CONFIGURATION',
        message: expect.stringContaining('Call TaskQueueModule.forRoot({ connection }) once'),
      });
    }
  });

  it('gives its services to a module that imports the bare class, and a result is waited for until the end', async () => {
    const waits: string[] = [];
    @Injectable()
    class Producer {
      constructor(readonly queues: QueueService) {}
      async onApplicationShutdown() {
        const job = await this.queues.enqueue('mail', {}, { delay: '1h' });
        await job.result({ timeout: 5 }).catch(({ code }: { code: string }) => waits.push(code));
      }
    }
    @Module({ imports: [TaskQueueModule], providers: [Producer] })
    class Feature {}
    const { app } = await startModule({
      imports: [Feature, TaskQueueModule.forRoot({ ...memory, isGlobal: false, queues: { mail: {} } })],
    });
    expect(app.get(Producer).queues).toBe(app.get(QueueService));
    await app.close();
    expect(waits).toEqual(['TASK_QUEUE_RESULT_TIMEOUT']);
  });

  it('may be imported twice as one dynamic module', async () => {
    const root = TaskQueueModule.forRoot(memory);
    @Module({ imports: [root] })
    class Feature {}
    const { app } = await startModule({ imports: [root, Feature] });
    expect(app.get(QueueService)).toBeInstanceOf(QueueService);
  });

  it('says once what store it found', async () => {
    const { logs } = await startApp({}, memory);
    expect(logs.matching(/memory:\/\//)).toHaveLength(1);
  });

  it('fails within its deadline, with the reason, where the store is not reached', async () => {
    const boot = startApp({}, { connection: 'redis://user:hunter2@127.0.0.1:1', connectTimeout: 300 });
    const error = await boot.then(
      () => undefined,
      (thrown: Error & { code: string }) => thrown,
    );
    expect(error?.code).toBe('TASK_QUEUE_BROKER_UNAVAILABLE');
    expect(error?.message).toContain('127.0.0.1:1');
    expect(error?.message).not.toContain('hunter2');
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Config {
    readonly prefix = 'configured';
  }
  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}
  @Injectable()
  class OptionsFactory implements TaskQueueOptionsFactory {
    constructor(private readonly config: Config) {}
    async createTaskQueueOptions(): Promise<TaskQueueModuleOptions> {
      return { ...memory, prefix: this.config.prefix, queues: { mail: { concurrency: 3 } } };
    }
  }
  @Module({ imports: [ConfigModule], providers: [OptionsFactory], exports: [OptionsFactory] })
  class FactoryModule {}

  it.each([
    ['useClass', { imports: [ConfigModule], useClass: Config as never }],
    ['useExisting', { imports: [ConfigModule], useExisting: Config as never }],
  ])('says which method the class of %s lacks', async (_source, source) => {
    const boot = startModule({ imports: [TaskQueueModule.forRootAsync(source)], providers: [Mailer] });
    await expect(boot).rejects.toMatchObject({
      code: 'TASK_QUEUE_CONFIGURATION',
      message: expect.stringMatching(/Config in forRootAsync has no method createTaskQueueOptions\(\)/),
    });
  });

  it.each([
    [
      'useFactory',
      TaskQueueModule.forRootAsync({
        imports: [ConfigModule],
        inject: [Config],
        useFactory: async (config: Config) => ({
          ...memory,
          prefix: config.prefix,
          queues: { mail: { concurrency: 3 } },
        }),
      }),
    ],
    ['useClass', TaskQueueModule.forRootAsync({ imports: [ConfigModule], useClass: OptionsFactory })],
    ['useExisting', TaskQueueModule.forRootAsync({ imports: [FactoryModule], useExisting: OptionsFactory })],
  ])('takes options from %s', async (_source, root) => {
    const { app } = await startModule({ imports: [root], providers: [Mailer] });
    const options = app.get<ResolvedOptions>(TASK_QUEUE_OPTIONS);
    expect(options).toMatchObject({ prefix: 'configured', queues: { mail: { worker: { concurrency: 3 } } } });
    const job = await app.get(QueueService).enqueue('mail', { to: 'ada' });
    expect(await job.result({ timeout: '5s' })).toBe('to ada');
  });

  it('needs exactly one source', () => {
    expect(() => TaskQueueModule.forRootAsync({})).toThrow('exactly one of useFactory, useClass and useExisting');
  });

  it('checks what the source gives', async () => {
    const root = TaskQueueModule.forRootAsync({ useFactory: () => ({ conection: 'memory://' }) as never });
    await expect(startModule({ imports: [root] })).rejects.toThrow('Did you mean "connection"?');
  });
});

describe('registerQueue', () => {
  it('names a queue, configures it, and makes it injectable', async () => {
    @Injectable()
    class Feature {
      constructor(
        @InjectQueue('mail') readonly mail: Queue<{ to: string }, string>,
        @Inject(getQueueToken('plain')) readonly plain: Queue,
      ) {}
    }
    @Module({
      imports: [TaskQueueModule.registerQueue({ name: 'mail', maxAttempts: 7, concurrency: 2 }, { name: 'plain' })],
      providers: [Feature],
    })
    class FeatureModule {}
    const { app } = await startApp(
      { imports: [FeatureModule], providers: [Mailer] },
      { ...memory, queues: { mail: { concurrency: 4 } } },
    );
    const { mail, plain } = app.get(Feature);
    expect(plain.name).toBe('plain');
    expect(await (await mail.enqueue({ to: 'ada' })).result({ timeout: '5s' })).toBe('to ada');
    // What forRoot says of a queue comes from configuration and wins, option by option.
    expect(app.get<ResolvedOptions>(TASK_QUEUE_OPTIONS).queues.mail).toMatchObject({
      job: { maxAttempts: 7 },
      worker: { concurrency: 4 },
    });
  });

  it('that is missing is what the error of Nest names as the remedy', async () => {
    @Injectable()
    class Feature {
      constructor(@InjectQueue('mail') readonly mail: Queue) {}
    }
    const boot = startApp({ providers: [Feature] }, memory);
    await expect(boot).rejects.toThrow('TaskQueueModule.registerQueue({ name: "mail" })');
  });

  it('may be repeated by name alone, but not with other options', async () => {
    const named = TaskQueueModule.registerQueue({ name: 'mail' });
    const configured = TaskQueueModule.registerQueue({ name: 'mail', maxAttempts: 7 });
    const { app } = await startApp({ imports: [named, configured] }, memory);
    expect(app.get<ResolvedOptions>(TASK_QUEUE_OPTIONS).queues.mail.job).toEqual({ maxAttempts: 7 });
    const other = TaskQueueModule.registerQueue({ name: 'mail', maxAttempts: 8 });
    await expect(startApp({ imports: [configured, other] }, memory)).rejects.toThrow('"mail" is registered twice');
  });

  it('checks its options and names the place', async () => {
    expect(() => TaskQueueModule.registerQueue('mail' as never)).toThrow('Invalid queue of registerQueue: "mail"');
    const typo = TaskQueueModule.registerQueue({ name: 'mail', concurency: 1 } as never);
    await expect(startApp({ imports: [typo] }, memory)).rejects.toThrow(
      'Unknown option "concurency" in registerQueue("mail")',
    );
  });
});

describe('queues', () => {
  it('that nobody named are unknown, with the nearest known one', async () => {
    const { app } = await startApp({ providers: [Mailer] }, { ...memory, queues: { reports: {} } });
    const queues = app.get(QueueService);
    await expect(queues.enqueue('mial', {})).rejects.toMatchObject({
      code: 'TASK_QUEUE_UNKNOWN_QUEUE',
      nearest: 'mail',
    });
    await expect(queues.counts('report')).rejects.toThrow('Did you mean "reports"?');
    expect((await queues.enqueue('reports', {})).created).toBe(true);
  });

  it('where there are none: before the start, and after it', async () => {
    let before: Promise<unknown> | undefined;
    @Injectable()
    class Early {
      constructor(queues: QueueService) {
        before = queues.enqueue('mail', {}).catch((error: unknown) => error);
      }
    }
    const { app } = await startApp({ providers: [Early] }, memory);
    expect(String(await before)).toContain('none, until app.init() or app.listen() has started the app.');
    const after = app.get(QueueService).enqueue('mail', {});
    const words = 'Known queues: none; is the class with @Processor("mail") in the providers of an imported module?';
    await expect(after).rejects.toThrow(words);
    await expect(after).rejects.not.toThrow('until');
  });
});

describe('start', () => {
  it('lets onModuleInit enqueue, and runs jobs after every module has initialised and bootstrapped', async () => {
    const order: string[] = [];
    const ran = gate();
    @Injectable()
    class Early implements OnModuleInit, OnApplicationBootstrap {
      constructor(private readonly queues: QueueService) {}
      async onModuleInit() {
        await this.queues.enqueue('early', {});
        order.push('enqueued');
      }
      async onApplicationBootstrap() {
        await new Promise(setImmediate);
        order.push('bootstrapped');
      }
      @Processor('early')
      work() {
        order.push('ran');
        ran.open();
      }
    }
    @Module({ providers: [Early] })
    class Feature {}
    await startModule({ imports: [Feature, TaskQueueModule.forRoot(memory)] });
    await ran.promise;
    expect(order).toEqual(['enqueued', 'bootstrapped', 'ran']);
  });

  it('gives @Processor the worker options of its queue, configuration first', async () => {
    let most = 0;
    let running = 0;
    @Injectable()
    class Work {
      @Processor('work', { concurrency: 50 })
      async work() {
        running++;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        running--;
      }
    }
    const { app } = await startApp({ providers: [Work] }, { ...memory, queues: { work: { concurrency: 2 } } });
    const jobs = await app.get(QueueService).enqueueMany(
      'work',
      Array.from({ length: 10 }, () => ({ payload: {} })),
    );
    await Promise.all(jobs.map((job) => job.result({ timeout: '5s' })));
    expect(most).toBe(2);
  });
});
