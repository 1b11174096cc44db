import type { AsyncResource } from 'node:async_hooks';
import { RunAbortedError } from '../core/errors/job-errors.js';
import type { BatchJob } from '../core/job-view.js';
import { showMembers } from '../core/shown-members.js';
import { HandledJob } from './handled-job.js';
import { RunningJob, type AbortReason } from './running-job.js';

/** The call that a member is part of. */
interface CallOfMember {
  readonly members: readonly BatchMember[];
  /** Members without an end: the call takes its slot until there are none. */
  left: number;
  fail(member: BatchMember, thrown: unknown): void;
}

/** What a batch handler sees of one of its jobs. */
export class BatchedJob extends HandledJob implements BatchJob {
  readonly #member: BatchMember;

  constructor(member: BatchMember) {
    super(member);
    this.#member = member;
  }

  fail(error: unknown): void {
    this.#member.call?.fail(this.#member, error);
  }
}

showMembers(BatchedJob, (job) => job.toJSON());

/** One job among those of a batch handler's call. It waits for the others before it runs. */
export class BatchMember extends RunningJob {
  /** Undefined while it waits. */
  call: CallOfMember | undefined;
  declare handled: BatchedJob | undefined;

  /** The handler is called with it next. */
  enter(scope: AsyncResource): BatchedJob {
    this.scope = scope;
    this.handled = new BatchedJob(this);
    return this.handled;
  }

  /** Nobody can end this part of a call: a job that is cancelled ends at once, and the others go on. */
  override abort(reason: AbortReason): void {
    super.abort(reason);
    if (reason === 'cancelled') this.call?.fail(this, new RunAbortedError(reason));
  }
}
