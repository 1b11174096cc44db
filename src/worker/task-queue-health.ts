import { Injectable } from '@nestjs/common';
import type { Connection } from '../core/ports/connection.js';
import type { Duration } from '../core/duration.js';
import { readMs, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { showMembers } from '../core/shown-members.js';
import { DEFAULTS } from '../options/defaults.js';
import type { WorkerSupervisor } from './worker-supervisor.js';

export interface ReadinessOptions {
  /** How old the last answer of the store may be, at least 1 s, default 10 s. */
  within?: Duration;
}

/** Whether this process can work, and what each of its workers knows. */
export interface Readiness {
  ready: boolean;
  /** Why it is not ready. */
  reason: string | undefined;
  /** One entry a queue; empty in a process that only enqueues. */
  workers: { queue: string; /** Undefined: never yet. */ answeredMsAgo: number | undefined; ready: boolean }[];
}

/** A probe of Kubernetes waits 1 s: the answer comes earlier, with what is known by then. */
const PATIENCE_MS = 500;

type Supervised = Pick<WorkerSupervisor, 'phase' | 'queues' | 'lastAnsweredAt' | 'probe'>;

/**
 * Readiness of this process: every worker was answered by the store, by the very call that settles and reserves, within
 * the last seconds. A PING would stay green while every reserve fails. An idle worker has no reason to ask: it asks when
 * it is asked here, so that idle and healthy is ready.
 */
@Injectable()
export class TaskQueueHealth {
  private storeAnsweredAt: number | undefined;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly connection: Pick<Connection, 'examine'>,
    private readonly supervisor: Supervised,
    /** False where this process only enqueues. */
    private readonly hasWorkers: () => boolean,
  ) {}

  /** Never rejects for what the store does or does not; takes half a second at most. */
  async readiness(options: ReadinessOptions = {}): Promise<Readiness> {
    requireObject(options, 'options of readiness', 'pass an object such as { within: "10s" }');
    refuseUnknownKeys(options, ['within'], 'readiness');
    const withinMs = readMs(options.within, 'within', 1000) ?? DEFAULTS.healthWithinMs;
    const { supervisor } = this;
    if (!this.hasWorkers()) return this.readinessOfStore(withinMs);
    if (supervisor.phase === 'running') await this.refresh(withinMs);
    const now = performance.now();
    const workers = supervisor.queues.map((queue) => {
      const age = ageOf(supervisor.lastAnsweredAt(queue), now);
      return { queue, answeredMsAgo: age, ready: age !== undefined && age < withinMs };
    });
    const late = workers.filter(({ ready }) => !ready).map(({ queue }) => queue);
    let reason: string | undefined;
    if (supervisor.phase === 'starting') reason = 'the workers have not started yet';
    if (supervisor.phase === 'stopping') reason = 'the application is closing';
    if (reason === undefined && late.length > 0) {
      reason = `the store has not answered the worker of ${late.join(', ')} within ${withinMs} ms`;
    }
    return { ready: reason === undefined, reason, workers };
  }

  /** Workers whose last answer is not fresh ask now. */
  private async refresh(withinMs: number): Promise<void> {
    const { supervisor } = this;
    const now = performance.now();
    const stale = supervisor.queues.filter(
      (queue) => (ageOf(supervisor.lastAnsweredAt(queue), now) ?? withinMs) > withinMs / 2,
    );
    await settledWithin(PATIENCE_MS, Promise.all(stale.map((queue) => supervisor.probe(queue))));
  }

  private async readinessOfStore(withinMs: number): Promise<Readiness> {
    if ((ageOf(this.storeAnsweredAt, performance.now()) ?? withinMs) > withinMs / 2) {
      this.asking ??= this.askStore();
      await settledWithin(PATIENCE_MS, this.asking);
    }
    const age = ageOf(this.storeAnsweredAt, performance.now());
    const ready = age !== undefined && age < withinMs;
    return { ready, reason: ready ? undefined : `the store has not answered within ${withinMs} ms`, workers: [] };
  }

  private async askStore(): Promise<void> {
    try {
      await this.connection.examine();
      this.storeAnsweredAt = performance.now();
    } catch {
      // Its age says it.
    } finally {
      this.asking = undefined;
    }
  }
}

showMembers(TaskQueueHealth);

function ageOf(at: number | undefined, now: number): number | undefined {
  return at === undefined ? undefined : Math.round(now - at);
}

async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
