import type { Logger } from '@nestjs/common';
import { UnknownQueueError } from '../core/errors/enqueue-errors.js';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { isKeyName } from '../core/names.js';
import { layerJobOptions } from '../options/job-options-reader.js';
import type { ResolvedOptions } from '../options/options.js';
import { isJobDefinition, type JobDefinition } from './job-definition.js';
import { JobNameChecker } from './job-name-checker.js';
import type { KnownQueues } from './known-queues.js';
import type { QueueScope, QueueStore } from './queue-scope.js';
import { ResultWaiter } from './result-waiter.js';

/** How a verb is told its queue. */
export type Target = string | JobDefinition;

/** The scopes of the app's queues, each made at the first use of its queue. */
export class QueueScopes {
  private readonly scopes = new Map<string, QueueScope>();
  /** Of queues that other apps know, and this one does not. */
  private readonly foreign = new Map<string, QueueScope>();
  private readonly backoffNames: readonly string[];

  constructor(
    private readonly store: QueueStore,
    private readonly options: ResolvedOptions,
    private readonly queues: KnownQueues,
    private readonly logger: Logger,
  ) {
    this.backoffNames = Object.keys(options.backoffs);
  }

  /** @throws UnknownQueueError; InvalidValueError for what names no queue */
  of(target: Target): QueueScope {
    const queue = typeof target === 'string' ? target : queueOf(target);
    const known = this.scopes.get(queue);
    if (known !== undefined) return known;
    // A definition that somebody uses makes its queue known.
    if (typeof target === 'string' && !this.queues.has(queue)) {
      throw new UnknownQueueError(queue, this.names(), this.queues.areComplete);
    }
    const scope = this.make(queue);
    this.scopes.set(queue, scope);
    return scope;
  }

  /**
   * As {@link of}, of queues, too, that only other apps of the prefix know: for verbs that look after jobs. Nobody enqueues into
   * such a queue here, because a name that is misspelt would be one.
   */
  async find(target: Target): Promise<QueueScope> {
    if (typeof target !== 'string' || !isKeyName(target)) return this.of(target);
    if (this.scopes.has(target) || this.queues.has(target)) return this.of(target);
    return this.foreign.get(target) ?? this.findForeign(target);
  }

  /** As {@link find}, without asking the store: a queue of another app must have been found before. */
  found(target: Target): QueueScope {
    const found = typeof target === 'string' && !this.queues.has(target) ? this.foreign.get(target) : undefined;
    return found ?? this.of(target);
  }

  /** Names of the queues that this app knows. */
  names(): string[] {
    return [...new Set([...this.queues.names(), ...this.scopes.keys()])];
  }

  private async findForeign(queue: string): Promise<QueueScope> {
    const registered = await this.store.presence.queues();
    if (!registered.includes(queue)) return this.of(queue);
    const scope = this.foreign.get(queue) ?? this.make(queue);
    this.foreign.set(queue, scope);
    return scope;
  }

  /** Fails what still awaits a result. */
  endWaits(): void {
    // Not awaited: with Redis frozen an unsubscribe is never answered, and the store closes right after this.
    for (const { waiter } of [...this.scopes.values(), ...this.foreign.values()]) void waiter.close().catch(() => {});
  }

  private make(queue: string): QueueScope {
    const { store, options, queues, backoffNames, logger } = this;
    const own = queues.get(queue);
    const configured = own?.job ?? {};
    const names = new JobNameChecker(queue, queues, own?.strictNames ?? options.strictNames, logger);
    const settings = layerJobOptions(configured, options.defaults);
    return {
      queue,
      store,
      codec: options.codec,
      redactor: options.redactor,
      payloadLimit: options.payloadLimit,
      waiter: new ResultWaiter(queue, store.notices),
      backoffNames,
      names,
      settings,
      mixedBatchOf: (jobName) => queues.mixedBatchOf(queue, jobName),
      schemaOf: (jobName) => queues.schemaOf(queue, jobName),
      attemptLimitsOf: (jobName) => {
        // Without the handler this process cannot know: the one that has it may configure the queue otherwise.
        const handled = queues.handledOptionsOf(queue, jobName);
        return handled && layerJobOptions(configured, handled, options.defaults);
      },
      plain:
        names.takesUnnamed &&
        settings.priority === 0 &&
        settings.cost === 1 &&
        settings.expiresInMs === undefined &&
        settings.durability === 'primary',
    };
  }
}

function queueOf(target: unknown): string {
  if (isJobDefinition(target)) return target.queue;
  throw new InvalidValueError('queue', target, 'pass the name of a queue, or a definition made by defineJob');
}
