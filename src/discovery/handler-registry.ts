import { Logger } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { CRON_QUEUE } from '../core/constants.js';
import { ConfigurationError } from '../core/errors/option-errors.js';
import { guardLogger } from './guarded-logger.js';
import type { Handler } from '../core/handler.js';
import { SETTLED_STATES, type RetentionRule, type RetentionRules } from '../core/job.js';
import type { QueueLimits } from '../core/limits.js';
import { isOwn } from '../core/own-retention.js';
import type { Job } from '../core/job-view.js';
import type { ScheduleDeclaration } from '../schedules/rule/declaration.js';
import { showMembers } from '../core/shown-members.js';
import { layerJobOptions } from '../options/job-options-reader.js';
import { DEFAULTS } from '../options/defaults.js';
import { showLimits } from '../options/limit-options.js';
import type { GivenJobOptions, ResolvedOptions, ResolvedWorkerOptions } from '../options/options.js';
import type { StandardSchemaV1 } from '../core/standard-schema.js';
import { readAlertListener, type QueueAlertListener } from './alert-listener-reader.js';
import { nameBoth, type DecoratedMethod } from './decorated-method.js';
import { Explorer } from './explorer.js';
import { leavesValidationOut } from './global-enhancers.js';
import { HandlerBook } from './handler-book.js';
import { HandlerInvoker } from './handler-invoker.js';
import { readListener, type QueueEventListener } from './listener-reader.js';
import { readProcessor, type ProcessorDeclaration } from './processor-reader.js';
import { ScheduleList } from './schedule-list.js';
import { readSchedule } from './schedule-reader.js';

type WorkerClaim = { value: unknown; method: DecoratedMethod };

/** Every handler, schedule and listener of the app, found and checked once, at boot. */
export class HandlerRegistry {
  /** Handlers of schedules that every process runs for itself: their jobs are in no shared store. */
  readonly ofInstance = new HandlerBook();
  private readonly shared = new HandlerBook();
  private readonly declared = new ScheduleList();
  private readonly eventListeners: QueueEventListener[] = [];
  private readonly listenersOfAlerts: QueueAlertListener[] = [];
  /** What `@Processor` methods say of their queue: worker options and inbox. */
  private readonly claims = new Map<string, Map<string, WorkerClaim>>();
  /** Queues whose handlers a test replaced by something that has no such method: known, and nothing runs. */
  private readonly unhandled = new Set<string>();
  private readonly absentSchedules = new Set<string>();
  private toldValidation = false;
  private collected = false;

  constructor(
    private readonly explorer: Explorer,
    private readonly invoker: HandlerInvoker,
    private readonly config: ApplicationConfig,
    private readonly options: ResolvedOptions,
    private readonly logger: Pick<Logger, 'warn'> = guardLogger(new Logger('TaskQueueModule')),
  ) {}

  /**
   * Handlers of the modules that were not there at the call before: at boot once every provider exists and before any hook
   * of the app's modules runs, then after each module that was loaded lazily.
   * @throws ConfigurationError, InvalidValueError, UnknownOptionError
   */
  async collect(): Promise<void> {
    this.collected = true;
    const { schedules } = this.options;
    const strategies = Object.keys(this.options.backoffs);
    const methods = await this.explorer.explore();
    for (const method of methods) {
      for (const metadata of method.processors)
        this.addProcessor(method, readProcessor(metadata, method.label, strategies));
      for (const metadata of method.schedules)
        this.addSchedule(method, readSchedule(metadata, method.label, strategies, schedules));
      for (const metadata of method.queueEvents) this.addListener(readListener(metadata, method));
      for (const metadata of method.queueAlerts)
        this.addAlertListener(readAlertListener(metadata, method, this.options.alerts));
    }
    this.declared.refuseUnknown(Object.keys(schedules).filter((name) => !this.absentSchedules.has(name)));
    if (!this.toldValidation && methods.length > 0) this.tellValidation();
  }

  /** What comes from now on is late. */
  get isCollected(): boolean {
    return this.collected;
  }

  private tellValidation(): void {
    if (this.queues.length + this.ofInstance.queues.length === 0) return;
    if (!leavesValidationOut(this.config, this.options.globalEnhancers)) return;
    this.toldValidation = true;
    this.logger.warn(
      "The app's global ValidationPipe does not run around job handlers. Pass globalEnhancers: ['pipes'] to have payloads " +
        'validated, or a schema to @Payload() or defineJob().',
    );
  }

  /**
   * Payloads of schedules against the schemas of their handlers, before anything is registered.
   * @throws InvalidPayloadError
   */
  async checkPayloads(): Promise<void> {
    await this.declared.checkPayloads(({ queue, scope }, jobName) =>
      (scope === 'instance' ? this.ofInstance : this.shared).schemaOf(queue, jobName),
    );
  }

  /** Queues with at least one handler. */
  get queues(): readonly string[] {
    return this.shared.queues;
  }

  /** Where the last `@Cron` was removed from the code, a process with handlers still has to notice. */
  get watchedQueues(): readonly string[] {
    return this.queues.length > 0 ? [...this.queues, CRON_QUEUE] : [];
  }

  /** Whether a decorator names this queue, also one that leads nowhere in this process. */
  has(queue: string): boolean {
    return this.shared.has(queue) || this.unhandled.has(queue);
  }

  /** How many handlers a queue has: it grows where modules are loaded lazily. */
  sizeOf(queue: string): number {
    return this.shared.of(queue).length;
  }

  handlersOf(queue: string): Handler<Job>[] {
    return this.shared.handlersOf(queue);
  }

  /** What the decorator of a handler says of its jobs. */
  jobOptionsOf(handler: Handler<Job>): GivenJobOptions {
    return this.shared.jobOptionsOf(handler);
  }

  /** Job names of the queue that methods of this process take; `'*'`: one of them takes every name. */
  handledNamesOf(queue: string): readonly string[] | '*' {
    const names = this.shared.handlersOf(queue).map(({ name }) => name);
    const given = names.filter((name) => name !== undefined);
    return given.length < names.length ? '*' : given;
  }

  /** What the decorator says whose method takes the jobs of this name; undefined where none of this process does. */
  handledOptionsOf(queue: string, jobName: string): GivenJobOptions | undefined {
    return this.shared.find(queue, jobName)?.job;
  }

  /** Its label, where the handler of this name takes jobs of many groups in one call. */
  mixedBatchOf(queue: string, jobName: string): string | undefined {
    const handler = this.shared.find(queue, jobName)?.handler;
    return handler?.batch === undefined || handler.batch.byGroup ? undefined : handler.label;
  }

  /** The schema that jobs of this name are checked by before they are handled; undefined: none that this process knows. */
  schemaOf(queue: string, jobName: string): StandardSchemaV1 | undefined {
    return this.shared.schemaOf(queue, jobName);
  }

  /**
   * Queue configuration > `@Processor` > defaults.
   * @param leaseMs where neither the queue nor its handlers give one
   */
  workerOptionsOf(queue: string, leaseMs: number): ResolvedWorkerOptions {
    const claimed = Object.fromEntries(
      [...(this.claims.get(queue) ?? [])]
        .filter(([option]) => option !== 'inbox')
        .map(([option, { value }]) => [option, value]),
    ) as Partial<ResolvedWorkerOptions>;
    return { ...DEFAULTS.worker, leaseMs, ...claimed, ...this.options.queues[queue]?.worker };
  }

  /** What the queue keeps of settled jobs: as much as the most generous of its handlers asks for. */
  retentionOf(queue: string): RetentionRules {
    const configured = this.options.queues[queue]?.job ?? {};
    const asked = this.shared
      .of(queue)
      .map(({ job }) => layerJobOptions(configured, job, this.options.defaults).retention);
    const [first = layerJobOptions(configured, this.options.defaults).retention, ...others] = asked;
    return others.reduce(moreGenerous, first);
  }

  /** A handler or a schedule keeps fewer records of its own than the queue: they may be there since before this process. */
  hasOwnRules(queue: string): boolean {
    const configured = this.options.queues[queue]?.job ?? {};
    const ofQueue = this.retentionOf(queue);
    const ofHandlers = this.shared.of(queue).map(({ job }) => layerJobOptions(configured, job, this.options.defaults));
    return (
      this.schedules.some((schedule) => schedule.queue === queue && schedule.job.retention !== undefined) ||
      ofHandlers.some(({ retention }) => SETTLED_STATES.some((state) => isOwn(retention[state], ofQueue[state])))
    );
  }

  inboxOf(queue: string): string | undefined {
    return this.options.queues[queue]?.inbox ?? (this.claims.get(queue)?.get('inbox')?.value as string | undefined);
  }

  /** Schedules of the shared store. */
  get schedules(): readonly ScheduleDeclaration[] {
    return this.declared.all.filter(({ scope }) => scope === 'cluster');
  }

  /** Schedules that every process has for itself. */
  get instanceSchedules(): readonly ScheduleDeclaration[] {
    return this.declared.all.filter(({ scope }) => scope === 'instance');
  }

  get listeners(): readonly QueueEventListener[] {
    return this.eventListeners;
  }

  get alertListeners(): readonly QueueAlertListener[] {
    return this.listenersOfAlerts;
  }

  private addProcessor(method: DecoratedMethod, declared: ProcessorDeclaration): void {
    if (method.isMissing) return void this.unhandled.add(declared.queue);
    const { queue, name, job, schema } = declared;
    this.shared.add({
      handler: { queue, name, label: method.label, ...this.compile(method, declared) },
      method,
      job,
      schema,
    });
    for (const [option, value] of Object.entries({ ...declared.worker, inbox: declared.inbox })) {
      if (value !== undefined) this.claim(queue, option, { value, method });
    }
  }

  private compile(
    method: DecoratedMethod,
    { batch, schema }: ProcessorDeclaration,
  ): Pick<Handler<Job>, 'invoke' | 'batch'> {
    const { globalEnhancers } = this.options;
    if (batch === undefined) return { invoke: this.invoker.compile(method, globalEnhancers, schema) };
    refuseMixedCalls(method);
    const compiled = { ...batch, ...this.invoker.compileBatch(method, globalEnhancers, schema) };
    return { invoke: (job) => compiled.invoke([job]), batch: compiled };
  }

  private addSchedule(method: DecoratedMethod, declared: ScheduleDeclaration): void {
    if (method.isMissing) return void this.absentSchedules.add(declared.name);
    this.declared.add(declared, method);
    const invoke = this.invoker.compile(method, this.options.globalEnhancers);
    const { queue, scope, job } = declared;
    const handler = { queue, name: job.name ?? declared.name, label: method.label, invoke };
    (scope === 'instance' ? this.ofInstance : this.shared).add({ handler, method, job, ofSchedule: true });
  }

  /** @throws ConfigurationError for one method that listens twice to the same */
  private addListener(listener: QueueEventListener): void {
    if (listener.method.isMissing) return;
    const { method, queue, jobName, event } = listener;
    const twin = this.eventListeners.find(
      (other) => other.method === method && other.queue === queue && other.jobName === jobName && other.event === event,
    );
    if (twin !== undefined) {
      throw new ConfigurationError(
        `${method.label} has @OnQueueEvent("${queue}", "${event}") twice and would be called twice for each event. Remove one.`,
      );
    }
    this.eventListeners.push(listener);
  }

  /** @throws ConfigurationError for one method that listens twice to the same */
  private addAlertListener(listener: QueueAlertListener): void {
    const { method, rule, queue, label } = listener;
    if (method.isMissing) return;
    if (this.options.alerts.length === 0) {
      this.logger.warn(
        `${label} is never called for alerts: forRoot of this process has none. Pass alerts: [oldestReady("mail", "2m")], ` +
          'or remove @OnQueueAlert.',
      );
    }
    if (this.listenersOfAlerts.some((each) => each.method === method && each.rule === rule && each.queue === queue)) {
      throw new ConfigurationError(
        `${label} has @OnQueueAlert twice for the same alerts and would be called twice for each. Remove one.`,
      );
    }
    this.listenersOfAlerts.push(listener);
  }

  /** A queue has one worker in a process, so its methods may not contradict each other. */
  private claim(queue: string, option: string, claim: WorkerClaim): void {
    const claims = this.claims.get(queue) ?? new Map<string, WorkerClaim>();
    this.claims.set(queue, claims);
    const other = claims.get(option);
    if (other && JSON.stringify(other.value) !== JSON.stringify(claim.value)) {
      const name = option === 'leaseMs' ? 'lease' : option;
      const [one, another] = nameBoth(other.method, claim.method);
      throw new ConfigurationError(
        `Queue "${queue}" has one value of ${name} for all its handlers: ${one} says ${shown(option, other.value)} and ${another} says ${shown(option, claim.value)}. ` +
          `Say it once, or under queues: { "${queue}": { ${name} } } in forRoot.`,
      );
    }
    claims.set(option, claim);
  }
}

showMembers(HandlerRegistry);

/** As a user writes it. */
function shown(option: string, value: unknown): string {
  return option === 'limits' ? JSON.stringify(showLimits(value as QueueLimits)) : String(value);
}

/** @throws ConfigurationError for a method that would be called with an array for some jobs, and with a job for others */
function refuseMixedCalls({ label, processors, schedules }: DecoratedMethod): void {
  const isMixed = schedules.length > 0 || processors.some(({ options }) => options.batch === undefined);
  if (!isMixed) return;
  throw new ConfigurationError(
    `${label} takes batches by one decorator and single jobs by another. Give each a method of its own.`,
  );
}

function moreGenerous(one: RetentionRules, other: RetentionRules): RetentionRules {
  return {
    completed: largerRule(one.completed, other.completed),
    cancelled: largerRule(one.cancelled, other.cancelled),
    dead: largerRule(one.dead, other.dead),
  };
}

function largerRule(one: RetentionRule, other: RetentionRule): RetentionRule {
  if (one === false || other === false) return one || other;
  return {
    count: Math.max(one.count, other.count),
    ageMs: Math.max(one.ageMs, other.ageMs),
    bytes: Math.max(one.bytes, other.bytes),
  };
}
