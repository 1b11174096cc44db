import {
  Inject,
  Logger,
  Module,
  type DynamicModule,
  type HttpServer,
  type NestModule,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost, MetadataScanner } from '@nestjs/core';
import { QUEUE_SERVICE, SCHEDULE_SERVICE, STORE, TASK_QUEUE_OPTIONS } from '../core/constants.js';
import { requireObject, refuseUnknownKeys } from '../core/option-checks.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import type { Store } from '../core/ports/store.js';
import { showMembers } from '../core/shown-members.js';
import { guardLogger } from '../discovery/guarded-logger.js';
import { HandlerRegistry } from '../discovery/handler-registry.js';
import type { ResolvedOptions } from '../options/options.js';
import type { QueueService } from '../queue/queue.service.js';
import type { ScheduleService } from '../schedules/schedule.service.js';
import { Auditor } from './auditor.js';
import { createController, serveSlash } from './controller-factory.js';
import type { DashboardContext } from './dashboard-context.js';
import {
  MOUNT_KEYS,
  readMount,
  readOptions,
  type DashboardModuleAsyncOptions,
  type DashboardModuleOptions,
  type DashboardMount,
  type DashboardOptions,
} from './dashboard-options.js';
import { DashboardServer } from './dashboard-server.js';
import { Gatekeeper } from './gatekeeper.js';
import { LiveHub } from './live/live-hub.js';
import { SnapshotMaker } from './live/snapshot-maker.js';
import { StreamLimit } from './live/stream-limit.js';
import { Turnstile } from './turnstile.js';
import { UiServer } from './ui-server.js';

/** Of all who look, at the same time. */
const MOST_SEARCHES = 3;

const PLACE = 'TaskQueueDashboardModule';
const GIVEN = Symbol('TASK_QUEUE_DASHBOARD_OPTIONS');
const AUDITOR = Symbol('TASK_QUEUE_DASHBOARD_AUDITOR');
const CONTEXT = Symbol('TASK_QUEUE_DASHBOARD_CONTEXT');
const CONTROLLER = Symbol('TASK_QUEUE_DASHBOARD_CONTROLLER');
const ASYNC_KEYS = [...MOUNT_KEYS, 'inject', 'useFactory'];

const logger = guardLogger(new Logger('TaskQueueDashboard'));

/**
 * Pages to look at queues, jobs and schedules, and to act on them, in the app that has them.
 *
 * Without `guards` or `authorize` only this machine may use them, and an app with `NODE_ENV=production` does not start.
 *
 * @example
 * ```ts
 * @Module({ imports: [TaskQueueDashboardModule.forRoot({ path: 'queues', guards: [AdminGuard] })] })
 * ```
 */
@Module({})
export class TaskQueueDashboardModule implements NestModule, OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(CONTEXT) private readonly context: DashboardContext,
    @Inject(AUDITOR) private readonly auditor: Auditor,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(CONTROLLER) private readonly controller: Type<object>,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /** @throws InvalidValueError, UnknownOptionError; at boot ConfigurationError where nothing protects it in production */
  static forRoot(options: DashboardModuleOptions = {}): DynamicModule {
    const place = `${PLACE}.forRoot`;
    requireObject(options, `options of ${place}`, 'pass an object such as { guards: [AdminGuard] }');
    const { imports: _imports, path: _path, guards: _guards, decorators: _decorators, ...given } = options;
    return moduleOf(readMount(options, place), { provide: GIVEN, useValue: readOptions(given, place) });
  }

  /** Options from other providers, such as a `ConfigService`. @throws as {@link forRoot} */
  static forRootAsync(options: DashboardModuleAsyncOptions): DynamicModule {
    const place = `${PLACE}.forRootAsync`;
    requireObject(options, `options of ${place}`, 'pass an object such as { guards, useFactory: () => ({ … }) }');
    refuseUnknownKeys(options, ASYNC_KEYS, place);
    const { inject = [], useFactory } = options;
    if (typeof useFactory !== 'function') {
      throw new InvalidValueError(`useFactory in ${place}`, useFactory, 'pass a function that makes the options');
    }
    return moduleOf(readMount(options, place), {
      provide: GIVEN,
      inject,
      useFactory: async (...dependencies: never[]) => readOptions(await useFactory(...dependencies), place),
    });
  }

  /** No middleware: Nest calls this when it knows its adapter, and before it reads the paths of controllers. */
  configure(): void {
    serveSlash(this.controller, this.host.httpAdapter as HttpServer | undefined);
  }

  /** Every provider exists by now. */
  onApplicationBootstrap(): void {
    this.auditor.discover(this.discovery, this.scanner);
  }

  /** A server does not close while it answers somebody. */
  onModuleDestroy(): void {
    this.context.streams.close();
  }
}

showMembers(TaskQueueDashboardModule);

function moduleOf(mount: Required<DashboardMount>, given: Provider): DynamicModule {
  const controller = createController(mount);
  return {
    module: TaskQueueDashboardModule,
    imports: [DiscoveryModule, ...mount.imports],
    controllers: [controller],
    providers: [
      given,
      { provide: CONTROLLER, useValue: controller },
      { provide: AUDITOR, useFactory: () => new Auditor(logger) },
      {
        provide: CONTEXT,
        inject: [GIVEN, AUDITOR, STORE, TASK_QUEUE_OPTIONS, QUEUE_SERVICE, SCHEDULE_SERVICE, HandlerRegistry],
        useFactory: contextOf,
      },
      {
        provide: DashboardServer,
        inject: [HttpAdapterHost, CONTEXT],
        useFactory: (host: HttpAdapterHost, context: DashboardContext) => {
          const gatekeeper = new Gatekeeper(context.options, mount.guards.length > 0, process.env.NODE_ENV);
          return new DashboardServer(host, context, gatekeeper, new UiServer(), logger);
        },
      },
    ],
  };
}

function contextOf(
  options: DashboardOptions,
  auditor: Auditor,
  store: Store,
  engine: ResolvedOptions,
  queues: QueueService,
  schedules: ScheduleService,
  registry: HandlerRegistry,
): DashboardContext {
  const snapshots = new SnapshotMaker(queues);
  const now = (): number => store.connection.now();
  return {
    ...{ queues, schedules, registry, engine, options, now },
    hub: new LiveHub({ snapshotOf: (queue) => snapshots.snapshotOf(queue), now }),
    streams: new StreamLimit(),
    searches: new Turnstile(MOST_SEARCHES, 'searches'),
    tell: ({ access, ...event }) => auditor.tell({ ...event, at: new Date(now()), user: access.user }),
  };
}
