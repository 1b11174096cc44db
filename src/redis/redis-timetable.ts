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
} from '../core/broker.js';
import { BrokerUnavailableError, InvalidValueError, type BrokerRefusedError } from '../core/errors.js';
import { describeRefusal, refusesRequest } from '../core/request-refusal.js';
import type { JobNumbers } from './job-numbers.js';
import type { QueueKeys } from './keys.js';
import type { Subject } from './wire/numbered-caller.js';
import type { ScriptName } from './wire/script-library.js';
import { ReplyLostError } from './wire/store-errors.js';

type Arguments = (string | number)[];

/** How a timetable speaks to the server. */
export interface TimetableCalls {
  run<T>(name: ScriptName, keys: string[], args: Arguments): Promise<T>;
  /** A script that answers with what it did: a repeated call is answered as the first. */
  act<T extends string>(subject: Subject, name: ScriptName, keys: string[], args: Arguments): Promise<T>;
  /** The script that reads schedules, by a call that writes nothing. */
  look<T>(keys: string[], args: Arguments): Promise<T>;
  command(name: string, args: Arguments): Promise<unknown>;
}

/** Schedules that one script looks at: some 1 ms of Redis. */
const MOST_DUE = 500;
const MOST_FIRES = 50;
const MOST_JOBS = 500;
const MOST_BYTES = 1024 * 1024;
/** Specs that one script reads: each may hold a payload of a quarter of a megabyte. */
const READ_STEP = 50;

const CURSOR = /^\d{1,20}$/;

/** The schedules of one queue: one short method per script. */
export class RedisTimetable {
  constructor(
    private readonly keys: QueueKeys,
    private readonly numbers: JobNumbers,
    private readonly calls: TimetableCalls,
  ) {}

  register({ name, specHash, spec, nextTick, lookAt, app, losesTick }: NewSchedule): Promise<RegisterAnswer> {
    const { schedules, specs, ticks, announced } = this.keys;
    const args = [name, specHash, spec, nextTick ?? '', lookAt ?? '', app ?? '', losesTick === true ? '1' : '0'];
    // What the code of an app declares is a duty, and never meets what was made at run time.
    const subject: Subject = app === undefined ? ['schedule', name] : ['duty', 'register-schedule'];
    return this.calls.act(subject, 'register-schedule', [schedules, specs, ticks, announced], args);
  }

  async announce(app: string, names: readonly AnnouncedSchedule[]): Promise<Announcement> {
    const { schedules, ticks, announced, apps } = this.keys;
    const args = [app, ...names.flatMap(({ name, specHash }) => [name, specHash])];
    const lines = await this.calls.act(
      ['duty', 'announce-schedules'],
      'announce-schedules',
      [schedules, ticks, announced, apps],
      args,
    );
    const [outdated, unknown, removed] = lines.split('\n').map((line) => (line === '' ? [] : line.split('\t')));
    return { outdated, unknown, removed: removed.sort() };
  }

  async due(limit: number): Promise<DueSchedules> {
    const { schedules, specs, ticks } = this.keys;
    const args = [Math.min(limit, MOST_DUE)];
    const [now, next, ...rest] = await this.calls.run<string[]>('due-schedules', [schedules, specs, ticks], args);
    const due: DueSchedules['due'] = [];
    for (let index = 0; index < rest.length; index += 5) {
      const [name, specHash, tick, fired, spec] = rest.slice(index, index + 5);
      due.push({ name, specHash, spec, tick: Number(tick), fired: Number(fired) });
    }
    return { now: Number(now), due, nextLookAt: next === '' ? undefined : Number(next) };
  }

  async fire(fires: readonly ScheduleFire[]): Promise<(FireAnswer | BrokerRefusedError)[]> {
    const answers: (FireAnswer | BrokerRefusedError)[] = [];
    for (const batch of batchesOf(fires)) answers.push(...(await this.fireInParts(batch)));
    return answers;
  }

  async pause(name: string): Promise<boolean> {
    const { schedules, ticks } = this.keys;
    return (await this.calls.act(['schedule', name], 'pause-schedule', [schedules, ticks], [name])) === '1';
  }

  resume(name: string, specHash: string, { nextTick, lookAt }: ComingTick): Promise<ResumeAnswer> {
    const { schedules, ticks } = this.keys;
    return this.calls.act(
      ['schedule', name],
      'resume-schedule',
      [schedules, ticks],
      [name, specHash, nextTick ?? '', lookAt ?? ''],
    );
  }

  async run(
    name: string,
    specHash: string,
    { envelope, userId, priority = 0, scheduledFor }: ScheduledJob,
  ): Promise<{ id: string; created: boolean } | 'changed' | 'not-found'> {
    const k = this.keys;
    const keys = [k.jobs, k.ready, k.priority, k.levels, k.ids, k.idle, k.inflight, k.schedules, k.runs];
    const [numberOfJob] = await this.takeNumbers(1);
    const args = [name, specHash, numberOfJob, userId, envelope, priority, scheduledFor];
    type Answer = `${'created' | 'known'} ${string}` | 'changed' | 'not-found';
    const answer = await this.calls.act<Answer>(['schedule', name], 'run-schedule', keys, args);
    if (answer === 'changed' || answer === 'not-found') return answer;
    const [outcome, id] = answer.split(' ');
    return { id, created: outcome === 'created' };
  }

  async read(names: readonly string[]): Promise<(StoredSchedule | undefined)[]> {
    const { schedules, specs, announced } = this.keys;
    const found: (StoredSchedule | undefined)[] = [];
    for (let first = 0; first < names.length; first += READ_STEP) {
      const page = names.slice(first, first + READ_STEP);
      const reply = await this.calls.look<([] | [string, string, string])[]>([schedules, specs, announced], page);
      reply.forEach((entry, index) => found.push(entry.length === 0 ? undefined : readStored(page[index], entry)));
    }
    return found;
  }

  async list(cursor: string | undefined, limit: number): Promise<SchedulePage> {
    if (cursor !== undefined && !CURSOR.test(cursor)) {
      throw new InvalidValueError(
        'cursor',
        cursor,
        'pass on the cursor of the page before, or none for the first page',
      );
    }
    const args = [this.keys.schedules, cursor ?? '0', 'COUNT', limit];
    const [next, fields] = (await this.calls.command('hscan', args)) as [string, string[]];
    const found = await this.read(fields.filter((_, index) => index % 2 === 0));
    const schedules = found.filter((schedule) => schedule !== undefined);
    return { schedules, cursor: next === '0' ? undefined : next };
  }

  async history(name: string, limit: number): Promise<ScheduleRun[]> {
    const text = (await this.calls.command('hget', [this.keys.runs, name])) as string | null;
    const entries = text === null ? [] : text.split(' ').slice(0, limit);
    return entries.map((entry) => {
      const [tick, firedAt, missed, jobId] = entry.split(':');
      return { tick: Number(tick), firedAt: Number(firedAt), missed: Number(missed), jobId };
    });
  }

  async remove(name: string): Promise<boolean> {
    const { schedules, specs, ticks, announced, runs } = this.keys;
    return (
      (await this.calls.act(
        ['schedule', name],
        'remove-schedule',
        [schedules, specs, ticks, announced, runs],
        [name],
      )) === '1'
    );
  }

  /** Refused as a whole, none of it has begun: in halves, until the one job is alone that the server does not take. */
  private async fireInParts(fires: readonly ScheduleFire[]): Promise<(FireAnswer | BrokerRefusedError)[]> {
    try {
      return await this.fireBatch(fires);
    } catch (error) {
      if (!refusesRequest(error)) throw error;
      if (fires.length > 1) {
        const half = Math.ceil(fires.length / 2);
        return [...(await this.fireInParts(fires.slice(0, half))), ...(await this.fireInParts(fires.slice(half)))];
      }
      const [{ jobs }] = fires;
      if (jobs.length < 2) return [describeRefusal(error, jobs)];
      const [first, rest] = halvesOf(fires[0]);
      const [answer] = await this.fireInParts([first]);
      return answer === 'fired' ? this.fireInParts([rest]) : [answer];
    }
  }

  private async fireBatch(fires: readonly ScheduleFire[]): Promise<FireAnswer[]> {
    const k = this.keys;
    const keys = [k.meta, k.jobs, k.ready, k.priority, k.levels, k.ids, k.idle, k.inflight, k.dead];
    keys.push(k.schedules, k.ticks, k.runs);
    const ids = await this.takeNumbers(fires.reduce((sum, { jobs }) => sum + jobs.length, 0));
    const args: Arguments = [];
    let taken = 0;
    for (const fire of fires) {
      const { name, specHash, tick, nextTick, lookAt, missed, overlap, pauseOnFailure, limit, atOnce, jobs } = fire;
      args.push(name, specHash, tick, nextTick ?? '', lookAt ?? '', missed, overlap, pauseOnFailure ? '1' : '0');
      args.push(limit ?? '', atOnce === true ? '1' : '0', jobs.length);
      for (const { envelope, userId, priority = 0, scheduledFor } of jobs)
        args.push(ids[taken++], userId, envelope, priority, scheduledFor);
    }
    return this.calls.run('fire-schedules', keys, args);
  }

  private async takeNumbers(count: number): Promise<string[]> {
    return this.numbers.tryTake(count) ?? this.numbers.take(count).catch(refuseNumbers);
  }
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
