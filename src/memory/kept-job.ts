import type { NewJob } from '../core/ports/intake.js';
import type { Token } from '../core/ports/worker-store.js';
import type { JobState } from '../core/job.js';
import { RULES } from '../core/rules.js';

/** Everything the store keeps about one job. */
export interface KeptJob {
  readonly id: string;
  readonly userId: string | undefined;
  /** Its unique key, behind its name; a job that has ended keeps it for a retry by hand. */
  readonly uniqueKey: string | undefined;
  /** While it runs it does not hold the key. */
  freeWhileRunning: boolean;
  /** The envelope, behind its settled line where the job has ended. */
  record: string;
  state: JobState;
  /** Deleted; a stale entry of the ready line may still hold it. */
  gone: boolean;
  /** 0 to 9. */
  priority: number;
  /** The priority by which it stands in the line; another one counts from when it is placed again. */
  level: number;
  /** What its start takes of the queue's rate. */
  cost: number;
  readonly group: string | undefined;
  /** While it is not finished, no other ordered job of its group starts. */
  ordered: boolean;
  /** It waits in the lane of its group: it is ready, and no suspect. */
  inLane: boolean;
  /** What its start took of the share of its lane, where that is time. */
  charged: number | undefined;
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

/** The job that has a unique key, and what further calls must know. */
export interface KeyHolder {
  job: KeptJob;
  /** Throttled: the key is taken until then, whatever becomes of the job. Before `from` the job waits for that time. */
  window?: { from: number; until: number };
  /** Debounced: when its first call came, and when the last one let it be due. */
  burst?: { first: number; dueAt: number };
}

/** One more and it is dead: it runs alone. */
export function isSuspect({ crashes }: Pick<KeptJob, 'crashes'>): boolean {
  return crashes >= RULES.maxCrashes - 1;
}

export function newKeptJob(
  id: string,
  { envelope, userId, uniqueKey, freeWhileRunning = false, priority = 0, cost = 1, group, ordered = false }: NewJob,
): KeptJob {
  return {
    id,
    userId,
    uniqueKey,
    freeWhileRunning,
    record: envelope,
    state: 'ready',
    gone: false,
    priority,
    level: priority,
    cost,
    group,
    ordered: ordered && group !== undefined,
    inLane: false,
    charged: undefined,
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
