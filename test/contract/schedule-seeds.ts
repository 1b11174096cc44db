import { expect } from '@jest/globals';
import type {
  FireAnswer,
  NewSchedule,
  ScheduleFire,
  ScheduledJob,
  StoredSchedule,
} from '../../src/core/ports/timetable.js';
import type { BrokerRefusedError } from '../../src/core/errors/store-errors.js';
import { QUEUE, type StoreDriver } from './store-driver.js';

export const MINUTE = 60_000;
export const APP = 'shop';

/** How a test speaks of a schedule: a rule named `digest` that ticks every minute. */
export function rule(nextTick: number | undefined, fields: Partial<NewSchedule> = {}): NewSchedule {
  const { specHash = 'h1' } = fields;
  return { name: 'digest', specHash, spec: `{"rule":"${specHash}"}`, nextTick, ...fields };
}

export function tickJob(
  driver: StoreDriver,
  tick: number,
  { name = 'digest', ...fields }: { name?: string } & Partial<ScheduledJob> = {},
): ScheduledJob {
  const { userId = `cron~${name}~${tick}`, priority = 0 } = fields;
  const envelope = driver.envelope({ userId, name, priority });
  return { envelope, priority, scheduledFor: tick, ...fields, userId };
}

/** The fire of one tick, with one job. */
export function fireOf(driver: StoreDriver, tick: number, fields: Partial<ScheduleFire> = {}): ScheduleFire {
  const { name = 'digest' } = fields;
  return {
    ...{ name, specHash: 'h1', tick, nextTick: tick + MINUTE, jobs: [tickJob(driver, tick, { name })], missed: 0 },
    ...{ overlap: 'allow', pauseOnFailure: false, limit: undefined },
    ...fields,
  };
}

/** Registers a rule whose first tick is now; answers that tick. */
export async function seedDue(driver: StoreDriver, fields: Partial<NewSchedule> = {}): Promise<number> {
  const tick = driver.now();
  expect(await driver.store.timetable.register(QUEUE, rule(tick, fields))).toBe('created');
  return tick;
}

/** Fires the tick that is stored, whenever it is. */
export async function fireNext(
  driver: StoreDriver,
  fields: Partial<ScheduleFire> = {},
): Promise<FireAnswer | BrokerRefusedError> {
  const { nextTick = 0 } = await storedOf(driver);
  return (await driver.store.timetable.fire(QUEUE, [fireOf(driver, nextTick, fields)]))[0];
}

export async function storedOf(driver: StoreDriver, name = 'digest'): Promise<StoredSchedule> {
  const [stored] = await driver.store.timetable.read(QUEUE, [name]);
  if (stored === undefined) throw new Error(`There is no schedule ${name}`);
  return stored;
}
