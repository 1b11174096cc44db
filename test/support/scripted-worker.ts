import type {
  HeldJob,
  Reconciliation,
  Reservation,
  ReservedJob,
  TurnVerbs,
  WorkerTurn,
} from '../../src/core/ports/worker-store.js';
import { jsonCodec } from '../../src/core/codec.js';
import { encodeEnvelope } from '../../src/core/envelope.js';
import type { BatchJob, Job } from '../../src/core/job-view.js';
import { DEFAULTS } from '../../src/options/defaults.js';
import type { ResolvedWorkerOptions } from '../../src/options/options.js';
import { HandlerTable } from '../../src/worker/handler-plan.js';
import { Worker } from '../../src/worker/worker.js';
import { emptyReservation } from './empty-reservation.js';
import { MessageLog } from './message-log.js';
import { RecordingLogger } from './recording-logger.js';
import { sessionOver } from './session-over.js';

const START_AT = 1_800_000_000_000;

export interface OpenTurn {
  turn: WorkerTurn;
  answer(reservation?: Partial<Reservation>): Promise<void>;
  fail(error?: Error): void;
}

export interface OpenReconcile {
  held: readonly HeldJob[];
  answer(reconciliation?: Partial<Reconciliation>): Promise<void>;
  fail(): Promise<void>;
}

/** Until everything that was due has happened, and what it made due, too. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise(setImmediate);
}

/**
 * A worker with a session as of the store on Redis: calls are answered with what the test says, when it says so, and handlers end
 * when it says so.
 */
export class ScriptedWorker {
  readonly turns = new MessageLog<OpenTurn>();
  readonly reconciles = new MessageLog<OpenReconcile>();
  readonly logger = new RecordingLogger();
  /** Ids in the order in which their handlers started: one that started twice is here twice. */
  readonly started: string[] = [];
  readonly worker: Worker;
  /** Store time, ms. */
  now = START_AT;
  private readonly ends = new Map<string, () => void>();
  private onWake: (queue: string, handed?: ReservedJob) => void = () => {};

  /** Ids of each call of the handler that takes batches. */
  readonly calls: string[][] = [];

  /** @param batch the handler takes batches; jobs named `single` have one that does not */
  constructor(
    settings: Partial<ResolvedWorkerOptions> = {},
    batch?: { size: number; waitMs: number; byGroup?: boolean },
  ) {
    const invoke = (job: Job) => {
      this.started.push(job.id);
      return new Promise<void>((resolve, reject) => {
        this.ends.set(job.id, resolve);
        job.signal.addEventListener('abort', reject);
      });
    };
    const handler = { queue: 'mail', name: 'default', label: 'Mail.send', invoke };
    const invokeBatch = async (jobs: readonly Job[]) => {
      this.calls.push(jobs.map(({ id }) => id));
      await Promise.all(jobs.map((job) => invoke(job).catch((error) => (job as BatchJob).fail(error))));
    };
    const batched = batch && {
      ...{ queue: 'mail', name: undefined, label: 'Mail.sendAll', invoke },
      batch: { ...batch, check: undefined, invoke: invokeBatch },
    };
    const plans = batched
      ? [
          { handler: batched, settings: DEFAULTS.job },
          { handler: { ...handler, name: 'single' }, settings: DEFAULTS.job },
        ]
      : [{ handler, settings: DEFAULTS.job }];
    this.worker = new Worker({
      ...sessionOver(this.verbs(), () => this.now),
      queue: 'mail',
      workerId: 'w1',
      handlers: new HandlerTable(plans),
      codec: jsonCodec,
      redactor: undefined,
      backoffs: {},
      resultLimit: 1000,
      payloadLimit: 1000,
      fallback: DEFAULTS.job,
      settings: { ...DEFAULTS.worker, prefetch: 0, ...settings },
      logger: this.logger,
    });
    void this.worker.listen();
    this.worker.start(undefined);
  }

  /** A fence of the store's time, `micros` behind it. */
  fence(micros = 0): number {
    return this.now * 1000 + micros;
  }

  job(id: string, fence: number, more: Partial<ReservedJob> & { name?: string; group?: string } = {}): ReservedJob {
    const { name, group, ...fields } = more;
    const header = { ...(name !== undefined && { n: name }), ...(group !== undefined && { g: group }) };
    const envelope = encodeEnvelope(START_AT, undefined, header, '{}');
    return { id, token: `w1:${fence}`, fence, envelope, crashes: 0, ...fields };
  }

  /** The message that brings a job which the store reserved for the worker. */
  handOver(job: ReservedJob): void {
    this.onWake('mail', job);
  }

  async nth(count: number): Promise<OpenTurn> {
    return (await this.turns.first(count))[count - 1];
  }

  /** The turn after the first, which every worker begins with. */
  async begin(): Promise<void> {
    await (await this.nth(1)).answer();
  }

  async end(...ids: string[]): Promise<void> {
    await this.begun();
    for (const id of ids) this.ends.get(id)?.();
    await settled();
  }

  /** Until the handlers of the jobs that the worker took run. */
  async begun(): Promise<void> {
    await Promise.resolve();
  }

  /** What the turns so far settled: `op id`. */
  get settlements(): string[] {
    return this.turns.messages.flatMap(({ turn }) => turn.settlements.map(({ op, id }) => `${op} ${id}`));
  }

  private verbs(): Partial<TurnVerbs> {
    return {
      settleAndReserve: (_queue, turn) =>
        new Promise<Reservation>((resolve, reject) => {
          const answer = (given: Partial<Reservation> = {}) => {
            resolve({ ...emptyReservation(this.now), ...given });
            return settled();
          };
          this.turns.listener({ turn, answer, fail: (error = new Error('no answer')) => reject(error) });
        }),
      reconcile: (_queue, _worker, held) =>
        new Promise<Reconciliation>((resolve, reject) => {
          const answer = (given: Partial<Reconciliation> = {}) => {
            resolve({ lost: [], released: 0, fence: 0, ...given });
            return settled();
          };
          const fail = () => {
            reject(new Error('no answer'));
            return settled();
          };
          this.reconciles.listener({ held, answer, fail });
        }),
      onWake: async (_worker, listener) => {
        this.onWake = listener;
        return async () => {};
      },
    };
  }
}
