import type { Logger } from '@nestjs/common';
import type { RunReport, WorkerSession } from '../core/ports/worker-store.js';
import type { Codec } from '../core/codec.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import type { BrokerRefusedError } from '../core/errors/store-errors.js';
import { encodeOutput } from '../core/payload-encoder.js';
import type { Redactor } from '../core/redactor.js';
import { refusesRequest } from '../core/request-refusal.js';
import { DEFAULTS } from '../options/defaults.js';
import type { ReportSink, RunningJob } from './running-job.js';

const FLUSH_MS = 100;
/** Jobs of one call: the store reads the whole log of each. */
const STEP_JOBS = 20;
/** Text that one call makes the store read and write, in characters. */
const STEP_LENGTH = 256 * 1024;
/** A server that refuses even less is not asked for its limit any further. */
const LEAST_LENGTH = 16 * 1024;
const LONGEST_LOG = DEFAULTS.logs.lines * DEFAULTS.logs.lineBytes;

interface Pending {
  progress: string | undefined;
  logs: string[];
}

interface Report extends Pending {
  job: RunningJob;
}

/** Sends progress and log lines of running jobs: the last value, at most ten times a second, a few jobs in a call. */
export class Reporter implements ReportSink {
  private readonly dirty = new Map<RunningJob, Pending>();
  /** Length of the log of a run in the store, in characters. */
  private readonly stored = new WeakMap<RunningJob, number>();
  /** Most text of one call, in characters: less once the server has refused a call for its size. */
  private most = Infinity;
  /** Jobs with a refused report that was logged. */
  private readonly refused = new WeakSet<RunningJob>();
  /** Until the next round, and while it lasts. */
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly session: Pick<WorkerSession, 'report'>,
    private readonly queue: string,
    private readonly codec: Codec,
    private readonly payloadLimit: number,
    private readonly redactor: Redactor | undefined,
    private readonly onLost: (lost: readonly RunReport[]) => void,
    private readonly logger: Pick<Logger, 'warn'>,
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
    if (typeof line !== 'string')
      throw new InvalidValueError('line of job.log()', line, 'pass a text, such as JSON.stringify(value)');
    const { logs } = this.entryOf(job);
    const text = this.redactor === undefined ? line : maskText(this.redactor, line, job);
    for (const part of text.split('\n')) if (part !== '') logs.push(clipBytes(part));
    if (logs.length > DEFAULTS.logs.lines) logs.splice(0, logs.length - DEFAULTS.logs.lines);
  }

  show(value: unknown): unknown {
    return this.redactor === undefined ? value : this.redactor.redact(value);
  }

  /** Sends the reports of ended runs at once: after its settlement a run may not write any more. */
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
  private *stepsOf(jobs: readonly RunningJob[]): Generator<Report[]> {
    let step: Report[] = [];
    let length = 0;
    let carried = 0;
    for (const job of jobs) {
      const pending = this.dirty.get(job);
      if (pending === undefined) continue;
      this.dirty.delete(job);
      for (const part of partsOf({ job, ...pending }, this.most)) {
        if (step.length > 0 && carried + lengthOf(part) > this.most) {
          yield step;
          [step, length, carried] = [[], 0, 0];
        }
        step.push(part);
        length += this.weightOf(part);
        carried += lengthOf(part);
        if (step.length < STEP_JOBS && length < STEP_LENGTH) continue;
        yield step;
        [step, length, carried] = [[], 0, 0];
      }
    }
    if (step.length > 0) yield step;
  }

  private weightOf({ job, progress = '', logs }: Report): number {
    if (logs.length === 0) return progress.length;
    const written = logs.reduce((sum, line) => sum + line.length, this.stored.get(job) ?? 0);
    this.stored.set(job, Math.min(written, LONGEST_LOG));
    return progress.length + written;
  }

  /** @param refusal of the call that these are a part of */
  private send(step: readonly Report[], refusal?: BrokerRefusedError): Promise<void> {
    const reports = step.map(({ job, progress, logs }) => ({ id: job.number, token: job.token, progress, logs }));
    return this.session.report(reports).then(
      ({ lost }) => {
        if (refusal === undefined) return this.onLost(reports.filter(({ id }) => lost.includes(id)));
        // The settlement of what ended came before its part.
        for (const part of step) if (part.job.ended && lost.includes(part.job.number)) this.warnRefused(part, refusal);
      },
      // An outage is logged elsewhere, and the next report carries newer values.
      (error: unknown) => (refusesRequest(error) ? this.divide(step, error) : undefined),
    );
  }

  /** The server stored nothing of it: halves are sent until the part that it refuses is alone. */
  private async divide(step: readonly Report[], refusal: BrokerRefusedError): Promise<void> {
    const length = step.reduce((sum, report) => sum + lengthOf(report), 0);
    this.most = Math.max(LEAST_LENGTH, Math.min(this.most, Math.ceil(length / 2)));
    const [first, rest] = halvesOf(step);
    if (rest.length === 0) return this.warnRefused(step[0], refusal);
    await this.send(first, refusal);
    await this.send(rest, refusal);
  }

  private warnRefused({ job, progress }: Report, { message }: BrokerRefusedError): void {
    if (this.refused.has(job)) return;
    this.refused.add(job);
    const what = progress === undefined ? 'A log line' : 'Progress';
    this.logger.warn(
      `${what} of job "${job.id}" (${job.name}) in queue "${this.queue}" is not stored, and the job goes on: ${message} ` +
        'Report less of it, or raise the limit of the server.',
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

function lengthOf({ progress = '', logs }: Report): number {
  return logs.reduce((sum, line) => sum + line.length, progress.length);
}

/** A report in as many as keep under a length, where it has as many things. */
function* partsOf(report: Report, most: number): Generator<Report> {
  const [[first], [rest]] = lengthOf(report) > most ? halvesOf([report]) : [[report], []];
  if (rest === undefined) return yield first;
  yield* partsOf(first, most);
  yield* partsOf(rest, most);
}

/** Of several reports, or of the progress and the lines of one; the second is empty where there is only one thing. */
function halvesOf(step: readonly Report[]): [readonly Report[], readonly Report[]] {
  if (step.length > 1) {
    const half = Math.ceil(step.length / 2);
    return [step.slice(0, half), step.slice(half)];
  }
  const [{ job, progress, logs }] = step;
  if (progress !== undefined && logs.length > 0) {
    return [[{ job, progress, logs: [] }], [{ job, progress: undefined, logs }]];
  }
  if (logs.length < 2) return [step, []];
  const half = Math.ceil(logs.length / 2);
  return [[{ job, progress, logs: logs.slice(0, half) }], [{ job, progress, logs: logs.slice(half) }]];
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
