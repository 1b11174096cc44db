import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Controller,
  forwardRef,
  Inject,
  Injectable,
  Module,
  Scope,
  UseGuards,
  type CanActivate,
  type DynamicModule,
  type ModuleMetadata,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, ContextIdFactory, REQUEST } from '@nestjs/core';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { Cron, OnQueueEvent, Processor, QueueService, TaskQueueModule, type Job } from 'nestjs-task-queue';
import { bootError, closeApps, LogBook, startApp, trackApp, type RunningApp } from '../support/apps.js';

afterEach(closeApps);

async function run({ app }: Pick<RunningApp, 'app'>, queue = 'work', name?: string): Promise<unknown> {
  const job = await app.get(QueueService).enqueue(queue, { n: 1 }, name === undefined ? {} : { name });
  return job.result({ timeout: '5s' });
}

/** A fresh class each time: what was told of one is told once. */
function handler(): Type<{ run(job: Job): unknown }> {
  @Injectable()
  class Work {
    calls = 0;
    @Processor('work')
    run(_job: Job): unknown {
      this.calls++;
      return `${this.constructor.name} ${this.calls}`;
    }
  }
  return Work;
}

const Work = handler();
abstract class Generic<T> {
  abstract readonly what: T;
  abstract same(other: T): boolean;
  @Processor('work')
  run(): unknown {
    return this.what;
  }
}
@Injectable()
class Concrete extends Generic<number> {
  readonly what = 7;
  same(other: number) {
    return other === this.what;
  }
}
const mixin = <T extends Type<object>>(Base: T, queue: string) => {
  class Mixed extends Base {
    @Processor(queue)
    run(): unknown {
      return `mixed into ${Base.name}`;
    }
  }
  return Mixed;
};
@Injectable()
class Guard {
  canActivate() {
    return true;
  }
  @Processor('work')
  run() {
    return 'guard';
  }
}
function guardedBy(guard: Type<CanActivate>): Type {
  @Injectable()
  class Guarded {
    @UseGuards(guard)
    @Processor('guarded')
    run() {}
  }
  return Guarded;
}
class Plain {}
class HiddenTreasure {}
const Mixed = mixin(Plain, 'work');

describe('every shape of provider runs its handlers, once', () => {
  const TOKEN = Symbol('token');
  const shapes: [string, ModuleMetadata, unknown][] = [
    ['a class', { providers: [Work] }, 'Work 1'],
    ['a controller', { controllers: [Work] }, 'Work 1'],
    ['useClass under a text', { providers: [{ provide: 'work', useClass: Work }] }, 'Work 1'],
    ['useClass under a symbol', { providers: [{ provide: TOKEN, useClass: Work }] }, 'Work 1'],
    ['useClass under an abstract class', { providers: [{ provide: Generic, useClass: Concrete }] }, 7],
    ['a class of scope REQUEST', { providers: [{ provide: Work, useClass: Work, scope: Scope.REQUEST }] }, 'Work 1'],
    [
      'a class of scope TRANSIENT',
      { providers: [{ provide: Work, useClass: Work, scope: Scope.TRANSIENT }] },
      'Work 1',
    ],
    [
      'a durable class',
      { providers: [{ provide: Work, useClass: Work, scope: Scope.REQUEST, durable: true }] },
      'Work 1',
    ],
    ['a factory', { providers: [{ provide: 'work', useFactory: () => new Work() }] }, 'Work 1'],
    ['an async factory', { providers: [{ provide: 'work', useFactory: async () => new Work() }] }, 'Work 1'],
    [
      'a factory of scope REQUEST under its class',
      { providers: [{ provide: Work, useFactory: () => new Work(), scope: Scope.REQUEST }] },
      'Work 1',
    ],
    [
      'a factory of scope TRANSIENT under its class',
      { providers: [{ provide: Work, useFactory: () => new Work(), scope: Scope.TRANSIENT }] },
      'Work 1',
    ],
    [
      'a durable factory under its class',
      { providers: [{ provide: Work, useFactory: () => new Work(), scope: Scope.REQUEST, durable: true }] },
      'Work 1',
    ],
    [
      'a factory of scope REQUEST under an abstract class',
      { providers: [{ provide: Generic, useFactory: () => new Concrete(), scope: Scope.REQUEST }] },
      7,
    ],
    [
      'a factory that a scoped provider is injected into',
      {
        providers: [
          { provide: 'tenant', useFactory: () => 'a', scope: Scope.REQUEST },
          { provide: Work, inject: ['tenant'], useFactory: () => new Work() },
        ],
      },
      'Work 1',
    ],
    ['a value', { providers: [{ provide: 'work', useValue: new (handler())() }] }, 'Work 1'],
    [
      'a promise of a value',
      { providers: [{ provide: 'work', useValue: Promise.resolve(new (handler())()) }] },
      'Work 1',
    ],
    ['an alias', { providers: [Work, { provide: 'alias', useExisting: Work }] }, 'Work 1'],
    [
      'a factory that hands on another provider',
      { providers: [Work, { provide: 'again', inject: [Work], useFactory: (work: object) => work }] },
      'Work 1',
    ],
    [
      'a factory that hands on another one, under its class and first in line',
      { providers: [{ provide: 'first', inject: [Work], useFactory: (work: object) => work }, Work] },
      'Work 1',
    ],
    [
      'an array of providers beside them',
      { providers: [Work, { provide: 'all', inject: [Work], useFactory: (...all: object[]) => all }] },
      'Work 1',
    ],
    [
      'an array of scoped providers beside them',
      {
        providers: [
          { provide: Work, useClass: Work, scope: Scope.TRANSIENT },
          { provide: 'all', inject: [Work], useFactory: (...all: object[]) => all },
        ],
      },
      'Work 1',
    ],
    ['a class that extends a generic one', { providers: [Concrete] }, 7],
    ['a mixin', { providers: [Mixed] }, 'mixed into Plain'],
    ['a global guard', { providers: [{ provide: APP_GUARD, useClass: Guard }] }, 'guard'],
    ['a global guard that is a provider', { providers: [Guard, { provide: APP_GUARD, useExisting: Guard }] }, 'guard'],
    ['a guard that is a provider', { providers: [Guard, guardedBy(Guard)] }, 'guard'],
  ];
  it.each(shapes)('%s', async (_shape, metadata, result) => {
    Injectable()(Mixed);
    if (metadata.controllers) Controller('work')(Work);
    expect(await run(await startApp(metadata))).toBe(result);
  });

  it('also where two providers need each other', async () => {
    @Injectable()
    class One {
      constructor(@Inject(forwardRef(() => Two)) readonly two: { name: string }) {}
      @Processor('one')
      run() {
        return `one of ${this.two.name}`;
      }
    }
    @Injectable()
    class Two {
      readonly name = 'two';
      constructor(@Inject(forwardRef(() => One)) readonly one: One) {}
      @Processor('two')
      run() {
        return `two of ${this.one.constructor.name}`;
      }
    }
    const app = await startApp({ providers: [One, Two] });
    expect(await run(app, 'one')).toBe('one of two');
    expect(await run(app, 'two')).toBe('two of One');
  });

  it('calls a listener once, whatever else hands its instance on', async () => {
    const told: string[] = [];
    @Injectable()
    class Listener {
      @Processor('work')
      run() {}
      @OnQueueEvent('work', 'completed')
      done({ id }: { id: string }) {
        told.push(id);
      }
    }
    const app = await startApp({
      providers: [
        { provide: 'again', inject: [Listener], useFactory: (listener: Listener) => listener },
        Listener,
        { provide: 'alias', useExisting: Listener },
        { provide: 'value', inject: ['again'], useFactory: (listener: Listener) => listener },
      ],
    });
    await run(app);
    await run(app);
    // Events come in order: those of the first job are all here when the second one's is.
    await expect(eventually(() => told.length >= 2)).resolves.toBe(true);
    expect(new Set(told).size).toBe(told.length);
  });
});

async function eventually(holds: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < 10_000 && !holds(); turn++) await new Promise(setImmediate);
  return holds();
}

describe('what can not run is told at boot', () => {
  it('an instance that only an array holds', async () => {
    const { message } = await bootError({ providers: [{ provide: 'all', useFactory: () => [new Work()] }] });
    expect(message).toMatch(
      /"all" of \w+ holds a Work, whose decorated methods would never run.*Add Work to the providers/,
    );
  });

  it('a guard that is no provider', async () => {
    const { message } = await bootError({ providers: [guardedBy(Guard)] });
    expect(message).toMatch(
      /^Guard is used as a guard.* and has decorated methods, which would never run: add Guard to the providers/,
    );
  });

  it('a listener of a transient provider', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Listener {
      @OnQueueEvent('work', 'dead')
      told() {}
    }
    expect((await bootError({ providers: [Listener] })).message).toContain('Listen in a default-scoped provider');
  });

  describe('a class that only a scoped factory makes', () => {
    const SYMBOL = Symbol('hidden');
    abstract class Port {}
    class Hidden {
      @Processor('work')
      run() {}
      static create() {
        return new Hidden();
      }
    }
    const mail = { Hidden };
    const makeHidden = () => new Hidden();
    it.each<[string, Provider, RegExp]>([
      [
        'of scope REQUEST',
        { provide: 'mail', useFactory: () => new Hidden(), scope: Scope.REQUEST },
        /"mail" of .*request-scoped/,
      ],
      [
        'of scope TRANSIENT',
        { provide: SYMBOL, useFactory: makeHidden, scope: Scope.TRANSIENT },
        /"Symbol\(hidden\)" of .*transient/,
      ],
      [
        'by a member',
        { provide: 'mail', useFactory: async () => new mail.Hidden(), scope: Scope.REQUEST },
        /"mail" of/,
      ],
      ['by a static method', { provide: 'mail', useFactory: () => Hidden.create(), scope: Scope.REQUEST }, /"mail" of/],
      [
        'under a class without decorators',
        { provide: Port, useFactory: makeHidden, scope: Scope.REQUEST },
        /"Port" of/,
      ],
      [
        'that needs the request',
        { provide: 'mail', inject: [REQUEST], useFactory: makeHidden },
        /"mail" of .*request-scoped/,
      ],
    ])('%s', async (_what, provider, place) => {
      const { logs } = await startApp({ providers: [provider] });
      const [line, ...others] = logs.matching(/Hidden has decorated methods and is made by/);
      expect(others).toEqual([]);
      expect(line).toMatch(place);
      expect(line).toContain(
        'nothing calls these methods for jobs, ticks or events. Provide it under its class: { provide: Hidden, ',
      );
    });

    it.each<[string, Provider[]]>([
      ['is provided beside it', [Hidden, { provide: 'mail', useFactory: makeHidden, scope: Scope.REQUEST }]],
      ['is no part of this app', [{ provide: 'tenant', useFactory: () => ({ name: 'Hidden' }), scope: Scope.REQUEST }]],
      ['has a namesake', [{ provide: 'x', useFactory: () => new HiddenTreasure(), scope: Scope.TRANSIENT }]],
      ['is found by its token', [{ provide: Hidden, useFactory: makeHidden, scope: Scope.REQUEST }]],
    ])('is not told of one that %s', async (_what, providers) => {
      const { logs } = await startApp({ providers });
      expect(logs.matching(/is made by/)).toEqual([]);
    });
  });

  it('a method that a subclass wrote anew without its decorator', async () => {
    class Base {
      @Processor('work')
      run(): unknown {
        return 'base';
      }
      @Cron('0 0 1 1 *')
      tick(): void {}
      @Processor('kept')
      kept(): unknown {
        return 'kept';
      }
    }
    @Injectable()
    class Sub extends Base {
      override run(): unknown {
        return 'sub';
      }
      override tick(): void {}
    }
    const app = await startApp({ providers: [Sub] });
    expect(
      app.logs.matching(/Sub\.run replaces Base\.run without its @Processor.*Write the decorator on Sub\.run/),
    ).toHaveLength(1);
    expect(app.logs.matching(/Sub\.tick replaces Base\.tick without its @Cron/)).toHaveLength(1);
    expect(app.logs.lines.filter((line) => line.includes('warn'))).toHaveLength(2);
    expect(await run(app, 'kept')).toBe('kept');
  });
});

describe('two classes of one name', () => {
  const twoOf = (decorator: MethodDecorator): DynamicModule[] =>
    ['First', 'Second'].map((name) => {
      @Injectable()
      class TasksService {
        @decorator
        cleanup() {}
      }
      const module = { [name]: class {} }[name];
      Module({})(module);
      return { module, providers: [TasksService] };
    });
  it.each([
    ['@Cron', Cron('0 0 1 1 *'), 'Two schedules are named "TasksService.cleanup"'],
    ['@Processor', Processor('work'), 'Two handlers take every job name of queue "work"'],
  ])('with %s are told apart by their modules', async (_name, decorator, message) => {
    const error = await bootError({ imports: twoOf(decorator) });
    expect(error.message).toContain(message);
    expect(error.message).toContain('TasksService.cleanup (First) and TasksService.cleanup (Second)');
    expect(error.message).toContain('two classes that are both called TasksService: one in First, one in Second');
  });
});

describe('a method that two subclasses inherit', () => {
  class Exports {
    @Processor('work')
    run() {}
  }
  @Injectable()
  class Pdf extends Exports {}
  @Injectable()
  class Csv extends Exports {}

  it('is one handler, and the boot says where it comes from', async () => {
    const { message } = await bootError({ providers: [Pdf, Csv] });
    expect(message).toContain('Two handlers take every job name of queue "work": Pdf.run and Csv.run.');
    expect(message).toContain('It is one method of Exports, with one decorator for all that inherit it');
  });

  it('is told apart from one that a subclass decorates anew', async () => {
    @Injectable()
    class Xml extends Exports {
      @Processor('work')
      override run() {}
    }
    const { message } = await bootError({ providers: [Pdf, Xml] });
    expect(message).toContain('Give each a name of its own');
  });
});

describe('dynamic modules', () => {
  @Module({})
  class Feature {
    static register(label: string): DynamicModule {
      return { module: Feature, providers: [Work, { provide: 'label', useValue: label }] };
    }
  }
  it('imported twice say that there are two instances', async () => {
    const app = await startApp({ imports: [Feature.register('a'), Feature.register('b')] });
    expect(await run(app)).toBe('Work 1');
    expect(
      app.logs.matching(/Work is provided twice, because Feature is imported twice as a dynamic module/),
    ).toHaveLength(1);
  });
});

describe('what tests put in the place of a provider', () => {
  async function overridden(
    override: (builder: TestingModuleBuilder, target: Type<object>) => TestingModuleBuilder,
    target: Type<object> = handler(),
    providers: Provider[] = [],
  ): Promise<RunningApp> {
    const logs = new LogBook();
    const builder = Test.createTestingModule({
      imports: [TaskQueueModule.forRoot({ connection: 'memory://', queues: { work: {} } })],
      providers: [target, ...providers],
    }).setLogger(logs);
    const app = trackApp((await override(builder, target).compile()).createNestApplication({ logger: logs }));
    await app.init();
    return { app, logs };
  }
  const mock = { run: () => 'mock' };

  it.each<[string, (builder: TestingModuleBuilder, target: Type<object>) => TestingModuleBuilder]>([
    ['useValue', (builder, target) => builder.overrideProvider(target).useValue(mock)],
    ['useFactory', (builder, target) => builder.overrideProvider(target).useFactory({ factory: () => mock })],
    [
      'an async useFactory',
      (builder, target) => builder.overrideProvider(target).useFactory({ factory: async () => mock }),
    ],
    [
      'useClass',
      (builder, target) =>
        builder.overrideProvider(target).useClass(
          class Mock {
            run() {
              return 'mock';
            }
          },
        ),
    ],
    [
      'useClass of a class that extends the first and has the decorator',
      (builder, target) => {
        class Mock extends target {
          @Processor('work')
          run() {
            return 'mock';
          }
        }
        return builder.overrideProvider(target).useClass(Mock);
      },
    ],
  ])('%s: its method is called', async (_how, override) => {
    expect(await run(await overridden(override))).toBe('mock');
  });

  it('a method that is put on it later is called', async () => {
    const value = { run: () => 'first' };
    const app = await overridden((builder, target) => builder.overrideProvider(target).useValue(value));
    value.run = () => 'later';
    expect(await run(app)).toBe('later');
  });

  it('a request-scoped one', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      @Processor('work')
      run() {
        return 'real';
      }
    }
    const app = await overridden((builder) => builder.overrideProvider(Scoped).useValue(mock), Scoped);
    expect(await run(app)).toBe('mock');
  });

  it('something without the method: the boot says so, and the queue stays known', async () => {
    const { app, logs } = await overridden((builder, target) => builder.overrideProvider(target).useValue({}));
    expect(
      logs.matching(/Work\.run is not called here: what is provided in place of Work in \w+ has no method "run"/),
    ).toHaveLength(1);
    const queues = app.get(QueueService);
    await queues.enqueue('work', {});
    expect(await queues.counts('work')).toMatchObject({ ready: 1 });
  });

  it('and a spy on the prototype', async () => {
    const target = handler();
    const original = target.prototype.run;
    const spy = Object.assign(
      function (this: InstanceType<typeof target>, job: Job) {
        spy.calls++;
        return original.call(this, job);
      },
      { mock: {}, calls: 0 },
    );
    target.prototype.run = spy;
    expect(await run(await overridden((builder) => builder, target))).toBe('Work 1');
    expect(spy.calls).toBe(1);
  });
});

it('finds the context of a job in durable providers', async () => {
  ContextIdFactory.apply({ attach: (contextId) => () => contextId });
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class Tenant {}
  @Injectable()
  class Durable {
    constructor(readonly tenant: Tenant) {}
    @Processor('work')
    run() {
      return this.tenant.constructor.name;
    }
  }
  Reflect.defineMetadata('design:paramtypes', [Tenant], Durable);
  expect(await run(await startApp({ providers: [Tenant, Durable] }))).toBe('Tenant');
});
