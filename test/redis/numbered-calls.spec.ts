import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { TaskQueueError } from '../../src/core/errors/task-queue-error.js';
import { QueueKeys } from '../../src/redis/keys.js';
import { Link } from '../../src/redis/wire/link.js';
import { NumberedCaller, type Subject } from '../../src/redis/wire/numbered-caller.js';
import type { ScriptName } from '../../src/redis/wire/script-library.js';
import { ReplyLostError } from '../../src/redis/wire/store-errors.js';
import { KEEP, QUEUE } from '../contract/store-driver.js';
import { APP, rule, seedDue, tickJob } from '../contract/schedule-seeds.js';
import type { RedisDriver } from './redis-driver.js';
import { storeOfEachTest } from './store-of-each-test.js';

interface Case {
  /** Makes the call, and says what it did. */
  act(driver: RedisDriver): Promise<unknown>;
  /** After this a call that is made once more would do something, where it would not in any case. */
  meanwhile?(driver: RedisDriver): Promise<unknown>;
}

const CASES: Record<string, Case> = {
  cancel: {
    act: async (driver) => {
      await driver.putOne({ userId: 'a' });
      expect(await driver.store.curation.cancel(QUEUE, 'a')).toBe('cancelled');
    },
    meanwhile: async (driver) => {
      await driver.client.hdel(driver.keys.ids, 'a');
      await driver.putOne({ userId: 'a' });
    },
  },
  remove: {
    act: async (driver) => {
      await driver.putOne({ userId: 'a' });
      expect(await driver.store.curation.remove(QUEUE, 'a')).toBe('removed');
    },
    meanwhile: (driver) => driver.putOne({ userId: 'a' }),
  },
  purge: {
    act: async (driver) => {
      await driver.putMany(5);
      expect(await driver.store.curation.purge(QUEUE, 'ready', 3)).toEqual({ removed: 3, more: true });
    },
  },
  'retry-dead': {
    act: async (driver) => {
      const [id] = await driver.putEnded('dead', 1);
      expect(await driver.store.curation.retryDead(QUEUE, id, driver.now(), driver.envelope())).toBe('retried');
    },
    meanwhile: async (driver) => {
      const { jobs } = await driver.reserve('w1');
      const { id, token } = jobs[0];
      await driver.settle('w1', { op: 'bury', id, token, detail: '{}', envelope: undefined, keep: KEEP });
    },
  },
  report: {
    act: async (driver) => {
      const { id, token } = await driver.start('w1');
      const reports = [
        { id, token, progress: '1', logs: ['one', 'two'] },
        { id: 'gone', token: 'w1:1', progress: '1', logs: ['three'] },
        { id, token: 'w1:1', progress: '2', logs: [] },
      ];
      expect(await driver.store.workers.report(QUEUE, reports)).toEqual({ lost: ['gone', id] });
      expect(await driver.store.curation.logs(QUEUE, id)).toEqual(['one', 'two']);
    },
  },
  'set-limits': {
    act: (driver) => driver.store.limits.set(QUEUE, { running: 2 }),
    meanwhile: (driver) => driver.client.hdel(driver.keys.meta, 'limits', 'limitsSet'),
  },
  'set-paused': {
    act: (driver) => driver.store.curation.setPaused(QUEUE, true),
    meanwhile: (driver) => driver.client.hdel(driver.keys.meta, 'paused'),
  },
  forgive: {
    act: async (driver) => {
      const held = await driver.start('w1');
      await driver.seedCrashes(held.id, 3);
      await driver.client.hdel(driver.keys.inflight, held.id);
      await driver.store.workers.reconcile(QUEUE, 'w1', [held]);
      expect(await driver.hash('crashes')).toEqual({ [held.id]: '2' });
    },
  },
  'register-schedule': {
    act: async (driver) => expect(await driver.store.timetable.register(QUEUE, rule(5))).toBe('created'),
    meanwhile: (driver) =>
      driver.client.hset(driver.keys.schedules, 'digest', `h2 active 7 - 0 0 ${driver.now()} 0 - - `),
  },
  'pause-schedule': {
    act: async (driver) => {
      await seedDue(driver);
      expect(await driver.store.timetable.pause(QUEUE, 'digest')).toBe(true);
    },
    meanwhile: (driver) =>
      driver.client.hset(driver.keys.schedules, 'digest', `h1 active 7 - 0 0 ${driver.now()} 0 - - `),
  },
  'resume-schedule': {
    act: async (driver) => {
      await seedDue(driver);
      await driver.store.timetable.pause(QUEUE, 'digest');
      expect(await driver.store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: 5 })).toBe('resumed');
    },
    meanwhile: (driver) =>
      driver.client.hset(driver.keys.schedules, 'digest', `h1 paused:user - - 0 0 ${driver.now()} 0 - - `),
  },
  'run-schedule': {
    act: async (driver) => {
      const tick = await seedDue(driver);
      const run = await driver.store.timetable.runNow(QUEUE, 'digest', 'h1', tickJob(driver, tick));
      expect(run).toMatchObject({ created: true });
    },
    // It has run, and nothing of it was to be kept.
    meanwhile: async (driver) => {
      const { jobs } = await driver.reserve('w1');
      await driver.settle('w1', driver.complete(jobs[0], '1', false));
    },
  },
  'remove-schedule': {
    act: async (driver) => {
      await seedDue(driver);
      expect(await driver.store.timetable.remove(QUEUE, 'digest')).toBe(true);
    },
    meanwhile: (driver) =>
      driver.client.hset(driver.keys.schedules, 'digest', `h1 active 7 - 0 0 ${driver.now()} 0 - - `),
  },
  'announce-schedules': {
    act: async (driver) => {
      const { store } = driver;
      await seedDue(driver, { app: APP });
      await store.timetable.announce(QUEUE, APP, []);
      for (let step = 0; step < 3; step++) {
        await driver.advance(20_000);
        const { removed } = await store.timetable.announce(QUEUE, APP, []);
        expect(removed).toEqual(step < 2 ? [] : ['digest']);
      }
    },
    meanwhile: (driver) => driver.advance(1),
  },
};

describe('a script that answers with what it did', () => {
  const use = storeOfEachTest({ maxCrashes: 9 });
  const calls: { name: string; again: () => Promise<unknown>; reply: unknown }[] = [];

  beforeEach(() => {
    const run = Link.prototype.run;
    jest.spyOn(Link.prototype, 'run').mockImplementation(async function (this: Link, script, keys, args, deadline) {
      const reply = await run.call(this, script, keys, args, deadline);
      calls.push({ name: script.name, again: () => run.call(this, script, keys, args), reply });
      return reply;
    });
  });

  afterEach(() => {
    jest.restoreAllMocks();
    calls.length = 0;
  });

  it.each(Object.entries(CASES))('%s does nothing when it is repeated, and answers the same', async (name, one) => {
    const driver = use();
    await one.act(driver);
    const first = calls.findLast((call) => call.name === name);
    await one.meanwhile?.(driver);
    const before = await driver.contents();
    expect(typeof first?.reply).toBe('string');
    expect(await first?.again()).toBe(first?.reply);
    expect(await driver.contents()).toEqual(before);

    // A socket that was given up may deliver its bytes behind the next call.
    await driver.store.curation.remove(QUEUE, 'nobody');
    await first?.again();
    expect(await driver.contents()).toEqual(before);
  });

  it('is forgotten like any other call', async () => {
    const driver = use();
    await CASES.purge.act(driver);
    await driver.advance(601_000);
    await driver.store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP });
    expect(await driver.callRecords()).toEqual({});
  });
});

describe('NumberedCaller', () => {
  const sent: { caller: string; call: number; answer: (reply: string) => void; fail: (error: Error) => void }[] = [];
  const run: Link['run'] = (_script, _keys, [caller, call]) =>
    new Promise((answer, fail) => sent.push({ caller: String(caller), call: Number(call), answer, fail }));
  const script = (name: ScriptName) => ({ name, text: '', sha: '' });

  let answered = 0;

  beforeEach(() => {
    sent.length = 0;
    answered = 0;
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  function open(timeoutMs = 10_000) {
    const caller = new NumberedCaller(QUEUE, { run, timeoutMs } as Link, new QueueKeys('p', QUEUE));
    return {
      call: (subject: Subject, name: ScriptName = 'cancel') => caller.call(subject, script(name), []),
      atOnce: () => caller.callAtOnce(script('report'), []),
    };
  }

  /** A link with a round trip: all that is under way is answered, and what waited for it is sent. */
  async function roundTrips(): Promise<number> {
    let trips = 0;
    for (; answered < sent.length; trips++) {
      const underWay = sent.slice(answered);
      expect(new Set(underWay.map(({ caller }) => caller)).size).toBe(underWay.length);
      answered = sent.length;
      for (const { answer } of underWay) answer('1');
      await new Promise(setImmediate);
    }
    return trips;
  }

  const callersOf = () => new Set(sent.map(({ caller }) => caller));

  it('makes calls about one thing in one lane, one after the other and with rising numbers', async () => {
    for (const subject of [
      'paused',
      ['job', 'a'],
      ['schedule', 'a'],
      ['purge', 'dead'],
      ['duty', 'forgive'],
    ] as const) {
      sent.length = 0;
      const { call } = open();
      const answers = [1, 2, 3].map(() => call(subject));
      for (const number of [1, 2, 3]) {
        expect(sent).toHaveLength(number);
        expect(sent[number - 1]).toMatchObject({ caller: sent[0].caller, call: number });
        sent[number - 1].answer(String(number));
        await new Promise(setImmediate);
      }
      expect(await Promise.all(answers)).toEqual(['1', '2', '3']);
    }
  });

  it('sends at once where it can: what is sent next by others comes behind it', () => {
    const { call } = open();
    for (const id of ['1', '2', '3']) {
      void call(['job', id]);
      expect(sent).toHaveLength(Number(id));
    }
  });

  it('keeps a pause, purges and duties apart from thousands of calls on jobs', () => {
    const { call } = open();
    for (let id = 0; id < 20_000; id++) void call(['job', String(id)]);
    expect(sent).toHaveLength(1024);
    const others = [
      'paused',
      ['purge', 'dead'],
      ['purge', 'ready'],
      ['duty', 'forgive'],
      ['duty', 'announce'],
    ] as const;
    for (const other of others) void call(other);
    expect(sent).toHaveLength(1024 + others.length);
    expect(callersOf().size).toBe(sent.length);
  });

  it('needs few round trips for many calls, and no more than 1024 lanes', async () => {
    const { call } = open();
    const answers = Array.from({ length: 20_000 }, (_, id) => call(['job', String(id)]));
    expect(await roundTrips()).toBeLessThan(60); // 20 at the very least; 64 lanes needed 313
    expect(await Promise.all(answers)).toHaveLength(20_000);
    expect(callersOf().size).toBe(1024);
    expect(new Set(sent.map(({ caller, call: number }) => `${caller} ${number}`)).size).toBe(20_000);
  });

  it('makes a lane when it is needed', async () => {
    const { call } = open();
    for (let times = 0; times < 3; times++) {
      for (const id of ['1', '2', '3']) void call(['job', id]);
      await roundTrips();
    }
    expect(callersOf().size).toBe(3);
  });

  it('lets no report wait, and has as many lanes for them as were under way at once', async () => {
    const { call, atOnce } = open();
    void call(['job', '1']);
    for (let report = 1; report <= 200; report++) {
      void atOnce();
      expect(sent).toHaveLength(1 + report);
    }
    await roundTrips();
    for (let report = 0; report < 200; report++) void atOnce();
    await roundTrips();
    expect(sent).toHaveLength(401);
    expect(callersOf().size).toBe(201);
  });

  it.each([
    ['set-paused', true, 'It is safe'],
    ['purge', true, 'It is safe'],
    ['pause-schedule', true, 'It is safe'],
    ['cancel', false, 'Look at the state of the job'],
    ['remove', false, 'Look at the state of the job'],
    ['retry-dead', false, 'Look at the state of the job'],
    ['run-schedule', false, 'Look at the history of the schedule'],
  ] as const)('says of a lost %s that it may be repeated: %s', async (name, safeToRepeat, text) => {
    const { call } = open();
    const lost = call(['job', '1'], name);
    sent[0].fail(new ReplyLostError('lost'));
    await expect(lost).rejects.toMatchObject({
      code: 'TASK_QUEUE_CALL_OUTCOME_UNKNOWN',
      ...{ queue: QUEUE, call: name, safeToRepeat, message: expect.stringContaining(text) },
    });
  });

  it('never gives the number of a lost call to another', async () => {
    const { call } = open();
    const lost = call(['job', '1']);
    sent[0].fail(new ReplyLostError('lost'));
    await expect(lost).rejects.toThrow();
    void call(['job', '1']);
    expect(sent[1]).toMatchObject({ caller: sent[0].caller, call: 2 });
  });

  it('never sends what waited behind another until its time was over, and says so', async () => {
    const { call } = open(5000);
    const outcomes = Promise.allSettled([1, 2, 3].map(() => call('paused', 'set-paused')));
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 5000);
    sent[0].fail(new ReplyLostError('lost'));
    const reasons = (await outcomes).map((outcome) => (outcome as PromiseRejectedResult).reason as TaskQueueError);
    expect(reasons.map(({ code }) => code)).toEqual([
      'TASK_QUEUE_CALL_OUTCOME_UNKNOWN',
      'TASK_QUEUE_BROKER_UNAVAILABLE',
      'TASK_QUEUE_BROKER_UNAVAILABLE',
    ]);
    expect(reasons[1].message).toMatch(
      /^set-paused waited 500\d ms behind other calls on queue ".+"; nothing was stored\. Make fewer calls at once/,
    );
    expect(sent).toHaveLength(1);
  });
});
