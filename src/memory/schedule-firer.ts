import type { EnqueueReceipt } from '../core/ports/intake.js';
import type { FireAnswer, ScheduleFire, ScheduledJob } from '../core/ports/timetable.js';
import { isSettled } from '../core/job.js';
import type { KeptSchedule } from './kept-schedule.js';
import { enqueue } from './producer.js';
import type { ScheduleTable } from './schedule-table.js';

/** A held tick is looked at again so much later. */
const HELD_MS = 1000;
const MOST_RUNS = 10;
/** Unsettled jobs that are remembered for `overlap`: ticks leave one, and only runs by hand add to it. */
const MOST_OPEN = 10;

/** Compares rule and tick with what is stored, and does what the fire says if they are the same. */
export function fire(table: ScheduleTable, fire: ScheduleFire): FireAnswer {
  const { queue } = table;
  const now = queue.now();
  const schedule = table.schedules.get(fire.name);
  if (schedule?.specHash !== fire.specHash) return 'stale';
  if (schedule.status !== 'active') return schedule.status;
  if (schedule.tick !== fire.tick) return 'stale';
  if (now < (fire.atOnce === true ? fire.tick : schedule.rank)) return 'early';
  if (fire.pauseOnFailure && hasFailed(table, schedule)) {
    table.halt(schedule, 'failure');
    return 'paused';
  }
  const left = fire.limit === undefined ? Infinity : fire.limit - schedule.fired;
  if (left <= 0) {
    table.goOn(schedule, { nextTick: undefined });
    return 'ended';
  }
  let { jobs, missed } = fire;
  if (fire.overlap !== 'allow' && jobs.length > 0) {
    missed += jobs.length - 1;
    jobs = jobs.slice(-1);
    schedule.open = schedule.open.filter((id) => isOpen(table, id));
    if (schedule.open.length > 0 && fire.overlap === 'queue-one') {
      table.lookAt(schedule, now + HELD_MS);
      return 'held';
    }
    if (schedule.open.length > 0) {
      schedule.skipped++;
      table.goOn(schedule, fire);
      return 'overlapped';
    }
  }
  jobs = jobs.slice(0, left);
  if (jobs.length === 0) schedule.skipped++;
  jobs.forEach((job, index) => {
    const { id } = put(table, job);
    schedule.open = [id];
    schedule.fired++;
    schedule.lastTick = job.scheduledFor;
    record(schedule, job, now, index === jobs.length - 1 ? missed : 0, id);
  });
  table.goOn(schedule, jobs.length === left ? { nextTick: undefined } : fire);
  return 'fired';
}

export function runNow(
  table: ScheduleTable,
  name: string,
  specHash: string,
  job: ScheduledJob,
): EnqueueReceipt | 'changed' | 'not-found' {
  const schedule = table.schedules.get(name);
  if (schedule === undefined) return 'not-found';
  if (schedule.specHash !== specHash) return 'changed';
  const receipt = put(table, job);
  if (receipt.created) {
    const open = schedule.open.filter((id) => isOpen(table, id));
    schedule.open = [...open, receipt.id].slice(-MOST_OPEN);
    record(schedule, job, table.queue.now(), 0, receipt.id);
  }
  return receipt;
}

/** A tick runs when it fires: its job waits for no time of its own. */
function put({ queue }: ScheduleTable, { envelope, userId, priority }: ScheduledJob): EnqueueReceipt {
  return enqueue(queue, [{ envelope, userId, priority }])[0];
}

function record({ runs }: KeptSchedule, job: ScheduledJob, firedAt: number, missed: number, jobId: string): void {
  runs.unshift({ tick: job.scheduledFor, firedAt, missed, jobId });
  runs.splice(MOST_RUNS);
}

function isOpen({ queue }: ScheduleTable, id: string): boolean {
  const job = queue.jobs.get(id);
  return job !== undefined && !isSettled(job.state);
}

/** The rank of a dead job is when it died. */
function hasFailed({ queue }: ScheduleTable, { runs, resumedAt }: KeptSchedule): boolean {
  return runs.some(({ jobId }) => {
    const job = queue.jobs.get(jobId);
    return job?.state === 'dead' && job.rank > resumedAt;
  });
}
