import { randomBytes } from 'node:crypto';
import { jsonCodec, type Codec } from '../../core/codec.js';
import { encodeEnvelope, type EnvelopeHeader } from '../../core/envelope.js';
import { DEFAULT_JOB_NAME } from '../../core/job.js';
import { packHeaders } from '../../core/job-headers.js';
import type { CronTick } from '../../core/job-view.js';
import { InvalidValueError } from '../../core/errors/option-errors.js';
import { checkScheduleName } from '../../core/names.js';
import { encodePayload } from '../../core/payload-encoder.js';
import { uniqueKeyOf } from '../../core/unique-key.js';
import type { DueSchedule, NewSchedule, ScheduleFire, ScheduledJob } from '../../core/ports/timetable.js';
import type { ScheduleDeclaration, ScheduleJobOptions } from './declaration.js';
import { decodeSpec, encodeSpec, type ScheduleSpec } from './spec.js';
import { spreadOf } from '../../core/spread.js';
import { tickCounterOf, type TickCounter } from './tick-counter.js';

/** Jobs of one fire that makes up for every tick; what is older is only counted. */
export const MOST_MADE_UP = 100;
/** Encoded jobs of one fire; the rest goes into the next. */
const MOST_FIRE_BYTES = 2 ** 20;
/** With `missed: 'skip'` a tick is missed once it is this late: longer than one instance needs to stand in for another. */
const SKIPPED_WHEN_LATE_MS = 10_000;
const ALL_WITHIN_MS = 3_600_000;

/** Job options that must be written with the job, because they act before a worker sees it. */
export type ProducerJobOptions = Pick<ScheduleJobOptions, 'priority' | 'expiresInMs' | 'dropsExpired'>;

/** Encodes payloads, and says what the queue adds to each job. */
export interface JobMaking {
  codec: Codec;
  /** Default none. */
  queueOptions?: ProducerJobOptions;
}

/** One schedule: when it ticks, and the job of each tick. It only computes; a store keeps it. */
export class Schedule {
  private readonly ticks: TickCounter;

  private constructor(
    readonly queue: string,
    readonly name: string,
    readonly specHash: string,
    readonly spec: ScheduleSpec,
    private readonly specText: string,
  ) {
    this.ticks = tickCounterOf(spec, name);
  }

  /**
   * @param declaration whose rule was checked when it was read
   * @param payloadLimit bytes of an encoded payload
   * @throws InvalidValueError for its name and for a unique key of fields without a payload, InvalidPayloadError, PayloadTooLargeError
   */
  static declared(declaration: ScheduleDeclaration, codec: Codec, payloadLimit: number): Schedule {
    const { queue, label, payload, ...given } = declaration;
    const name = checkScheduleName(declaration.name, `schedule name of ${label}`);
    const spec: ScheduleSpec = { ...given, uniqueKey: fieldKeyOf(declaration) };
    if (payload === undefined) {
      const { spec: text, specHash } = encodeSpec(spec);
      return new Schedule(queue, name, specHash, spec, text);
    }
    const encoded = payloadOf(declaration, codec, payloadLimit);
    const whole: ScheduleSpec = { ...spec, payload: encoded.text };
    const { spec: text, specHash } = encodeSpec(whole, encoded.identity);
    return new Schedule(queue, name, specHash, whole, text);
  }

  /** A schedule as stored by any version; undefined when this version cannot read it. */
  static stored(queue: string, stored: Pick<DueSchedule, 'name' | 'specHash' | 'spec'>): Schedule | undefined {
    const spec = decodeSpec(stored.spec);
    if (spec === undefined) return undefined;
    try {
      return new Schedule(queue, stored.name, stored.specHash, spec, stored.spec);
    } catch {
      return undefined;
    }
  }

  /** The name its jobs have, which picks their handler. */
  get jobName(): string {
    return this.spec.job.name ?? this.name;
  }

  /**
   * What a store is given, also to resume it: the rule, and its first tick after now.
   * @param now store time, ms
   * @param app whose code declares it; undefined for one made at run time
   */
  registration(now: number, app?: string): NewSchedule {
    const nextTick = this.ticks.first(now);
    const { name, specHash, specText: spec } = this;
    return { name, specHash, spec, nextTick, ...this.lookAt(nextTick), ...(app !== undefined && { app }) };
  }

  /**
   * What firing a stored tick means now.
   * @param due whose tick has come
   * @param now store time, ms
   */
  fire({ tick, fired }: Pick<DueSchedule, 'tick' | 'fired'>, now: number, making: JobMaking): ScheduleFire {
    const { overlap, pauseOnFailure, limit, missed: rule } = this.spec;
    const gap = this.ticks.gap(tick, now);
    const base = { name: this.name, specHash: this.specHash, tick, overlap, pauseOnFailure, limit };
    // Beside a job that has not settled no more than one may come, and it stands for all.
    if (rule === 'all' && overlap === 'allow' && this.spec.job.unique === undefined) {
      return { ...base, ...this.makeUp(tick, now, gap.missed + 1, gap.next, (limit ?? Infinity) - fired, making) };
    }
    const coming = { nextTick: gap.next, ...this.lookAt(gap.next) };
    if (this.isTooLate(gap.last, gap.next, now)) return { ...base, ...coming, jobs: [], missed: gap.missed + 1 };
    return { ...base, ...coming, jobs: [this.jobOf(gap.last, gap.missed, now, making)], missed: gap.missed };
  }

  /** A job beside the ticks, now. Its payload and options are those of a tick. */
  extraJob(now: number, making: JobMaking): ScheduledJob {
    // As long as an instant, so that every name leaves room for it.
    const mark = `r${randomBytes(6).toString('hex')}`;
    return this.jobOf(now, 0, now, making, `cron~${this.name}~${mark}`);
  }

  /**
   * The next ticks, at most `count`, without jitter; fewer where the rule or its limit ends.
   * @param stored as the store keeps it; without a tick (paused, or not stored) it counts from now
   */
  upcoming(count: number, now: number, stored: { nextTick?: number; fired?: number } = {}): number[] {
    const { nextTick, fired = 0 } = stored;
    const most = Math.min(count, (this.spec.limit ?? Infinity) - fired);
    const ticks: number[] = [];
    let tick = nextTick ?? this.ticks.first(now);
    while (tick !== undefined && ticks.length < most) {
      ticks.push(tick);
      tick = this.ticks.following(tick);
    }
    return ticks;
  }

  /** A job per tick: the newest that are in the window, of those the oldest that the limit still allows. */
  private makeUp(
    tick: number,
    now: number,
    come: number,
    next: number | undefined,
    allowed: number,
    making: JobMaking,
  ): Pick<ScheduleFire, 'jobs' | 'missed' | 'nextTick' | 'lookAt'> {
    const oldest = now - (this.spec.windowMs ?? ALL_WITHIN_MS) - this.spec.jitterMs;
    const ticks = come === 1 ? [tick] : this.ticks.newest(tick, now, MOST_MADE_UP);
    const made = ticks.filter((each) => each >= oldest);
    const dropped = Math.max(0, come - made.length);
    const jobs: ScheduledJob[] = [];
    let bytes = 0;
    for (const each of made.slice(0, Math.max(0, allowed))) {
      const job = this.jobOf(each, jobs.length === 0 ? dropped : 0, now, making);
      bytes += Buffer.byteLength(job.envelope);
      if (bytes > MOST_FIRE_BYTES && jobs.length > 0) return { jobs, missed: dropped, nextTick: each };
      jobs.push(job);
    }
    return { jobs, missed: dropped, nextTick: next, ...this.lookAt(next) };
  }

  /** Its place in the jitter counts as its time: what was made to wait is not late. */
  private isTooLate(tick: number, next: number | undefined, now: number): boolean {
    const { missed, overlap, windowMs } = this.spec;
    // Ticks that wait for a run to end are not missed, or `queue-one` would queue none behind a long one.
    const byDefault = missed === 'skip' && overlap !== 'queue-one' ? SKIPPED_WHEN_LATE_MS : Infinity;
    const window = windowMs ?? (missed === 'all' ? ALL_WITHIN_MS : byDefault);
    return window !== Infinity && now - tick - this.jitterOf(tick, next) > window;
  }

  /** When a coming tick is to be fired, where that is not the tick itself. */
  private lookAt(tick: number | undefined): { lookAt?: number } {
    if (tick === undefined || this.spec.jitterMs === 0) return {};
    return { lookAt: tick + this.jitterOf(tick, this.ticks.following(tick)) };
  }

  /** Below the distance to the next tick, or a wide jitter would let a tick overtake the one before it. */
  private jitterOf(tick: number, next: number | undefined): number {
    if (this.spec.jitterMs === 0) return 0;
    const widest = next === undefined ? this.spec.jitterMs : Math.min(this.spec.jitterMs, next - tick);
    return Math.floor(spreadOf(`${this.name}\n${tick}`) * widest);
  }

  private jobOf(
    scheduledFor: number,
    missed: number,
    now: number,
    { codec, queueOptions = {} }: JobMaking,
    userId = tickUserId(this.name, scheduledFor),
  ): ScheduledJob {
    const { job } = this.spec;
    const priority = job.priority ?? queueOptions.priority ?? 0;
    const { expiresInMs, dropsExpired } = job.expiresInMs === undefined ? queueOptions : job;
    const header: EnvelopeHeader = {};
    // The name comes first: scripts that park a job look for the first one they see.
    if (this.jobName !== DEFAULT_JOB_NAME) header.n = this.jobName;
    header.s = scheduledFor;
    header.c = { name: this.name, missed };
    if (job.maxAttempts !== undefined) header.m = job.maxAttempts;
    if (job.retryForMs !== undefined) header.w = job.retryForMs;
    if (job.backoff !== undefined) header.b = job.backoff;
    if (job.timeoutMs !== undefined) header.t = job.timeoutMs;
    if (job.retention !== undefined) header.r = job.retention;
    if (expiresInMs !== undefined) header.x = now + expiresInMs;
    if (dropsExpired) header.y = 1;
    if (priority > 0) header.p = priority;
    if (job.group !== undefined) header.g = job.group.key;
    if (job.group?.ordered) header.o = 1;
    if (job.headers !== undefined) header.h = packHeaders(job.headers);
    const envelope = encodeEnvelope(now, userId, header, this.payloadOf(scheduledFor, missed, codec));
    return {
      envelope,
      userId,
      scheduledFor,
      ...(priority > 0 && { priority }),
      ...this.uniqueness(),
      ...this.grouping(),
    };
  }

  private grouping(): Pick<ScheduledJob, 'group' | 'ordered'> {
    const { group } = this.spec.job;
    return group === undefined ? {} : { group: group.key, ...(group.ordered && { ordered: true }) };
  }

  private uniqueness(): Pick<ScheduledJob, 'uniqueKey' | 'freeWhileRunning'> {
    const { uniqueKey, job } = this.spec;
    if (job.unique === undefined) return {};
    const { key, freeWhileRunning } = job.unique;
    return { uniqueKey: `${this.jobName} ${uniqueKey ?? String(key)}`, ...(freeWhileRunning && { freeWhileRunning }) };
  }

  private payloadOf(scheduledFor: number, missed: number, codec: Codec): string {
    if (this.spec.payload !== undefined) return this.spec.payload;
    const tick: CronTick = { schedule: this.name, scheduledFor, missed };
    return codec.encode(tick, { queue: this.queue, jobName: this.jobName, jobId: '', field: 'payload' });
  }
}

/** The id that makes a second job of a tick impossible, also where the store lost its schedules but kept its jobs. */
function tickUserId(name: string, tick: number): string {
  return `cron~${name}~${tick}`;
}

/**
 * The unique key that fields of the payload make; undefined where there is none, or it is a text.
 * @throws InvalidValueError, InvalidPayloadError
 */
function fieldKeyOf({ queue, name, label, payload, job }: ScheduleDeclaration): string | undefined {
  if (job.unique === undefined || typeof job.unique.key === 'string') return undefined;
  const { key } = job.unique;
  if (payload !== undefined) return uniqueKeyOf(key, payload, queue, job.name ?? name);
  throw new InvalidValueError(
    `unique.key in job in ${label}`,
    key,
    "each tick has another CronTick: use a text such as 'digest', or give the schedule a payload with these fields",
  );
}

/** `identity` is the same at every boot, also where the codec encrypts and gives another text each time. */
function payloadOf(
  { queue, name, payload, job }: ScheduleDeclaration,
  codec: Codec,
  limit: number,
): { text: string; identity: string } {
  const jobName = job.name ?? name;
  const text = encodePayload(codec, payload, queue, jobName, limit);
  const again = codec === jsonCodec ? text : encodePayload(codec, payload, queue, jobName, limit);
  return { text, identity: again === text ? text : JSON.stringify(payload) };
}
