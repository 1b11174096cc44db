import {
  type DynamicModule,
  Global,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule, ModulesContainer } from '@nestjs/core';
import type { Store } from '../core/ports/store.js';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { showMembers } from '../core/shown-members.js';
import { Explorer } from '../discovery/explorer.js';
import { HandlerInvoker } from '../discovery/handler-invoker.js';
import { HandlerRegistry } from '../discovery/handler-registry.js';
import { OUTERMOST, placeInHookOrder } from './hook-order.js';
import { MemoryStore } from '../memory/memory-store.js';
import { QueueService } from '../queue/queue.service.js';
import { ScheduleService } from '../schedules/schedule.service.js';
import { openStore } from './store-opener.js';
import { STORE, INSTANCE_STORE, QUEUE_SERVICE, SCHEDULE_SERVICE, TASK_QUEUE_OPTIONS } from '../core/constants.js';
import { ConfigurableModuleClass, GIVEN_OPTIONS } from './module-definition.js';
import { readModuleOptions } from '../options/options-reader.js';
import type { ResolvedOptions } from '../options/options.js';
import { collectRegistrations } from './registrations.js';
import { AppQueues } from './known-queues.js';
import { closeStores } from './store-closer.js';

/** What one app has of this package, once: options, store, handlers. Users see it through `TaskQueueModule`. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    Explorer,
    HandlerInvoker,
    {
      provide: TASK_QUEUE_OPTIONS,
      inject: [GIVEN_OPTIONS, ModulesContainer],
      useFactory: (given: unknown, modules: ModulesContainer): ResolvedOptions => {
        refuseSecondRoot(modules);
        placeInHookOrder(modules, TaskQueueCoreModule, TASK_QUEUE_OPTIONS, OUTERMOST);
        return collectRegistrations(readModuleOptions(given), modules);
      },
    },
    {
      provide: STORE,
      inject: [TASK_QUEUE_OPTIONS, Explorer],
      useFactory: (options: ResolvedOptions, explorer: Explorer) =>
        openStore(options, options.role !== 'producer' && explorer.seesHandlers()),
    },
    { provide: INSTANCE_STORE, useFactory: () => new MemoryStore() },
    {
      provide: HandlerRegistry,
      inject: [Explorer, HandlerInvoker, ApplicationConfig, TASK_QUEUE_OPTIONS],
      useFactory: (explorer: Explorer, invoker: HandlerInvoker, config: ApplicationConfig, options: ResolvedOptions) =>
        new HandlerRegistry(explorer, invoker, config, options),
    },
    {
      provide: QUEUE_SERVICE,
      inject: [STORE, TASK_QUEUE_OPTIONS, HandlerRegistry],
      useFactory: (store: Store, options: ResolvedOptions, registry: HandlerRegistry) =>
        new QueueService(store, options, new AppQueues(options, registry)),
    },
    {
      provide: SCHEDULE_SERVICE,
      inject: [QUEUE_SERVICE, TASK_QUEUE_OPTIONS, HandlerRegistry],
      useFactory: (queues: QueueService, options: ResolvedOptions, registry: HandlerRegistry) =>
        new ScheduleService(queues, Object.keys(options.backoffs), (queue, name) => registry.schemaOf(queue, name)),
    },
  ],
  exports: [TASK_QUEUE_OPTIONS, STORE, INSTANCE_STORE, HandlerRegistry, QUEUE_SERVICE, SCHEDULE_SERVICE],
})
export class TaskQueueCoreModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly registry: HandlerRegistry,
    @Inject(STORE) private readonly store: Store,
    @Inject(INSTANCE_STORE) private readonly instanceStore: Store,
    @Inject(QUEUE_SERVICE) private readonly queues: QueueService,
  ) {
    super();
  }

  /** Before the hooks of every other module, so that a user's `onModuleInit` may enqueue on any queue. */
  async onModuleInit(): Promise<void> {
    try {
      await this.registry.collect();
      await this.registry.checkPayloads();
    } catch (error) {
      await closeStores(this.store); // an app that does not start calls no hook that would
      throw error;
    }
  }

  /** After the hooks of every other module: whatever the app does while it closes can still reach the store. */
  async onApplicationShutdown(): Promise<void> {
    this.queues.endWaits();
    await closeStores(this.store, this.instanceStore);
  }
}

showMembers(TaskQueueCoreModule);

function refuseSecondRoot(modules: ModulesContainer): void {
  const all = [...modules.values()];
  const roots = all.filter(({ metatype }) => metatype === TaskQueueCoreModule);
  if (roots.length < 2) return;
  // A global module is among the imports of every module: who wrote it there stands in the decorators alone.
  const names = all.filter(({ metatype }) => importsRoot(metatype)).map(({ name }) => name);
  const places = names.length < 2 ? '' : ` (imported by ${names.sort().join(' and ')})`;
  throw new ConfigurationError(
    `TaskQueueModule.forRoot is called ${roots.length} times${places}, and an app has one store, also where the options ` +
      'are the same. Call it once, in the root module; elsewhere use TaskQueueModule.registerQueue, or import nothing: it is global.',
  );
}

function importsRoot(module: object): boolean {
  const imports = (Reflect.getMetadata('imports', module) ?? []) as (DynamicModule | undefined)[];
  return imports.some((given) => (given?.imports as DynamicModule[] | undefined)?.[0]?.module === TaskQueueCoreModule);
}
