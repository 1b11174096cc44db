import type { DueSchedule, NewSchedule, ScheduleFire, StoredSchedule } from '../core/broker.js';
import type { MemoryQueue } from './memory-queue.js';
import { enqueue } from './producer.js';

interface Rule {
  name: string;
  specHash: string;
  spec: string;
  /** Undefined: no further tick will come. */
  tick: number | undefined;
  lastTick: number | undefined;
}

type ComingRule = Rule & { tick: number };

/** The schedules of one queue. */
export class Timetable {
  private readonly rules = new Map<string, Rule>();

  constructor(private readonly queue: MemoryQueue) {}

  register({ name, specHash, spec, nextTick }: NewSchedule): 'created' | 'unchanged' | 'replaced' {
    const stored = this.rules.get(name);
    if (stored?.specHash === specHash) return 'unchanged';
    this.rules.set(name, { name, specHash, spec, tick: nextTick, lastTick: stored?.lastTick });
    return stored ? 'replaced' : 'created';
  }

  due(limit: number): { now: number; due: DueSchedule[]; nextTickAt: number | undefined } {
    const now = this.queue.now();
    const coming = this.inTickOrder();
    return {
      now,
      due: coming
        .filter(({ tick }) => tick <= now)
        .slice(0, limit)
        .map(({ name, specHash, spec, tick }) => ({ name, specHash, spec, tick })),
      nextTickAt: coming.find(({ tick }) => tick > now)?.tick,
    };
  }

  fire({ name, specHash, tick, nextTick, job }: ScheduleFire): 'fired' | 'stale' | 'early' {
    const rule = this.rules.get(name);
    if (rule?.specHash !== specHash || rule.tick !== tick) return 'stale';
    if (this.queue.now() < tick) return 'early';
    if (job) rule.lastTick = tick;
    rule.tick = nextTick;
    // A tick runs when it fires: its job waits for no time of its own.
    if (job) enqueue(this.queue, [{ envelope: job.envelope, userId: job.userId, priority: job.priority }]);
    return 'fired';
  }

  all(): StoredSchedule[] {
    return this.inTickOrder().map((rule) => ({ ...rule }));
  }

  remove(name: string): boolean {
    return this.rules.delete(name);
  }

  private inTickOrder(): ComingRule[] {
    const coming = [...this.rules.values()].filter((rule): rule is ComingRule => rule.tick !== undefined);
    return coming.sort((a, b) => a.tick - b.tick || (a.name < b.name ? -1 : 1));
  }
}
