import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { decodeEnvelope } from '../../src/core/envelope.js';
import type { EnqueueOutcomeUnknownError } from '../../src/core/errors/enqueue-errors.js';
import type { Settlement } from '../../src/core/ports/worker-store.js';
import { APART_LENGTH } from '../../src/redis/long-payloads.js';
import { ReplyLostError } from '../../src/redis/wire/store-errors.js';
import { Link } from '../../src/redis/wire/link.js';
import { KEEP, QUEUE } from '../contract/store-driver.js';
import { expectConservation } from './conservation.js';
import type { RedisDriver } from './redis-driver.js';
import { expectOnlyResidue, storeOfEachTest } from './store-of-each-test.js';

const PAYLOAD = JSON.stringify('x'.repeat(20_000));
/** Behind a first line of nine characters. */
const LONGEST_SHORT = 'x'.repeat(APART_LENGTH - 10);
const LONG = { payload: PAYLOAD };
const NOTHING = { completed: KEEP, cancelled: KEEP, dead: KEEP };

describe('a long payload', () => {
  const use = storeOfEachTest();
  afterEach(() => void jest.restoreAllMocks());

  /** Calls `enqueue.lua` itself, as a producer in another language does. */
  async function enqueueWhole(driver: RedisDriver, ...envelopes: string[]): Promise<void> {
    const store = await driver.connect();
    const { link, scripts } = store.connection as unknown as { link: Link; scripts: Record<string, never> };
    const rows = envelopes.flatMap((envelope, index) => [`foreign${index}`, envelope, '', '']);
    await link.run(scripts.enqueue, driver.keys.all, ['another language', 1, ...rows]);
  }

  it('lies apart from its record, and a short one does not', async () => {
    const driver = use();
    const [short, long, borderline] = await driver.put({}, LONG, { payload: LONGEST_SHORT });
    const head = driver.envelope().split('\n')[0];
    expect(await driver.hash('payloads')).toEqual({ [long]: PAYLOAD });
    expect(await driver.record(long)).toBe(head);
    expect(await driver.record(short)).toBe(driver.envelope());
    expect(await driver.record(borderline)).toHaveLength(APART_LENGTH);
    expect(await driver.meta('features')).toBe('b');
    await expectConservation(driver);
  });

  it('is in no argument and in no reply of a script', async () => {
    const driver = use();
    const passed: string[] = [];
    const { run } = Link.prototype;
    jest.spyOn(Link.prototype, 'run').mockImplementation(async function (this: Link, script, keys, args, deadline) {
      const reply = await run.call(this, script, keys, args, deadline);
      passed.push(JSON.stringify([script.name, args, reply]));
      return reply;
    });
    const [first, second, third] = await driver.put(LONG, { ...LONG, userId: 'a', delayMs: 0 }, LONG);
    const { jobs } = await driver.reserve('w1', 3);
    expect(jobs.map(({ payload }) => payload)).toEqual([PAYLOAD, PAYLOAD, PAYLOAD]);
    await driver.settle('w1', driver.complete(jobs[0]), driver.complete({ id: second, token: jobs[1].token }), {
      op: 'bury',
      id: third,
      token: jobs[2].token,
      detail: '{}',
      envelope: undefined,
      keep: KEEP,
    });
    await driver.store.curation.read(QUEUE, [first, third]);
    const settledAt = (await driver.settledOf(third))?.settledAt ?? 0;
    await driver.store.curation.retryDead(QUEUE, third, settledAt, driver.envelope(LONG));
    expect(passed.length).toBeGreaterThan(5);
    expect(passed.filter((text) => text.includes('xxxx'))).toEqual([]);
  });

  it.each<[string, (driver: RedisDriver) => Promise<unknown>]>([
    ['is removed', async (driver) => driver.store.curation.remove(QUEUE, await driver.putOne(LONG))],
    [
      'is purged',
      async (driver) => {
        await driver.put(LONG, {}, LONG);
        await driver.store.curation.purge(QUEUE, 'ready', 10);
      },
    ],
    [
      'completes and is not kept',
      async (driver) => driver.settle('w1', driver.complete(await driver.start('w1', LONG), '1', false)),
    ],
    [
      'completes and is trimmed',
      async (driver) => {
        await driver.putEnded('completed', 3, KEEP, LONG);
        await driver.store.duties.trim(QUEUE, { ...NOTHING, completed: { ...KEEP, count: 0 } });
      },
    ],
    [
      'dies and is dropped by a rule of its own',
      async (driver) => {
        await driver.putEnded('dead', 2, KEEP, LONG);
        const { ends } = await driver.store.duties.readEnds(QUEUE, 'dead', undefined, 10);
        await driver.store.duties.dropEnds(QUEUE, ends);
      },
    ],
    [
      'is cancelled and removed',
      async (driver) => {
        const [id] = await driver.putEnded('cancelled', 1, KEEP, LONG);
        await driver.store.curation.remove(QUEUE, id);
      },
    ],
  ])('goes with a job that %s', async (_, end) => {
    const driver = use();
    await end(driver);
    await driver.store.workers.leave(QUEUE, 'w1');
    await driver.store.workers.leave(QUEUE, 'seeder');
    await driver.reserve('w2', 1); // forgets holes
    await driver.store.workers.leave(QUEUE, 'w2');
    await driver.store.duties.trim(QUEUE, NOTHING);
    await expectOnlyResidue(driver);
    expect((await driver.meta('features')) ?? '').toBe('');
  });

  it('is not handed over with a wake-up', async () => {
    const driver = use();
    const wakes = await driver.wakesOf('w1');
    await driver.reserve('w1', 5, { takesHanded: true });
    await driver.put(LONG);
    await wakes.first(1);
    expect(await driver.hash('inflight')).toEqual({});
    expect((await driver.reserve('w1', 5)).jobs).toMatchObject([LONG]);
  });

  it('is stored again where it was refused before the script came', async () => {
    const driver = use();
    const ask = jest.spyOn(Link.prototype, 'ask').mockImplementation(() => Promise.reject(new Error('lost')));
    const ids = await driver.put(LONG, {}, LONG);
    expect(ask).toHaveBeenCalled();
    expect(await driver.hash('payloads')).toEqual({ [ids[0]]: PAYLOAD, [ids[2]]: PAYLOAD });
    await expectConservation(driver);
  });

  it('is not stored again by a caller who asks what became of the call: the job may have ended', async () => {
    const driver = use();
    const { run } = Link.prototype;
    let isLost = false;
    jest.spyOn(Link.prototype, 'run').mockImplementation(async function (this: Link, script, ...rest) {
      const reply = await run.call(this, script, ...rest);
      if (script.name !== 'enqueue' || isLost) return reply;
      isLost = true;
      throw new ReplyLostError('no reply');
    });
    const error: unknown = await driver.put(LONG).catch((reason: unknown) => reason);
    await driver.store.curation.purge(QUEUE, 'ready', 10);
    expect(await (error as EnqueueOutcomeUnknownError).retry()).toMatchObject([{ created: true }]);
    expect(await driver.hash('payloads')).toEqual({});
  });

  it('lets its call fail where the server refuses it, and nothing is stored', async () => {
    const driver = use();
    await driver.client.set(driver.keys.payloads, 'foreign');
    await expect(driver.put({}, LONG)).rejects.toThrow('WRONGTYPE');
    expect(await driver.hash('jobs')).toEqual({});
    await driver.client.del(driver.keys.payloads);
    await driver.put({}, LONG);
    await expectConservation(driver);
  });

  it('whose call never came is deleted after ten minutes, and those of jobs stay', async () => {
    const driver = use();
    await driver.put({}); // tells the store's clock
    const { run } = Link.prototype;
    jest.spyOn(Link.prototype, 'run').mockImplementation(function (this: Link, script, ...rest) {
      if (script.name === 'enqueue') return Promise.reject(new Error('the process ended'));
      return run.call(this, script, ...rest);
    });
    await expect(driver.put(LONG, LONG)).rejects.toThrow('the process ended');
    jest.restoreAllMocks();
    const [kept] = await driver.put(LONG);
    expect(Object.keys(await driver.hash('payloads'))).toHaveLength(3);
    await driver.advance(600_000);
    await driver.store.duties.trim(QUEUE, NOTHING);
    expect(Object.keys(await driver.hash('payloads'))).toHaveLength(3);
    await driver.advance(1000);
    await driver.store.duties.trim(QUEUE, NOTHING);
    expect(await driver.hash('payloads')).toEqual({ [kept]: PAYLOAD });
    expect(Object.keys(await driver.hash('meta')).filter((field) => field.startsWith('^'))).toEqual([]);
    await expectConservation(driver);
  });

  it('that is deleted by hand leaves a job that cannot be read', async () => {
    const driver = use();
    const id = await driver.putOne(LONG);
    await driver.client.hdel(driver.keys.payloads, id);
    const [job] = (await driver.reserve('w1')).jobs;
    expect(job.payload).toBeUndefined();
    expect(() => decodeEnvelope(job.envelope, job.payload)).toThrow('keeps no payload apart');
    const [stored] = await driver.store.curation.read(QUEUE, [id]);
    expect(stored).toMatchObject({ id, state: 'active', record: job.envelope });
  });

  it('is not read of a job that is removed meanwhile', async () => {
    const driver = use();
    const [first, second] = await driver.put(LONG, LONG);
    const { command } = Link.prototype;
    jest.spyOn(Link.prototype, 'command').mockImplementation(async function (this: Link, name, args) {
      if (name === 'hmget') await driver.store.curation.remove(QUEUE, first);
      return command.call(this, name, args);
    });
    const read = await driver.store.curation.read(QUEUE, [first, second]);
    expect(read.map((job) => job?.record)).toEqual([undefined, driver.envelope(LONG)]);
  });

  it.each([
    ['completed', false],
    ['dead', true],
  ] as const)('of another language lies in the record as it came, also of a %s job', async (state, isBuried) => {
    const driver = use();
    const envelope = driver.envelope({ payload: `"${'y'.repeat(30_000)}"` });
    await enqueueWhole(driver, envelope);
    expect(await driver.meta('features')).toBe('l');
    const [job] = (await driver.reserve('w1')).jobs;
    expect(job).toMatchObject({ id: 'foreign0', envelope });
    const { id, token } = job;
    const bury: Settlement = { op: 'bury', id, token, detail: '{}', envelope: undefined, keep: KEEP };
    await driver.settle('w1', isBuried ? bury : driver.complete({ id, token }));
    const [stored] = await driver.store.curation.read(QUEUE, [id]);
    expect(stored?.state).toBe(state);
    expect(stored?.record.endsWith(`\n${envelope}`)).toBe(true);
    expect(await driver.client.exists(driver.keys.payloads)).toBe(0);
  });

  it('of another language bounds a turn by what its script copies', async () => {
    const driver = use();
    const envelope = driver.envelope({ payload: 'y'.repeat(200_000) });
    await enqueueWhole(driver, '1\n1', ...Array.from({ length: 5 }, () => envelope), `1\n${'y'.repeat(900_000)}`);
    const taken: number[] = [];
    for (let turn = 0; turn < 4; turn++) taken.push((await driver.reserve('w1', 100)).jobs.length);
    expect(taken).toEqual([3, 2, 1, 1]);
  });
});
