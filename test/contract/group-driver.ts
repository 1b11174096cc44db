import { decodeEnvelope } from '../../src/core/envelope.js';
import type { GroupRule, GroupView } from '../../src/core/groups.js';
import type { GroupLimits } from '../../src/core/limits.js';
import type { ReservedJob, Settlement } from '../../src/core/ports/worker-store.js';
import { QUEUE, type Seed, type StoreDriver } from './store-driver.js';

/** The group of each job, `-` for none. */
export function groupsOf(jobs: readonly ReservedJob[]): string[] {
  return jobs.map(({ envelope }) => decodeEnvelope(envelope).header.g ?? '-');
}

export function idsOf(jobs: readonly { id: string }[]): string[] {
  return jobs.map(({ id }) => id);
}

export function countOf(groups: readonly string[], group: string): number {
  return groups.filter((one) => one === group).length;
}

export function seedsOf(...groups: string[]): Seed[] {
  return groups.map((group) => (group === '-' ? {} : { group }));
}

/** Reserves what may start, by a worker of its own: no test depends on who asks. */
export async function take(driver: StoreDriver, want = 10): Promise<ReservedJob[]> {
  return (await driver.reserve('taker', want)).jobs;
}

export async function takeIds(driver: StoreDriver, want = 10): Promise<string[]> {
  return idsOf(await take(driver, want));
}

/** Starts and completes one job after the other. @returns the group of each */
export async function serve(driver: StoreDriver, count: number, after?: (group: string) => Promise<void>) {
  const served: string[] = [];
  for (let index = 0; index < count; index++) {
    const jobs = await take(driver, 1);
    if (jobs.length === 0) break;
    const [group] = groupsOf(jobs);
    served.push(group);
    await after?.(group);
    await driver.settle('taker', driver.complete(jobs[0]));
  }
  return served;
}

export function setGroup(driver: StoreDriver, key: string, rule: GroupRule): Promise<void> {
  return driver.store.groups.set(QUEUE, key, rule);
}

export function limitGroups(driver: StoreDriver, groups: Partial<GroupLimits>): Promise<void> {
  return driver.store.limits.set(QUEUE, { groups: { byTime: false, ...groups } });
}

/** The groups of the queue, page by page. */
export async function listGroups(driver: StoreDriver, limit = 100): Promise<GroupView[]> {
  const all: GroupView[] = [];
  let cursor = '';
  do {
    const page = await driver.store.groups.list(QUEUE, cursor, limit);
    all.push(...page.groups);
    ({ cursor } = page);
  } while (cursor !== '');
  return all;
}

export async function viewOf(driver: StoreDriver, key: string): Promise<GroupView | undefined> {
  return (await listGroups(driver)).find((group) => group.key === key);
}

export function bury({ id, token }: ReservedJob): Settlement {
  const detail = '{"reason":"exhausted","message":"no"}';
  return { op: 'bury', id, token, detail, envelope: undefined, keep: { count: 10, ageMs: 1e9, bytes: 1e6 } };
}

export function retry({ id, token, envelope }: ReservedJob, delayMs: number): Settlement {
  return { op: 'retry', id, token, delayMs, envelope };
}

/** A job that crashed twice, and waits to run alone. */
export async function makeSuspect(driver: StoreDriver, seed: Seed): Promise<string> {
  const id = await driver.putOne(seed);
  for (let crash = 0; crash < 2; crash++) {
    await driver.reserve('dying', 1, { alone: true });
    await driver.expireLeases();
  }
  return id;
}
