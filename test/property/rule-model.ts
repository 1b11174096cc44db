import type {
  AnnouncedSchedule,
  Announcement,
  ComingTick,
  FireAnswer,
  NewSchedule,
  RegisterAnswer,
  ResumeAnswer,
  ScheduleFire,
  ScheduleRun,
  ScheduledJob,
  StoredSchedule,
} from '../../src/core/ports/timetable.js';
import { isSettled } from '../../src/core/job.js';
import type { Meeting } from './key-model.js';
import { byText } from './model-job.js';
import type { ModelState } from './model-state.js';

const SILENCE_MS = 60_000;

type Rule = StoredSchedule & {
  lookAt: number;
  replaced: string[];
  resumedAt: number;
  open: string[];
  runs: ScheduleRun[];
};

/** The schedules of a queue. */
export class RuleModel {
  readonly rules = new Map<string, Rule>();
  private readonly apps = new Map<string, { last: number; since: number }>();

  constructor(
    private readonly jobs: ModelState,
    private readonly meet: (job: ScheduledJob) => Meeting,
  ) {}

  // ---------------------------------------------------------------- read

  all(): StoredSchedule[] {
    const sorted = [...this.rules.values()].sort((a, b) => byText(a.name, b.name));
    return sorted.map(({ lookAt: _look, replaced: _old, resumedAt: _at, open: _open, runs: _runs, ...told }) => told);
  }

  due(): Rule[] {
    return this.coming().filter(({ lookAt }) => lookAt <= this.jobs.now);
  }

  nextLookAt(): number | undefined {
    return this.coming()[0]?.lookAt;
  }

  // ---------------------------------------------------------------- keep

  register({ name, specHash, spec, app, losesTick = false, ...next }: NewSchedule): RegisterAnswer {
    const { now } = this.jobs;
    const stored = this.rules.get(name);
    const told = { announcedAt: app === undefined ? undefined : now };
    if (stored === undefined) {
      const rule: Rule = {
        ...{ name, specHash, spec, app, status: 'ended', pauseReason: undefined, nextTick: undefined },
        ...{ lastTick: undefined, fired: 0, skipped: 0, createdAt: now, ...told },
        ...{ lookAt: 0, replaced: [], resumedAt: 0, open: [], runs: [] },
      };
      this.rules.set(name, rule);
      this.goOn(rule, next);
      return 'created';
    }
    const isLive = stored.announcedAt !== undefined && now - stored.announcedAt < SILENCE_MS;
    if ((app === undefined) !== (stored.app === undefined) || (app !== stored.app && isLive)) return 'conflict';
    const same = stored.specHash === specHash;
    const removed = stored.pauseReason === 'removed';
    if (same && !removed) {
      Object.assign(stored, { app, ...told });
      return 'unchanged';
    }
    if (this.isOutdated(stored, specHash)) return 'outdated';
    const hasCome = stored.status === 'active' && (stored.nextTick ?? Infinity) <= now;
    const wasFired = (next.nextTick ?? Infinity) <= (stored.lastTick ?? -Infinity);
    const goesOn = removed || stored.pauseReason === undefined;
    if (!same && goesOn && !losesTick && (hasCome || wasFired)) return 'due';
    if (!same) {
      const replaced = [stored.specHash, ...stored.replaced.filter((hash) => hash !== specHash)].slice(0, 8);
      Object.assign(stored, { specHash, spec, fired: 0, skipped: 0, replaced: app === undefined ? [] : replaced });
    }
    Object.assign(stored, { app, ...told });
    if (goesOn) this.goOn(stored, next);
    return 'replaced';
  }

  announce(app: string, announced: readonly AnnouncedSchedule[]): Announcement {
    const { now } = this.jobs;
    const answer: Announcement = { outdated: [], unknown: [], removed: [] };
    for (const { name, specHash } of announced) {
      const rule = this.rules.get(name);
      if (rule?.app === app && rule.specHash === specHash && rule.pauseReason !== 'removed') {
        rule.announcedAt = now;
      } else answer[rule?.app === app && this.isOutdated(rule, specHash) ? 'outdated' : 'unknown'].push(name);
    }
    const before = this.apps.get(app);
    const since = before === undefined || now - before.last >= SILENCE_MS ? now : before.since;
    this.apps.set(app, { last: now, since });
    for (const rule of now - since >= SILENCE_MS ? this.rules.values() : []) {
      if (rule.app !== app || rule.announcedAt === undefined || now - rule.announcedAt < SILENCE_MS) continue;
      rule.announcedAt = undefined;
      if (rule.status !== 'active') continue;
      Object.assign(rule, { status: 'paused', pauseReason: 'removed', nextTick: undefined });
      answer.removed.push(rule.name);
    }
    answer.removed.sort(byText);
    return answer;
  }

  pause(name: string): boolean {
    const rule = this.rules.get(name);
    if (rule && rule.status !== 'ended') {
      Object.assign(rule, { status: 'paused', pauseReason: 'user', nextTick: undefined });
    }
    return rule !== undefined;
  }

  resume(name: string, specHash: string, next: ComingTick): ResumeAnswer {
    const rule = this.rules.get(name);
    if (rule === undefined) return 'not-found';
    if (rule.specHash !== specHash) return 'changed';
    if (rule.pauseReason === 'removed') return 'removed';
    if (rule.status === 'paused') {
      rule.resumedAt = this.jobs.now;
      this.goOn(rule, next);
    }
    return 'resumed';
  }

  remove(name: string): boolean {
    return this.rules.delete(name);
  }

  // ---------------------------------------------------------------- fire

  /** `jobs`: what the store makes jobs of, each to be told by {@link ran}. */
  fire(fire: ScheduleFire): { answer: FireAnswer; jobs: readonly ScheduledJob[]; missed: number } {
    const none = (answer: FireAnswer) => ({ answer, jobs: [], missed: 0 });
    const rule = this.rules.get(fire.name);
    if (rule?.specHash !== fire.specHash) return none('stale');
    if (rule.status !== 'active') return none(rule.status);
    if (rule.nextTick !== fire.tick) return none('stale');
    if (this.jobs.now < (fire.atOnce ? fire.tick : rule.lookAt)) return none('early');
    if (fire.pauseOnFailure && rule.runs.some(({ jobId }) => this.diedSince(jobId, rule.resumedAt))) {
      Object.assign(rule, { status: 'paused', pauseReason: 'failure', nextTick: undefined });
      return none('paused');
    }
    const left = (fire.limit ?? Infinity) - rule.fired;
    if (left <= 0) {
      this.goOn(rule, { nextTick: undefined });
      return none('ended');
    }
    const single = fire.overlap !== 'allow' && fire.jobs.length > 0;
    if (single && rule.open.some((id) => this.isOpen(id))) {
      if (fire.overlap === 'queue-one') {
        rule.lookAt = this.jobs.now + 1000;
        return none('held');
      }
      rule.skipped++;
      this.goOn(rule, fire);
      return none('overlapped');
    }
    const coming = single ? fire.jobs.slice(-1) : fire.jobs.slice(0, Math.min(left, 100));
    const jobs = this.unheld(coming);
    if (jobs.length === 0) rule.skipped++;
    rule.fired += jobs.length;
    this.goOn(rule, jobs.length === left ? { nextTick: undefined } : fire);
    const missed = fire.missed + (single ? fire.jobs.length - 1 : 0);
    const answer = jobs.length === 0 && coming.length > 0 ? 'overlapped' : 'fired';
    return { answer, jobs, missed: jobs.at(-1) === coming.at(-1) ? missed : 0 };
  }

  /** Those whose unique key no other job has, nor one before them. */
  unheld(jobs: readonly ScheduledJob[]): ScheduledJob[] {
    const taken = new Set<string>();
    return jobs.filter((job) => {
      if (this.jobs.findByUserId(job.userId) !== undefined || job.uniqueKey === undefined) return true;
      if (taken.has(job.uniqueKey) || 'id' in this.meet(job)) return false;
      taken.add(job.uniqueKey);
      return true;
    });
  }

  ran(name: string, tick: number, jobId: string, missed: number, byHand = false): void {
    const rule = this.rules.get(name) as Rule;
    rule.runs = [{ tick, firedAt: this.jobs.now, missed, jobId }, ...rule.runs].slice(0, 10);
    rule.open = byHand ? [...rule.open.filter((id) => this.isOpen(id)), jobId].slice(-10) : [jobId];
    if (!byHand) rule.lastTick = tick;
  }

  private coming(): Rule[] {
    const coming = [...this.rules.values()].filter(({ status }) => status === 'active');
    return coming.sort((a, b) => a.lookAt - b.lookAt || byText(a.name, b.name));
  }

  private goOn(rule: Rule, { nextTick, lookAt }: ComingTick): void {
    const status = nextTick === undefined ? 'ended' : 'active';
    Object.assign(rule, { status, pauseReason: undefined, nextTick, lookAt: lookAt ?? nextTick ?? 0 });
  }

  private isOutdated({ app, replaced, announcedAt = -Infinity }: Rule, specHash: string): boolean {
    return app !== undefined && replaced.includes(specHash) && this.jobs.now - announcedAt < SILENCE_MS;
  }

  private isOpen(id: string): boolean {
    const job = this.jobs.jobs.get(id);
    return job !== undefined && !isSettled(job.state);
  }

  private diedSince(id: string, at: number): boolean {
    const job = this.jobs.jobs.get(id);
    return job?.state === 'dead' && job.settledAt > at;
  }
}
