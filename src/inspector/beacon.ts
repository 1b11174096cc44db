import { hostname } from 'node:os';
import { PACKAGE_VERSION } from '../core/package-version.js';
import type { Store } from '../core/ports/store.js';
import { OutageLog } from '../duties/outage-log.js';
import type { DutyLogger } from '../duties/duty-logger.js';
import { PeriodicLoop } from '../duties/periodic-loop.js';
import type { ResolvedOptions } from '../options/options.js';
import { LoopLag } from './loop-lag.js';
import { encodeProcess, MOST_RUNS, type ProcessQueue, type ProcessRun } from './process-info.js';

/** Three calls fit into the time for which one is believed. */
const EVERY_MS = 10_000;
const JITTER = 0.1;
/** Of one call: Lua gets each as an argument. */
const MOST_QUEUES = 1000;

/** What one worker does now. */
export interface WorkerLoad extends ProcessQueue {
  /** The longest first. */
  runs: readonly RunLoad[];
}

export interface RunLoad extends Omit<ProcessRun, 'queue' | 'startedAt'> {
  /** performance.now() of the start. */
  startedAt: number;
}

export interface BeaconContext {
  store: Pick<Store, 'connection' | 'presence'>;
  /** Of this process, random per start. */
  id: string;
  options: Pick<ResolvedOptions, 'app' | 'role' | 'version'>;
  /** Queues that this app knows. */
  queues: () => Iterable<string>;
  loads: () => readonly WorkerLoad[];
  logger: DutyLogger;
}

/** Says every ten seconds that this process is there, and what it does. It keeps no process alive, and follows no fake clock. */
export class Beacon {
  private readonly loop: PeriodicLoop;
  private readonly lag = new LoopLag();
  private startedAt: Date | undefined;
  /** The registry has this process, as far as is known. */
  private isRegistered = false;

  constructor(private readonly context: BeaconContext) {
    const { store, logger } = context;
    this.loop = new PeriodicLoop({
      name: 'presence of this process',
      step: () => this.announce(),
      jitter: JITTER,
      outages: new OutageLog(logger, store.connection),
      inBackground: true,
    });
  }

  start(): void {
    this.startedAt = new Date(this.context.store.connection.now());
    this.lag.start();
    this.loop.start();
  }

  /** Resolves when the registry has forgotten this process, or could not be asked to: then it does in 35 s. */
  async stop(): Promise<void> {
    if (this.startedAt === undefined) return;
    this.startedAt = undefined;
    this.lag.stop();
    const { store, id } = this.context;
    await this.loop.stop();
    // A store that did not answer the last call would hold up the shutdown for as long once more.
    if (this.isRegistered) await store.presence.withdraw(id).catch(() => {});
  }

  private async announce(): Promise<number> {
    const { store, id, queues } = this.context;
    this.isRegistered = false;
    await store.presence.announce(id, this.describe(), [...queues()].slice(0, MOST_QUEUES));
    this.isRegistered = true;
    return EVERY_MS;
  }

  private describe(): string {
    const { options, store } = this.context;
    const { app, role, version } = options;
    const loads = this.context.loads();
    const now = store.connection.now();
    return encodeProcess({
      host: hostname(),
      pid: process.pid,
      app,
      ...(version !== undefined && { version }),
      role,
      node: process.version,
      packageVersion: PACKAGE_VERSION,
      startedAt: this.startedAt ?? new Date(now),
      rssBytes: process.memoryUsage.rss(),
      loopLagMs: this.lag.take(),
      queues: loads.map(({ queue, slots, slotsBusy, names }) => ({ queue, slots, slotsBusy, names })),
      runs: longestOf(loads, now),
    });
  }
}

function longestOf(loads: readonly WorkerLoad[], now: number): ProcessRun[] {
  const sinceStart = performance.now();
  return loads
    .flatMap(({ queue, runs }) => runs.slice(0, MOST_RUNS).map((run) => ({ queue, run })))
    .sort((one, other) => one.run.startedAt - other.run.startedAt)
    .slice(0, MOST_RUNS)
    .map(({ queue, run: { id, number, name, attempt, startedAt } }) => ({
      ...{ queue, id, number, name, attempt },
      startedAt: new Date(now - (sinceStart - startedAt)),
    }));
}
