import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { encodeEnvelope } from '../../src/core/envelope.js';
import { Link } from '../../src/redis/wire/link.js';
import { inDatabase, loadScripts, TIME_LINE, type Script } from '../../src/redis/wire/script-library.js';
import { KEEP, QUEUE } from '../contract/store-driver.js';
import { fireOf, seedDue, tickJob } from '../contract/schedule-seeds.js';
import { RedisDriver } from './redis-driver.js';
import { headerOf } from './script-header.js';

const scripts = Object.values(loadScripts()).sort((a, b) => (a.name < b.name ? -1 : 1));
const named = scripts.map((script): [string, Script] => [script.name, script]);

/** Refused while Redis is full: they make jobs. All others settle, look or clean up, and must go on. */
const NEEDS_MEMORY = [
  'enqueue',
  'enqueue-plain',
  'fire-schedules',
  'record-runs',
  'register-schedule',
  'run-schedule',
  'take-inbox',
];

/** Scripts that answer with what they did begin with these lines, all in the same way. */
const NUMBERED = `-- A repeated call is answered as the first; a late copy of an older one changes nothing.
local call, answered = string.match(redis.call('HGET', q.meta, '@' .. ARGV[1]) or '', '^(%d+) %d+ (.*)$')
if call and tonumber(call) >= tonumber(ARGV[2]) then return answered end
local function answer(text)
  redis.call('HSET', q.meta, '@' .. ARGV[1], ARGV[2] .. ' ' .. t[1] .. ' ' .. text)
  return tostring(text)
end
`;
/** These need no such record, or keep one of their own. */
const WITHOUT_NUMBER: Record<string, readonly string[]> = {
  'only reads': [
    'counts',
    'due-schedules',
    'explain',
    'group-jobs',
    'list',
    'list-groups',
    'oldest',
    'read',
    'read-bulks',
    'read-ends',
    'read-processes',
    'read-schedules',
    'scan',
  ],
  'keeps a record of its own': ['enqueue', 'enqueue-plain', 'settle-and-reserve', 'take-inbox', 'turn-plain'],
  'compares with what is stored': ['change-alerts', 'drop-ends', 'fire-schedules', 'leave', 'mend', 'withdraw'],
  'goes on from what is there': [
    'announce-process',
    'beat',
    'claim-bulks',
    'listen',
    'look-alerts',
    'promote',
    'reclaim',
    'reconcile',
    'take-ids',
    'trim',
  ],
};

describe.each(named)('%s.lua', (name, script) => {
  const { flags, comment, keys, body } = headerOf(script);

  it('begins with its flags', () => {
    expect(flags).toBe(NEEDS_MEMORY.includes(name) ? '#!lua' : '#!lua flags=allow-oom');
  });

  it('says what it takes, what it returns and why it is atomic', () => {
    expect(comment).toMatch(/^-- atomic because \S/m);
    expect(comment).toMatch(/^-- KEYS {2}(1 |all of the queue)/m);
    expect(comment).toMatch(/^-- ARGV {2}(1|none)/m);
    expect(comment).toMatch(/^-- returns /m);
    expect(keys.length).toBeGreaterThan(0);
  });

  it('names each of its keys and uses no other', () => {
    const used = new Set([...body.matchAll(/KEYS\[(\d+)\]/g)].map(([, number]) => Number(number)));
    const own = keys.filter(({ name }) => name !== 'inbox');
    expect([...used].sort((a, b) => a - b)).toEqual(own.map((_, index) => index + 1));
    expect(body.match(/KEYS\[(?!\d+\]|#KEYS\])/g)).toBeNull();
  });

  it('reads every argument that its header names', () => {
    const section = /-- ARGV([\s\S]*?)-- returns/.exec(comment)?.[1] ?? '';
    const highest = Math.max(...[...body.matchAll(/ARGV\[(\d+)\]/g)].map(([, number]) => Number(number)), 0);
    const declared = Math.max(
      ...[...section.matchAll(/(?:^|\s)(?:\d+–)?(\d+)…? /g)].map(([, number]) => Number(number)),
      0,
    );
    expect(highest).toBeLessThanOrEqual(declared);
  });

  it('reads the time at most once, in the one line that tests replace', () => {
    const times = body.match(/['"]TIME['"]/g) ?? [];
    expect(times.length).toBeLessThanOrEqual(1);
    if (times.length === 1) expect(body.split('\n').filter((line) => line === TIME_LINE)).toHaveLength(1);
    else expect(body.replaceAll(/--.*/g, '')).not.toMatch(/(?<![.\w])now\b(?!, \.\.\.)/);
  });

  it('answers a repeated call as the first', () => {
    if (Object.values(WITHOUT_NUMBER).flat().includes(name)) return;
    expect(keys[0].name).toBe('meta');
    expect(body).toContain(NUMBERED);
    expect(comment).toContain('-- ARGV  1 caller (a lane)   2 call number   3 ');
    const own = readFileSync(new URL(`../../src/redis/scripts/${name}.lua`, import.meta.url), 'utf8');
    expect(own).not.toMatch(/return ['"{]/); // but `return answer('…')`
  });

  it('never reads a payload, the keyspace or anything random', () => {
    expect(body).not.toMatch(/cjson|cmsgpack|struct\.|bit\./);
    expect(body).not.toMatch(/'(KEYS|SCAN|RANDOMKEY|SORT|FLUSHALL|FLUSHDB|EVAL|SUBSCRIBE)'/);
    expect(body).not.toMatch(/math\.random|loadstring|setfenv/);
    // A write that fails fails the script; only what nobody hears does not.
    expect(body.replaceAll(/redis\.pcall\('(PUBLISH|PUBSUB|SPOP|SRANDMEMBER|SREM)', /g, '')).not.toContain('pcall');
    expect(body).not.toMatch(/'(LRANGE|ZRANGE|SMEMBERS|HGETALL|HVALS)', \w+, 0, -1/);
  });

  it('names channels where the database can be put in front of them', () => {
    const calls = body.match(/['"](S?PUBLISH|PUBSUB)\b/g) ?? [];
    expect(body.match(/'(PUBLISH|PUBSUB', 'NUMSUB)', /g) ?? []).toHaveLength(calls.length);
    const moved = inDatabase({ [name]: script }, 2)[name];
    expect(moved.text.match(/'@2:' \.\. /g) ?? []).toHaveLength(calls.length);
    expect(moved.sha === script.sha).toBe(calls.length === 0);
  });

  it('gives no script more than Lua can unpack', () => {
    // 1000 jobs of a call are 5000 arguments at most; Lua gives up at some 8000.
    for (const [, what] of body.matchAll(/unpack\((\w+)/g)) expect(what).not.toBe('KEYS');
  });
});

describe('scripts that producers in other languages run', () => {
  it.each(['enqueue', 'take-ids'])('%s.lua stands alone', (name) => {
    expect(loadScripts()[name].text).not.toContain('-- include');
  });
});

describe('the store', () => {
  const calls: { name: string; keys: readonly string[]; args: readonly (string | number)[] }[] = [];
  let driver: RedisDriver;

  beforeAll(async () => {
    const run = Link.prototype.run;
    jest.spyOn(Link.prototype, 'run').mockImplementation(function (this: Link, script, keys, args, deadline) {
      calls.push({ name: script.name, keys, args });
      return run.call(this, script, keys, args, deadline);
    });
    driver = await RedisDriver.open();
    const { store } = driver;
    await driver.put({}, { userId: 'a', priority: 3 });
    const { jobs } = await driver.reserve('w1', 2);
    await store.workers.beat(QUEUE, 'w1', 8000);
    await store.workers.report(QUEUE, [{ id: jobs[0].id, token: jobs[0].token, progress: '1', logs: ['x'] }]);
    await store.workers.reconcile(QUEUE, 'w1', [...jobs, { id: 'gone', token: 'w1:1' }]);
    await driver.settle('w1', { op: 'bury', ...jobs[0], detail: '{}', envelope: undefined, keep: KEEP });
    await store.curation.retryDead(QUEUE, jobs[0].id, driver.now(), encodeEnvelope(1, undefined, undefined, '1'));
    await store.curation.promoteJob(QUEUE, jobs[0].id);
    await store.duties.promote(QUEUE, 10);
    await store.duties.reclaim(QUEUE, 8000);
    await store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP });
    await store.curation.read(QUEUE, [jobs[0].id]);
    await store.curation.list(QUEUE, 'ready', undefined, 10);
    await store.search.scan(QUEUE, 'ready', undefined, { needles: [], payloads: false, on: 'primary' });
    await store.duties.readEnds(QUEUE, 'dead', undefined, 10);
    await store.duties.dropEnds(QUEUE, [{ id: 'gone', seen: 'D1' }]);
    await store.curation.counts(QUEUE);
    await store.explainer.explain(QUEUE, 'a');
    await store.bulks.start(QUEUE, 'b1', '{}', { executor: 'e1', leaseMs: 1000 });
    await store.bulks.claim(QUEUE, { executor: 'e1', leaseMs: 1000 });
    await store.bulks.act(QUEUE, 'cancel', 'ready', [{ id: 'gone', seen: '1' }]);
    await store.bulks.read(QUEUE);
    await store.bulks.cancel(QUEUE, 'b1');
    await store.presence.announce('p1', '{}', [QUEUE]);
    await store.presence.processes();
    await store.alerts.look('shop', 'p1', 0, 1000);
    await store.alerts.change('shop', [{ rule: 'late', queue: QUEUE, seen: undefined, record: '{}' }]);
    await store.curation.oldest(QUEUE);
    await store.statistics.record(QUEUE, { process: 'p1', sequence: 1, version: 'v1', startedAt: 1, rows: [] });
    await store.limits.set(QUEUE, { running: 5 });
    await store.groups.set(QUEUE, 'shop', { weight: 2 });
    await store.groups.list(QUEUE, '', 10);
    await store.groups.jobs(QUEUE, 'shop', '', 10);
    await store.curation.setPaused(QUEUE, true);
    await store.curation.cancel(QUEUE, jobs[0].id);
    await store.curation.remove(QUEUE, jobs[0].id);
    await store.curation.purge(QUEUE, 'ready', 10);
    await driver.fixture.pushInbox('1');
    await store.intake.takeInbox(QUEUE, driver.fixture.inbox, 10);
    const tick = await seedDue(driver);
    await store.timetable.announce(QUEUE, 'shop', []);
    await store.timetable.due(QUEUE, 10);
    await store.timetable.fire(QUEUE, [fireOf(driver, tick)]);
    await store.timetable.runNow(QUEUE, 'digest', 'h1', tickJob(driver, tick));
    await store.timetable.pause(QUEUE, 'digest');
    await store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: tick });
    await store.timetable.read(QUEUE, ['digest']);
    await store.timetable.remove(QUEUE, 'digest');
    await (
      await store.notices.onEvents(QUEUE, () => {})
    )();
    await store.workers.leave(QUEUE, 'w1');
    await driver.client.hset(driver.keys.meta, 'torn', jobs[0].id); // as a script that stopped leaves it
    await store.duties.reclaim(QUEUE, 8000);
    await driver.client.del(driver.keys.ready);
    await driver.client.set(driver.keys.ready, 'foreign');
    await expect(driver.put({})).rejects.toThrow('WRONGTYPE');
  });

  afterAll(async () => {
    await driver.close();
    jest.restoreAllMocks();
  });

  it('has a verb for every script', () => {
    expect([...new Set(calls.map(({ name }) => name))].sort()).toEqual(scripts.map(({ name }) => name));
  });

  it.each(named)('passes to %s.lua the keys of its header, in order', (name, script) => {
    const { keys, least } = headerOf(script);
    const base = keys[0].name === 'meta' ? driver.keys.base : `{${driver.prefix}:}:`;
    const names = keys.map((key) => (key.name === 'inbox' ? driver.fixture.inbox : base + key.name));
    const passed = calls.filter((call) => call.name === name).map((call) => call.keys);
    expect(passed.length).toBeGreaterThan(0);
    for (const each of passed) {
      expect(each).toEqual(names.slice(0, each.length === least ? least : names.length));
    }
  });
});
