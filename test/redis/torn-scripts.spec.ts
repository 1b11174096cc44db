import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ScheduledJob } from '../../src/core/ports/timetable.js';
import type { ReservedJob, Settlement, WorkerTurn } from '../../src/core/ports/worker-store.js';
import type { JobState, RetentionLimit } from '../../src/core/job.js';
import type { BulkAction } from '../../src/core/ports/bulks.js';
import { Link } from '../../src/redis/wire/link.js';
import { loadScripts, type ScriptName } from '../../src/redis/wire/script-library.js';
import { DAY_MS, KEEP, LEASE_MS, QUEUE, type Seed } from '../contract/store-driver.js';
import { APP, fireOf, rule, seedDue, tickJob } from '../contract/schedule-seeds.js';
import { expectConservation, expectEachRunsOnce } from './conservation.js';
import { MessageLog } from '../support/message-log.js';
import { RedisDriver } from './redis-driver.js';
import { callTorn, tearKeyOf, tornScriptsAt } from './tear.js';
import { scriptsAt } from '../support/clock-keys.js';

/** Makes what the call needs, and the call. */
type Prepare = (driver: RedisDriver) => Promise<() => Promise<unknown>>;

interface Case {
  title: string;
  prepare: Prepare;
  /** How the caller repeats it: the same bytes, as after a lost reply, or by the verb again. */
  again: 'bytes' | 'verb';
  /** Of the repeated call. */
  expected?: unknown;
}

const CASES: Partial<Record<ScriptName, Case[]>> = {
  'enqueue-plain': [
    {
      title: 'plain jobs',
      again: 'bytes',
      prepare: async (driver) => () => driver.put({}, {}, {}),
    },
    {
      title: 'plain jobs, refused and enqueued anew',
      again: 'verb',
      prepare: async (driver) => () => driver.put({}, {}, {}),
    },
    {
      title: 'plain jobs for a worker that waits',
      again: 'bytes',
      prepare: async (driver) => {
        await driver.wakesOf('w1');
        await driver.reserve('w1', 5, { takesHanded: true });
        return () => driver.put({}, {});
      },
    },
  ],
  enqueue: [
    ...(['bytes', 'verb'] as const).map((again): Case => ({
      title: `jobs with ids, repeated by its ${again}`,
      again,
      prepare: async (driver) => {
        await driver.putOne({ userId: 'old' });
        return () =>
          driver.put({ userId: 'a' }, { userId: 'b', delayMs: 500 }, { userId: 'c', priority: 3 }, { userId: 'old' });
      },
    })),
    ...(['bytes', 'verb'] as const).map((again): Case => ({
      title: `jobs with unique keys, repeated by its ${again}`,
      again,
      prepare: async (driver) => {
        await driver.putOne({ uniqueKey: 'x old' });
        return () =>
          driver.put(
            { uniqueKey: 'x a', userId: 'a' },
            { uniqueKey: 'x a' },
            { uniqueKey: 'x b', delayMs: 500 },
            { uniqueKey: 'x old' },
          );
      },
    })),
    ...(['bytes', 'verb'] as const).map((again): Case => ({
      title: `jobs that replace others, repeated by its ${again}`,
      again,
      prepare: async (driver) => {
        const onConflict = { kind: 'replace' } as const;
        await driver.put({ uniqueKey: 'x a', delayMs: 500 }, { uniqueKey: 'x b', ...LONG });
        return () =>
          driver.put({ uniqueKey: 'x a', onConflict, ...LONG }, { uniqueKey: 'x b', onConflict, delayMs: 5 });
      },
    })),
    ...(['bytes', 'verb'] as const).map((again): Case => ({
      title: `jobs that replace others of the same call, repeated by its ${again}`,
      again,
      prepare: async (driver) => {
        const seed: Seed = { uniqueKey: 'x a', onConflict: { kind: 'replace' } };
        return () => driver.put({ ...seed, delayMs: 5 }, { ...seed, delayMs: 9 });
      },
    })),
    ...(['bytes', 'verb'] as const).map((again): Case => ({
      title: `jobs that are throttled or debounced, repeated by its ${again}`,
      again,
      prepare: async (driver) => {
        const debounced = { uniqueKey: 'x b', onConflict: { kind: 'debounce', ms: 50, atMostMs: 90 } } as const;
        const throttled = { uniqueKey: 'x a', onConflict: { kind: 'throttle', ms: 50, both: true } } as const;
        await driver.put({ ...debounced, uniqueKey: 'x c' });
        return () => driver.put(throttled, throttled, debounced, { ...debounced, uniqueKey: 'x c' });
      },
    })),
    {
      title: 'jobs with unique keys for a worker that waits',
      again: 'bytes',
      prepare: async (driver) => {
        await driver.wakesOf('w1');
        await driver.reserve('w1', 5, { takesHanded: true });
        return () => driver.put({ uniqueKey: 'x a' }, { uniqueKey: 'x b' });
      },
    },
    {
      title: 'jobs with long payloads',
      again: 'verb',
      prepare: async (driver) => {
        await driver.putOne({ userId: 'old' });
        return () => driver.put(LONG, { ...LONG, userId: 'old' }, { ...LONG, userId: 'a', delayMs: 5 }, {});
      },
    },
    {
      title: 'delayed jobs and priorities',
      again: 'bytes',
      prepare: async (driver) => () => driver.put({ delayMs: 5 }, { priority: 2 }, { delayMs: 9, priority: 1 }, {}),
    },
    {
      title: 'jobs with ids for a worker that waits',
      again: 'verb',
      prepare: async (driver) => {
        await driver.wakesOf('w1');
        await driver.reserve('w1', 5, { takesHanded: true });
        return () => driver.put({ userId: 'a' }, { userId: 'b' });
      },
    },
  ],
  'promote-job': (['bytes', 'verb'] as const).map((again): Case => ({
    title: `a delayed job, repeated by its ${again}`,
    again,
    prepare: async (driver) => {
      await driver.put({ delayMs: 5, userId: 'a' }, { delayMs: 9 });
      return () => driver.store.curation.promoteJob(QUEUE, 'a');
    },
  })),
};

const LONG: Seed = { payload: 'x'.repeat(20_000) };
const keepOne = { count: 1, ageMs: DAY_MS, bytes: 1_000_000 };
const settling = (
  titled: string,
  make: (driver: RedisDriver) => Promise<Settlement[]>,
  turn: Partial<WorkerTurn> = {},
): Case => ({
  title: titled,
  again: 'verb',
  prepare: async (driver) => {
    const settlements = await make(driver);
    await driver.put({}, {});
    const sent = driver.turn('w1', { want: 1, ...turn, settlements });
    return () => driver.store.workers.settleAndReserve(QUEUE, sent);
  },
});
/** Jobs that w1 runs. */
async function running(driver: RedisDriver, ...seeds: Seed[]): Promise<ReservedJob[]> {
  await driver.put(...seeds);
  return (await driver.reserve('w1', seeds.length)).jobs;
}
const bury = (job: ReservedJob, keep: RetentionLimit | false = KEEP): Settlement => ({
  op: 'bury',
  id: job.id,
  token: job.token,
  detail: '{"reason":"exhausted","name":"Error","message":"no"}',
  envelope: job.envelope,
  keep,
});

CASES['turn-plain'] = [
  settling('completes', async (driver) => (await running(driver, {}, {})).map((job) => driver.complete(job))),
  settling('completes jobs whose envelopes it looks up', async (driver) =>
    (await running(driver, {}, {})).map(({ id, token }) => driver.complete({ id, token })),
  ),
  settling('completes and keeps nothing', async (driver) =>
    (await running(driver, {}, {})).map((job) => driver.complete(job, '1', false)),
  ),
  settling('completes more than are kept', async (driver) => {
    await driver.putEnded('completed', 3, { ...KEEP, count: 3 });
    return (await running(driver, {}, {})).map((job) => driver.complete(job, '1', { ...KEEP, count: 3 }));
  }),
  settling('leaves work for another worker', async (driver) => {
    await driver.wakesOf('w2');
    await driver.reserve('w2');
    return (await running(driver, {}, {}, {})).slice(0, 1).map((job) => driver.complete(job));
  }),
];
CASES['settle-and-reserve'] = [
  settling('completes', async (driver) =>
    (await running(driver, {}, {}, { userId: 'a' })).map((job) => driver.complete(job)),
  ),
  settling('completes jobs whose envelopes it looks up', async (driver) =>
    (await running(driver, {}, {})).map(({ id, token }) => driver.complete({ id, token })),
  ),
  settling('completes and keeps nothing', async (driver) =>
    (await running(driver, {}, { userId: 'a' })).map((job) => driver.complete(job, '1', false)),
  ),
  settling('completes, cancels and buries jobs with unique keys', async (driver) => {
    const jobs = await running(driver, ...['a', 'b', 'c', 'd'].map((key) => ({ uniqueKey: `x ${key}` })));
    const [first, second, third, fourth] = jobs;
    return [
      driver.complete(first),
      driver.complete(second, '1', false),
      { op: 'cancel', id: third.id, token: third.token, keep: KEEP },
      bury(fourth),
    ];
  }),
  ...[false as const, KEEP, keepOne].map((keep) =>
    settling(`completes jobs with long payloads and keeps ${keep ? keep.count : 'nothing'}`, async (driver) => {
      await driver.putEnded('completed', 2, KEEP, LONG);
      return (await running(driver, LONG, {}, LONG)).map((job) => driver.complete(job, '1', keep));
    }),
  ),
  settling('buries more long payloads than are kept', async (driver) => {
    await driver.putEnded('dead', 1, keepOne, LONG);
    return (await running(driver, LONG, LONG)).map((job) => bury(job, keepOne));
  }),
  settling('completes many', async (driver) =>
    (await running(driver, ...Array.from({ length: 24 }, () => ({})))).map((job) => driver.complete(job)),
  ),
  settling('completes more than are kept', async (driver) => {
    await driver.putEnded('completed', 3, { ...KEEP, count: 3 });
    return (await running(driver, {}, {})).map((job) => driver.complete(job, '1', { ...KEEP, count: 3 }));
  }),
  settling('retries at once and later', async (driver) => {
    const jobs = await running(driver, {}, {}, { priority: 2 }, {});
    return jobs.map((job, at): Settlement => ({
      op: 'retry',
      id: job.id,
      token: job.token,
      delayMs: at % 2 ? 5000 : 0,
      envelope: job.envelope + ' ',
    }));
  }),
  settling('snoozes', async (driver) =>
    (await running(driver, {}, {})).map(({ id, token }): Settlement => ({
      op: 'snooze',
      id,
      token,
      delayMs: 5,
      envelope: undefined,
    })),
  ),
  settling('releases', async (driver) =>
    (await running(driver, {}, { priority: 1 }, {})).map(({ id, token }): Settlement => ({ op: 'release', id, token })),
  ),
  settling('holds the queue back', async (driver) =>
    (await running(driver, {}, { priority: 1 })).map(({ id, token }): Settlement => ({
      op: 'limit',
      id,
      token,
      forMs: 1,
    })),
  ),
  settling(
    'reserves under limits',
    async (driver) => {
      await driver.store.limits.set(QUEUE, { running: 4, rate: { limit: 100, perMs: 10, smooth: false } });
      return (await running(driver, {}, { cost: 2 })).map((job) => driver.complete(job));
    },
    { want: 3 },
  ),
  settling('parks', async (driver) =>
    (await running(driver, { name: 'x' }, { name: 'y' })).map(({ id, token }, at): Settlement => ({
      op: 'park',
      id,
      token,
      name: 'xy'[at],
    })),
  ),
  settling('cancels', async (driver) =>
    (await running(driver, {}, { userId: 'a' })).map(({ id, token }): Settlement => ({
      op: 'cancel',
      id,
      token,
      keep: KEEP,
    })),
  ),
  settling('gives no further attempt to what somebody wants cancelled', async (driver) => {
    const jobs = await running(driver, {}, {});
    for (const { id } of jobs) await driver.store.curation.cancel(QUEUE, id);
    return jobs.map((job): Settlement => ({
      op: 'retry',
      id: job.id,
      token: job.token,
      delayMs: 0,
      envelope: job.envelope,
    }));
  }),
  settling('buries', async (driver) => (await running(driver, {}, { userId: 'a' })).map((job) => bury(job))),
  settling('buries more than are kept', async (driver) => {
    await driver.putEnded('dead', 1, keepOne, { userId: 'old' });
    return (await running(driver, {}, {})).map((job) => bury(job, keepOne));
  }),
  settling(
    'promotes and reserves what is rare',
    async (driver) => {
      await driver.put({ delayMs: 1 }, { delayMs: 1, priority: 3 }, { priority: 5 }, {});
      await driver.advance(10);
      return [];
    },
    { want: 3 },
  ),
  settling(
    'adopts',
    async (driver) => {
      const jobs = await running(driver, { name: 'x' }, { name: 'x' });
      await driver.settle('w1', ...jobs.map(({ id, token }): Settlement => ({ op: 'park', id, token, name: 'x' })));
      return [];
    },
    { want: 10, adopt: ['x'] },
  ),
  settling(
    'passes over holes',
    async (driver) => {
      const [first] = await driver.putMany(3);
      await driver.store.curation.cancel(QUEUE, first);
      return [];
    },
    { want: 2 },
  ),
];

/** A verb that somebody calls again: what it answers then may differ, what is stored may not. */
const verb = (title: string, prepare: Prepare, again: Case['again'] = 'verb'): Case => ({ title, prepare, again });

CASES.cancel = [
  verb('a ready job', async (driver) => {
    const [id] = await driver.put({ userId: 'a' }, {});
    return () => driver.store.curation.cancel(QUEUE, id);
  }),
  verb('a ready job with a priority', async (driver) => {
    const [id] = await driver.put({ priority: 4 });
    return () => driver.store.curation.cancel(QUEUE, id);
  }),
  verb('a scheduled job', async (driver) => {
    const [id] = await driver.put({ delayMs: 500 });
    return () => driver.store.curation.cancel(QUEUE, id);
  }),
  verb('a running job', async (driver) => {
    const job = await driver.start('w1');
    return () => driver.store.curation.cancel(QUEUE, job.id);
  }),
];
CASES.remove = [
  verb('a scheduled job with a long payload', async (driver) => {
    const [id] = await driver.put({ ...LONG, delayMs: 500 });
    return () => driver.store.curation.remove(QUEUE, id);
  }),
  verb('a ready job', async (driver) => {
    const [id] = await driver.put({ userId: 'a' }, {});
    return () => driver.store.curation.remove(QUEUE, id);
  }),
  verb('a scheduled job', async (driver) => {
    const [id] = await driver.put({ delayMs: 500, priority: 2 });
    return () => driver.store.curation.remove(QUEUE, id);
  }),
  ...(['completed', 'cancelled', 'dead'] as const).map((state) =>
    verb(`a ${state} job`, async (driver) => {
      const [id] = await driver.putEnded(state, 2, KEEP, {});
      return () => driver.store.curation.remove(QUEUE, id);
    }),
  ),
];
CASES['drop-ends'] = [
  verb('jobs with long payloads', async (driver) => {
    await driver.putEnded('dead', 3, KEEP, LONG);
    const { ends } = await driver.store.duties.readEnds(QUEUE, 'dead', undefined, 2);
    return () => driver.store.duties.dropEnds(QUEUE, ends);
  }),
  ...(['completed', 'cancelled', 'dead'] as const).map((state) =>
    verb(`${state} jobs`, async (driver) => {
      await driver.putEnded(state, 3, KEEP, {});
      const { ends } = await driver.store.duties.readEnds(QUEUE, state, undefined, 2);
      return () => driver.store.duties.dropEnds(QUEUE, ends);
    }),
  ),
  verb('some of many completed jobs', async (driver) => {
    const jobs = await running(driver, ...Array.from({ length: 24 }, () => ({})));
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
    const { ends } = await driver.store.duties.readEnds(QUEUE, 'completed', undefined, 100);
    return () => driver.store.duties.dropEnds(QUEUE, ends.slice(3, 9));
  }),
];
CASES['retry-dead'] = [
  ...[LONG, {}].map((seed) =>
    verb(`a long payload ${seed === LONG ? 'that stays' : 'by a short one'}`, async (driver) => {
      const [id] = await driver.putEnded('dead', 1, KEEP, LONG);
      const settledAt = (await driver.settledOf(id))?.settledAt ?? 0;
      return () => driver.store.curation.retryDead(QUEUE, id, settledAt, driver.envelope(seed));
    }),
  ),
  ...[0, 3].map((priority) =>
    verb(`priority ${priority}`, async (driver) => {
      const [id] = await driver.putEnded('dead', 1, KEEP, { priority });
      const settledAt = (await driver.settledOf(id))?.settledAt ?? 0;
      return () => driver.store.curation.retryDead(QUEUE, id, settledAt, driver.envelope({ priority }));
    }),
  ),
];
for (const name of ['cancel', 'remove'] as const) {
  CASES[name]?.push(
    verb('a job with a unique key', async (driver) => {
      const [id] = await driver.put({ uniqueKey: 'x a', delayMs: 5 });
      return () => driver.store.curation[name](QUEUE, id);
    }),
  );
}
CASES['retry-dead'].push(
  verb('a job with a unique key', async (driver) => {
    const [id] = await driver.putEnded('dead', 1, KEEP, { uniqueKey: 'x a' });
    const settledAt = (await driver.settledOf(id))?.settledAt ?? 0;
    return () => driver.store.curation.retryDead(QUEUE, id, settledAt, driver.envelope());
  }),
  verb('a job whose unique key another one holds', async (driver) => {
    const [id] = await driver.putEnded('dead', 1, KEEP, { uniqueKey: 'x a' });
    const settledAt = (await driver.settledOf(id))?.settledAt ?? 0;
    await driver.putOne({ uniqueKey: 'x a' });
    return () => driver.store.curation.retryDead(QUEUE, id, settledAt, driver.envelope());
  }),
);
CASES.purge = (['ready', 'scheduled', 'parked', 'completed', 'cancelled', 'dead'] as const).map((state) =>
  verb(state, async (driver) => {
    if (state === 'ready') await driver.put({}, { userId: 'a' }, { priority: 1 }, {});
    else if (state === 'scheduled') await driver.put({ delayMs: 9 }, { delayMs: 9, userId: 'a', priority: 1 });
    else if (state === 'parked') {
      const jobs = await running(driver, { name: 'x' }, { name: 'x', userId: 'a' });
      await driver.settle('w1', ...jobs.map(({ id, token }): Settlement => ({ op: 'park', id, token, name: 'x' })));
    } else {
      await driver.putEnded(state, 2);
      await driver.putEnded(state, 1, KEEP, { userId: 'a' });
    }
    return () => driver.store.curation.purge(QUEUE, state, 10);
  }),
);
CASES.promote = [
  verb('what is due', async (driver) => {
    await driver.put({ delayMs: 1 }, { delayMs: 1, priority: 3 }, { delayMs: 1 });
    await driver.advance(10);
    return () => driver.store.duties.promote(QUEUE, 10);
  }),
];
const expired = async (
  driver: RedisDriver,
  crashes: number,
): Promise<Prepare extends never ? never : () => Promise<unknown>> => {
  for (let crash = 0; crash < crashes; crash++) {
    await driver.reserve('dying', 10, { alone: true });
    await driver.expireLeases();
  }
  await driver.reserve('dying', 10, { alone: true });
  await driver.scan();
  for (let step = 0; step < 3; step++) {
    await driver.advance(LEASE_MS / 4 + 1);
    await driver.scan();
  }
  await driver.advance(LEASE_MS / 4 + 1);
  return () => driver.store.duties.reclaim(QUEUE, LEASE_MS);
};
CASES.reclaim = [0, 1, 2].map((crashes) =>
  verb(`a job that crashed ${crashes} times`, async (driver) => {
    await driver.put({ priority: 2 });
    if (crashes < 1) await driver.put({}, {});
    return expired(driver, crashes);
  }),
);
CASES.reclaim.push(
  verb('a job that somebody wants cancelled', async (driver) => {
    const job = await driver.start('dying');
    await driver.store.curation.cancel(QUEUE, job.id);
    return expired(driver, 0);
  }),
);
CASES.reconcile = [
  verb('gives back what is not held', async (driver) => {
    const jobs = await running(driver, {}, { priority: 2 }, {});
    await driver.store.curation.cancel(QUEUE, jobs[2].id);
    return () => driver.store.workers.reconcile(QUEUE, 'w1', []);
  }),
];
CASES.leave = [
  verb('a worker', async (driver) => {
    await running(driver, {}, {});
    return () => driver.store.workers.leave(QUEUE, 'w1');
  }),
];
CASES.beat = [
  verb('of a worker that runs', async (driver) => {
    await running(driver, {});
    return () => driver.store.workers.beat(QUEUE, 'w1', LEASE_MS);
  }),
];
CASES.forgive = [
  verb('a slow worker', async (driver) => {
    await driver.put({});
    const [job] = (await driver.reserve('w1', 1)).jobs;
    await driver.expireLeases();
    return () => driver.store.workers.reconcile(QUEUE, 'w1', [job]);
  }),
];
CASES.report = [
  verb('progress and lines', async (driver) => {
    const jobs = await running(driver, {}, {});
    return () =>
      driver.store.workers.report(
        QUEUE,
        jobs.map(({ id, token }) => ({ id, token, progress: '1', logs: ['a', 'b'] })),
      );
  }),
];
CASES.trim = [
  verb('long payloads that are too much', async (driver) => {
    for (const state of ['completed', 'cancelled', 'dead'] as const) await driver.putEnded(state, 3, KEEP, LONG);
    const rule = { ...KEEP, count: 1 };
    return () => driver.store.duties.trim(QUEUE, { completed: rule, cancelled: rule, dead: rule });
  }),
  verb('what is too much', async (driver) => {
    for (const state of ['completed', 'cancelled', 'dead'] as const) {
      await driver.putEnded(state, 2, KEEP);
      await driver.putEnded(state, 1, KEEP, { userId: state });
    }
    const rule = { ...KEEP, count: 1 };
    return () => driver.store.duties.trim(QUEUE, { completed: rule, cancelled: rule, dead: rule });
  }),
];
CASES['take-inbox'] = [
  verb('elements', async (driver) => {
    for (const element of ['1', '2', '3']) await driver.fixture.pushInbox(element);
    return () => driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 10);
  }),
];
CASES['take-ids'] = [
  verb('a block', async (driver) => {
    const other = await driver.connect();
    return () => other.intake.enqueue(QUEUE, [driver.newJob()]);
  }),
];
CASES['set-limits'] = [
  verb('of a queue whose workers wait', async (driver) => {
    await driver.wakesOf('w1');
    await driver.reserve('w1');
    return () => driver.store.limits.set(QUEUE, { running: 1 });
  }),
  verb('that code declares', async (driver) => {
    await driver.store.limits.declare(QUEUE, { running: 3 });
    return () => driver.store.limits.declare(QUEUE, { running: 2, rate: { limit: 9, perMs: 5, smooth: true } });
  }),
];
CASES['set-paused'] = ['1', '0'].map((paused) =>
  verb(paused === '1' ? 'pauses' : 'resumes', async (driver) => {
    await driver.put({});
    if (paused === '0') await driver.store.curation.setPaused(QUEUE, true);
    return () => driver.store.curation.setPaused(QUEUE, paused === '1');
  }),
);
CASES.listen = [
  verb('to events', async (driver) => async () => {
    await (
      await driver.store.notices.onEvents(QUEUE, () => {})
    )();
  }),
];
CASES['register-schedule'] = [
  verb('a rule', async (driver) => () => driver.store.timetable.register(QUEUE, rule(driver.now() + 5, { app: APP }))),
  verb('another rule', async (driver) => {
    await driver.store.timetable.register(QUEUE, rule(driver.now() + 5, { app: APP }));
    return () => driver.store.timetable.register(QUEUE, rule(driver.now() + 9, { app: APP, specHash: 'h2' }));
  }),
];
CASES['announce-schedules'] = [
  verb('what the code declares', async (driver) => {
    await driver.store.timetable.register(QUEUE, rule(driver.now() + 500_000, { app: APP }));
    await driver.store.timetable.announce(QUEUE, APP, []);
    for (let step = 0; step < 3; step++) {
      await driver.advance(25_000);
      if (step < 2) await driver.store.timetable.announce(QUEUE, APP, []);
    }
    return () => driver.store.timetable.announce(QUEUE, APP, []);
  }),
];
CASES['due-schedules'] = [
  verb('passes over ticks without a rule', async (driver) => {
    await seedDue(driver);
    await driver.client.hdel(driver.keys.schedules, 'digest');
    return () => driver.store.timetable.due(QUEUE, 10);
  }),
];
const TICKS: readonly [string, Partial<ScheduledJob>][] = [
  ['without a priority', {}],
  ['with a priority', { priority: 3 }],
  ['with a unique key', { uniqueKey: 'digest one' }],
];
CASES['fire-schedules'] = TICKS.map(([text, fields]) =>
  verb(`a tick ${text}`, async (driver) => {
    const tick = await seedDue(driver);
    const jobs = [tickJob(driver, tick, fields)];
    return () => driver.store.timetable.fire(QUEUE, [fireOf(driver, tick, { jobs })]);
  }),
);
CASES['run-schedule'] = TICKS.map(([text, fields]) =>
  verb(text, async (driver) => {
    const tick = await seedDue(driver);
    const job = tickJob(driver, tick, fields);
    return () => driver.store.timetable.runNow(QUEUE, 'digest', 'h1', job);
  }),
);
CASES['pause-schedule'] = [
  verb('an active one', async (driver) => {
    await seedDue(driver);
    return () => driver.store.timetable.pause(QUEUE, 'digest');
  }),
];
CASES['resume-schedule'] = [
  verb('a paused one', async (driver) => {
    await seedDue(driver);
    await driver.store.timetable.pause(QUEUE, 'digest');
    return () => driver.store.timetable.resume(QUEUE, 'digest', 'h1', { nextTick: driver.now() + 5 });
  }),
];
CASES['remove-schedule'] = [
  verb('one', async (driver) => {
    await seedDue(driver, { app: APP });
    return () => driver.store.timetable.remove(QUEUE, 'digest');
  }),
];
CASES['start-bulk'] = [
  verb(
    'an operation',
    async (driver) => () => driver.store.bulks.start(QUEUE, 'b1', '{}', { executor: 'e1', leaseMs: 1000 }),
  ),
];
CASES['end-bulk'] = [
  verb('an operation', async (driver) => {
    await driver.store.bulks.start(QUEUE, 'b1', '{}', { executor: 'e1', leaseMs: 1000 });
    return () => driver.store.bulks.cancel(QUEUE, 'b1');
  }),
];
CASES['claim-bulks'] = [
  verb('an operation that nobody works at', async (driver) => {
    await driver.store.bulks.start(QUEUE, 'b1', '{}', { executor: 'e1', leaseMs: 0 });
    return () => driver.store.bulks.claim(QUEUE, { executor: 'e2', leaseMs: 1000 });
  }),
];
const acting = (title: string, action: BulkAction, state: JobState, seed: (driver: RedisDriver) => Promise<unknown>) =>
  verb(title, async (driver) => {
    await seed(driver);
    await driver.store.bulks.start(QUEUE, 'b1', '{}', { executor: 'e1', leaseMs: 1000 });
    // As an executor repeats a step: it looks again at what is there.
    return async () => {
      const { jobs } = await driver.store.search.scan(QUEUE, state, undefined, {
        ...{ needles: [], payloads: false, on: 'primary', most: 50 },
      });
      const [bulk] = await driver.store.bulks.read(QUEUE, 'b1');
      if (bulk.place !== '0 ') return;
      return driver.store.bulks.step(QUEUE, {
        ...{ id: 'b1', executor: 'e1', leaseMs: 1000, place: '0 ', nextPlace: '1 ', nextState: 'done' },
        ...{ looked: jobs.length, skipped: 0, failed: 0, known: 0, watched: [], watches: false, action, state },
        jobs: jobs.map(({ id, record }) => ({ id, seen: record.slice(0, 14), head: '1abc', priority: 0 })),
      });
    };
  });
CASES['step-bulk'] = [
  acting('retries dead jobs', 'retry', 'dead', async (driver) => {
    await driver.putEnded('dead', 2);
    await driver.putEnded('dead', 1, KEEP, { ...LONG, priority: 3 });
    await driver.putEnded('dead', 2, KEEP, { uniqueKey: 'x a' });
  }),
  acting('cancels ready jobs', 'cancel', 'ready', (driver) => driver.put({}, { userId: 'a', priority: 4 }, LONG)),
  acting('cancels scheduled jobs', 'cancel', 'scheduled', (driver) =>
    driver.put({ delayMs: 5 }, { delayMs: 9, uniqueKey: 'x a' }),
  ),
  acting('cancels running jobs', 'cancel', 'active', (driver) => running(driver, {}, {})),
  acting('removes ready jobs', 'remove', 'ready', (driver) => driver.put({}, { userId: 'a', priority: 4 }, LONG)),
  ...(['completed', 'cancelled', 'dead'] as const).map((state) =>
    acting(`removes ${state} jobs`, 'remove', state, async (driver) => {
      await driver.putEnded(state, 2);
      await driver.putEnded(state, 1, KEEP, LONG);
    }),
  ),
  acting('promotes scheduled jobs', 'promote', 'scheduled', (driver) =>
    driver.put({ delayMs: 500 }, { delayMs: 900, priority: 2 }),
  ),
];
const GROUPED: Seed = { group: 'a' };
const ORDERED: Seed = { group: 'a', ordered: true };
CASES.enqueue?.push(
  verb('jobs of groups', async (driver) => {
    await driver.store.groups.set(QUEUE, 'c', { paused: true });
    return () => driver.put(GROUPED, {}, { group: 'b', priority: 2 }, { ...GROUPED, delayMs: 5 }, { group: 'c' });
  }),
);
CASES['settle-and-reserve'].push(
  settling(
    'completes jobs of groups and reserves others',
    async (driver) => {
      await driver.store.groups.set(QUEUE, 'a', { running: 2, rate: { limit: 9, perMs: 1000, smooth: false } });
      const jobs = await running(driver, GROUPED, GROUPED, { group: 'b' });
      await driver.put(GROUPED, { group: 'b' }, { group: 'c' }, GROUPED);
      return jobs.map((job) => driver.complete(job));
    },
    { want: 4 },
  ),
  settling(
    'retries, releases and limits jobs of ordered groups',
    async (driver) => {
      const [one, two, three] = await running(driver, ORDERED, { ...ORDERED, group: 'b' }, { ...ORDERED, group: 'c' });
      await driver.put(ORDERED, { ...ORDERED, group: 'b' }, { ...ORDERED, group: 'c' });
      return [
        { op: 'retry', id: one.id, token: one.token, delayMs: 0, envelope: one.envelope },
        { op: 'release', id: two.id, token: two.token },
        { op: 'limit', id: three.id, token: three.token, forMs: 5, scope: 'group' },
      ];
    },
    { want: 4 },
  ),
  settling(
    'buries and parks jobs of ordered groups, and adopts what was parked',
    async (driver) => {
      const parked = await running(driver, { ...ORDERED, group: 'd' });
      await driver.reserve('w1', 0, { settlements: [{ op: 'park', ...parked[0], name: 'x' }] });
      const [one, two] = await running(driver, ORDERED, { ...ORDERED, group: 'b' });
      await driver.put(ORDERED, { ...ORDERED, group: 'b' });
      return [bury(one), { op: 'park', id: two.id, token: two.token, name: 'x' }];
    },
    { want: 9, adopt: ['x'] },
  ),
);
for (const name of ['cancel', 'remove'] as const) {
  CASES[name]?.push(
    verb('the job that its ordered group waits for', async (driver) => {
      const [job] = await running(driver, ORDERED);
      await driver.settle('w1', { op: 'retry', id: job.id, token: job.token, delayMs: 500, envelope: job.envelope });
      await driver.put(ORDERED);
      return () => driver.store.curation[name](QUEUE, job.id);
    }),
    verb('a ready job of a group', async (driver) => {
      const [id] = await driver.put(GROUPED, GROUPED);
      return () => driver.store.curation[name](QUEUE, id);
    }),
  );
}
CASES.purge.push(
  verb('ready jobs of groups', async (driver) => {
    await driver.store.groups.set(QUEUE, 'a', { paused: true });
    await driver.put(GROUPED, { group: 'b' }, {}, GROUPED);
    return () => driver.store.curation.purge(QUEUE, 'ready', 10);
  }),
);
CASES.reclaim.push(
  verb('jobs of an ordered group', async (driver) => {
    await driver.put(ORDERED, ORDERED);
    return expired(driver, 0);
  }),
);
CASES.trim.push(
  verb('groups that are empty', async (driver) => {
    const jobs = await running(driver, GROUPED, { group: 'b' });
    await driver.settle('w1', ...jobs.map((job) => driver.complete(job)));
    await driver.put({ group: 'c' });
    await driver.reserve('w1', 1);
    return () => driver.store.duties.trim(QUEUE, { completed: KEEP, cancelled: KEEP, dead: KEEP });
  }),
);
CASES['set-group'] = [
  verb('closes a group', async (driver) => {
    await driver.put(GROUPED, GROUPED, { group: 'b' });
    return () => driver.store.groups.set(QUEUE, 'a', { running: 1, paused: true });
  }),
  verb('opens a group', async (driver) => {
    await driver.store.groups.set(QUEUE, 'a', { paused: true });
    await driver.put(GROUPED, GROUPED, { group: 'b' });
    return () => driver.store.groups.reset(QUEUE, 'a');
  }),
];
CASES['set-limits'].push(
  verb('of groups', async (driver) => {
    await driver.put(GROUPED, GROUPED, { group: 'b' });
    return () => driver.store.limits.set(QUEUE, { groups: { running: 1, byTime: true } });
  }),
);
/** They write nothing, or what waits for an end and ends with it. */
const READ = [
  'counts',
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
];
/** They are what repairs: stopped, they begin anew. */
const MENDS = ['mend', 'withdraw'];
/** They hold no job: a process says again what it is, what it counted and what it found. */
const REPORTS = ['announce-process', 'change-alerts', 'look-alerts', 'record-runs'];

describe('a script that stops in the middle', () => {
  let driver: RedisDriver;
  let lastCall: (() => Promise<unknown>) | undefined;
  const { run } = Link.prototype;

  async function openDriver(): Promise<void> {
    driver = await RedisDriver.open({ scriptsOf: (clockKey) => tornScriptsAt(clockKey) });
  }

  beforeEach(() => {
    Link.prototype.run = function (this: Link, ...args) {
      // A plain script leaves to the whole one what is repeated, with a whole row for each pair.
      const whole = scriptsAt(driver.clockKey).enqueue;
      const again = async () => {
        const reply = await run.apply(this, args);
        if (reply !== 'full') return reply;
        const [caller, call, ...pairs] = args[2];
        const rows = pairs.flatMap((text, index) => (index % 2 === 0 ? [text] : [text, '', '']));
        return run.call(this, whole, driver.keys.all, [caller, call, ...rows]);
      };
      if (!MENDS.includes(args[0].name)) lastCall = again;
      return run.apply(this, args);
    };
  });

  afterEach(async () => {
    Link.prototype.run = run;
    await driver?.close();
  });

  it('is in the list of this test', () => {
    const covered = [...Object.keys(CASES), ...READ, ...MENDS, ...REPORTS].sort();
    expect(covered).toEqual(Object.keys(loadScripts()).sort());
  });

  describe.each(Object.entries(CASES) as [ScriptName, Case[]][])('%s', (name, cases) => {
    it.each(cases)('is completed by its repetition: $title', async ({ prepare, again, expected }) => {
      for (let writes = 0; ; writes++) {
        await openDriver();
        const call = await prepare(driver);
        await driver.put(name.endsWith('plain') ? {} : { userId: 'bystander' });
        const torn = await callTorn(driver, name, writes, call);
        const repeat = again === 'bytes' ? lastCall : call;
        const answer = torn ? await repeat?.() : undefined;
        try {
          if (expected !== undefined && torn) expect(answer).toEqual(expected);
          await expectConservation(driver);
          await expectEachRunsOnce(driver);
        } catch (error) {
          throw new Error(`Stopped after ${writes} writes: ${(error as Error).message}`, { cause: error });
        }
        if (!torn) {
          expect(writes).toBeGreaterThan(0);
          return;
        }
        await driver.close();
      }
    });
  });
});

describe('an enqueue that stops in the middle', () => {
  it('leaves no claim of a job that is not there', async () => {
    for (let writes = 0; ; writes++) {
      const driver = await RedisDriver.open({ scriptsOf: (clockKey) => tornScriptsAt(clockKey) });
      try {
        await driver.putOne();
        const call = () => driver.put({ userId: 'a', uniqueKey: 'x a' }, { uniqueKey: 'x b', delayMs: 5 });
        const torn = await callTorn(driver, 'enqueue', writes, call);
        const { '-': _filler, ...records } = await driver.client.hgetall(driver.keys.jobs);
        for (const key of ['ids', 'uniques'] as const) {
          const claims = Object.values(await driver.hash(key)).map((id) => id.replace('?', ''));
          expect([writes, key, claims.filter((id) => !(id in records))]).toEqual([writes, key, []]);
        }
        if (!torn) return expect(writes).toBeGreaterThan(5);
      } finally {
        await driver.close();
      }
    }
  });
});

describe('a turn that stops in the middle', () => {
  let driver: RedisDriver;

  const open = async () => {
    driver = await RedisDriver.open({ scriptsOf: (clockKey) => tornScriptsAt(clockKey) });
  };
  afterEach(() => driver?.close());

  it.each(['completes', 'completes, long', 'buries'])('sends the end to those who await it: %s', async (how) => {
    for (let writes = 0; ; writes++) {
      await open();
      const [job] = await running(driver, {});
      const observer = await driver.connect();
      const ends = new MessageLog<string>();
      await observer.notices.onSettled(QUEUE, (end) => ends.listener(end === 'resync' ? end : end.id));
      await observer.notices.awaitSettled(QUEUE, job.id, 60_000);
      const settlement =
        how === 'buries' ? bury(job) : driver.complete(how === 'completes' ? job : { id: job.id, token: job.token });
      const turn = driver.turn('w1', { settlements: [settlement] });
      const call = () => driver.store.workers.settleAndReserve(QUEUE, turn);
      const torn = await callTorn(driver, 'settle-and-reserve', writes, call);
      if (torn) await call();
      await ends.has(job.id);
      if (!torn) return expect(writes).toBeGreaterThan(2);
      await driver.close();
    }
  });

  it.each(['completes', 'retries', 'buries'] as const)(
    'is mended by another process where its own could not and has died: %s',
    async (how) => {
      for (let writes = 0; ; writes++) {
        await open();
        const jobs = await running(driver, {}, { priority: 2 }, { userId: 'a' }, { uniqueKey: 'x a' });
        const settlements = jobs.map((job): Settlement => {
          if (how === 'completes') return driver.complete(job);
          if (how === 'buries') return bury(job);
          return { op: 'retry', id: job.id, token: job.token, delayMs: 0, envelope: job.envelope };
        });
        const other = await driver.connect();
        const turn = driver.turn('w1', { settlements });
        // The permission that the turn lacks is one that mends need, too: all but the note of it is refused.
        const { run } = Link.prototype;
        let mends = 0;
        Link.prototype.run = async function (this: Link, ...args) {
          if (args[0].name !== 'mend' || mends++ > 0) return run.apply(this, args);
          await driver.client.set(tearKeyOf(driver.clockKey), 'mend 1');
          return run.apply(this, args);
        };
        let torn: boolean;
        try {
          torn = await callTorn(driver, 'settle-and-reserve', writes, () =>
            driver.store.workers.settleAndReserve(QUEUE, turn),
          );
        } finally {
          Link.prototype.run = run;
        }
        if (!torn) return expect(writes).toBeGreaterThan(1);
        expect(mends).toBe(1);
        // Its worker is gone for good: the scans of another process find what it left.
        for (let scans = 0; scans < 12; scans++) {
          await driver.advance(LEASE_MS / 4 + 1);
          await other.duties.reclaim(QUEUE, LEASE_MS);
        }
        try {
          await expectConservation(driver);
          expect(Object.keys(await driver.hash('inflight'))).toEqual([]);
          await expectEachRunsOnce(driver);
        } catch (error) {
          throw new Error(`Stopped after ${writes} writes: ${(error as Error).message}`, { cause: error });
        }
        await driver.close();
      }
    },
  );
});

describe('a step of a bulk operation that stops in the middle', () => {
  it('counts each job once when it is repeated', async () => {
    for (let writes = 0; ; writes++) {
      const driver = await RedisDriver.open({ scriptsOf: (clockKey) => tornScriptsAt(clockKey) });
      try {
        await driver.putEnded('dead', 4);
        const lease = { executor: 'e1', leaseMs: 1000 };
        await driver.store.bulks.start(QUEUE, 'b1', '{}', lease);
        const step = async () => {
          const look = { needles: [], payloads: false, on: 'primary' } as const;
          const { jobs } = await driver.store.search.scan(QUEUE, 'dead', undefined, look);
          return driver.store.bulks.step(QUEUE, {
            ...{
              ...lease,
              id: 'b1',
              place: '0 ',
              nextPlace: '1 ',
              nextState: 'running',
              looked: 4,
              skipped: 0,
              failed: 0,
            },
            ...{ known: 0, watched: [], watches: false, action: 'retry', state: 'dead' },
            jobs: jobs.map(({ id, record }) => ({ id, seen: record.slice(0, 14), head: '1abc', priority: 0 })),
          });
        };
        const torn = await callTorn(driver, 'step-bulk', writes, step);
        if (torn) await step();
        const [bulk] = await driver.store.bulks.read(QUEUE, 'b1');
        expect({ writes, bulk }).toMatchObject({ writes, bulk: { matched: 4, done: 4, skipped: 0, place: '1 ' } });
        if (!torn) return expect(writes).toBeGreaterThan(5);
      } finally {
        await driver.close();
      }
    }
  });
});
