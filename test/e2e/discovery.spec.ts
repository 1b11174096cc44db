import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Inject, Injectable, Module, Scope, type Type } from '@nestjs/common';
import {
  Cron,
  defineJob,
  Interval,
  OnQueueEvent,
  Processor,
  QueueService,
  type CronTick,
  type Job,
  type JobEvent,
  type ProcessorOptions,
} from 'nestjs-task-queue';
import { bootError, closeApps, gate, startApp, startModule } from '../support/apps.js';
import { TaskQueueModule } from 'nestjs-task-queue';

afterEach(closeApps);

async function run(app: Awaited<ReturnType<typeof startApp>>, queue: string, name?: string): Promise<unknown> {
  const job = await app.app.get(QueueService).enqueue(queue, { n: 1 }, name === undefined ? {} : { name });
  return job.result({ timeout: '5s' });
}

describe('handlers are found', () => {
  it('on providers and controllers', async () => {
    @Injectable()
    class MailService {
      @Processor('mail')
      send(job: Job) {
        return `provider ${job.queue}`;
      }
    }
    @Controller('reports')
    class ReportController {
      @Processor('reports')
      make() {
        return 'controller';
      }
    }
    const app = await startApp({ providers: [MailService], controllers: [ReportController] });
    expect(await run(app, 'mail')).toBe('provider mail');
    expect(await run(app, 'reports')).toBe('controller');
  });

  it('by job name, with one method for all the other names', async () => {
    @Injectable()
    class MailService {
      @Processor('mail', { name: 'welcome' })
      welcome() {
        return 'welcome';
      }
      @Processor('mail')
      other(job: Job) {
        return `other ${job.name}`;
      }
    }
    const app = await startApp({ providers: [MailService] });
    expect(await run(app, 'mail', 'welcome')).toBe('welcome');
    expect(await run(app, 'mail', 'invoice')).toBe('other invoice');
    expect(await run(app, 'mail')).toBe('other default');
  });

  it('twice where the decorator is applied twice', async () => {
    @Injectable()
    class AuditService {
      @Processor('orders')
      @Processor('refunds', { name: 'refund' })
      audit(job: Job) {
        return job.queue;
      }
    }
    const app = await startApp({ providers: [AuditService] });
    expect(await run(app, 'orders')).toBe('orders');
    expect(await run(app, 'refunds', 'refund')).toBe('refunds');
  });

  it('inherited, and overridden with a decorator of their own', async () => {
    abstract class Base {
      @Processor('inherited')
      work() {
        return `${this.constructor.name} inherited`;
      }
      @Processor('replaced')
      replaced() {
        return 'base';
      }
    }
    @Injectable()
    class Concrete extends Base {
      @Processor('replaced')
      override replaced() {
        return 'concrete';
      }
    }
    const app = await startApp({ providers: [Concrete] });
    expect(await run(app, 'inherited')).toBe('Concrete inherited');
    expect(await run(app, 'replaced')).toBe('concrete');
  });

  it('not where an override drops the decorator', async () => {
    class Base {
      @Processor('dropped')
      work() {}
    }
    @Injectable()
    class Concrete extends Base {
      override work() {}
    }
    const { app } = await startApp({ providers: [Concrete] });
    await expect(app.get(QueueService).enqueue('dropped', {})).rejects.toMatchObject({
      code: 'TASK_QUEUE_UNKNOWN_QUEUE',
    });
  });

  it('once behind an alias, a factory or a value', async () => {
    @Injectable()
    class Aliased {
      @Processor('aliased')
      work() {
        return 'aliased';
      }
    }
    class Made {
      constructor(private readonly text: string) {}
      @Processor('made')
      work() {
        return this.text;
      }
    }
    class Given {
      @Processor('given')
      work() {
        return 'given';
      }
    }
    const app = await startApp({
      providers: [
        Aliased,
        { provide: 'ALIAS', useExisting: Aliased },
        { provide: 'MADE', useFactory: () => new Made('made') },
        { provide: Given, useValue: new Given() },
      ],
    });
    expect(await run(app, 'aliased')).toBe('aliased');
    expect(await run(app, 'made')).toBe('made');
    expect(await run(app, 'given')).toBe('given');
  });

  it('once where one class is provided in two modules, and says so', async () => {
    @Injectable()
    class Shared {
      @Processor('shared')
      work() {
        return 'once';
      }
    }
    @Module({ providers: [Shared] })
    class First {}
    @Module({ providers: [Shared] })
    class Second {}
    const app = await startApp({ imports: [First, Second] });
    expect(await run(app, 'shared')).toBe('once');
    expect(app.logs.matching(/Shared is provided in First and in Second/)).toHaveLength(1);
  });

  it('by a definition, with its queue and name', async () => {
    const welcome = defineJob<{ to: string }, string>({ queue: 'mail', name: 'welcome' });
    @Injectable()
    class MailService {
      @Processor(welcome)
      send(job: Job<{ to: string }>) {
        return `hello ${job.payload.to}`;
      }
    }
    const { app } = await startApp({ providers: [MailService] });
    const job = await app.get(QueueService).enqueue(welcome, { to: 'ada' });
    expect(await job.result({ timeout: '5s' })).toBe('hello ada');
  });
});

describe('a constructor that Nest injects nothing into', () => {
  class Plain {
    constructor(readonly queues: QueueService) {}
    @Processor('mail')
    send() {
      return this.queues === undefined;
    }
  }

  it('makes a warning at boot', async () => {
    const app = await startApp({ providers: [Plain] });
    expect(app.logs.matching(/nothing into the constructor of Plain.*@Injectable\(\) is missing/)).toHaveLength(1);
    expect(await run(app, 'mail')).toBe(true);
  });

  it('gets that reason in the warning where the compiler writes no types', async () => {
    class Typeless {
      constructor(
        readonly given: QueueService,
        readonly other: QueueService,
      ) {}
      @Processor('mail')
      send() {}
    }
    Injectable()(Typeless);
    Inject(QueueService)(Typeless, undefined, 0);
    const { logs } = await startApp({ providers: [Typeless] });
    expect(logs.matching(/constructor of Typeless.*"emitDecoratorMetadata": true/)).toHaveLength(1);
  });

  it('is not found where a factory makes the instance, @Inject names all, the parent has the types, or nothing is decorated', async () => {
    @Injectable()
    class Parent {
      constructor(readonly queues: QueueService) {}
    }
    class Child extends Parent {
      constructor(queues: QueueService) {
        super(queues);
      }
      @Processor('other')
      work() {}
    }
    class Undecorated {
      constructor(readonly queues: unknown) {}
    }
    class Named {
      constructor(readonly queues: QueueService) {}
      @Processor('more')
      work() {}
    }
    Inject(QueueService)(Named, undefined, 0);
    const made = { provide: Plain, inject: [QueueService], useFactory: (queues: QueueService) => new Plain(queues) };
    const { logs } = await startApp({ providers: [made, Named, Child, Undecorated] });
    expect(logs.matching(/injects nothing/)).toEqual([]);
  });
});

describe('the app does not start', () => {
  it('with two handlers for one queue and name, and shows both', async () => {
    @Injectable()
    class One {
      @Processor('mail', { name: 'welcome' })
      send() {}
    }
    @Injectable()
    class Two {
      @Processor('mail', { name: 'welcome' })
      deliver() {}
    }
    const error = await bootError({ providers: [One, Two] });
    expect(error).toMatchObject({ code: 'TASK_QUEUE_CONFIGURATION' });
    expect(error.message).toContain('One.send');
    expect(error.message).toContain('Two.deliver');
    expect(error.message).toContain('"welcome" of queue "mail"');
  });

  it('with two handlers for every name of a queue', async () => {
    @Injectable()
    class One {
      @Processor('mail')
      send() {}
      @Processor('mail')
      deliver() {}
    }
    const error = await bootError({ providers: [One] });
    expect(error.message).toMatch(
      /every job name of queue "mail": One\.send and One\.deliver|One\.deliver and One\.send/,
    );
  });

  it('with one class under two tokens, and shows where each is provided', async () => {
    @Injectable()
    class One {
      @Processor('mail')
      send() {}
    }
    const error = await bootError({ providers: [One, { provide: 'OTHER', useClass: One }] });
    expect(error.message).toContain('"OTHER" of');
  });

  it('with two schedules of one name, and shows both', async () => {
    @Injectable()
    class One {
      @Cron('0 12 * * *', { name: 'digest' })
      noon() {}
      @Interval('1m', { name: 'digest' })
      minute() {}
    }
    const error = await bootError({ providers: [One] });
    expect(error.message).toContain('Two schedules are named "digest": One.noon and One.minute');
  });

  it('with different worker options on two methods of one queue', async () => {
    @Injectable()
    class One {
      @Processor('mail', { name: 'a', concurrency: 5 })
      a() {}
      @Processor('mail', { name: 'b', concurrency: 6 })
      b() {}
    }
    const error = await bootError({ providers: [One] });
    expect(error.message).toContain('One.a says 5 and One.b says 6');
  });

  it.each([
    [
      'an unknown option',
      () => Processor('mail', { concurency: 1 } as never),
      /Unknown option "concurency" in @Processor on One\.work.*"concurrency"/,
    ],
    [
      'a bad duration',
      () => Processor('mail', { timeout: 'soon' }),
      /Invalid timeout in @Processor on One\.work: "soon"/,
    ],
    ['a bad queue name', () => Processor('my mail'), /Invalid queue of @Processor on One\.work: "my mail"/],
    [
      'no queue name',
      () => Processor(undefined as never),
      /Processor on One\.work: undefined\. The queue name is missing/,
    ],
    [
      'the queue name among the options',
      () => Processor({ name: 'a', concurrency: 2 } as never),
      /Processor on One\.work: .*Write @Processor\('a'\): the name of the queue comes first/,
    ],
    ['no queue name', () => OnQueueEvent(undefined as never, 'dead'), /write @OnQueueEvent\('mail', …\)/],
    ['a bad job name', () => Processor('mail', { name: 'my mail' }), /Invalid name in @Processor on One\.work/],
    ['a bad cron expression', () => Cron('61 * * * *'), /cron expression in @Cron on One\.work: "61 \* \* \* \*"/],
    ['an unknown time zone', () => Cron('0 0 * * *', { timeZone: 'Europe/Berln' }), /Europe\/Berlin/],
    [
      'an unknown option of a schedule',
      () => Cron('0 0 * * *', { timezone: 'UTC' } as never),
      /Did you mean "timeZone"\?/,
    ],
    ['a UTC offset in hours', () => Cron('0 0 * * *', { utcOffset: 2 }), /use minutes/i],
    ['an interval under a second', () => Interval(999), /at least 1000 ms/],
    ['an unknown event', () => OnQueueEvent('mail', 'complete' as never), /Did you mean "completed"\?/],
  ])('with %s', async (_what, decorator, message) => {
    @Injectable()
    class One {
      work() {}
    }
    decorator()(One.prototype, 'work', Object.getOwnPropertyDescriptor(One.prototype, 'work') as PropertyDescriptor);
    expect((await bootError({ providers: [One] })).message).toMatch(message);
  });

  describe('with a definition', () => {
    const welcome = defineJob({ queue: 'mail', name: 'welcome', timeout: '5s', backoff: { type: 'curve' } });
    const oneOf = (target: Parameters<typeof Processor>[0], options?: ProcessorOptions): Type => {
      @Injectable()
      class One {
        @Processor(target, options)
        work() {}
      }
      return One;
    };

    it('and an option that it gives, too', async () => {
      const options = { connection: 'memory://', backoffs: { curve: () => 1 } };
      const error = await bootError({ providers: [oneOf(welcome, { timeout: '1s' })] }, options);
      expect(error).toMatchObject({ code: 'TASK_QUEUE_CONFIGURATION' });
      expect(error.message).toContain('@Processor on One.work gives timeout, and so does its definition, which wins');
      await startApp({ providers: [oneOf(welcome, { maxAttempts: 1 })] }, options);
    });

    it('whose backoff nobody registered', async () => {
      const { message } = await bootError(
        { providers: [oneOf(welcome)] },
        { connection: 'memory://', backoffs: { curves: () => 1 } },
      );
      expect(message).toContain(
        'backoff of the definition in @Processor on One.work: type: "curve". Did you mean "curves"?',
      );
    });

    it.each([
      [{ queue: 'mail', concurrency: 5 }],
      [{ name: 'mail' }],
      [{ name: 'mail', scope: Scope.REQUEST }],
      [undefined],
      [{}],
      [/mail/],
    ])('that is none: %j', async (target) => {
      const { message } = await bootError({ providers: [oneOf(target as never)] });
      expect(message).toContain('Invalid queue of @Processor on One.work');
    });
  });

  it('where another decorator put a function in the place of the decorated one', async () => {
    const wrap: MethodDecorator = (_target, _key, descriptor) => {
      const inner = (descriptor as PropertyDescriptor).value as () => unknown;
      (descriptor as PropertyDescriptor).value = function (this: unknown) {
        return inner.call(this);
      };
    };
    @Injectable()
    class One {
      @wrap
      @Processor('mail')
      send() {}
    }
    expect((await bootError({ providers: [One] })).message).toContain('@Processor on One.send is lost');
  });

  it('with a static method', async () => {
    @Injectable()
    class One {
      @Processor('mail')
      static send() {}
    }
    expect((await bootError({ providers: [One] })).message).toContain(
      'One.send: a static method belongs to no provider',
    );
  });

  it('with a class-level decorator, the habit of @nestjs/bullmq', async () => {
    @Injectable()
    @(Processor('mail') as ClassDecorator)
    class MailProcessor {
      process() {}
    }
    const { message } = await bootError({ providers: [MailProcessor] });
    expect(message).toContain('@Processor stands on the class MailProcessor; here it belongs on a method');
    expect(message).toContain('moving-from-nestjs-bullmq.md');
  });

  it('with a listener in a request-scoped provider', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class One {
      @OnQueueEvent('mail', 'completed')
      done() {}
    }
    expect((await bootError({ providers: [One] })).message).toContain('made per request');
  });

  it('with a second forRoot', async () => {
    @Module({ imports: [TaskQueueModule.forRoot({ connection: 'memory://' })] })
    class Feature {}
    const boot = startModule({
      imports: [TaskQueueModule.forRoot({ connection: 'memory://', prefix: 'other' }), Feature],
    });
    await expect(boot).rejects.toMatchObject({ code: 'TASK_QUEUE_CONFIGURATION' });
  });
});

describe('schedules and listeners', () => {
  it('runs the method of a schedule for its ticks', async () => {
    @Injectable()
    class Digest {
      readonly ticked = gate<Job<CronTick>>();
      @Cron('* * * * * *')
      each(job: Job<CronTick>) {
        this.ticked.open(job);
      }
    }
    const { app } = await startApp({ providers: [Digest] });
    const job = await app.get(Digest).ticked.promise;
    expect(job).toMatchObject({ queue: 'cron', name: 'Digest.each', schedule: { name: 'Digest.each' } });
    expect(job.payload).toMatchObject({ schedule: 'Digest.each', scheduledFor: job.scheduledFor });
  });

  it('takes jobs enqueued by hand for a disabled schedule', async () => {
    @Injectable()
    class Digest {
      @Interval('nightly', 60_000)
      nightly() {
        return 'named as @nestjs/schedule does';
      }
      @Cron('0 0 1 1 *', { name: 'yearly', disabled: true, queue: 'rare' })
      yearly() {
        return 'by hand';
      }
    }
    const app = await startApp({ providers: [Digest] });
    expect(await run(app, 'rare', 'yearly')).toBe('by hand');
    expect(await run(app, 'cron', 'nightly')).toBe('named as @nestjs/schedule does');
  });

  it('calls listeners, and survives what they throw', async () => {
    const told: JobEvent[] = [];
    const completed = gate<JobEvent>();
    @Injectable()
    class Listeners {
      @Processor('mail')
      send() {
        return 'sent';
      }
      @OnQueueEvent('mail', 'completed')
      first(event: JobEvent) {
        told.push(event);
        throw new Error('at once');
      }
      @OnQueueEvent('mail', 'completed')
      async second(event: JobEvent) {
        completed.open(event);
        throw new Error('later');
      }
    }
    const { app, logs } = await startApp({ providers: [Listeners] });
    const job = await app.get(QueueService).enqueue('mail', {});
    expect(await completed.promise).toMatchObject({ event: 'completed', queue: 'mail', id: job.id, result: 'sent' });
    expect(told).toHaveLength(1);
    await new Promise(setImmediate);
    expect(logs.matching(/Listeners\.(first|second) threw/)).toHaveLength(2);
  });
});
