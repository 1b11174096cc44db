import { afterEach, describe, expect, it } from '@jest/globals';
import type {
  HeldJob,
  Reservation,
  ReservedJob,
  SessionPlan,
  TurnRequest,
  TurnVerbs,
  WorkerSession,
  WorkerTurn,
} from '../../src/core/ports/worker-store.js';
import { emptyReservation } from '../support/empty-reservation.js';
import { MessageLog } from '../support/message-log.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { sessionOver } from '../support/session-over.js';

const NOW = 1_800_000_000_000;
const ASK: TurnRequest = { want: 10, alone: true, adopt: undefined };
const IDLE = { hungry: false, probing: false, capacity: 10 };

interface Call {
  turn: WorkerTurn;
  answer(reservation?: Partial<Reservation>): void;
  fail(error?: Error): void;
}

let session: WorkerSession;
afterEach(() => session.close());

/** A session whose calls are answered when the test says so, and what it tells its worker. */
function open({ runs = false } = {}) {
  const calls = new MessageLog<Call>();
  const told: string[] = [];
  const lost: HeldJob[] = [];
  let endReconcile: (reply: { lost: string[]; fence: number }) => void = () => {};
  let failReconcile = () => {};
  let hear: (handed?: ReservedJob) => void = () => {};
  const verbs: Partial<TurnVerbs> = {
    settleAndReserve: (_queue, turn) =>
      new Promise((resolve, reject) => {
        const answer = (given: Partial<Reservation> = {}) => resolve({ ...emptyReservation(NOW), ...given });
        calls.listener({ turn, answer, fail: (error = new Error('no answer')) => reject(error) });
      }),
    reconcile: () => {
      return new Promise((resolve, reject) => {
        endReconcile = (reply) => resolve({ ...reply, released: 0 });
        failReconcile = () => reject(new Error('no answer'));
      });
    },
    onWake: async (_worker, listener) => {
      hear = (handed) => listener('mail', handed);
      return async () => void told.push('unsubscribed');
    },
  };
  const plan: SessionPlan = {
    queue: 'mail',
    worker: 'w1',
    leaseMs: 8000,
    deadRetention: false,
    logger: new RecordingLogger(),
    onWake: () => told.push('wake'),
    onJobs: (jobs) => told.push(...jobs.map(({ id }) => `job ${id}`)),
    onUnregistered: () => told.push('unregistered'),
    onSettlementsDue: () => told.push('settlements due'),
    onDoubt: () => told.push('doubt'),
    onLost: (jobs) => lost.push(...jobs),
    onBuried: ({ id }) => told.push(`buried ${id}`),
    holdsNothing: () => !runs,
  };
  session = sessionOver(verbs, () => NOW).openSession(plan);
  void session.listen();
  const nth = async (count: number) => (await calls.first(count))[count - 1];
  return {
    calls,
    told,
    lost,
    nth,
    hear: (handed?: ReservedJob) => hear(handed),
    endReconcile: (reply: { lost: string[]; fence: number }) => endReconcile(reply),
    failReconcile: () => failReconcile(),
  };
}

const job = (id: string, fence: number, more: Partial<ReservedJob> = {}): ReservedJob => {
  return { id, token: `w1:${fence}`, fence, envelope: '1\n{}', crashes: 0, ...more };
};
const fence = (micros = 0) => NOW * 1000 + micros;
const release = (id: string) => ({ op: 'release', id, token: 'w1:1' }) as const;

describe('a turn of a session', () => {
  it('carries what ended, in order, and is answered with what to run', async () => {
    const { nth } = open();
    session.settle(release('a'), '');
    session.settle(release('b'), '');
    const turn = session.turn(ASK);
    const call = await nth(1);
    expect(call.turn).toMatchObject({
      worker: 'w1',
      lane: 0,
      call: 1,
      want: 10,
      settlements: [{ id: 'a' }, { id: 'b' }],
    });
    expect(session.hasUnsettled).toBe(false);
    call.answer({ fence: 1, jobs: [job('c', 1)], backlog: true });
    expect(await turn).toMatchObject({ jobs: [{ id: 'c' }], renewed: true, more: true });
  });

  it('is repeated as it was until it is answered', async () => {
    const { nth } = open();
    const turn = session.turn(ASK);
    const first = await nth(1);
    first.fail();
    const again = await nth(2);
    expect(again.turn).toBe(first.turn);
    again.answer();
    expect(await turn).toMatchObject({ jobs: [], more: false });
  });

  it('is not answered any more once the session is closed', async () => {
    const { nth } = open();
    const turn = session.turn(ASK);
    (await nth(1)).fail();
    await session.close();
    expect(await turn).toBeUndefined();
  });

  it('that carries nothing is given up by a worker that takes no more jobs and holds none', async () => {
    const { nth } = open();
    const turn = session.turn(ASK);
    const call = await nth(1);
    session.stopReserving();
    call.fail();
    expect(await turn).toBeUndefined();
  });
});

describe('whether a turn is worth it', () => {
  it('depends on what waits', () => {
    open();
    expect(session.isWorthATurn(IDLE)).toBe(false);
    expect(session.isWorthATurn({ ...IDLE, hungry: true })).toBe(true);
    expect(session.isWorthATurn({ ...IDLE, probing: true })).toBe(true);
    session.settle(release('a'), '');
    expect(session.isWorthATurn(IDLE)).toBe(true);
  });

  it('is, beside another one, for a batch of settlements alone, and in the second lane', async () => {
    const { nth } = open();
    void session.turn(ASK);
    await nth(1);
    const need = { hungry: true, probing: true, capacity: 10 };
    for (const id of 'abcd') session.settle(release(id), '');
    expect(session.isWorthATurn(need)).toBe(false);
    session.settle(release('e'), '');
    expect(session.isWorthATurn(need)).toBe(true);
    void session.turn({ ...ASK, want: 0 });
    expect((await nth(2)).turn).toMatchObject({ lane: 1, call: 1 });
    for (const id of 'fghij') session.settle(release(id), '');
    expect(session.isWorthATurn(need)).toBe(false); // both lanes are busy
  });

  describe('where jobs run and more may be handed over', () => {
    async function register(want: number) {
      const opened = open({ runs: true });
      const turn = session.turn({ ...ASK, want });
      (await opened.nth(1)).answer({ fence: fence() });
      await turn;
      return opened;
    }

    it('is not for a settlement before it has waited for others', async () => {
      const { told } = await register(10);
      session.settle(release('a'), '');
      expect(session.isWorthATurn(IDLE)).toBe(false);
      while (told.length === 0) await new Promise(setImmediate);
      expect(told).toEqual(['settlements due']);
      expect(session.isWorthATurn(IDLE)).toBe(true);
      void session.turn(ASK);
      session.settle(release('b'), '');
      expect(session.isWorthATurn(IDLE)).toBe(false);
    });

    it('is for a batch of them, for a wake-up, a probe, and while the worker drains', async () => {
      await register(10);
      session.settle(release('a'), '');
      expect(session.isWorthATurn({ ...IDLE, hungry: true })).toBe(true);
      expect(session.isWorthATurn({ ...IDLE, probing: true })).toBe(true);
      for (const id of 'bcde') session.settle(release(id), '');
      expect(session.isWorthATurn(IDLE)).toBe(true);
      session.stopReserving();
      expect(session.isWorthATurn(IDLE)).toBe(true);
    });

    it('is at once where the room is used up, also by jobs that came before the answer', async () => {
      const opened = open({ runs: true });
      const turn = session.turn({ ...ASK, want: 2 });
      const call = await opened.nth(1);
      opened.hear(job('a', fence(1)));
      opened.hear(job('b', fence(2)));
      call.answer({ fence: fence() });
      await turn;
      expect(session.hasRegisteredRoom).toBe(false);
      session.settle(release('a'), '');
      expect(session.isWorthATurn(IDLE)).toBe(true);
    });
  });

  it('is, for a wake-up of a worker that takes no more jobs, while Redis may list it as idle', async () => {
    const { nth } = open();
    const turn = session.turn(ASK);
    (await nth(1)).answer(); // fewer than it asked for: Redis lists it
    await turn;
    session.stopReserving();
    const need = { ...IDLE, hungry: true };
    expect(session.isWorthATurn(need)).toBe(true);
    const passing = session.turn({ ...ASK, want: 0 });
    (await nth(2)).answer();
    await passing;
    expect(session.isWorthATurn(need)).toBe(false);
  });
});

describe('a job that is handed over', () => {
  it('reaches the worker once, and the session says when the worker is not registered any more', async () => {
    const { hear, nth, told } = open();
    const turn = session.turn(ASK);
    const call = await nth(1);
    hear(job('a', fence()));
    expect(told).toEqual(['job a']);
    call.answer({ fence: fence(), jobs: [job('a', fence(), { handed: true })] });
    expect(await turn).toMatchObject({ jobs: [], renewed: true });
    await new Promise(setImmediate);
    expect(told).toEqual(['job a', 'unregistered']);
    hear(job('a', fence()));
    expect(told).toHaveLength(2);
  });

  it('makes the worker ask where its message lay for more than a quarter of the lease', () => {
    const { hear, told } = open();
    hear(job('a', fence() - 2_001_000));
    expect(told).toEqual(['doubt']);
  });

  it('during a reconcile waits for its end, and counts only where the store has not looked at it', async () => {
    const { endReconcile, hear, lost, told } = open();
    session.settle(release('s'), '');
    const reconcile = session.reconcile([{ id: 'h', token: 'w1:1' }]);
    hear(job('a', fence(1)));
    hear(job('b', fence(2)));
    expect(told).toEqual([]);
    endReconcile({ lost: ['h', 's'], fence: fence(1) });
    await reconcile;
    expect(told[0]).toBe('job b');
    expect(lost).toEqual([{ id: 'h', token: 'w1:1' }]); // what ended already is nothing that the worker holds
  });
});

it.each([
  ['answered', (endReconcile: () => void) => endReconcile()],
  ['refused', (_endReconcile: () => void, refuse: () => void) => refuse()],
])('knows of no room once a reconcile was %s: jobs that were given back used it up', async (_what, end) => {
  const { endReconcile, failReconcile, nth, told } = open({ runs: true });
  const turn = session.turn(ASK);
  (await nth(1)).answer();
  await turn;
  expect(session.hasRegisteredRoom).toBe(true);
  const reconcile = session.reconcile([]).catch(() => {});
  end(() => endReconcile({ lost: [], fence: fence() }), failReconcile);
  await reconcile;
  expect(session.hasRegisteredRoom).toBe(false);
  expect(told).toEqual(['unregistered']);
});

it('ends its subscription when it closes', async () => {
  const { told } = open();
  await session.listen();
  await session.close();
  expect(told).toEqual(['unsubscribed']);
});
