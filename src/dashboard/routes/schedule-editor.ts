import type { Duration } from '../../core/duration.js';
import type { ScheduleInfo } from '../../schedules/schedule-info.js';
import type { ScheduleChanges } from '../../schedules/schedule-amender.js';
import type { Call } from './route.js';
import { refuseMarks } from '../views/redaction-marks.js';

const MISSED = ['once', 'skip', 'all'] as const;
const OVERLAPS = ['allow', 'skip', 'queue-one'] as const;

/** Changes what is given of a schedule that was made at run time, or stores a new one. */
export async function editSchedule({ context, queue, fields }: Call): Promise<ScheduleInfo> {
  const name = fields.text('name');
  const changes: ScheduleChanges = {};
  const cron = fields.optionalText('cron');
  const every = fields.optionalText('every');
  const timeZone = fields.optionalText('timeZone');
  const jobName = fields.optionalText('jobName');
  if (cron !== undefined) changes.cron = cron;
  if (every !== undefined) changes.every = every as Duration;
  if (fields.has('at')) changes.at = fields.count('at', 0, Number.MAX_SAFE_INTEGER);
  if (timeZone !== undefined) changes.timeZone = timeZone;
  if (jobName !== undefined) changes.job = { name: jobName };
  if (fields.has('missed')) changes.missed = fields.oneOf('missed', MISSED);
  if (fields.has('overlap')) changes.overlap = fields.oneOf('overlap', OVERLAPS);
  if (fields.has('payload')) {
    changes.payload = fields.value('payload');
    refuseMarks(changes.payload, context.engine.redactor);
  }
  return context.schedules.amend(name, changes, { queue });
}
