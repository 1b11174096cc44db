import type { NewSchedule, ScheduleFire, StoredSchedule } from '../../src/core/broker.js';
import { byText } from './model-job.js';

type Rule = Omit<StoredSchedule, 'tick'> & { tick: number | undefined };

/** The schedules of a queue. */
export class RuleModel {
  private readonly rules = new Map<string, Rule>();

  register({ name, specHash, spec, nextTick }: NewSchedule): 'created' | 'unchanged' | 'replaced' {
    const stored = this.rules.get(name);
    if (stored?.specHash === specHash) return 'unchanged';
    this.rules.set(name, { name, specHash, spec, tick: nextTick, lastTick: stored?.lastTick });
    return stored === undefined ? 'created' : 'replaced';
  }

  coming(): StoredSchedule[] {
    const coming = [...this.rules.values()].filter((rule): rule is StoredSchedule => rule.tick !== undefined);
    return coming.sort((a, b) => a.tick - b.tick || byText(a.name, b.name));
  }

  fire({ name, specHash, tick, nextTick, job }: ScheduleFire, now: number): 'fired' | 'stale' | 'early' {
    const rule = this.rules.get(name);
    if (rule?.specHash !== specHash || rule.tick !== tick) return 'stale';
    if (now < tick) return 'early';
    Object.assign(rule, { tick: nextTick, lastTick: job === undefined ? rule.lastTick : tick });
    return 'fired';
  }

  remove(name: string): boolean {
    return this.rules.delete(name);
  }
}
