import type { INestApplicationContext } from '@nestjs/common';
import { parseDuration, type Duration } from '../core/duration.js';
import { HandlerRegistry } from '../discovery/handler-registry.js';
import type { Store } from '../core/ports/store.js';
import { ConfigurationError, InvalidValueError } from '../core/errors/option-errors.js';
import { showMembers } from '../core/shown-members.js';
import { limitArguments, refuseSurplus } from '../core/surplus-arguments.js';
import { permissionOf } from '../memory/allowance.js';
import { MovableClock } from '../memory/memory-clock.js';
import type { MemoryQueue } from '../memory/memory-queue.js';
import { MemoryServer } from '../memory/memory-server.js';
import { MemoryStore } from '../memory/memory-store.js';
import { STORE, INSTANCE_STORE, QUEUE_SERVICE } from '../core/constants.js';
import type { BulkExecutors } from '../inspector/bulk/bulk-executors.js';
import type { QueueService } from '../queue/queue.service.js';
import { TaskQueueLifecycle } from '../module/lifecycle.js';
import { drain, type DrainOptions } from './drain-queues.js';

/** What of Nest's `TestingModuleBuilder` is used here. */
export interface ModuleBuilder {
  overrideProvider(token: unknown): { useValue(value: unknown): unknown };
}

/** One turn of promotion, and one look at schedules, goes no further. */
const LIMIT = 1000;

/**
 * A store for a test app, in memory, whatever `connection` the app names, with a clock that stands still until the test
 * moves it: delays, backoffs and schedules cost no time. Installed in several apps, it is what they share, as deployments
 * of one app do that come after each other.
 *
 * @example
 * ```ts
 * const queues = new TestQueues();
 * const moduleRef = await queues.install(Test.createTestingModule({ imports: [AppModule] })).compile();
 * const app = await moduleRef.createNestApplication().init();
 * await app.get(ReminderService).remindIn('1h');
 * await queues.advance(app, '1h');
 * ```
 */
export class TestQueues {
  private readonly clock: MovableClock;
  private readonly server: MemoryServer;
  /** Of each app that this was installed in. */
  private readonly stores = new Set<unknown>();

  /**
   * @param startAt of the clock; by default a fixed instant, so that runs repeat
   * @throws InvalidValueError
   */
  constructor(startAt?: Date);
  constructor(startAt?: Date, ...surplus: unknown[]) {
    refuseSurplus(surplus, 'new TestQueues');
    if (startAt !== undefined && !(startAt instanceof Date && Number.isFinite(startAt.getTime())))
      throw new InvalidValueError('startAt of TestQueues', startAt, 'pass a valid Date');
    this.clock = startAt ? new MovableClock(startAt.getTime()) : new MovableClock();
    this.server = new MemoryServer(this.clock);
  }

  /** Puts this store in the place of the app's own, which is never connected to. */
  install<B extends ModuleBuilder>(builder: B): B {
    const store = new MemoryStore({ server: this.server });
    this.stores.add(store);
    builder.overrideProvider(STORE).useValue(store);
    builder.overrideProvider(INSTANCE_STORE).useValue(new MemoryStore({ clock: this.clock }));
    return builder;
  }

  /** What jobs and schedules take for now. */
  now(): Date {
    return new Date(this.clock.now());
  }

  /**
   * Moves the clock, stopping wherever a job is due, a schedule ticks or a limit lets the next job start: each runs at its instant, and is awaited.
   * @throws ConfigurationError where this was not installed in the app; Error when handlers do not finish within
   *   `timeout` of real time
   */
  async advance(app: INestApplicationContext, duration: Duration, options: DrainOptions = {}): Promise<void> {
    const target = this.clock.now() + parseDuration(duration, 'duration');
    await this.settle(app, options);
    for (;;) {
      const next = await this.nextInstant(app);
      if (next === undefined || next > target) break;
      this.clock.set(Math.max(next, this.clock.now()));
      await this.settle(app, options);
    }
    this.clock.set(target);
    await this.settle(app, options);
  }

  /**
   * Does what is due now, and waits until no job runs, and none is ready but those that a rate, a `LimitedError` or their group holds
   * back.
   */
  async settle(app: INestApplicationContext, options: DrainOptions = {}): Promise<void> {
    const { engine, instanceEngine } = this.lifecycleOf(app);
    // First: the scan of the engine finds what becomes ready.
    await executorsOf(app).runOnce();
    await Promise.all([engine.runOnce(), instanceEngine.runOnce()]);
    // The duties leave a job that is due this very instant to the turns of workers.
    await this.nextInstant(app);
    await drain(app, options, (queue) => isHeldBack(this.server.queue(queue)));
  }

  private lifecycleOf(app: INestApplicationContext): TaskQueueLifecycle {
    // An app without the module has no store, and Nest throws.
    try {
      if (this.stores.has(app.get(STORE, { strict: false }))) return app.get(TaskQueueLifecycle, { strict: false });
    } catch {}
    throw new ConfigurationError(
      'This TestQueues is not installed in this app. Import TaskQueueModule.forRoot() there, and call ' +
        'install(Test.createTestingModule(…)) before compile().',
    );
  }

  /** Makes ready what is due, and says when the next job is, or the next tick. */
  private async nextInstant(app: INestApplicationContext): Promise<number | undefined> {
    const { queues, ofInstance } = app.get(HandlerRegistry, { strict: false });
    const instants = await Promise.all([
      ...queues.map((queue) => instantsOf(app.get(STORE, { strict: false }), queue)),
      ...ofInstance.queues.map((queue) => instantsOf(app.get(INSTANCE_STORE, { strict: false }), queue)),
    ]);
    const openings = queues.map((queue) => opensAt(this.server.queue(queue)));
    const coming = [...instants.flat(), ...openings, executorsOf(app).nextDueAt].filter(
      (instant) => instant !== undefined,
    );
    return coming.length === 0 ? undefined : Math.min(...coming);
  }
}

showMembers(TestQueues);

limitArguments(TestQueues, { install: 1, now: 0, advance: 3, settle: 2 }, ['install', 'now']);

function executorsOf(app: INestApplicationContext): BulkExecutors {
  return app.get<QueueService>(QUEUE_SERVICE, { strict: false }).bulkExecutors;
}

/** When jobs of a queue that limits hold back may start; undefined where none waits for a time. */
function opensAt(queue: MemoryQueue): number | undefined {
  const { jobs, opensAt } = permissionOf(queue);
  if (queue.counts.ready === 0) return undefined;
  return jobs <= 0 ? opensAt : queue.lanes.opensAt;
}

/** Whether there are ready jobs, and none starts before something is done, or a time has come. */
function isHeldBack(queue: MemoryQueue): boolean {
  if (queue.counts.ready === 0) return false;
  const { jobs, opensAt: at } = permissionOf(queue);
  return jobs <= 0 ? at !== undefined : queue.lanes.countBlocked() === queue.counts.ready;
}

/** When the next job of a queue is due, and when its next schedule is; what nobody fires now is not waited for. */
async function instantsOf(store: Store, queue: string): Promise<(number | undefined)[]> {
  const { nextDueAt } = await store.duties.promote(queue, LIMIT);
  const { nextLookAt } = await store.timetable.due(queue, LIMIT);
  return [nextDueAt, nextLookAt];
}
