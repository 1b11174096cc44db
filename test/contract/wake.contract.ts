import { describe, expect, it } from '@jest/globals';
import type { MessageLog } from '../support/message-log.js';
import { QUEUE, type StoreDriver } from './store-driver.js';
import { fireNext, seedDue } from './schedule-seeds.js';

export function wakeContract(use: () => StoreDriver): void {
  /** Workers that found nothing and want to be told. */
  async function idle(...workers: string[]): Promise<MessageLog<string>[]> {
    const driver = use();
    const logs: MessageLog<string>[] = [];
    for (const worker of workers) {
      logs.push(await driver.wakesOf(worker));
      expect((await driver.reserve(worker)).jobs).toEqual([]);
    }
    return logs;
  }

  /** How often they were told all together, once nothing more is on its way. */
  async function told(logs: MessageLog<string>[]): Promise<number> {
    await use().barrier();
    return logs.reduce((sum, { messages }) => sum + messages.length, 0);
  }

  type Act = (driver: StoreDriver) => Promise<unknown>;

  const events: { what: string; prepare?: Act; act: Act }[] = [
    { what: 'an enqueue', act: (driver) => driver.putMany(3) },
    { what: 'an enqueue with a priority', act: (driver) => driver.putOne({ priority: 1 }) },
    { what: 'a first scheduled job', act: (driver) => driver.putOne({ delayMs: 1000 }) },
    {
      what: 'a promotion',
      prepare: (driver) => driver.putOne({ delayMs: 1000 }),
      act: async (driver) => {
        await driver.advance(1000);
        await driver.store.duties.promote(QUEUE, 10);
      },
    },
    {
      what: 'a retry at once by a busy worker',
      prepare: (driver) => driver.start('busy'),
      act: async (driver) => {
        const [id] = await driver.idsIn('active');
        const [token] = tokens;
        await driver.settle('busy', { op: 'retry', id, token, delayMs: 0, envelope: driver.envelope() });
      },
    },
    {
      what: 'a release by a busy worker',
      prepare: (driver) => driver.start('busy'),
      act: async (driver) => {
        const [id] = await driver.idsIn('active');
        await driver.settle('busy', { op: 'release', id, token: tokens[0] });
      },
    },
    {
      what: 'a reclaim',
      prepare: (driver) => driver.start('busy'),
      act: (driver) => driver.expireLeases(),
    },
    {
      what: 'a reconcile',
      prepare: (driver) => driver.start('busy'),
      act: (driver) => driver.store.workers.reconcile(QUEUE, 'busy', []),
    },
    {
      what: 'a worker that leaves',
      prepare: (driver) => driver.start('busy'),
      act: (driver) => driver.store.workers.leave(QUEUE, 'busy'),
    },
    {
      what: 'the retry of a dead job',
      prepare: (driver) => driver.putEnded('dead', 1),
      act: async (driver) => {
        const [id] = await driver.idsIn('dead');
        expect(await driver.store.curation.retryDead(QUEUE, id, driver.now(), driver.envelope())).toBe('retried');
      },
    },
    {
      what: 'a tick',
      prepare: (driver) => seedDue(driver),
      act: async (driver) => expect(await fireNext(driver)).toBe('fired'),
    },
    {
      what: 'an element of an inbox',
      prepare: (driver) => driver.fixture.pushInbox('"x"'),
      act: (driver) => driver.store.intake.takeInbox(QUEUE, driver.fixture.inbox, 10),
    },
  ];
  let tokens: string[] = [];

  it.each(events)('$what wakes one idle worker', async ({ prepare, act }) => {
    const driver = use();
    const prepared = await prepare?.(driver);
    tokens = prepared instanceof Object && 'token' in prepared ? [String(prepared.token)] : [];
    const logs = await idle('w1', 'w2');
    await act(driver);
    expect(await told(logs)).toBe(1);
    expect(logs.flatMap(({ messages }) => messages)).toEqual([QUEUE]);
  });

  it('wakes each idle worker once, until it asks again', async () => {
    const driver = use();
    const logs = await idle('w1', 'w2');
    await driver.putOne();
    await driver.putOne();
    await driver.putOne();
    await Promise.all(logs.map((log) => log.first(1)));
    expect(await told(logs)).toBe(2);
    await driver.reserve('w1', 5);
    await driver.putOne();
    await logs[0].first(2);
    expect(await told(logs)).toBe(3);
  });

  it('wakes no worker whose turn got all the jobs that it asked for', async () => {
    const driver = use();
    await driver.putOne();
    const log = await driver.wakesOf('w1');
    await driver.reserve('w1', 1);
    await driver.putOne();
    expect(await told([log])).toBe(0);
  });

  it('wakes no worker twice that is busy since its first wake-up', async () => {
    const driver = use();
    const logs = await idle('w1', 'w2');
    await driver.putOne();
    await driver.barrier();
    const [untold] = ['w1', 'w2'].filter((_, index) => logs[index].messages.length === 0);
    expect((await driver.reserve(untold)).jobs).toHaveLength(1);
    await driver.putOne();
    expect(await told(logs)).toBe(1);
  });

  it('wakes a worker whose turn got fewer jobs than it asked for', async () => {
    const driver = use();
    await driver.putOne();
    const log = await driver.wakesOf('w1');
    await driver.reserve('w1', 2);
    await driver.putOne();
    await log.first(1);
  });

  it('wakes the next worker when a reservation leaves a backlog', async () => {
    const driver = use();
    const logs = await idle('w1', 'w2');
    await driver.putMany(3);
    await driver.barrier();
    const [first] = ['w1', 'w2'].filter((_, index) => logs[index].messages.length === 1);
    await driver.reserve(first, 1);
    await Promise.all(logs.map((log) => log.first(1)));
    expect(await told(logs)).toBe(2);
  });

  it('wakes the next worker when the one that was woken asks for no job', async () => {
    const driver = use();
    const logs = await idle('w1', 'w2');
    await driver.putOne();
    await driver.barrier();
    const [first] = ['w1', 'w2'].filter((_, index) => logs[index].messages.length === 1);
    await driver.reserve(first, 0, { listed: true });
    await Promise.all(logs.map((log) => log.first(1)));
    expect(await told(logs)).toBe(2);
    await driver.reserve(first, 0, { listed: true });
    expect(await told(logs)).toBe(2);
  });

  it('wakes no worker for a reservation that leaves no job behind', async () => {
    const driver = use();
    const logs = await idle('w1', 'w2');
    await driver.putOne();
    await driver.barrier();
    await driver.reserve('w3', 1);
    expect(await told(logs)).toBe(1);
  });

  it('loses no wake-up between two workers that drain a queue', async () => {
    const driver = use();
    const workers = ['w1', 'w2'];
    const logs = await idle(...workers);
    const taken = [0, 0];
    const started: string[] = [];
    const ids: string[] = [];
    for (let round = 0; round < 20; round++) {
      ids.push(...(await driver.putMany(2)));
      await driver.barrier();
      // Each told worker asks until it finds nothing; by then everything must have started.
      for (let again = true; again;) {
        again = false;
        for (const [index, worker] of workers.entries()) {
          while (taken[index] < logs[index].messages.length) {
            taken[index]++;
            again = true;
            const { jobs } = await driver.reserve(worker);
            started.push(...jobs.map(({ id }) => id));
            if (jobs.length > 0)
              await driver.reserve(worker).then((next) => started.push(...next.jobs.map(({ id }) => id)));
            await driver.barrier();
          }
        }
      }
      await driver.reserve('w1', 0);
      expect([...started].sort()).toEqual(ids);
      for (const worker of workers) expect((await driver.reserve(worker)).jobs).toEqual([]);
    }
  });

  it('wakes a worker for a scheduled job only if that job is the earliest', async () => {
    const driver = use();
    await driver.putOne({ delayMs: 1000 });
    const logs = await idle('w1');
    await driver.putOne({ delayMs: 2000 });
    expect(await told(logs)).toBe(0);
    await driver.putOne({ delayMs: 500 });
    await logs[0].first(1);
    expect((await driver.reserve('w1')).nextDueAt).toBe(driver.now() + 500);
  });

  it('wakes no worker for an enqueue whose user id has a job already', async () => {
    const driver = use();
    await driver.putEnded('completed', 1, undefined, { userId: 'a' });
    const logs = await idle('w1');
    await driver.putOne({ userId: 'a' });
    expect(await told(logs)).toBe(0);
  });

  describe('pause', () => {
    it('wakes no worker until the queue is resumed, and idle workers then', async () => {
      const driver = use();
      const logs = await idle('w1');
      await driver.store.curation.setPaused(QUEUE, true);
      await driver.putOne();
      expect(await told(logs)).toBe(0);
      await driver.store.curation.setPaused(QUEUE, false);
      await logs[0].first(1);
      expect((await driver.reserve('w1')).jobs).toHaveLength(1);
    });

    it('wakes a worker at resume that asked for jobs during the pause', async () => {
      const driver = use();
      await driver.store.curation.setPaused(QUEUE, true);
      const logs = await idle('w1');
      await driver.store.curation.setPaused(QUEUE, false);
      await logs[0].first(1);
    });
  });

  it('skips idle workers that are gone', async () => {
    const driver = use();
    await driver.reserve('dead-1');
    await driver.reserve('dead-2');
    const logs = await idle('w1');
    await driver.putOne();
    await logs[0].first(1);
  });

  it('wakes a worker of another client', async () => {
    const driver = use();
    const other = await driver.fixture.connect();
    const logs = await idle('w1');
    await other.intake.enqueue(QUEUE, [driver.newJob()]);
    expect(await logs[0].first(1)).toEqual([QUEUE]);
  });

  it('names the queue to a worker that serves several', async () => {
    const driver = use();
    const log = await driver.wakesOf('w1');
    await driver.store.workers.settleAndReserve('first', driver.turn('w1'));
    await driver.store.workers.settleAndReserve('second', driver.turn('w1'));
    await driver.store.intake.enqueue('second', [driver.newJob()]);
    await driver.store.intake.enqueue('first', [driver.newJob()]);
    expect(await log.first(2)).toEqual(['second', 'first']);
  });

  it('sends no wake-up to a worker that has unsubscribed', async () => {
    const driver = use();
    const logs = await idle('w1');
    const unsubscribe = await driver.store.workers.onWake('w2', () => logs[0].listener('never'));
    await driver.reserve('w2');
    await unsubscribe();
    await unsubscribe();
    await driver.putMany(2);
    await driver.putMany(2);
    await driver.barrier();
    expect(logs[0].messages).not.toContain('never');
  });
}
