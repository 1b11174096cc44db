import type { Dispatcher } from './dispatcher.js';
import type { HeldJobs } from './held-jobs.js';
import type { Prefetcher } from './prefetcher.js';
import type { TurnAnswer, WorkerSession } from '../core/ports/worker-store.js';

export interface SlotKeeperContext {
  prefetcher: Prefetcher;
  session: WorkerSession;
  held: HeldJobs;
  dispatcher: Dispatcher;
  /** Code limits the queue; answers say what really holds. */
  limited: boolean;
}

/** What one turn asks for, and the state of the worker when it was sent. */
export interface SlotRequest {
  readonly want: number;
  /** The worker ran and held nothing else. */
  readonly alone: boolean;
  /** How often the queue was resumed before. */
  readonly resumes: number;
}

/** Counts slots: how many jobs a turn may ask for. A running job, a held one and one already asked for take a slot each. */
export class SlotKeeper {
  private paused = false;
  /** Rises when the queue is resumed: the answer to an older turn may still say that it is paused. */
  private resumes = 0;
  private reserving = true;
  /** Lets the running jobs end, so that a suspect can run alone. */
  private clearing = false;
  private limited: boolean;
  /** The last answer was the first to say that the queue has limits. */
  becameLimited = false;
  private turns = 0;
  /** Slots promised to turns in flight. */
  private slotsRequested = 0;

  constructor(private readonly context: SlotKeeperContext) {
    this.limited = context.limited;
  }

  /** Jobs that may run and be held. */
  get capacity(): number {
    // A job counts against limits from when it is reserved: held here, it would keep another process from a start.
    return this.context.dispatcher.room + (this.limited ? 0 : this.context.prefetcher.target);
  }

  /** Slots that a further turn may ask for. */
  get free(): number {
    const { dispatcher, held, session } = this.context;
    if (!this.mayStart) return 0;
    if (this.clearing) return this.isAlone ? 1 : 0;
    const free = this.capacity - dispatcher.taken - held.size - this.slotsRequested;
    return Math.min(Math.max(free, 0), session.mostJobs);
  }

  /** A job that comes now may start or be held; otherwise it goes back. */
  get mayStart(): boolean {
    return this.takesJobs && !this.context.dispatcher.isQuarantined;
  }

  get takesJobs(): boolean {
    return this.reserving && !this.paused;
  }

  get isTurning(): boolean {
    return this.turns > 0;
  }

  get hasRequested(): boolean {
    return this.slotsRequested > 0;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.resumes++;
  }

  stopReserving(): void {
    this.reserving = false;
  }

  /** A turn goes out: it asks for all the slots that are free. */
  request(): SlotRequest {
    const request = { want: this.free, alone: this.isAlone, resumes: this.resumes };
    this.turns++;
    this.slotsRequested += request.want;
    return request;
  }

  /** A turn was answered, or given up. */
  end({ want }: SlotRequest): void {
    this.turns--;
    this.slotsRequested -= want;
  }

  /** @returns whether the worker may ask again, because a pause or a wait for a suspect has ended with this answer */
  applyAnswer({ alone, resumes }: SlotRequest, { limited, paused, suspects }: TurnAnswer): boolean {
    this.becameLimited = limited && !this.limited;
    this.limited = limited;
    const { paused: wasPaused, clearing: wasClearing } = this;
    // Signals arrive on another connection: the signal that ended the pause may have come before this older answer.
    this.paused = paused && resumes === this.resumes;
    this.clearing = suspects && !alone;
    return (wasPaused && !this.paused) || (wasClearing && !this.clearing);
  }

  private get isAlone(): boolean {
    return this.context.dispatcher.size === 0 && this.context.held.size === 0 && !this.isTurning;
  }
}
