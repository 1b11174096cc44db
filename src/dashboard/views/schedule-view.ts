import type { ScheduleInfo, ScheduleRunInfo } from '../../schedules/schedule-info.js';
import type { Schedule, SchedulePage } from '../wire.js';
import { rowOf } from './job-view.js';

export function scheduleViewOf(info: ScheduleInfo): Schedule {
  const { job, windowMs: _, ...shown } = info;
  return { ...shown, jobName: job.name ?? info.name };
}

export function runViewOf({ job, ...run }: ScheduleRunInfo): SchedulePage['runs'][number] {
  return { ...run, ...(job && { job: rowOf(job) }) };
}
