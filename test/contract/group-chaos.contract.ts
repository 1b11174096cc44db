import { describe, expect, it } from '@jest/globals';
import { isSettled } from '../../src/core/job.js';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import { decodeEnvelope } from '../../src/core/envelope.js';
import { QUEUE, type Seed, type StoreDriver } from './store-driver.js';
import { bury, listGroups, retry, setGroup } from './group-driver.js';

const CAP = 2;
const GROUPS = ['a', 'b', 'capped', 'ordered', undefined];

const groupOf = ({ envelope }: ReservedJob) => decodeEnvelope(envelope).header.g;

/** Numbers in [0, 1), the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Workers, curators and crashes at one queue, in an order that a seed decides. */
class Chaos {
  private readonly random: () => number;
  private readonly held = new Map<string, ReservedJob[]>();
  private readonly ids: string[] = [];
  private readonly ordered = new Set<string>();

  constructor(
    private readonly driver: StoreDriver,
    seed: number,
  ) {
    this.random = randomOf(seed);
  }

  async step(): Promise<void> {
    const acts = [
      ...[this.put, this.put, this.put, this.turn, this.turn, this.turn, this.turn, this.wait],
      ...[this.cancel, this.remove, this.decide, this.crash],
    ];
    await this.one(acts).call(this);
  }

  /** Whatever stands in the way is taken away: then everything ends. */
  async drain(): Promise<void> {
    for (const key of ['a', 'b', 'ordered']) await this.driver.store.groups.reset(QUEUE, key);
    for (let round = 0; round < 60; round++) {
      await this.driver.advance(1000);
      for (const worker of ['w0', 'w1', 'w2']) await this.turn(worker, 50, true);
      const { ready, active, scheduled } = await this.driver.store.curation.counts(QUEUE);
      if (ready + active + scheduled === 0) return;
    }
    expect(await this.driver.store.curation.counts(QUEUE)).toMatchObject({ ready: 0, active: 0, scheduled: 0 });
  }

  private async put(): Promise<void> {
    const seeds = Array.from({ length: 1 + this.below(3) }, (): Seed => {
      const group = this.one(GROUPS);
      return {
        ...(group !== undefined && { group }),
        ...(group === 'ordered' && { ordered: true }),
        ...(this.random() < 0.2 && { priority: 1 + this.below(3) }),
        ...(this.random() < 0.2 && { delayMs: 1 + this.below(50) }),
      };
    });
    const ids = await this.driver.put(...seeds);
    this.ids.push(...ids);
    for (const [index, { ordered }] of seeds.entries()) if (ordered) this.ordered.add(ids[index]);
  }

  private async turn(worker = `w${this.below(3)}`, want = this.one([1, 2, 20]), endsAll = false): Promise<void> {
    const mine = this.held.get(worker) ?? [];
    const ending = mine.filter(() => endsAll || this.random() < 0.6);
    const settlements = ending.map((job) => (endsAll ? this.driver.complete(job) : this.endOf(job)));
    const kept = mine.filter((job) => !ending.includes(job));
    const alone = kept.length === 0 && (endsAll || this.random() < 0.5);
    const { jobs, lost } = await this.driver.reserve(worker, want, { settlements, alone });
    expect(lost).toEqual([]);
    this.held.set(worker, [...kept, ...jobs]);
    await this.check(want, jobs);
  }

  private endOf(job: ReservedJob): Settlement {
    const { id, token } = job;
    const choice = this.below(8);
    if (choice === 0) return retry(job, this.one([0, 30]));
    if (choice === 1) return { op: 'snooze', id, token, delayMs: this.one([0, 20]), envelope: undefined };
    if (choice === 2) return { op: 'release', id, token };
    if (choice === 3 && groupOf(job) !== undefined)
      return { op: 'limit', id, token, forMs: 1 + this.below(40), scope: 'group' };
    return choice === 4 ? bury(job) : this.driver.complete(job);
  }

  private async check(want: number, jobs: readonly ReservedJob[]): Promise<void> {
    const running = [...this.held.values()].flat().map(groupOf);
    expect(running.filter((key) => key === 'capped').length).toBeLessThanOrEqual(CAP);
    const groups = await listGroups(this.driver);
    for (const { key, running: count } of groups) expect(count).toBe(running.filter((one) => one === key).length);
    // What may start has started.
    if (jobs.length < want && jobs.every(({ crashes }) => crashes < 2)) {
      for (const { key, waiting, hold } of groups)
        if (waiting > 0) expect({ key, hold }).not.toEqual({ key, hold: undefined });
    }
    const active = (await this.driver.store.curation.read(QUEUE, [...this.ordered])).filter(
      (job) => job?.state === 'active',
    );
    expect(active.length).toBeLessThanOrEqual(1);
  }

  private wait(): Promise<void> {
    return this.driver.advance(this.below(40));
  }

  private async cancel(): Promise<void> {
    if (this.ids.length > 0) await this.driver.store.curation.cancel(QUEUE, this.one(this.ids));
  }

  private async remove(): Promise<void> {
    if (this.ids.length > 0) await this.driver.store.curation.remove(QUEUE, this.one(this.ids));
  }

  private async decide(): Promise<void> {
    const key = this.one(['a', 'b', 'ordered']);
    const rules = [{ paused: true }, { weight: 3 }, { rate: { limit: 3, perMs: 50, smooth: this.random() < 0.5 } }, {}];
    if (this.random() < 0.3) await this.driver.store.groups.reset(QUEUE, key);
    else await setGroup(this.driver, key, this.one(rules));
  }

  private async crash(): Promise<void> {
    if (this.random() < 0.7) return;
    await this.driver.expireLeases();
    this.held.clear();
    for (const stored of await this.driver.store.curation.read(QUEUE, [...this.ordered])) {
      if (stored === undefined || isSettled(stored.state)) continue;
      expect(stored.state).not.toBe('active');
    }
  }

  private below(count: number): number {
    return Math.floor(this.random() * count);
  }

  private one<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}

export function groupChaosContract(use: () => StoreDriver): void {
  describe('groups among workers that crash and curators', () => {
    it.each([1, 2, 3, 4, 5, 6, 7, 8])(
      'keep their limits and their order, lose no start, and end: seed %i',
      async (seed) => {
        const driver = use();
        await setGroup(driver, 'capped', { running: CAP });
        const chaos = new Chaos(driver, seed);
        for (let step = 0; step < 150; step++) await chaos.step();
        await driver.expectConserved();
        await chaos.drain();
      },
    );
  });
}
