import type { SessionPlan, TurnVerbs, WorkerSession, WorkerTurn } from '../../src/core/ports/worker-store.js';
import { WakeUps } from '../../src/redis/turns/wake-ups.js';
import { RedisWorkerSession } from '../../src/redis/turns/worker-session.js';

/** Sessions as of the store on Redis, over calls that the test answers; what a worker is given of a store. */
export function sessionOver(
  verbs: Partial<TurnVerbs>,
  now: () => number,
): { openSession: (plan: SessionPlan) => WorkerSession; now: () => number } {
  const given = { onWake: async () => async () => {}, ...verbs } as TurnVerbs;
  const openSession = (plan: SessionPlan) => {
    const queue = { settleAndReserve: (turn: WorkerTurn) => given.settleAndReserve(plan.queue, turn) };
    return new RedisWorkerSession(queue, given, { now }, new WakeUps(given), plan);
  };
  return { openSession, now };
}
