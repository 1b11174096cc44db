import { expect } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeEnvelope } from '../../src/core/envelope.js';
import type { GroupRule, GroupView } from '../../src/core/groups.js';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import { QUEUE, type Seed, type StoreDriver } from '../contract/store-driver.js';
import { bury, listGroups } from '../contract/group-driver.js';

/** What is done to a queue of groups, one thing after the other. */
export type Step =
  | { do: 'put'; seeds: Seed[] }
  | { do: 'reserve'; worker: string; want: number; alone: boolean }
  | { do: 'settle'; how: 'complete' | 'retry' | 'later' | 'release' | 'bury' | 'limit' | 'park'; at: number }
  | { do: 'cancel' | 'remove'; at: number }
  | { do: 'rule'; key: string; rule: GroupRule | undefined }
  | { do: 'limits'; running: number | undefined; rate: number | undefined }
  | { do: 'advance'; ms: number }
  | { do: 'die' }
  | { do: 'trim' };

const KEYS = ['a', 'b', 'c', 'd'];
const rate = fc.option(fc.constantFrom({ limit: 1, perMs: 100 }, { limit: 3, perMs: 500 }), {
  nil: undefined,
  freq: 2,
});
const seed: fc.Arbitrary<Seed> = fc.record({
  group: fc.constantFrom(...KEYS, undefined),
  ordered: fc.boolean(),
  priority: fc.constantFrom(0, 0, 0, 4),
  delayMs: fc.constantFrom(0, 0, 0, 50),
});
const rule: fc.Arbitrary<GroupRule> = fc.record({
  weight: fc.constantFrom(undefined, 0.5, 3),
  running: fc.constantFrom(undefined, 1, 2),
  rate: rate.map((some) => some && { ...some, smooth: some.limit === 1 }),
  paused: fc.constantFrom(undefined, undefined, undefined, true),
});
const at = fc.nat(30);

export const steps: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant('put'), seeds: fc.array(seed, { minLength: 1, maxLength: 6 }) }),
  fc.record({ do: fc.constant('put'), seeds: fc.array(seed, { minLength: 1, maxLength: 6 }) }),
  fc.record({ do: fc.constant('reserve'), worker: fc.constantFrom('w1', 'w2'), want: fc.nat(5), alone: fc.boolean() }),
  fc.record({ do: fc.constant('reserve'), worker: fc.constantFrom('w1', 'w2'), want: fc.nat(5), alone: fc.boolean() }),
  fc.record({
    do: fc.constant('settle'),
    how: fc.constantFrom('complete', 'complete', 'retry', 'later', 'release', 'bury', 'limit', 'park'),
    at,
  }),
  fc.record({ do: fc.constantFrom('cancel', 'remove'), at }),
  fc.record({
    do: fc.constant('rule'),
    key: fc.constantFrom(...KEYS),
    rule: fc.option(rule, { nil: undefined, freq: 3 }),
  }),
  fc.record({
    do: fc.constant('limits'),
    running: fc.constantFrom(undefined, 1, 2),
    rate: fc.constantFrom(undefined, undefined, 2),
  }),
  fc.record({ do: fc.constant('advance'), ms: fc.constantFrom(1, 20, 150, 600) }),
  fc.record({ do: fc.constant('die') }),
  fc.record({ do: fc.constant('trim') }),
] as fc.Arbitrary<Step>[];

/** Does the steps, and holds the store to what groups promise after each. */
export class GroupRules {
  private readonly running: { worker: string; job: ReservedJob; group: string | undefined; ordered: boolean }[] = [];
  private readonly ids: string[] = [];
  private readonly seeds = new Map<string, Seed>();
  private readonly rules = new Map<string, GroupRule>();
  private readonly starts: { group: string; at: number }[] = [];
  /** Of each ordered group the job that began and has not ended. */
  private readonly holders = new Map<string, string>();
  private limits: GroupRule = {};

  constructor(private readonly driver: StoreDriver) {}

  async run(step: Step): Promise<void> {
    const { driver } = this;
    switch (step.do) {
      case 'put': {
        const ids = await driver.put(...step.seeds);
        ids.forEach((id, index) => this.seeds.set(id, step.seeds[index]));
        this.ids.push(...ids);
        return;
      }
      case 'reserve':
        return this.reserve(step.worker, step.want, step.alone);
      case 'settle':
        return this.settle(step.how, step.at);
      case 'cancel':
      case 'remove': {
        const id = this.ids[step.at % Math.max(this.ids.length, 1)];
        if (id === undefined || this.running.some(({ job }) => job.id === id)) return;
        await driver.store.curation[step.do](QUEUE, id);
        return this.ended(id);
      }
      case 'rule':
        if (step.rule === undefined) await driver.store.groups.reset(QUEUE, step.key);
        else await driver.store.groups.set(QUEUE, step.key, step.rule);
        this.rules.set(step.key, step.rule ?? {});
        this.starts.splice(0, this.starts.length, ...this.starts.filter(({ group }) => group !== step.key));
        return;
      case 'limits': {
        const perSecond = step.rate === undefined ? undefined : { limit: step.rate, perMs: 300, smooth: false };
        this.limits = { running: step.running, rate: perSecond };
        await driver.store.limits.set(QUEUE, { groups: { ...this.limits, byTime: false } });
        this.starts.length = 0;
        return;
      }
      case 'advance':
        await driver.advance(step.ms);
        await driver.store.duties.promote(QUEUE, 100);
        return;
      case 'die':
        await driver.expireLeases();
        for (const { job } of this.running.splice(0)) {
          if ((await driver.stateOf(job.id)) === 'dead') this.ended(job.id);
        }
        return;
      case 'trim':
        for (let again = 0; again < 4; again++) {
          await driver.store.duties.trim(QUEUE, { completed: false, cancelled: false, dead: false });
        }
    }
  }

  /** Everything that is left runs to its end once nothing is held any more. */
  async drain(): Promise<void> {
    const { driver } = this;
    for (const key of KEYS) await this.run({ do: 'rule', key, rule: undefined });
    await this.run({ do: 'limits', running: undefined, rate: undefined });
    await driver.advance(3_600_000);
    await driver.expireLeases();
    this.running.length = 0;
    for (let turns = 0; turns < 300; turns++) {
      await driver.store.duties.promote(QUEUE, 100);
      const { jobs } = await driver.reserve('w9', 20, { alone: true, adopt: '*' });
      if (jobs.length === 0) break;
      await driver.settle('w9', ...jobs.map((job) => driver.complete(job, '1', false)));
    }
    const {
      paused: _paused,
      completed: _c,
      cancelled: _x,
      dead: _d,
      ...live
    } = await driver.store.curation.counts(QUEUE);
    expect(live).toEqual({ ready: 0, scheduled: 0, active: 0, parked: 0, blocked: 0 });
    expect(await listGroups(driver)).toEqual([]);
  }

  private async reserve(worker: string, want: number, alone: boolean): Promise<void> {
    const held = this.running.some((one) => one.worker === worker);
    const { jobs, backlog, suspects } = await this.driver.reserve(worker, want, { alone: alone && !held });
    for (const job of jobs) this.start(worker, job);
    await this.driver.expectConserved();
    if (jobs.length >= want || suspects || jobs.length === 1) return;
    // It had room: whatever waits is held.
    const views = await listGroups(this.driver);
    const free = views.filter(({ waiting, hold }) => waiting > 0 && hold === undefined);
    if (!backlog) expect(free).toEqual([]);
    this.compare(views);
  }

  private start(worker: string, job: ReservedJob): void {
    const { g: group } = decodeEnvelope(job.envelope).header;
    const ordered = this.seeds.get(job.id)?.ordered === true && group !== undefined;
    if (group !== undefined) {
      const own = this.rules.get(group) ?? {};
      const { running, rate: some } = {
        running: own.running ?? this.limits.running,
        rate: own.rate ?? this.limits.rate,
      };
      expect([group, own.paused ?? false]).toEqual([group, false]);
      if (running !== undefined) {
        expect(this.running.filter((one) => one.group === group).length).toBeLessThan(running);
      }
      const now = this.driver.now();
      if (some !== undefined) {
        const inWindow = this.starts.filter((one) => one.group === group && one.at > now - some.perMs);
        expect(inWindow.length).toBeLessThan(some.limit);
      }
      this.starts.push({ group, at: now });
      if (ordered) {
        expect([undefined, job.id]).toContain(this.holders.get(group));
        this.holders.set(group, job.id);
      }
    }
    this.running.push({ worker, job, group, ordered });
  }

  private compare(views: readonly GroupView[]): void {
    for (const { key, running } of views) {
      expect([key, running]).toEqual([key, this.running.filter(({ group }) => group === key).length]);
    }
  }

  private async settle(how: (Step & { do: 'settle' })['how'], index: number): Promise<void> {
    if (this.running.length === 0) return;
    const [{ worker, job, group }] = this.running.splice(index % this.running.length, 1);
    const { id, token, envelope } = job;
    const settlements: Record<typeof how, () => Settlement> = {
      complete: () => this.driver.complete(job),
      retry: () => ({ op: 'retry', id, token, delayMs: 0, envelope }),
      later: () => ({ op: 'retry', id, token, delayMs: 40, envelope }),
      release: () => ({ op: 'release', id, token }),
      bury: () => bury(job),
      limit: () => ({ op: 'limit', id, token, forMs: 30, scope: 'group' }),
      park: () => ({ op: 'park', id, token, name: 'unknown' }),
    };
    // Where it has no group, the queue would start nothing.
    const { lost } = await this.driver.settle(
      worker,
      settlements[how === 'limit' && group === undefined ? 'release' : how](),
    );
    expect(lost).toEqual([]);
    if (how === 'complete' || how === 'bury') this.ended(id);
  }

  private ended(id: string): void {
    for (const [group, holder] of this.holders) if (holder === id) this.holders.delete(group);
  }
}
