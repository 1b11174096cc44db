import { Injectable } from '@nestjs/common';
import type { StoredSchedule } from '../core/ports/timetable.js';
import { openCursor, sealCursor } from '../core/cursor.js';
import { InvalidPayloadError } from '../core/errors/enqueue-errors.js';
import type { CronTick } from '../core/job-view.js';
import { checkScheduleName } from '../core/names.js';
import { readCount, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import { storeRule } from './rule/rule-replacer.js';
import { Schedule, type JobMaking } from './rule/schedule.js';
import type { ScheduleDeclaration } from './rule/declaration.js';
import { ScheduleConflictError, ScheduleNotFoundError, ScheduleStateError } from './rule/schedule-errors.js';
import { showMembers } from '../core/shown-members.js';
import { limitArguments } from '../core/surplus-arguments.js';
import { validate, type StandardSchemaV1 } from '../core/standard-schema.js';
import { CRON_QUEUE } from '../core/constants.js';
import { DEFAULTS } from '../options/defaults.js';
import { isJobDefinition, type JobDefinition } from '../queue/job-definition.js';
import { JobHandle } from '../queue/job-handle.js';
import { handlesOf } from '../queue/job-producer.js';
import type { QueueService } from '../queue/queue.service.js';
import type { QueueScope } from '../queue/queue-scope.js';
import { amendSchedule, namesTicks, type ScheduleChanges } from './schedule-amender.js';
import { scheduleInfoOf, type ScheduleInfo, type ScheduleRunInfo } from './schedule-info.js';
import { readScheduleRequest, requireRequest, type DefinedSchedule, type RuntimeSchedule } from './schedule-request.js';

/** Where a schedule is. */
export interface ScheduleAddress {
  /** Default `cron`. A definition stands for its queue. */
  queue?: string | JobDefinition;
}

export interface SchedulesQuery extends ScheduleAddress {
  /** Of the page before. */
  cursor?: string;
  /** Default 50, at most 500. */
  limit?: number;
}

export interface SchedulesPage {
  schedules: ScheduleInfo[];
  /** Pass it on for the next page; undefined at the end. */
  cursor: string | undefined;
}

/** Somebody may replace a rule between our look at it and our call: then look again. */
const ATTEMPTS = 5;
const MOST_NEXT = 1000;
const MOST_HISTORY = 10;

/**
 * Schedules of the shared store: those that are made at run time (one per tenant, from a database, any number), and those
 * that the code declares with `@Cron` and its like, which can be looked at, paused and run by hand here. A queue's
 * schedules are fired by the processes that handle the queue. Every verb rejects with `UnknownQueueError` for a queue that
 * this application does not know, and with `BrokerUnavailableError` while the store is away: then nothing was done. What may
 * have been done, because the reply never came, is a `CallOutcomeUnknownError`.
 *
 * @example
 * ```ts
 * await schedules.upsert(`report-${tenant.id}`, {
 *   cron: '0 6 * * *',
 *   timeZone: tenant.timeZone,
 *   queue: reportJob, // a definition; or the name of a queue
 *   payload: { tenant: tenant.id },
 * });
 * ```
 */
@Injectable()
export class ScheduleService {
  constructor(
    private readonly queues: QueueService,
    private readonly strategies: readonly string[],
    /** The schema that jobs of this name are checked by where they are handled, as far as this process knows. */
    private readonly schemaOf: (queue: string, jobName: string) => StandardSchemaV1 | undefined,
  ) {}

  /**
   * Stores a schedule, or changes the one of this name. The same rule again changes nothing; another one counts from now
   * (a new schedule never makes up for the past), and what had come by the old one is fired first. One that is paused
   * stays paused.
   * @throws InvalidCronError, InvalidValueError, UnknownOptionError, ConfigurationError, InvalidPayloadError,
   *   PayloadTooLargeError; ScheduleConflictError for the name of a schedule that code declares; StoreFullError
   */
  upsert<P, R, I>(name: string, schedule: DefinedSchedule<P, R, I>): Promise<ScheduleInfo>;
  upsert(name: string, schedule: RuntimeSchedule): Promise<ScheduleInfo>;
  async upsert(
    name: string,
    given: RuntimeSchedule | DefinedSchedule<unknown, unknown, unknown>,
  ): Promise<ScheduleInfo> {
    requireRequest(name, given);
    const scope = this.scopeOf(given.queue);
    const definition = isJobDefinition(given.queue) ? given.queue : undefined;
    const declaration = readScheduleRequest(name, given, scope.queue, definition, this.strategies);
    return this.store(scope, declaration, definition?.schema);
  }

  /**
   * Changes what is given of a schedule that was made at run time, and keeps the rest; stores a new one where there is none.
   * @internal @throws as {@link upsert}
   */
  async amend(name: string, changes: ScheduleChanges, address?: ScheduleAddress): Promise<ScheduleInfo> {
    const scope = this.placeOf(name, address);
    const [stored] = await scope.store.timetable.read(scope.queue, [name]);
    if (stored === undefined && !namesTicks(changes)) throw new ScheduleNotFoundError(scope.queue, name);
    if (stored === undefined) return this.upsert(name, { ...changes, queue: scope.queue } as RuntimeSchedule);
    return this.store(scope, amendSchedule(scope.queue, stored, changes, this.strategies, scope.codec));
  }

  /** Undefined where none of this name is stored. */
  async get(name: string, address?: ScheduleAddress): Promise<ScheduleInfo | undefined> {
    const scope = this.placeOf(name, address);
    const [stored] = await scope.store.timetable.read(scope.queue, [name]);
    return stored && scheduleInfoOf(scope, stored);
  }

  /**
   * One page of a queue's schedules, in no particular order. What is there all the while is met, perhaps twice where others
   * come and go; a page may hold a few more than `limit`, or fewer before the end.
   */
  async list(query: SchedulesQuery = {}): Promise<SchedulesPage> {
    requireObject(query, 'query of list', 'pass an object such as { queue: "reports" }');
    refuseUnknownKeys(query, ['queue', 'cursor', 'limit'], 'list', ['queue']);
    const scope = this.scopeOf(query.queue);
    const limit = readCount(query.limit, 'limit', 1, DEFAULTS.list.maxLimit) ?? DEFAULTS.list.limit;
    const listing = `schedules of queue "${scope.queue}"`;
    const page = await scope.store.timetable.list(scope.queue, openCursor(listing, query.cursor), limit);
    return {
      schedules: page.schedules.map((stored) => scheduleInfoOf(scope, stored)),
      cursor: sealCursor(listing, page.cursor),
    };
  }

  /**
   * No tick fires until {@link resume}, whatever is deployed meanwhile; jobs it has enqueued go on.
   * @throws ScheduleNotFoundError
   */
  async pause(name: string, address?: ScheduleAddress): Promise<void> {
    const { store, queue } = this.placeOf(name, address);
    if (!(await store.timetable.pause(queue, name))) throw new ScheduleNotFoundError(queue, name);
  }

  /**
   * Goes on, counting from now: nothing of the pause is made up for. Also lifts a pause after a failure.
   * @throws ScheduleNotFoundError; ScheduleStateError for one that the code declares no more
   */
  async resume(name: string, address?: ScheduleAddress): Promise<void> {
    const scope = this.placeOf(name, address);
    await this.onStored(scope, name, async (schedule) => {
      const { nextTick, lookAt } = schedule.registration(await storeTimeOf(scope));
      const answer = await scope.store.timetable.resume(scope.queue, name, schedule.specHash, { nextTick, lookAt });
      if (answer === 'not-found') throw new ScheduleNotFoundError(scope.queue, name);
      if (answer === 'removed') {
        const why = 'is paused because no live instance declares it: declare it again and it goes on, or remove it';
        throw new ScheduleStateError(scope.queue, name, why);
      }
      return answer;
    });
  }

  /**
   * Enqueues a job of the schedule now, beside its ticks, also while it is paused. It is in the history, and a tick that
   * waits for the job before it waits for this one, too. Where another job has the unique key of its jobs, the handle is that
   * job's, with `created: false` and `conflict: 'kept'`, and nothing is enqueued.
   * @throws ScheduleNotFoundError, ScheduleStateError, StoreFullError
   */
  async runNow(name: string, address?: ScheduleAddress): Promise<JobHandle> {
    const scope = this.placeOf(name, address);
    const { store, queue } = scope;
    return this.onStored(scope, name, async (schedule) => {
      const job = schedule.extraJob(await storeTimeOf(scope), makingOf(scope));
      const receipt = await store.timetable.runNow(queue, name, schedule.specHash, job);
      if (receipt === 'not-found') throw new ScheduleNotFoundError(queue, name);
      return receipt === 'changed' ? receipt : (await handlesOf(scope, [job], [receipt]))[0];
    });
  }

  /**
   * Deletes the schedule and its history; its jobs stay. One that running code declares is stored again within half a
   * minute: {@link pause} it, or disable it under `schedules` in `forRoot`.
   * @throws ScheduleNotFoundError
   */
  async remove(name: string, address?: ScheduleAddress): Promise<void> {
    const { store, queue } = this.placeOf(name, address);
    if (!(await store.timetable.remove(queue, name))) throw new ScheduleNotFoundError(queue, name);
  }

  /**
   * The next ticks, ms since the epoch, without jitter; of a paused schedule those it would have from now on.
   * @param count default 1, at most 1000; fewer are returned where the rule or its limit ends
   * @throws ScheduleNotFoundError, ScheduleStateError
   */
  async next(name: string, count = 1, address?: ScheduleAddress): Promise<number[]> {
    const scope = this.placeOf(name, address);
    const most = readCount(count, 'count', 1, MOST_NEXT) ?? 1;
    const stored = await this.read(scope, name);
    if (stored.status === 'ended') return [];
    return this.parse(scope, stored).upcoming(most, await storeTimeOf(scope), stored);
  }

  /**
   * The last runs, newest first, with how late each was and what became of its job.
   * @param count default and at most 10
   * @throws ScheduleNotFoundError
   */
  async history(name: string, count = MOST_HISTORY, address?: ScheduleAddress): Promise<ScheduleRunInfo[]> {
    const scope = this.placeOf(name, address);
    const { store, queue } = scope;
    const most = readCount(count, 'count', 1, MOST_HISTORY) ?? MOST_HISTORY;
    const runs = await store.timetable.history(queue, name, most);
    if (runs.length === 0) {
      await this.read(scope, name);
      return [];
    }
    const jobs = await store.curation.read(
      queue,
      runs.map(({ jobId }) => jobId),
    );
    return runs.map(({ tick, firedAt, missed }, index) => {
      const stored = jobs[index];
      const job = stored && JobHandle.ofStored(scope, stored);
      return { scheduledFor: tick, firedAt, latenessMs: firedAt - tick, missed, job };
    });
  }

  /** Reads the stored rule and works with it, again where it was replaced meanwhile. */
  private async onStored<T>(
    scope: QueueScope,
    name: string,
    act: (schedule: Schedule) => Promise<T | 'changed'>,
  ): Promise<T> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const answer = await act(this.parse(scope, await this.read(scope, name)));
      if (answer !== 'changed') return answer;
    }
    throw new ScheduleStateError(
      scope.queue,
      name,
      `was changed ${ATTEMPTS} times while this call looked at it; repeat it`,
    );
  }

  private async read({ store, queue }: QueueScope, name: string): Promise<StoredSchedule> {
    const [stored] = await store.timetable.read(queue, [name]);
    if (stored === undefined) throw new ScheduleNotFoundError(queue, name);
    return stored;
  }

  private parse({ queue }: QueueScope, stored: StoredSchedule): Schedule {
    const schedule = Schedule.stored(queue, stored);
    if (schedule !== undefined) return schedule;
    throw new ScheduleStateError(queue, stored.name, 'was stored by another version, which this one cannot read');
  }

  private async store(
    scope: QueueScope,
    declaration: ScheduleDeclaration,
    schema?: StandardSchemaV1,
  ): Promise<ScheduleInfo> {
    const { name } = declaration;
    await this.checkPayload(declaration, schema);
    const schedule = Schedule.declared(declaration, scope.codec, scope.payloadLimit);
    const { answer } = await storeRule(scope.store.timetable, schedule, makingOf(scope));
    if (answer === 'conflict') throw new ScheduleConflictError(scope.queue, name);
    return scheduleInfoOf(scope, await this.read(scope, name));
  }

  /** What the schema makes of the payload is what the jobs get. */
  private async checkPayload(declaration: ScheduleDeclaration, own: StandardSchemaV1 | undefined): Promise<void> {
    const { name, queue, job, payload } = declaration;
    const jobName = job.name ?? name;
    const schema = own ?? this.schemaOf(queue, jobName);
    if (schema === undefined) return;
    const tick: CronTick = { schedule: name, scheduledFor: 0, missed: 0 };
    const checked = await validate(schema, payload ?? tick);
    if (!checked.ok) throw new InvalidPayloadError(queue, jobName, checked.issues);
    if (payload !== undefined) declaration.payload = checked.value;
  }

  private placeOf(name: unknown, address: ScheduleAddress = {}): QueueScope {
    checkScheduleName(name, 'schedule name');
    requireObject(address, 'place of a schedule', 'pass an object such as { queue: "reports" }');
    refuseUnknownKeys(address, ['queue'], 'the place of a schedule', ['queue']);
    return this.scopeOf(address.queue);
  }

  private scopeOf(queue: string | JobDefinition = CRON_QUEUE): QueueScope {
    return this.queues.scopeOf(queue);
  }
}

showMembers(ScheduleService);

limitArguments(ScheduleService, {
  ...{ upsert: 2, get: 2, list: 1, pause: 2, resume: 2, runNow: 2, remove: 2, next: 3, history: 3 },
});

function makingOf({ codec, settings }: QueueScope): JobMaking {
  return { codec, queueOptions: settings };
}

/** What a rule counts from: this process's own guess of that time may be stale after an outage. */
async function storeTimeOf({ store, queue }: QueueScope): Promise<number> {
  return (await store.timetable.due(queue, 1)).now;
}
