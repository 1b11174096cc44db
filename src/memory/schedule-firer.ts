import type { EnqueueReceipt } from '../core/ports/intake.js';
import type { FireAnswer, ScheduleFire, ScheduledJob } from '../core/ports/timetable.js';
import { isSettled } from '../core/job.js';
import { RULES } from '../core/rules.js';
import type { KeptSchedule } from './kept-schedule.js';
import { enqueue } from './producer.js';
import type { ScheduleTable } from './schedule-table.js';

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
      table.lookAt(schedule, now + RULES.heldTickMs);
      return 'held';
    }
    if (schedule.open.length > 0) {
      schedule.skipped++;
      table.goOn(schedule, fire);
      return 'overlapped';
    }
  }
  jobs = jobs.slice(0, left);
  let given = 0;
  jobs.forEach((job, index) => {
    const { id, conflict } = put(table, job);
    if (conflict !== undefined) return;
    given++;
    schedule.open = [id];
    schedule.lastTick = job.scheduledFor;
    record(schedule, job, now, index === jobs.length - 1 ? missed : 0, id);
  });
  schedule.fired += given;
  if (given === 0) schedule.skipped++;
  table.goOn(schedule, given === left ? { nextTick: undefined } : fire);
  return given === 0 && jobs.length > 0 ? 'overlapped' : 'fired';
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
    schedule.open = [...open, receipt.id].slice(-RULES.mostOpenJobs);
    record(schedule, job, table.queue.now(), 0, receipt.id);
  }
  return receipt;
}

/** A tick runs when it fires: its job waits for no time of its own. */
function put({ queue }: ScheduleTable, job: ScheduledJob): EnqueueReceipt {
  return enqueue(queue, [job])[0];
}

function record({ runs }: KeptSchedule, job: ScheduledJob, firedAt: number, missed: number, jobId: string): void {
  runs.unshift({ tick: job.scheduledFor, firedAt, missed, jobId });
  runs.splice(RULES.mostRuns);
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
