import { expect } from '@jest/globals';
import { splitRecord } from '../../src/core/envelope.js';
import type { Settlement } from '../../src/core/ports/worker-store.js';
import { isApart } from '../../src/redis/long-payloads.js';
import { KEEP, QUEUE } from '../contract/store-driver.js';
import type { RedisDriver } from './redis-driver.js';

const SETTLED = /^[CXD]/;

/** Where each id lies, by the very keys; records that lie nowhere have an empty list. */
async function placesOf(driver: RedisDriver): Promise<Map<string, string[]>> {
  const places = new Map<string, string[]>();
  const note = (id: string, place: string) => places.set(id, [...(places.get(id) ?? []), place]);
  const records = await recordsOf(driver);
  for (const id of records.keys()) places.set(id, []);
  for (const id of await driver.list('ready')) {
    const record = records.get(id);
    if (record !== undefined && !SETTLED.test(record)) note(id, 'ready'); // others are holes, which have a count
  }
  for (const id of await driver.list('suspects')) note(id, 'suspects');
  for (const id of Object.keys(await driver.hash('inflight'))) note(id, 'active');
  for (const key of ['priority', 'scheduled', 'cancelled', 'dead'] as const)
    for (const id of Object.keys(await driver.zset(key))) note(id, key);
  for (const member of Object.keys(await driver.zset('grouped')))
    note(member.slice(member.lastIndexOf(' ') + 1), 'grouped');
  for (const member of Object.keys(await driver.zset('parked')))
    note(member.slice(member.lastIndexOf(' ') + 1), 'parked');
  for (const element of await driver.list('completed')) {
    for (const id of element.split(' ').slice(3)) if (records.has(id)) note(id, 'completed'); // others were removed by hand
  }
  return places;
}

async function recordsOf(driver: RedisDriver): Promise<Map<string, string>> {
  return new Map(Object.entries(await driver.hash('jobs')));
}

function textOf(record = '', payload?: string): string {
  return payload === undefined ? record : `${record}\n${payload}`;
}

/** Every id in exactly one place, no place without a record, nothing beside records that are gone, and all counts right. */
export async function expectConservation(driver: RedisDriver): Promise<void> {
  const places = await placesOf(driver);
  const records = await recordsOf(driver);
  const strays = [...places].filter(([id, found]) => found.length !== 1 || !records.has(id));
  expect(strays).toEqual([]);
  const inState = (...names: string[]) => [...places].filter(([, [place]]) => names.includes(place));
  const misplaced = [...places].filter(
    ([id, [place]]) => SETTLED.test(records.get(id) ?? '') !== ['completed', 'cancelled', 'dead'].includes(place),
  );
  expect(misplaced).toEqual([]);
  const heldGroups = Object.keys(await driver.zset('held'));
  const grouped = Object.keys(await driver.zset('grouped'));
  const blocked = grouped.filter((member) => heldGroups.includes(member.split('\t')[0])).length;
  await driver.expectCounts({
    ready: inState('ready', 'priority', 'suspects', 'grouped').length,
    blocked,
    ...Object.fromEntries(
      ['scheduled', 'active', 'parked', 'completed', 'cancelled', 'dead'].map((name) => [name, inState(name).length]),
    ),
  });
  const payloads = await driver.hash('payloads');
  const bytesIn = (name: string) =>
    inState(name).reduce((sum, [id]) => sum + textOf(records.get(id), payloads[id]).length, 0);
  const completed = (await driver.list('completed')).reduce((sum, element) => sum + Number(element.split(' ')[1]), 0);
  expect({
    cancelledBytes: Number((await driver.meta('cancelledBytes')) ?? 0),
    deadBytes: Number((await driver.meta('deadBytes')) ?? 0),
    completedBytes: Number((await driver.meta('completedBytes')) ?? 0),
  }).toEqual({ cancelledBytes: bytesIn('cancelled'), deadBytes: bytesIn('dead'), completedBytes: completed });
  // Payloads of an enqueue that was refused: the janitor finds them.
  const notes = Object.entries(await driver.client.hgetall(driver.keys.meta)).filter(([field]) =>
    field.startsWith('^'),
  );
  const noted = new Set(notes.flatMap(([, note]) => note.split(' ')[2].split(',')));
  const live = new Set([...records].filter(([, record]) => !SETTLED.test(record)).map(([id]) => id));
  expect({
    ids: Object.entries(await driver.hash('ids')).filter(([, id]) => !records.has(id)),
    traits: Object.keys(await driver.hash('traits')).filter((id) => !records.has(id)),
    crashes: Object.keys(await driver.hash('crashes')).filter((id) => !live.has(id)),
    cancelling: Object.keys(await driver.hash('cancelling')).filter((id) => !live.has(id)),
    payloads: Object.keys(payloads).filter((id) => !records.has(id) && !noted.has(id)),
    lost: [...records].filter(([id, record]) => isApart(splitRecord(record).envelope) && !(id in payloads)),
    notes: Object.keys(await driver.hash('notes')).filter((field) => !records.has(field.replace(/:.*/, ''))),
  }).toEqual({ ids: [], traits: [], crashes: [], cancelling: [], payloads: [], lost: [], notes: [] });
  await expectGroups(driver, grouped, heldGroups);
  // Each live job with a unique key holds it, and no other job does, but where a window of throttled calls has the key.
  const entries = Object.entries(await driver.hash('uniques')).map(([key, entry]) => [key, ...entry.split(' ')]);
  const windows = new Set(entries.filter(([, , kind]) => kind === 'w').map(([key]) => key));
  const keys = Object.entries(await driver.hash('traits')).flatMap(([id, text]) => {
    const key = /^q(.*)$/m.exec(text)?.[1];
    return key !== undefined && live.has(id) && !windows.has(key) ? [[key, id]] : [];
  });
  const held = entries.filter(([key]) => !windows.has(key)).map(([key, id]) => [key, id]);
  expect(Object.fromEntries(held)).toEqual(Object.fromEntries(keys));
  expect(new Set(keys.map(([key]) => key)).size).toBe(keys.length);
}

/** Jobs of groups run where their group says so; a group with ready jobs is among the turns or held, and no other is. */
async function expectGroups(driver: RedisDriver, grouped: readonly string[], held: readonly string[]): Promise<void> {
  const traits = await driver.hash('traits');
  const groupOf = (id: string) => /^g(.*)$/m.exec(traits[id] ?? '')?.[1];
  const running = Object.keys(await driver.hash('inflight')).filter((id) => groupOf(id) !== undefined);
  expect(Object.keys(await driver.zset('flying')).sort()).toEqual(running.map((id) => `${groupOf(id)}\t${id}`).sort());
  expect(
    grouped.filter((member) => groupOf(member.slice(member.lastIndexOf(' ') + 1)) !== member.split('\t')[0]),
  ).toEqual([]);
  if ((await driver.meta('relook')) !== null) return; // turns are about to look at all of them
  const turns = Object.keys(await driver.zset('turns')).map((member) => member.slice(16));
  expect([...turns, ...held].sort()).toEqual([...new Set(grouped.map((member) => member.split('\t')[0]))].sort());
}

/** Ends what runs, and lets a worker run all the rest: each job once, and nothing is left behind. */
export async function expectEachRunsOnce(driver: RedisDriver): Promise<string[]> {
  const live = [...(await recordsOf(driver))].filter(([, record]) => !SETTLED.test(record)).map(([id]) => id);
  const ran: string[] = [];
  await driver.store.curation.setPaused(QUEUE, false);
  for (const key of Object.keys(await driver.hash('rules'))) await driver.store.groups.reset(QUEUE, key);
  const running = Object.entries(await driver.hash('inflight'));
  const ends = running.map(([id, token]): Settlement => ({
    op: 'complete',
    id,
    token,
    result: '1',
    envelope: '1\n1',
    keep: KEEP,
  }));
  ran.push(...running.map(([id]) => id));
  await driver.reserve('drain', 0, { settlements: ends });
  await driver.advance(400 * 86_400_000);
  for (let turns = 0; turns < 50; turns++) {
    await driver.store.duties.promote(QUEUE, 100);
    const { jobs } = await driver.reserve('drain', 100, { adopt: '*', alone: true });
    if (jobs.length === 0) break;
    ran.push(...jobs.map(({ id }) => id));
    await driver.reserve('drain', 0, { settlements: jobs.map((job) => driver.complete(job)) });
  }
  expect(ran.sort()).toEqual(live.sort());
  await expectConservation(driver);
  return ran;
}
