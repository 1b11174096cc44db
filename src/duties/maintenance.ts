import type { Store } from '../core/ports/store.js';
import type { RetentionRules } from '../core/job.js';
import type { QueueLimits } from '../core/limits.js';
import type { DutyLogger } from './duty-logger.js';
import { Janitor } from './janitor.js';
import { LimitDeclarer } from './limit-declarer.js';
import { OutageLog } from './outage-log.js';
import { OwnTrimmer, type OwnRuleOf } from './own-trimmer.js';
import { PeriodicLoop, UNTIL_WOKEN } from './periodic-loop.js';
import { Promoter } from './promoter.js';
import { Reclaimer, SCAN_JITTER, type ReclaimedQueue, type ScanListener } from './reclaimer.js';

export interface MaintainedQueue extends ReclaimedQueue {
  retention: RetentionRules;
  /** What code says of it. */
  limits?: QueueLimits | undefined;
  /** Some of its handlers or schedules keep fewer records of their own. */
  hasOwnRules?: boolean;
}

export interface MaintenanceOptions {
  store: Pick<Store, 'connection' | 'duties' | 'limits'>;
  queues: readonly MaintainedQueue[];
  logger: DutyLogger;
  /** Called when a scan found work that workers may have missed. Wakes the worker of the queue. Default: no call. */
  onBacklog?: ScanListener;
  /** Called after every scan, with the time of the next due schedule. Default: no call. */
  onScan?: ScanListener;
  /** Reads the retention of a job's own kind. Default: none. */
  ownRuleOf?: OwnRuleOf;
  outages?: OutageLog;
  /** A number in [0, 1). */
  random?: () => number;
}

interface QueueLoops {
  scan: PeriodicLoop;
  trim: PeriodicLoop;
  limits: PeriodicLoop;
  own: PeriodicLoop | undefined;
  /** Some job with a rule of its own may have ended. */
  hasOwnRules: boolean;
  wake: NodeJS.Timeout | undefined;
}

/** Processes that start together spread their first trims over this time. */
const FIRST_TRIM_WITHIN_MS = 30_000;
/** The engine declares what there is before the first job starts: this is the second time. */
const FIRST_DECLARATION_WITHIN_MS = 20_000;
/** Records over an own rule may wait a few seconds; what ends meanwhile is read and removed in the same calls. */
const OWN_TRIM_AFTER_MS = 2000;

/**
 * The background duties of a process: for each of its queues a reclaimer (with its promoter), a janitor, the declarer of limits and the
 * trimmer of own rules.
 */
export class Maintenance {
  private readonly loops = new Map<string, QueueLoops>();
  private readonly loopsOf: (queue: MaintainedQueue) => QueueLoops;
  private readonly random: () => number;
  private stopping = false;

  constructor({ store, queues, logger, onBacklog = () => {}, onScan, ...rest }: MaintenanceOptions) {
    const { connection, duties, limits } = store;
    const { random = Math.random } = rest;
    this.random = random;
    const outages = rest.outages ?? new OutageLog(logger, connection);
    const isStopping = () => this.stopping;
    const reclaimer = new Reclaimer(duties, new Promoter(duties), logger, onBacklog, onScan);
    const janitor = new Janitor(duties, logger);
    const loop = (name: string, step: () => Promise<number>, jitter?: number) =>
      new PeriodicLoop({ name, step, jitter, outages, random });
    const { ownRuleOf } = rest;
    this.loopsOf = (queue) => {
      const declarer = new LimitDeclarer(limits, queue.name, queue.limits, logger);
      const trimmer = ownRuleOf && new OwnTrimmer(duties, queue.name, ownRuleOf);
      return {
        scan: loop(`reclaimer of "${queue.name}"`, () => reclaimer.scan(queue, isStopping), SCAN_JITTER),
        trim: loop(`janitor of "${queue.name}"`, () => janitor.trim(queue.name, queue.retention, isStopping)),
        limits: loop(`limits of "${queue.name}"`, () => declarer.declare()),
        own: trimmer && loop(`own retention of "${queue.name}"`, () => trimmer.trim(isStopping)),
        hasOwnRules: queue.hasOwnRules === true,
        wake: undefined,
      };
    };
    this.add(queues);
  }

  /** The first scans run at once: a restarted process is often the one that must repair. */
  start(): void {
    this.stopping = false;
    for (const { scan, trim, limits, own, hasOwnRules } of this.loops.values()) {
      scan.start();
      trim.start(FIRST_TRIM_WITHIN_MS * this.random());
      limits.start(FIRST_DECLARATION_WITHIN_MS * this.random());
      own?.start(hasOwnRules ? FIRST_TRIM_WITHIN_MS * this.random() : UNTIL_WOKEN);
    }
  }

  /** Adds queues from the next {@link start} on. Queues that are known stay as they are. */
  add(queues: readonly MaintainedQueue[]): void {
    for (const queue of queues) {
      if (!this.loops.has(queue.name)) this.loops.set(queue.name, this.loopsOf(queue));
    }
  }

  /** A job has ended, or is about to, that keeps fewer records of its own kind than its queue does. */
  ownEnded(queue: string): void {
    const loops = this.loops.get(queue);
    if (loops === undefined) return;
    loops.hasOwnRules = true;
    loops.wake ??= setTimeout(() => {
      loops.wake = undefined;
      loops.own?.wake();
    }, OWN_TRIM_AFTER_MS).unref();
  }

  /** No duty calls the store after it resolves. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const { wake } of this.loops.values()) clearTimeout(wake);
    await Promise.all(this.all.map((loop) => loop.stop()));
  }

  /** One turn of every duty, without waiting for a timer: for tests that move a clock. */
  async runOnce(): Promise<void> {
    await Promise.all(this.all.map((loop) => loop.runOnce()));
  }

  /** All loops; the loop for own rules only where there are any. */
  private get all(): PeriodicLoop[] {
    return [...this.loops.values()].flatMap(({ scan, trim, limits, own, hasOwnRules }) =>
      own !== undefined && hasOwnRules ? [scan, trim, limits, own] : [scan, trim, limits],
    );
  }
}
