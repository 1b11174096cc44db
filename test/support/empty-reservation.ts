import type { Reservation } from '../../src/core/ports/worker-store.js';

/** An answer with no jobs, of a queue that has none. */
export function emptyReservation(now: number): Reservation {
  return {
    now,
    fence: 0,
    jobs: [],
    lost: [],
    cancelling: [],
    paused: false,
    backlog: false,
    suspects: false,
    parked: false,
    nextDueAt: undefined,
    limited: false,
    awaited: false,
    trimmedDead: 0,
  };
}
