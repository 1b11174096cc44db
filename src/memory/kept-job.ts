import type { Token } from '../core/ports/worker-store.js';
import type { JobState } from '../core/job.js';

/** Everything the store keeps about one job. */
export interface KeptJob {
  readonly id: string;
  readonly userId: string | undefined;
  /** The envelope, behind its settled line where the job has ended. */
  record: string;
  state: JobState;
  /** Deleted; a stale entry of the ready line may still hold it. */
  gone: boolean;
  /** 0 to 9. */
  priority: number;
  /** Where a scheduled job stands in the order of due times, a settled one in the order of ends. */
  rank: number;
  /** Bytes of a settled record. */
  bytes: number;
  /** Of an active job: who runs it, and the proof. */
  worker: string;
  token: Token;
  /** Name under which a parked job waits. */
  parkedAs: string;
  /** Times a worker died while it held this job. */
  crashes: number;
  cancelling: boolean;
  /** While the end of its run is applied: how long it took. */
  ranMs: number | undefined;
  progress: string | undefined;
  logs: string[] | undefined;
}

/** Runs a job may take its worker with it: then it is dead. */
export const MAX_CRASHES = 3;

/** One more and it is dead: it runs alone. */
export function isSuspect({ crashes }: Pick<KeptJob, 'crashes'>): boolean {
  return crashes >= MAX_CRASHES - 1;
}

export function newKeptJob(id: string, envelope: string, userId: string | undefined, priority: number): KeptJob {
  return {
    id,
    userId,
    record: envelope,
    state: 'ready',
    gone: false,
    priority,
    rank: 0,
    bytes: 0,
    worker: '',
    token: '',
    parkedAs: '',
    crashes: 0,
    cancelling: false,
    ranMs: undefined,
    progress: undefined,
    logs: undefined,
  };
}
