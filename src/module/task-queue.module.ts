import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { readBoolean, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { Queue } from '../queue/queue.js';
import { QueueService } from '../queue/queue.service.js';
import { ScheduleService } from '../schedules/schedule.service.js';
import {
  getQueueToken,
  QUEUE_REGISTRATIONS,
  QUEUE_SERVICE,
  SCHEDULE_SERVICE,
  TASK_QUEUE_OPTIONS,
} from '../core/constants.js';
import { TaskQueueCoreModule } from './core-module.js';
import { INNERMOST, placeInHookOrder } from './hook-order.js';
import { TaskQueueLifecycle } from './lifecycle.js';
import {
  GIVEN_OPTIONS,
  type TaskQueueOptionsFactory,
  type QueueRegistration,
  type TaskQueueModuleAsyncOptions,
  type TaskQueueModuleExtras,
} from './module-definition.js';
import type { TaskQueueModuleOptions } from '../options/options.js';
import { TaskQueueHealth } from '../worker/task-queue-health.js';

const ASYNC_KEYS = [
  'isGlobal',
  'imports',
  'inject',
  'useFactory',
  'useClass',
  'useExisting',
] as const satisfies readonly (keyof TaskQueueModuleAsyncOptions)[];

const MISSING =
  'TaskQueueModule is not configured: imports has the bare class, or a registerQueue, and nowhere its options. Call ' +
  'TaskQueueModule.forRoot({ connection }) once, in the imports of the root module.';

/**
 * Of the bare class, so that whoever injects a service through it is told what is missing, not that Nest does not know it. Where
 * the app has a root, it is the app's service.
 */
const standIn = (provide: unknown, token: symbol): Provider => ({
  provide: provide as symbol,
  inject: [{ token, optional: true }],
  useFactory: (service?: object) => {
    if (service === undefined) throw new ConfigurationError(MISSING);
    return service;
  },
});

/** Stops the boot of an app that imports the class, or a queue, and nowhere `forRoot`. */
const ROOT = Symbol('TASK_QUEUE_ROOT');
const HOOK_PLACE = Symbol('TASK_QUEUE_HOOK_PLACE');

/**
 * Distributed jobs and schedules of an app.
 *
 * @example
 * ```ts
 * @Module({ imports: [TaskQueueModule.forRoot({ connection: process.env.REDIS_URL || 'memory://' })] })
 * export class AppModule {}
 * ```
 */
@Module({
  providers: [
    standIn(ROOT, TASK_QUEUE_OPTIONS),
    standIn(QueueService, QUEUE_SERVICE),
    standIn(ScheduleService, SCHEDULE_SERVICE),
  ],
  exports: [QueueService, ScheduleService],
})
export class TaskQueueModule {
  /**
   * Once per app, in its root module.
   * @throws at boot: UnknownOptionError, InvalidValueError, ConfigurationError, BrokerUnavailableError
   */
  static forRoot(options: TaskQueueModuleOptions & TaskQueueModuleExtras = {}): DynamicModule {
    requireObject(options, 'options of forRoot', 'pass an object such as { connection: "redis://localhost:6379" }');
    const { isGlobal, ...given } = options;
    return rootModule(TaskQueueCoreModule.forRoot(given), readBoolean(isGlobal, 'isGlobal in forRoot'));
  }

  /** `forRoot` with options from other providers, such as a `ConfigService`. */
  static forRootAsync(options: TaskQueueModuleAsyncOptions): DynamicModule {
    requireObject(options, 'options of forRootAsync', 'pass an object such as { useFactory: () => ({ … }) }');
    refuseUnknownKeys(options, ASYNC_KEYS, 'forRootAsync');
    const { isGlobal, ...given } = options;
    const sources = [given.useFactory, given.useClass, given.useExisting].filter((source) => source !== undefined);
    if (sources.length !== 1) {
      throw new ConfigurationError('forRootAsync takes exactly one of useFactory, useClass and useExisting.');
    }
    const core = TaskQueueCoreModule.forRootAsync(given as Parameters<typeof TaskQueueCoreModule.forRootAsync>[0]);
    return rootModule(
      given.useFactory === undefined ? checkFactory(core) : core,
      readBoolean(isGlobal, 'isGlobal in forRootAsync'),
    );
  }

  /** Names queues next to the feature that owns them, with their options; `@InjectQueue(name)` works where it is imported. */
  static registerQueue(...queues: QueueRegistration[]): DynamicModule {
    for (const queue of queues) requireObject(queue, 'queue of registerQueue', 'pass { name: "mail" }');
    const injectables = queues.map(({ name }): Provider => ({
      provide: getQueueToken(name),
      inject: [QUEUE_SERVICE],
      useFactory: (service: QueueService) => new Queue(name, service),
    }));
    return {
      module: TaskQueueModule,
      providers: [{ provide: QUEUE_REGISTRATIONS, useValue: queues }, ...injectables],
      exports: queues.map(({ name }) => getQueueToken(name)),
    };
  }
}

/** Nest says of a class without the method only that something is not a function. */
function checkFactory(core: DynamicModule): DynamicModule {
  for (const provider of core.providers as Provider[]) {
    if (!('useFactory' in provider) || provider.provide !== GIVEN_OPTIONS) continue;
    const make = provider.useFactory as (...given: unknown[]) => unknown;
    provider.useFactory = (factory: Partial<TaskQueueOptionsFactory> | undefined) => {
      if (typeof factory?.createTaskQueueOptions === 'function') return make(factory);
      throw new ConfigurationError(
        `${factory?.constructor.name ?? 'What useExisting names'} in forRootAsync has no method createTaskQueueOptions(). Let it implement TaskQueueOptionsFactory.`,
      );
    };
  }
  return core;
}

function rootModule(core: DynamicModule, isGlobal = true): DynamicModule {
  return {
    module: TaskQueueModule,
    global: isGlobal,
    imports: [core],
    providers: [
      TaskQueueLifecycle,
      { provide: QueueService, useExisting: QUEUE_SERVICE },
      { provide: ScheduleService, useExisting: SCHEDULE_SERVICE },
      {
        provide: TaskQueueHealth,
        inject: [TaskQueueLifecycle],
        useFactory: ({ health }: TaskQueueLifecycle) => health,
      },
      {
        provide: HOOK_PLACE,
        inject: [ModulesContainer],
        useFactory: (modules: ModulesContainer) => placeInHookOrder(modules, TaskQueueModule, HOOK_PLACE, INNERMOST),
      },
    ],
    exports: [QueueService, ScheduleService, TaskQueueHealth],
  };
}
