import type { Codec } from '../core/codec.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import type { StoredSchedule } from '../core/ports/timetable.js';
import { ScheduleConflictError, ScheduleStateError } from './rule/schedule-errors.js';
import type { ScheduleDeclaration } from './rule/declaration.js';
import { decodeSpec, type ScheduleSpec } from './rule/spec.js';
import { readScheduleRequest, type RuntimeSchedule } from './schedule-request.js';

/** What of a schedule is to change: everything else of it stays. */
export type ScheduleChanges = Partial<
  Pick<RuntimeSchedule, 'payload' | 'job' | 'timeZone' | 'missed' | 'overlap'> & {
    cron: string;
    every: RuntimeSchedule['every'];
    at: RuntimeSchedule['at'];
  }
>;

/**
 * The declaration of a stored schedule with some of it changed.
 * @throws ScheduleConflictError for one that code declares; ScheduleStateError for one of another version; and as `upsert`
 */
export function amendSchedule(
  queue: string,
  stored: StoredSchedule,
  changes: ScheduleChanges,
  strategies: readonly string[],
  codec: Codec,
): ScheduleDeclaration {
  const { name } = stored;
  if (stored.app !== undefined) throw new ScheduleConflictError(queue, name);
  const spec = decodeSpec(stored.spec);
  if (spec === undefined) {
    throw new ScheduleStateError(queue, name, 'was stored by another version, which this one cannot read');
  }
  if (changes.timeZone !== undefined && !namesTicks(changes) && spec.rule.kind !== 'cron') {
    throw new InvalidValueError(
      `timeZone of schedule "${name}"`,
      changes.timeZone,
      'only a cron expression has a zone',
    );
  }
  const read = readScheduleRequest(name, requestOf(spec, changes), queue, undefined, strategies);
  const { rule, missed, overlap, label, job } = read;
  const { payload: encoded, ...kept } = spec;
  return {
    ...kept,
    ...((namesTicks(changes) || changes.timeZone !== undefined) && { rule }),
    ...(changes.missed !== undefined && { missed }),
    ...(changes.overlap !== undefined && { overlap }),
    job: { ...spec.job, ...job },
    payload: 'payload' in changes ? changes.payload : decodePayload(queue, name, spec, encoded, codec),
    ...{ name, queue, label, scope: 'cluster', disabled: false },
  };
}

/** Whether the changes say of themselves when the schedule ticks: then they may as well make a new one. */
export function namesTicks({ cron, every, at }: ScheduleChanges): boolean {
  return [cron, every, at].some((change) => change !== undefined);
}

/** As somebody would write it who changes only this: another expression keeps its zone, and another zone its expression. */
function requestOf({ rule }: ScheduleSpec, changes: ScheduleChanges): RuntimeSchedule {
  const { every, at, timeZone } = changes;
  const ofCron = rule.kind === 'cron' && every === undefined && at === undefined;
  const zone = timeZone === undefined && ofCron ? zoneOf(rule.timeZone) : {};
  const ticks = namesTicks(changes) ? {} : { cron: ofCron ? rule.expression : '@daily' };
  return { ...ticks, ...zone, ...changes } as RuntimeSchedule;
}

/** A fixed offset is another option than a zone. */
function zoneOf(timeZone: string): { timeZone: string } | { utcOffset: string } {
  return /^[+-]/.test(timeZone) ? { utcOffset: timeZone } : { timeZone };
}

/** @throws whatever the codec throws: a payload that this process cannot read must not be lost */
function decodePayload(
  queue: string,
  name: string,
  { job }: ScheduleSpec,
  text: string | undefined,
  codec: Codec,
): unknown {
  if (text === undefined) return undefined;
  return codec.decode(text, { queue, jobName: job.name ?? name, jobId: '', field: 'payload' });
}
