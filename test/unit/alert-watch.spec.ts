import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { memory, oldestReady, oldestDead } from 'nestjs-task-queue';
import { AlertWatch, type AlertAudience } from '../../src/alerts/alert-watch.js';
import { nextRecord } from '../../src/alerts/next-record.js';
import type { QueueAlert } from '../../src/core/alert-record.js';
import type { Store } from '../../src/core/ports/store.js';
import { listAlerts } from '../../src/inspector/alert-lister.js';
import type { AlertRule } from '../../src/options/alert-rules.js';
import { QUEUE, StoreDriver } from '../contract/store-driver.js';
import { memoryKind } from '../support/stores.js';

const MINUTE = 60_000;

describe('an alert', () => {
  const holds = { holds: true, value: 7 };
  const rests = { holds: false, value: 1 };

  it('waits as long as its rule wants, fires, and is resolved', () => {
    const pending = nextRecord(undefined, holds, 1000, 5000);
    expect(pending).toEqual({ state: 'pending', since: 5000, value: 7, untold: [] });
    expect(nextRecord(pending, { holds: true, value: 8 }, 1000, 5999)).toEqual(pending);
    expect(nextRecord(pending, rests, 1000, 5999)).toBeUndefined();
    const firing = nextRecord(pending, { holds: true, value: 9 }, 1000, 6000);
    const fired = { state: 'firing' as const, since: 5000, value: 9 };
    expect(firing).toEqual({ ...fired, untold: [fired] });
    const told = { ...fired, untold: [] };
    expect(nextRecord(told, { holds: true, value: 10 }, 1000, 7000)).toEqual({ ...told, value: 10 });
    const resolved = { state: 'resolved' as const, since: 7000, value: 1 };
    expect(nextRecord(told, rests, 1000, 7000)).toEqual({ ...resolved, untold: [resolved] });
    expect(nextRecord({ ...resolved, untold: [] }, rests, 1000, 8000)).toBeUndefined();
  });

  it('fires at once where its rule does not wait, and waits where nothing tells since when it holds', () => {
    expect(nextRecord(undefined, holds, 0, 5000)).toMatchObject({ state: 'firing', since: 5000 });
    expect(nextRecord(undefined, { ...holds, leastMs: 10 }, 0, 5000)).toMatchObject({ state: 'pending' });
  });

  it('keeps what nobody was told of, for an hour; and that it fires as long as it does', () => {
    let record = nextRecord(undefined, holds, 0, 0);
    record = nextRecord(record, rests, 0, 10);
    record = nextRecord(record, holds, 0, 20);
    expect(record?.untold.map(({ state }) => state)).toEqual(['firing', 'resolved', 'firing']);
    expect(nextRecord(record, holds, 0, 3_600_015)?.untold.map(({ since }) => since)).toEqual([20]);
    expect(nextRecord(record, holds, 0, 99_000_000)?.untold.map(({ since }) => since)).toEqual([20]);
    for (let at = 30; at < 100; at++) record = nextRecord(record, at % 2 === 0 ? holds : rests, 0, at);
    expect(record?.untold).toHaveLength(10);
    expect(nextRecord(record, rests, 0, 3_600_200)).toBeUndefined();
  });
});

describe('watches of one app', () => {
  let driver: StoreDriver;
  const lines: string[] = [];

  beforeEach(async () => {
    driver = new StoreDriver(await memoryKind.openStore());
    lines.length = 0;
  });
  afterEach(() => driver.fixture.close());

  interface Process {
    watch: AlertWatch;
    heard: QueueAlert[];
  }

  function processOf(
    id: string,
    rules: readonly AlertRule[],
    more: Partial<AlertAudience> = {},
    store?: Store,
  ): Process {
    const heard: QueueAlert[] = [];
    const say = (line: string) => void lines.push(line);
    const audience: AlertAudience = {
      hears: () => true,
      tell: async (alert) => {
        heard.push(alert);
        return true;
      },
      ...more,
    };
    const logger = { log: say, warn: say, error: say };
    const watch = new AlertWatch({ store: store ?? driver.store, app: 'shop', id, rules, audience, logger });
    return { watch, heard };
  }

  const statesOf = ({ heard }: Process) => heard.map(({ state }) => state);
  const rules = [oldestReady(QUEUE, '2m', { for: '1m' })];

  it('tell of each change once, in one of them', async () => {
    const [one, two] = [processOf('p1', rules), processOf('p2', rules)];
    const look = async () => {
      await one.watch.runOnce();
      await two.watch.runOnce();
    };
    await look();
    const start = driver.now();
    await driver.put({});
    await driver.advance(2 * MINUTE);
    await look();
    expect([...one.heard, ...two.heard]).toEqual([]);
    await driver.advance(MINUTE);
    await look();
    await look();
    const firing = { rule: 'oldestReady:mail', queue: QUEUE, state: 'firing', since: new Date(start + 2 * MINUTE) };
    expect([...one.heard, ...two.heard]).toEqual([{ ...firing, value: 3 * MINUTE }]);
    await driver.advance(MINUTE);
    await look();
    expect(await listAlerts(driver.store.alerts)).toEqual([{ app: 'shop', ...firing, value: 4 * MINUTE }]);
    await driver.reserve('w1');
    await look();
    await look();
    expect([...statesOf(one), ...statesOf(two)]).toEqual(['firing', 'resolved']);
    expect([...one.heard, ...two.heard][1]).toMatchObject({ since: new Date(driver.now()), value: 0 });
    expect(await driver.store.alerts.read()).toEqual([]);
    expect(lines).toEqual([
      'Alert "oldestReady:mail" of queue "mail" fires: 180000',
      'Alert "oldestReady:mail" of queue "mail" is resolved',
    ]);
  });

  it('look one at a time: the newest, and another one when it is gone', async () => {
    const asked: string[] = [];
    const storeOf = (id: string): Store => {
      const { curation } = driver.store;
      const oldest = (queue: string) => (asked.push(id), curation.oldest(queue));
      return { ...driver.store, curation: { oldest } as never };
    };
    const old = processOf('old', rules, {}, storeOf('old'));
    await old.watch.runOnce();
    await driver.advance(1000);
    const young = processOf('young', rules, {}, storeOf('young'));
    const peer = processOf('peer', rules, {}, storeOf('peer'));
    for (const { watch } of [young, peer, old, young, peer]) await watch.runOnce();
    expect(asked).toEqual(['old', 'young', 'young']);
    await driver.advance(34_999);
    await peer.watch.runOnce();
    expect(asked).toHaveLength(3);
    await driver.advance(1);
    await peer.watch.runOnce();
    expect(asked.at(-1)).toBe('peer');
  });

  const now = [oldestReady(QUEUE, 1)];

  async function ready(): Promise<void> {
    await driver.put({});
    await driver.advance(5);
  }

  it('tell of what another one found that died before it told of it', async () => {
    const dying = processOf('p1', now, { tell: () => Promise.reject(new Error('killed')) });
    const other = processOf('p2', now);
    await ready();
    await dying.watch.runOnce();
    await other.watch.runOnce();
    expect(other.heard).toEqual([]); // the first one has a minute
    await driver.advance(MINUTE);
    await other.watch.runOnce();
    await other.watch.runOnce();
    expect(statesOf(other)).toEqual(['firing']);
  });

  it('tell of both changes, in order, where the first one was not told of', async () => {
    const dying = processOf('p1', now, { tell: () => Promise.reject(new Error('killed')) });
    const other = processOf('p2', now);
    await ready();
    await dying.watch.runOnce();
    await driver.reserve('w1');
    await driver.advance(MINUTE);
    await other.watch.runOnce();
    expect(statesOf(other)).toEqual(['firing', 'resolved']);
    expect(await driver.store.alerts.read()).toEqual([]);
  });

  it('tell of what they were cut short in at the next look, whoever it is', async () => {
    const cut = processOf('p1', now, { tell: async () => false });
    const other = processOf('p2', now);
    await ready();
    await cut.watch.runOnce();
    await other.watch.runOnce();
    expect(statesOf(other)).toEqual(['firing']);
  });

  it('leave the telling to one that has listeners', async () => {
    const mute = processOf('p1', now, { hears: () => false });
    const other = processOf('p2', now);
    await ready();
    await mute.watch.runOnce();
    await other.watch.runOnce();
    await mute.watch.runOnce();
    await other.watch.runOnce();
    expect([mute.heard, statesOf(other)]).toEqual([[], ['firing']]);
  });

  it('tell nothing more once they are stopped, and leave it to others', async () => {
    const stopped = processOf('p1', now);
    await ready();
    await stopped.watch.stop();
    await stopped.watch.runOnce();
    expect(stopped.heard).toEqual([]);
    const other = processOf('p2', now);
    await other.watch.runOnce();
    expect(statesOf(other)).toEqual(['firing']);
  });

  it('make a change once, also where both have seen the same', async () => {
    const { alerts } = driver.store;
    const blind = { ...driver.store, alerts: Object.assign(Object.create(alerts) as typeof alerts, { look: async () => ({ now: driver.now(), looks: true, alerts: [] }) }) }; // prettier-ignore
    const [one, two] = [processOf('p1', now, {}, blind), processOf('p2', now, {}, blind)];
    await ready();
    await Promise.all([one.watch.runOnce(), two.watch.runOnce()]);
    expect([...statesOf(one), ...statesOf(two)]).toEqual(['firing']);
  });

  it('look at every queue of the registry, and resolve what is about none of them, or of a rule that is gone', async () => {
    await driver.store.presence.announce('p', '{}', [QUEUE, 'other']);
    const first = processOf('p1', [oldestReady('*', 1), oldestDead(QUEUE, 1)]);
    await driver.putEnded('dead', 1);
    await ready();
    await driver.store.intake.enqueue('other', [driver.newJob()]);
    await driver.advance(5);
    await first.watch.runOnce();
    expect(first.heard.map(({ rule, queue }) => `${rule} ${queue}`).sort()).toEqual([
      'oldestDead:mail mail',
      'oldestReady:* mail',
      'oldestReady:* other',
    ]);
    await driver.advance(1);
    const newer = processOf('p2', [oldestReady('*', 1)]);
    await newer.watch.runOnce();
    expect(newer.heard).toMatchObject([{ rule: 'oldestDead:mail', state: 'resolved' }]);
    expect(await listAlerts(driver.store.alerts)).toHaveLength(2);
  });

  it('go on with the other rules where one cannot be measured, and leave its alert as it is', async () => {
    let fails = false;
    const { timetable, curation } = driver.store;
    const broken: Store = {
      ...driver.store,
      timetable,
      curation: {
        oldest: async (queue: string) => {
          if (fails && queue === 'broken') throw new Error('WRONGTYPE');
          return curation.oldest(queue);
        },
      } as never,
    };
    const one = processOf('p1', [oldestReady('broken', 1), oldestReady(QUEUE, 1)], {}, broken);
    await driver.store.intake.enqueue('broken', [driver.newJob()]);
    await driver.advance(5);
    await one.watch.runOnce();
    await ready();
    fails = true;
    await one.watch.runOnce();
    expect(one.heard.map(({ queue, state }) => [queue, state])).toEqual([
      ['broken', 'firing'],
      [QUEUE, 'firing'],
    ]);
    expect(lines.at(-1)).toBe('The watch of alerts failed and tries again: Error: WRONGTYPE');
  });

  it('say once that a store has no limit of memory', async () => {
    const one = processOf('p1', [memory(0.5)]);
    await one.watch.runOnce();
    await one.watch.runOnce();
    expect(lines).toEqual([expect.stringMatching(/^Alert "memory" never fires: .* Set maxmemory/)]);
    expect(await driver.store.alerts.read()).toEqual([]);
  });

  it('replace a record of another version', async () => {
    const record = { rule: 'oldestReady:mail', queue: QUEUE, seen: undefined, record: 'v9' };
    await driver.store.alerts.change('shop', [record]);
    const one = processOf('p1', now);
    await ready();
    await one.watch.runOnce();
    expect(statesOf(one)).toEqual(['firing']);
  });
});
