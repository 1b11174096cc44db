import type { Logger } from '@nestjs/common';
import { UnknownJobNameError } from '../core/errors/enqueue-errors.js';
import { DEFAULT_JOB_NAME } from '../core/job.js';
import { namesOfDefinitions } from './job-definition.js';
import type { KnownQueues } from './known-queues.js';

/** Names that are told of, each once. */
const MOST_TOLD = 100;

/**
 * Notices a job name that nobody here knows, at its first enqueue: its job would wait, parked, for a handler that may never come.
 * Where no handler and no definition of this process names jobs of the queue, or a handler takes every name, any name is fine.
 */
export class JobNameChecker {
  private readonly told = new Set<string>();

  constructor(
    private readonly queue: string,
    private readonly queues: KnownQueues,
    /** Refuse the name instead of warning of it. */
    private readonly strict: boolean,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** Jobs without a name need no check, as far as is known at the first use of the queue. */
  get takesUnnamed(): boolean {
    const handled = this.queues.handledNamesOf(this.queue);
    return handled === '*' || handled.length === 0 || handled.includes(DEFAULT_JOB_NAME);
  }

  /** @throws UnknownJobNameError where names are strict */
  check(name: string): void {
    if (this.told.has(name)) return;
    const handled = this.queues.handledNamesOf(this.queue);
    if (handled === '*' || handled.includes(name)) return;
    const defined = namesOfDefinitions(this.queue);
    if (defined.includes(name)) return;
    const known = [...new Set([...handled, ...defined])];
    // Jobs without a name are for a handler of every name, which may be in another process.
    if (known.length === 0 || (name === DEFAULT_JOB_NAME && handled.length === 0)) return;
    const error = new UnknownJobNameError(this.queue, name, known);
    if (this.strict) throw error;
    if (this.told.size >= MOST_TOLD) return;
    this.told.add(name);
    this.logger.warn(`${error.message} The job is stored, and waits for a worker that knows the name.`);
  }
}
