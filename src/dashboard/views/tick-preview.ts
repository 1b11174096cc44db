import { jsonCodec } from '../../core/codec.js';
import { readScheduleTiming } from '../../schedules/rule/timing-reader.js';
import { Schedule } from '../../schedules/rule/schedule.js';
import { DashboardError } from '../dashboard-error.js';

/**
 * The next ticks of a rule that nobody has stored.
 * @throws InvalidCronError, InvalidValueError
 */
export function previewTicks(
  { cron, every }: { cron: string | undefined; every: string | undefined },
  timeZone: string | undefined,
  count: number,
  now: number,
): number[] {
  if ((cron === undefined) === (every === undefined)) {
    throw new DashboardError(400, 'DASHBOARD_BAD_REQUEST', 'Give either cron or every.');
  }
  const source = cron === undefined ? { every: every as never } : { cron };
  const place = 'the new rule';
  const timing = readScheduleTiming(source, timeZone === undefined ? {} : { timeZone }, 'preview', place);
  const declaration = {
    ...timing,
    ...{ name: 'preview', queue: 'preview', label: place, scope: 'cluster' as const, disabled: false },
    ...{ payload: undefined, job: {} },
  };
  return Schedule.declared(declaration, jsonCodec, 0).upcoming(count, now);
}
