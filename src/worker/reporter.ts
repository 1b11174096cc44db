import type { Broker, HeldJob, RunReport } from '../core/broker.js';
import type { Codec } from '../core/codec.js';
import { encodeOutput } from '../core/payload-encoder.js';
import type { Redactor } from '../core/redactor.js';
import { DEFAULTS } from '../task-queue.options.js';
import type { ReportSink, RunningJob } from './running-job.js';

const FLUSH_MS = 100;
/** Jobs of one call: the store reads the whole log of each. */
const STEP_JOBS = 20;
/** Text that one call makes the store read and write, in characters. */
const STEP_LENGTH = 256 * 1024;
const LONGEST_LOG = DEFAULTS.logs.lines * DEFAULTS.logs.lineBytes;

interface Pending {
  progress: string | undefined;
  logs: string[];
}

/** Progress and log lines of running jobs: the last value, ten times a second at most, a few jobs in a call. */
export class Reporter implements ReportSink {
  private readonly dirty = new Map<RunningJob, Pending>();
  /** How long the log of a run has grown in the store, in characters. */
  private readonly stored = new WeakMap<RunningJob, number>();
  /** Until the next round, and while it lasts. */
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly broker: Broker,
    private readonly queue: string,
    private readonly codec: Codec,
    private readonly payloadLimit: number,
    private readonly redactor: Redactor | undefined,
    private readonly onLost: (lost: readonly HeldJob[]) => void,
  ) {}

  progress(job: RunningJob, value: unknown): void {
    if (job.ended || value === undefined) return;
    const context = { queue: this.queue, jobName: job.name, jobId: job.id, field: 'progress' } as const;
    const text = encodeOutput(this.codec, value, context);
    if (typeof text !== 'string' || Buffer.byteLength(text) > this.payloadLimit) {
      throw new RangeError(`Progress of job "${job.id}" is not JSON of at most ${this.payloadLimit} bytes`);
    }
    this.entryOf(job).progress = text;
  }

  log(job: RunningJob, line: string): void {
    if (job.ended) return;
    if (typeof line !== 'string') throw new TypeError('job.log() takes a string');
    const { logs } = this.entryOf(job);
    const text = this.redactor === undefined ? line : maskText(this.redactor, line, job);
    for (const part of text.split('\n')) if (part !== '') logs.push(clipBytes(part));
    if (logs.length > DEFAULTS.logs.lines) logs.splice(0, logs.length - DEFAULTS.logs.lines);
  }

  show(value: unknown): unknown {
    return this.redactor === undefined ? value : this.redactor.redact(value);
  }

  /** Sends what ended runs still have to say, all at once: after their settlement they may not write any more. */
  flush(): void {
    if (this.dirty.size === 0) return;
    const ended: RunningJob[] = [];
    for (const job of this.dirty.keys()) if (job.ended) ended.push(job);
    for (const step of this.stepsOf(ended)) void this.send(step);
  }

  /** One step after the other: the store serves others between them. */
  private async round(): Promise<void> {
    for (const step of this.stepsOf([...this.dirty.keys()])) await this.send(step);
    this.timer = undefined;
    if (this.dirty.size > 0) this.arm();
  }

  /** Takes the reports of a step when it is asked for, so that those of ended runs can overtake it. */
  private *stepsOf(jobs: readonly RunningJob[]): Generator<RunReport[]> {
    let step: RunReport[] = [];
    let length = 0;
    for (const job of jobs) {
      const pending = this.dirty.get(job);
      if (pending === undefined) continue;
      this.dirty.delete(job);
      step.push({ id: job.number, token: job.token, ...pending });
      length += this.weightOf(job, pending);
      if (step.length < STEP_JOBS && length < STEP_LENGTH) continue;
      yield step;
      step = [];
      length = 0;
    }
    if (step.length > 0) yield step;
  }

  private weightOf(job: RunningJob, { progress = '', logs }: Pending): number {
    if (logs.length === 0) return progress.length;
    const written = logs.reduce((sum, line) => sum + line.length, this.stored.get(job) ?? 0);
    this.stored.set(job, Math.min(written, LONGEST_LOG));
    return progress.length + written;
  }

  private send(reports: readonly RunReport[]): Promise<void> {
    return this.broker.report(this.queue, reports).then(
      ({ lost }) => this.onLost(reports.filter(({ id }) => lost.includes(id))),
      () => {}, // a report that Redis did not take is not repeated: the next one says more
    );
  }

  close(): void {
    clearTimeout(this.timer);
    this.dirty.clear();
  }

  private arm(): void {
    this.timer = setTimeout(() => void this.round(), FLUSH_MS);
  }

  private entryOf(job: RunningJob): Pending {
    let entry = this.dirty.get(job);
    if (entry === undefined) {
      entry = { progress: undefined, logs: [] };
      this.dirty.set(job, entry);
      if (this.timer === undefined) this.arm();
    }
    return entry;
  }
}

/** Hides in a text what is hidden in the payload, as it is stored and as the handler got it from a schema. */
export function maskText(redactor: Redactor, text: string, { payload, handled }: RunningJob): string {
  const masked = redactor.mask(text, payload);
  return handled === undefined || handled.payload === payload ? masked : redactor.mask(masked, handled.payload);
}

function clipBytes(line: string): string {
  const limit = DEFAULTS.logs.lineBytes;
  if (Buffer.byteLength(line) <= limit) return line;
  return Buffer.from(line).subarray(0, limit).toString('utf8').replace(/�+$/, '');
}
