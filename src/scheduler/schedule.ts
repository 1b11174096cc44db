import { createHash } from 'node:crypto';
import type { DueSchedule, NewSchedule, ScheduleFire } from '../core/broker.js';
import { jsonCodec, type Codec } from '../core/codec.js';
import { encodeEnvelope, type EnvelopeHeader } from '../core/envelope.js';
import { InvalidValueError } from '../core/errors.js';
import { DEFAULT_JOB_NAME } from '../core/job.js';
import type { CronTick } from '../core/job-view.js';
import { encodePayload } from '../core/payload-encoder.js';
import type { ScheduleDeclaration, ScheduleJobOptions } from '../core/schedule-declaration.js';
import { tickCounterOf, type TickCounter } from './tick-counter.js';

/** Raise it whenever an older instance would fire a rule wrongly: it then leaves the rule to others. */
const SPEC_VERSION = 1;
/** With `missed: 'skip'` a tick is missed once it is this late: longer than one instance needs to stand in for another. */
const SKIPPED_WHEN_LATE_MS = 10_000;
/** `cron~` and `~` with 13 digits leave this much of the 128 characters of a user id. */
const NAME = /^(?!.*[:{}*?[\]\\`])[\x21-\x7e]{1,109}$/;

/** What the store keeps of a schedule: everything that any instance needs to fire it, also one that does not declare it. */
interface ScheduleSpec extends Pick<ScheduleDeclaration, 'rule' | 'missed' | 'overlap' | 'job'> {
  v: typeof SPEC_VERSION;
  /** What the codec made of the declared payload; absent: each job gets a `CronTick`. */
  payload?: string;
}

/** Job options that must be written with the job, because they act before a worker sees it. */
export type ProducerJobOptions = Pick<ScheduleJobOptions, 'priority' | 'expiresInMs'>;

/** One schedule: when it ticks, and the job of each tick. */
export class Schedule {
  private readonly ticks: TickCounter;

  private constructor(
    readonly queue: string,
    readonly name: string,
    private readonly specHash: string,
    private readonly spec: ScheduleSpec,
    label: string,
  ) {
    this.ticks = tickCounterOf(spec.rule, label);
  }

  /** @throws InvalidCronError, InvalidValueError, InvalidPayloadError, PayloadTooLargeError */
  static declared(declaration: ScheduleDeclaration, codec: Codec, payloadLimit: number): Schedule {
    const { queue, name, label, rule, missed, overlap, job } = declaration;
    if (!NAME.test(name)) {
      throw new InvalidValueError(
        `schedule name of ${label}`,
        name,
        'use 1–109 printable ASCII characters without spaces and without : { } * ? [ ] \\ `',
      );
    }
    const spec: ScheduleSpec = { v: SPEC_VERSION, rule: orderedRule(rule), missed, overlap, job };
    let contents = JSON.stringify(spec);
    if (declaration.payload !== undefined) {
      const { text, identity } = payloadOf(declaration, codec, payloadLimit);
      spec.payload = text;
      contents += identity;
    }
    const hash = createHash('sha256').update(contents).digest('hex').slice(0, 32);
    return new Schedule(queue, name, hash, spec, label);
  }

  /** A rule as stored by any version; undefined when this version cannot read it. */
  static stored(queue: string, due: DueSchedule): Schedule | undefined {
    try {
      const spec: unknown = JSON.parse(due.spec);
      return isReadable(spec) ? new Schedule(queue, due.name, due.specHash, spec, due.name) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Its tick is skipped while the job of the tick before has not settled. */
  get waits(): boolean {
    return this.spec.overlap === 'skip';
  }

  matches(due: DueSchedule): boolean {
    return due.name === this.name && due.specHash === this.specHash;
  }

  /** Undefined when the rule has no tick after now. */
  registration(now: number): NewSchedule | undefined {
    const nextTick = this.ticks.first(now);
    if (nextTick === undefined) return undefined;
    return { name: this.name, specHash: this.specHash, spec: JSON.stringify(this.spec), nextTick };
  }

  /**
   * What firing a stored tick means now: one job for all ticks that have come, with the last of them as its instant.
   * @param tick the stored next tick, which has come
   * @param now store time, ms
   */
  fire(tick: number, now: number, codec: Codec, queueOptions: ProducerJobOptions): ScheduleFire {
    const { last, missed, next } = this.ticks.gap(tick, now);
    const fire: ScheduleFire = { name: this.name, specHash: this.specHash, tick, nextTick: next, job: undefined };
    if (this.spec.missed === 'skip' && now - last > SKIPPED_WHEN_LATE_MS) return fire;
    const { job } = this.spec;
    const priority = job.priority ?? queueOptions.priority ?? 0;
    const expiresInMs = job.expiresInMs ?? queueOptions.expiresInMs;
    const header: EnvelopeHeader = {};
    // The name comes first: scripts that park a job look for the first one they see.
    if (this.name !== DEFAULT_JOB_NAME) header.n = this.name;
    header.s = last;
    header.c = { name: this.name, missed };
    if (job.maxAttempts !== undefined) header.m = job.maxAttempts;
    if (job.backoff !== undefined) header.b = job.backoff;
    if (job.timeoutMs !== undefined) header.t = job.timeoutMs;
    if (job.retention !== undefined) header.r = job.retention;
    if (expiresInMs !== undefined) header.x = now + expiresInMs;
    if (priority > 0) header.p = priority;
    const userId = tickUserId(this.name, tick);
    const envelope = encodeEnvelope(now, userId, header, this.payloadOf(last, missed, codec));
    fire.job = { envelope, userId, ...(priority > 0 && { priority }) };
    return fire;
  }

  private payloadOf(scheduledFor: number, missed: number, codec: Codec): string {
    if (this.spec.payload !== undefined) return this.spec.payload;
    const tick: CronTick = { schedule: this.name, scheduledFor, missed };
    return codec.encode(tick, { queue: this.queue, jobName: this.name, jobId: '', field: 'payload' });
  }
}

/** The id that makes a second job of a tick impossible, also where the store lost its schedules but kept its jobs. */
export function tickUserId(name: string, tick: number): string {
  return `cron~${name}~${tick}`;
}

function isReadable(value: unknown): value is ScheduleSpec {
  if (typeof value !== 'object' || value === null) return false;
  const { v, rule, missed, overlap, job, payload } = value as Partial<ScheduleSpec>;
  return (
    v === SPEC_VERSION &&
    (rule?.kind === 'cron' || rule?.kind === 'interval') &&
    (missed === 'once' || missed === 'skip') &&
    (overlap === 'allow' || overlap === 'skip') &&
    typeof job === 'object' &&
    job !== null &&
    (payload === undefined || typeof payload === 'string')
  );
}

/** Equal rules must have equal texts, in whatever order their fields were written. */
function orderedRule(rule: ScheduleDeclaration['rule']): ScheduleDeclaration['rule'] {
  return rule.kind === 'cron'
    ? { kind: 'cron', expression: rule.expression, timeZone: rule.timeZone }
    : { kind: 'interval', everyMs: rule.everyMs };
}

/** `identity` is the same at every boot, also where the codec encrypts and gives another text each time. */
function payloadOf(
  { queue, name, payload }: ScheduleDeclaration,
  codec: Codec,
  limit: number,
): { text: string; identity: string } {
  const text = encodePayload(codec, payload, queue, name, limit);
  const again = codec === jsonCodec ? text : encodePayload(codec, payload, queue, name, limit);
  return { text, identity: again === text ? text : JSON.stringify(payload) };
}
