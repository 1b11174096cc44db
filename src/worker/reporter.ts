import type { Broker, HeldJob, RunReport } from '../core/broker.js';
import type { Codec } from '../core/codec.js';
import type { Redactor } from '../core/redactor.js';
import { DEFAULTS } from '../task-queue.options.js';
import type { ReportSink, RunningJob } from './running-job.js';

const FLUSH_MS = 100;

/** Progress and log lines of running jobs: the last value, ten times a second at most, in one call for all of them. */
export class Reporter implements ReportSink {
  private readonly dirty = new Map<RunningJob, { progress: string | undefined; logs: string[] }>();
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
    const text = this.codec.encode(value, { queue: this.queue, jobName: job.name, jobId: job.id, field: 'progress' });
    if (typeof text !== 'string' || Buffer.byteLength(text) > this.payloadLimit) {
      throw new RangeError(`Progress of job "${job.id}" is not JSON of at most ${this.payloadLimit} bytes`);
    }
    this.entryOf(job).progress = text;
  }

  log(job: RunningJob, line: string): void {
    if (job.ended) return;
    if (typeof line !== 'string') throw new TypeError('job.log() takes a string');
    const { logs } = this.entryOf(job);
    const text = this.redactor === undefined ? line : this.redactor.mask(line, job.payload);
    for (const part of text.split('\n')) if (part !== '') logs.push(clipBytes(part));
    if (logs.length > DEFAULTS.logs.lines) logs.splice(0, logs.length - DEFAULTS.logs.lines);
  }

  /** Sends what is pending now: before a settlement, after which the run may not write any more. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.dirty.size === 0) return;
    const reports: RunReport[] = [...this.dirty].map(([job, entry]) => ({
      id: job.number,
      token: job.token,
      ...entry,
    }));
    this.dirty.clear();
    this.broker.report(this.queue, reports).then(
      ({ lost }) => this.onLost(reports.filter(({ id }) => lost.includes(id))),
      () => {}, // a report that Redis did not take is not repeated: the next one says more
    );
  }

  close(): void {
    clearTimeout(this.timer);
    this.dirty.clear();
  }

  private entryOf(job: RunningJob): { progress: string | undefined; logs: string[] } {
    let entry = this.dirty.get(job);
    if (entry === undefined) {
      entry = { progress: undefined, logs: [] };
      this.dirty.set(job, entry);
      this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
    }
    return entry;
  }
}

function clipBytes(line: string): string {
  const limit = DEFAULTS.logs.lineBytes;
  if (Buffer.byteLength(line) <= limit) return line;
  return Buffer.from(line).subarray(0, limit).toString('utf8').replace(/�+$/, '');
}
