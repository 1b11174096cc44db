import { describe, expect, it, jest } from '@jest/globals';
import type { HeldJob, Reconciliation, Reservation, TurnVerbs, WorkerTurn } from '../../src/core/ports/worker-store.js';
import { jsonCodec } from '../../src/core/codec.js';
import { encodeEnvelope } from '../../src/core/envelope.js';
import type { Job } from '../../src/core/job-view.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import { HandlerTable } from '../../src/worker/handler-plan.js';
import { Worker } from '../../src/worker/worker.js';
import { emptyReservation } from '../support/empty-reservation.js';
import { sessionOver } from '../support/session-over.js';

const LEASE_MS = 8000;

/** A worker whose handler runs until its signal says otherwise, on a store that answers what the test says. */
function start() {
  const jobs: Job[] = [];
  const turns: WorkerTurn[] = [];
  const ends = new Map<string, () => void>();
  const answers: ((reservation: Reservation) => void)[] = [];
  const reconcile = jest.fn<TurnVerbs['reconcile']>(async () => ({ lost: [], released: 0, fence: 0 }));
  const verbs: Partial<TurnVerbs> = {
    reconcile,
    settleAndReserve: (_queue, turn) => {
      turns.push(turn);
      return new Promise<Reservation>((resolve) => answers.push(resolve));
    },
  };
  const handler = {
    queue: 'mail',
    name: undefined,
    label: 'Mail.send',
    invoke: (job: Job) =>
      new Promise((resolve, reject) => {
        jobs.push(job);
        ends.set(job.id, () => resolve(undefined));
        job.signal.addEventListener('abort', reject);
      }),
  };
  const worker = new Worker({
    ...sessionOver(verbs, () => 0),
    queue: 'mail',
    workerId: 'w1',
    handlers: new HandlerTable([{ handler, settings: DEFAULTS.job }]),
    codec: jsonCodec,
    backoffs: {},
    resultLimit: 1000,
    payloadLimit: 1000,
    fallback: DEFAULTS.job,
    settings: { concurrency: 10, prefetch: 0, leaseMs: LEASE_MS, limits: undefined },
    logger: { log: () => {}, warn: () => {}, error: () => {}, debug: () => {} },
  });
  /** Answers the open turn: these jobs, at this time of the store. */
  const answer = async (now: number, ...ids: string[]) => {
    const reserved = ids.map((id) => ({
      id,
      token: `w1:${now}`,
      fence: now,
      envelope: encodeEnvelope(1, undefined, undefined, '{}'),
      crashes: 0,
    }));
    answers.shift()?.({ ...emptyReservation(now), fence: now, jobs: reserved });
    await new Promise(setImmediate);
  };
  const heartbeat = { holds: () => {}, stop: async () => {} };
  const end = (job: Job) => ends.get(job.id)?.();
  return { worker, jobs, turns, reconcile, answer, heartbeat, end };
}

const idsOf = (held: readonly HeldJob[]) => held.map(({ id }) => id);

describe('a worker whose lease ran out unnoticed', () => {
  it('finds out by the time of its next answer, and tells the runs that it lost', async () => {
    const { worker, jobs, reconcile, answer, heartbeat } = start();
    worker.start(heartbeat);
    await new Promise(setImmediate);
    await answer(1000, 'a');
    worker.wake();
    await new Promise(setImmediate);
    reconcile.mockResolvedValueOnce({ lost: ['a'], released: 0, fence: 0 });
    await answer(1000 + LEASE_MS, 'b'); // this reservation began a new lease
    expect(idsOf(reconcile.mock.calls[0][2])).toEqual(['a', 'b']);
    expect(jobs.map(({ id, signal }) => [id, signal.aborted])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    await worker.close();
  });

  it('asks nothing while answers come within the lease, or when it held nothing', async () => {
    const { worker, reconcile, answer, heartbeat } = start();
    worker.start(heartbeat);
    await new Promise(setImmediate);
    await answer(100_000, 'a');
    worker.applyBeat({ now: 100_000 + LEASE_MS - 1, lapsed: false, cancelling: [] });
    worker.wake();
    await new Promise(setImmediate);
    await answer(100_000 + LEASE_MS + 1, 'b');
    expect(reconcile).not.toHaveBeenCalled();
    await worker.close();
  });

  it('asks where a beat finds nothing wrong later than a lease after the last one: it may be a repeated one', async () => {
    const { worker, reconcile, answer, heartbeat } = start();
    worker.start(heartbeat);
    await new Promise(setImmediate);
    await answer(100_000, 'a');
    worker.applyBeat({ now: 100_000 + LEASE_MS, lapsed: false, cancelling: [] });
    await new Promise(setImmediate);
    expect(reconcile).toHaveBeenCalledTimes(1);
    await worker.close();
  });

  it('reserves nothing while it asks: what comes just then would look like something that nobody holds', async () => {
    const { worker, turns, reconcile, answer, heartbeat } = start();
    worker.start(heartbeat);
    await new Promise(setImmediate);
    await answer(1000, 'a');
    let done!: (reply: Reconciliation) => void;
    reconcile.mockReturnValueOnce(new Promise((resolve) => (done = resolve)));
    worker.applyBeat({ now: 20_000, lapsed: true, cancelling: [] });
    await new Promise(setImmediate);
    expect(reconcile).toHaveBeenCalledTimes(1);
    worker.wake();
    await new Promise(setImmediate);
    expect(turns).toHaveLength(1);
    done({ lost: [], released: 0, fence: 0 });
    await new Promise(setImmediate);
    expect(turns).toHaveLength(2);
    await worker.close();
  });

  it('asks only after a turn that is under way', async () => {
    const { worker, reconcile, answer, heartbeat } = start();
    worker.start(heartbeat);
    await new Promise(setImmediate);
    await answer(1000, 'a');
    worker.wake();
    await new Promise(setImmediate);
    worker.applyBeat({ now: 20_000, lapsed: true, cancelling: [] });
    await new Promise(setImmediate);
    expect(reconcile).not.toHaveBeenCalled();
    await answer(20_001, 'b');
    expect(idsOf(reconcile.mock.calls[0][2])).toEqual(['a', 'b']);
    await worker.close();
  });

  it('goes on to its next turn when what it lost is a settlement that was not yet sent', async () => {
    const { worker, jobs, turns, reconcile, answer, heartbeat, end } = start();
    worker.start(heartbeat);
    await new Promise(setImmediate);
    await answer(1000, 'a');
    worker.wake();
    await new Promise(setImmediate);
    end(jobs[0]);
    reconcile.mockResolvedValue({ lost: ['a'], released: 0, fence: 0 });
    worker.applyBeat({ now: 20_000, lapsed: true, cancelling: [] });
    await answer(20_001);
    expect(reconcile).toHaveBeenCalledTimes(1);
    expect(turns.at(-1)?.settlements).toMatchObject([{ op: 'complete', id: 'a' }]);
    await worker.close();
  });
});
