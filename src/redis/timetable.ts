import { InvalidValueError } from '../core/errors/option-errors.js';
import { BrokerUnavailableError, type BrokerRefusedError } from '../core/errors/store-errors.js';
import type { EnqueueReceipt } from '../core/ports/intake.js';
import type {
  AnnouncedSchedule,
  Announcement,
  ComingTick,
  DueSchedules,
  FireAnswer,
  NewSchedule,
  PauseReason,
  RegisterAnswer,
  ResumeAnswer,
  ScheduledJob,
  ScheduleFire,
  SchedulePage,
  ScheduleRun,
  ScheduleStatus,
  StoredSchedule,
  Timetable,
} from '../core/ports/timetable.js';
import { describeRefusal, refusesRequest } from '../core/request-refusal.js';
import { readJobs } from './job-reader.js';
import type { RedisQueue, RedisQueues } from './redis-queue.js';
import { encodeTraits } from './traits.js';
import type { Subject } from './wire/numbered-caller.js';
import { ReplyLostError } from './wire/store-errors.js';

type Arguments = (string | number)[];

/** Schedules that one script looks at: some 1 ms of Redis. */
const MOST_DUE = 500;
const MOST_FIRES = 50;
const MOST_JOBS = 500;
const MOST_BYTES = 1024 * 1024;
/** Specs that one script reads: each may hold a payload of a quarter of a megabyte. */
const READ_STEP = 50;

const CURSOR = /^\d{1,20}$/;

export class RedisTimetable implements Timetable {
  constructor(private readonly queues: RedisQueues) {}

  async register(queue: string, schedule: NewSchedule): Promise<RegisterAnswer> {
    const target = this.queues.of(queue);
    await target.checkFormat();
    const { name, specHash, spec, nextTick, lookAt, app, losesTick } = schedule;
    const args = [name, specHash, spec, nextTick ?? '', lookAt ?? '', app ?? '', losesTick === true ? '1' : '0'];
    // What the code of an app declares is a duty, and never meets what was made at run time.
    const subject: Subject = app === undefined ? ['schedule', name] : ['duty', 'register-schedule'];
    return target.act<RegisterAnswer>(subject, 'register-schedule', args);
  }

  async announce(queue: string, app: string, names: readonly AnnouncedSchedule[]): Promise<Announcement> {
    const target = this.queues.of(queue);
    await target.checkFormat();
    const args = [app, ...names.flatMap(({ name, specHash }) => [name, specHash])];
    const lines = await target.act(
      ['duty', 'announce-schedules'],
      'announce-schedules',

      args,
    );
    const [outdated, unknown, removed] = lines.split('\n').map((line) => (line === '' ? [] : line.split('\t')));
    return { outdated, unknown, removed: removed.sort() };
  }

  async due(queue: string, limit: number): Promise<DueSchedules> {
    const target = this.queues.of(queue);
    const args = [Math.min(limit, MOST_DUE)];
    const [now, next, ...rest] = await target.write<string[]>('due-schedules', args);
    const due: DueSchedules['due'] = [];
    for (let index = 0; index < rest.length; index += 5) {
      const [name, specHash, tick, fired, spec] = rest.slice(index, index + 5);
      due.push({ name, specHash, spec, tick: Number(tick), fired: Number(fired) });
    }
    return { now: Number(now), due, nextLookAt: next === '' ? undefined : Number(next) };
  }

  async fire(queue: string, fires: readonly ScheduleFire[]): Promise<(FireAnswer | BrokerRefusedError)[]> {
    const target = this.queues.of(queue);
    const answers: (FireAnswer | BrokerRefusedError)[] = [];
    for (const batch of batchesOf(fires)) answers.push(...(await fireInParts(target, batch)));
    return answers;
  }

  async pause(queue: string, name: string): Promise<boolean> {
    const target = this.queues.of(queue);
    return (await target.act(['schedule', name], 'pause-schedule', [name])) === '1';
  }

  async resume(queue: string, name: string, specHash: string, { nextTick, lookAt }: ComingTick): Promise<ResumeAnswer> {
    const target = this.queues.of(queue);
    return target.act(
      ['schedule', name],
      'resume-schedule',

      [name, specHash, nextTick ?? '', lookAt ?? ''],
    );
  }

  async runNow(
    queue: string,
    name: string,
    specHash: string,
    job: ScheduledJob,
  ): Promise<EnqueueReceipt | 'changed' | 'not-found'> {
    const target = this.queues.of(queue);
    const [numberOfJob] = await takeNumbers(target, 1);
    const args = [name, specHash, numberOfJob, job.envelope, encodeTraits(job), job.scheduledFor];
    type Answer = `${'created' | 'known' | 'kept'} ${string}` | 'changed' | 'not-found';
    const answer = await target.act<Answer>(['schedule', name], 'run-schedule', args);
    if (answer === 'changed' || answer === 'not-found') return answer;
    const [outcome, id] = answer.split(' ');
    if (outcome === 'created') return { id, created: true, state: 'ready' };
    const [kept] = await readJobs(target, [id]);
    const receipt = { id, created: false, state: kept?.state ?? 'completed' };
    return outcome === 'kept' ? { ...receipt, conflict: 'kept' } : receipt;
  }

  async read(queue: string, names: readonly string[]): Promise<(StoredSchedule | undefined)[]> {
    const target = this.queues.of(queue);
    const found: (StoredSchedule | undefined)[] = [];
    for (let first = 0; first < names.length; first += READ_STEP) {
      const page = names.slice(first, first + READ_STEP);
      const reply = await target.look<([] | [string, string, string])[]>('read-schedules', page);
      reply.forEach((entry, index) => found.push(entry.length === 0 ? undefined : readStored(page[index], entry)));
    }
    return found;
  }

  async list(queue: string, cursor: string | undefined, limit: number): Promise<SchedulePage> {
    const target = this.queues.of(queue);
    if (cursor !== undefined && !CURSOR.test(cursor)) {
      throw new InvalidValueError(
        'cursor',
        cursor,
        'pass on the cursor of the page before, or none for the first page',
      );
    }
    const args = [target.keys.schedules, cursor ?? '0', 'COUNT', limit];
    const [next, fields] = (await target.command('hscan', args)) as [string, string[]];
    const found = await this.read(
      queue,
      fields.filter((_, index) => index % 2 === 0),
    );
    const schedules = found.filter((schedule) => schedule !== undefined);
    return { schedules, cursor: next === '0' ? undefined : next };
  }

  async history(queue: string, name: string, limit: number): Promise<ScheduleRun[]> {
    const target = this.queues.of(queue);
    const text = (await target.command('hget', [target.keys.runs, name])) as string | null;
    const entries = text === null ? [] : text.split(' ').slice(0, limit);
    return entries.map((entry) => {
      const [tick, firedAt, missed, jobId] = entry.split(':');
      return { tick: Number(tick), firedAt: Number(firedAt), missed: Number(missed), jobId };
    });
  }

  async remove(queue: string, name: string): Promise<boolean> {
    const target = this.queues.of(queue);
    return (await target.act(['schedule', name], 'remove-schedule', [name])) === '1';
  }
}

/** Refused as a whole, none of it has begun: in halves, until the one job is alone that the server does not take. */
async function fireInParts(
  queue: RedisQueue,
  fires: readonly ScheduleFire[],
): Promise<(FireAnswer | BrokerRefusedError)[]> {
  try {
    return await fireBatch(queue, fires);
  } catch (error) {
    if (!refusesRequest(error)) throw error;
    if (fires.length > 1) {
      const half = Math.ceil(fires.length / 2);
      return [...(await fireInParts(queue, fires.slice(0, half))), ...(await fireInParts(queue, fires.slice(half)))];
    }
    const [{ jobs }] = fires;
    if (jobs.length < 2) return [describeRefusal(error, jobs)];
    const [first, rest] = halvesOf(fires[0]);
    const [answer] = await fireInParts(queue, [first]);
    return answer === 'fired' ? fireInParts(queue, [rest]) : [answer];
  }
}

async function fireBatch(queue: RedisQueue, fires: readonly ScheduleFire[]): Promise<FireAnswer[]> {
  const ids = await takeNumbers(
    queue,
    fires.reduce((sum, { jobs }) => sum + jobs.length, 0),
  );
  const args: Arguments = [];
  let taken = 0;
  for (const fire of fires) {
    const { name, specHash, tick, nextTick, lookAt, missed, overlap, pauseOnFailure, limit, atOnce, jobs } = fire;
    args.push(name, specHash, tick, nextTick ?? '', lookAt ?? '', missed, overlap, pauseOnFailure ? '1' : '0');
    args.push(limit ?? '', atOnce === true ? '1' : '0', jobs.length);
    for (const job of jobs) args.push(ids[taken++], job.envelope, encodeTraits(job), job.scheduledFor);
  }
  return queue.write('fire-schedules', args);
}

async function takeNumbers(queue: RedisQueue, count: number): Promise<string[]> {
  return queue.numbers.tryTake(count) ?? queue.numbers.take(count).catch(refuseNumbers);
}

/** Taking numbers stores no job, whatever became of it. */
function refuseNumbers(error: unknown): never {
  if (!(error instanceof ReplyLostError)) throw error;
  throw new BrokerUnavailableError('Redis did not answer in time; nothing was stored', { cause: error });
}

/** The ticks of a backlog, in two fires: the first tick of the second is the one that comes after the first. */
function halvesOf(fire: ScheduleFire): [ScheduleFire, ScheduleFire] {
  const half = Math.ceil(fire.jobs.length / 2);
  const tick = fire.jobs[half].scheduledFor;
  const first = { ...fire, jobs: fire.jobs.slice(0, half), nextTick: tick, lookAt: undefined };
  return [first, { ...fire, tick, jobs: fire.jobs.slice(half), missed: 0 }];
}

/** As many fires as one script may do without keeping others waiting; at least one. */
function* batchesOf(fires: readonly ScheduleFire[]): Generator<ScheduleFire[]> {
  let batch: ScheduleFire[] = [];
  let jobs = 0;
  let bytes = 0;
  for (const fire of fires) {
    const size = fire.jobs.reduce((sum, { envelope }) => sum + envelope.length, 0);
    const isFull =
      batch.length === MOST_FIRES || jobs + fire.jobs.length > MOST_JOBS || (size > 0 && bytes + size > MOST_BYTES);
    if (batch.length > 0 && isFull) {
      yield batch;
      [batch, jobs, bytes] = [[], 0, 0];
    }
    batch.push(fire);
    jobs += fire.jobs.length;
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The header is one line: hash, state, tick, last tick, fired, skipped, created, resumed, open jobs, older hashes, app. */
function readStored(name: string, [header, spec, announced]: [string, string, string]): StoredSchedule {
  const [specHash, state, tick, last, fired, skipped, created, , , , ...app] = header.split(' ');
  const [status, reason] = state.split(':') as [ScheduleStatus, PauseReason | undefined];
  return {
    name,
    specHash,
    spec,
    app: app.join(' ') || undefined,
    status,
    pauseReason: reason,
    nextTick: tick === '-' ? undefined : Number(tick),
    lastTick: last === '-' ? undefined : Number(last),
    fired: Number(fired),
    skipped: Number(skipped),
    createdAt: Number(created),
    announcedAt: announced === '' ? undefined : Number(announced),
  };
}
