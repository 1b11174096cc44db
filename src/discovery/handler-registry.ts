import { Logger } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { ConfigurationError } from '../core/errors.js';
import type { Handler } from '../core/handler.js';
import type { RetentionRule, RetentionRules } from '../core/job.js';
import type { Job } from '../core/job-view.js';
import type { ScheduleDeclaration } from '../core/schedule-declaration.js';
import { layerJobOptions } from '../task-queue.job-options-reader.js';
import {
  DEFAULTS,
  type GivenJobOptions,
  type ResolvedOptions,
  type ResolvedWorkerOptions,
} from '../task-queue.options.js';
import type { DecoratedMethod } from './decorated-method.js';
import { Explorer } from './explorer.js';
import { leavesValidationOut } from './global-enhancers.js';
import { HandlerInvoker } from './handler-invoker.js';
import { readListener, type QueueEventListener } from './listener-reader.js';
import { readProcessor, type ProcessorDeclaration } from './processor-reader.js';
import { readSchedule } from './schedule-reader.js';

/** Which handler came from which method, so that an error can show both. */
interface Registered {
  handler: Handler<Job>;
  method: DecoratedMethod;
  job: GivenJobOptions;
}

type WorkerClaim = { value: unknown; label: string };

/** Every handler, schedule and listener of the app, found and checked once, at boot. */
export class HandlerRegistry {
  private readonly byQueue = new Map<string, Registered[]>();
  private readonly jobOptions = new Map<Handler<Job>, GivenJobOptions>();
  private readonly byScheduleName = new Map<string, ScheduleDeclaration>();
  private readonly eventListeners: QueueEventListener[] = [];
  /** What `@Processor` methods say of their queue: worker options and inbox. */
  private readonly claims = new Map<string, Map<string, WorkerClaim>>();
  private collected = false;

  constructor(
    private readonly explorer: Explorer,
    private readonly invoker: HandlerInvoker,
    private readonly config: ApplicationConfig,
    private readonly options: ResolvedOptions,
    private readonly logger: Pick<Logger, 'warn'> = new Logger('TaskQueueModule'),
  ) {}

  /**
   * Once every provider exists and before any hook of the app's modules runs.
   * @throws ConfigurationError, InvalidValueError, UnknownOptionError
   */
  collect(): void {
    if (this.collected) return;
    this.collected = true;
    const strategies = Object.keys(this.options.backoffs);
    for (const method of this.explorer.explore()) {
      for (const metadata of method.processors)
        this.addProcessor(method, readProcessor(metadata, method.label, strategies));
      for (const metadata of method.schedules)
        this.addSchedule(method, readSchedule(metadata, method.label, strategies));
      for (const metadata of method.queueEvents) this.eventListeners.push(readListener(metadata, method));
    }
    if (this.byQueue.size > 0 && leavesValidationOut(this.config, this.options.globalEnhancers)) {
      this.logger.warn(
        "The app's global ValidationPipe does not run around job handlers. Pass globalEnhancers: ['pipes'] to have payloads " +
          'validated, or a schema to @Payload() or defineJob().',
      );
    }
  }

  /** Queues with at least one handler. */
  get queues(): readonly string[] {
    return [...this.byQueue.keys()];
  }

  has(queue: string): boolean {
    return this.byQueue.has(queue);
  }

  handlersOf(queue: string): Handler<Job>[] {
    return (this.byQueue.get(queue) ?? []).map(({ handler }) => handler);
  }

  /** What the decorator of a handler says of its jobs. */
  jobOptionsOf(handler: Handler<Job>): GivenJobOptions {
    return this.jobOptions.get(handler) ?? {};
  }

  /** Queue configuration > `@Processor` > defaults. */
  /** @param leaseMs where neither the queue nor its handlers give one */
  workerOptionsOf(queue: string, leaseMs = DEFAULTS.worker.leaseMs): ResolvedWorkerOptions {
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
    const asked = (this.byQueue.get(queue) ?? []).map(
      ({ job }) => layerJobOptions(configured, job, this.options.defaults).retention,
    );
    const [first = layerJobOptions(configured, this.options.defaults).retention, ...others] = asked;
    return others.reduce(moreGenerous, first);
  }

  inboxOf(queue: string): string | undefined {
    return this.options.queues[queue]?.inbox ?? (this.claims.get(queue)?.get('inbox')?.value as string | undefined);
  }

  get schedules(): readonly ScheduleDeclaration[] {
    return [...this.byScheduleName.values()];
  }

  get listeners(): readonly QueueEventListener[] {
    return this.eventListeners;
  }

  private addProcessor(method: DecoratedMethod, declared: ProcessorDeclaration): void {
    const invoke = this.invoker.compile(method, this.options.globalEnhancers, declared.schema);
    const { queue, name, job } = declared;
    this.register({ handler: { queue, name, label: method.label, invoke }, method, job });
    for (const [option, value] of Object.entries({ ...declared.worker, inbox: declared.inbox })) {
      if (value !== undefined) this.claim(queue, option, { value, label: method.label });
    }
  }

  private addSchedule(method: DecoratedMethod, declared: ScheduleDeclaration): void {
    const other = this.byScheduleName.get(declared.name);
    if (other) {
      throw new ConfigurationError(
        `Two schedules are named "${declared.name}": ${other.label} and ${declared.label}. Name one of them: { name: "…" }.`,
      );
    }
    this.byScheduleName.set(declared.name, declared);
    const invoke = this.invoker.compile(method, this.options.globalEnhancers);
    const { queue, name, job } = declared;
    this.register({ handler: { queue, name, label: method.label, invoke }, method, job });
  }

  private register(added: Registered): void {
    const { queue, name } = added.handler;
    const others = this.byQueue.get(queue) ?? [];
    const twin = others.find(({ handler }) => handler.name === name);
    if (twin) {
      throw new ConfigurationError(
        `Two handlers take ${name === undefined ? 'every job name' : `job name "${name}"`} of queue "${queue}": ` +
          `${locate(twin.method, added.method)} and ${locate(added.method, twin.method)}. ` +
          'Give each a name of its own, { name: "…" }, or remove one.',
      );
    }
    this.byQueue.set(queue, [...others, added]);
    this.jobOptions.set(added.handler, added.job);
  }

  /** A queue has one worker in a process, so its methods may not contradict each other. */
  private claim(queue: string, option: string, claim: WorkerClaim): void {
    const claims = this.claims.get(queue) ?? new Map<string, WorkerClaim>();
    this.claims.set(queue, claims);
    const other = claims.get(option);
    if (other && other.value !== claim.value) {
      const name = option === 'leaseMs' ? 'lease' : option;
      throw new ConfigurationError(
        `Queue "${queue}" has one ${name}: ${other.label} says ${String(other.value)} and ${claim.label} says ${String(claim.value)}. ` +
          `Say it once, or under queues: { "${queue}": { ${name} } } in forRoot.`,
      );
    }
    claims.set(option, claim);
  }
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

/** The label alone tells two methods apart unless one class is provided twice. */
function locate(method: DecoratedMethod, other: DecoratedMethod): string {
  return method.label === other.label ? `${method.label} (${method.place})` : method.label;
}
