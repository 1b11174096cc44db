import type { Unsubscribe } from '../core/ports/connection.js';
import type { DueSchedule } from '../core/ports/timetable.js';
import type { Codec } from '../core/codec.js';
import { Schedule } from './rule/schedule.js';
import type { ScheduleDeclaration } from './rule/declaration.js';

/** The schedules of one queue as this process knows them: its own, and what it learned of stored ones. */
export class ScheduleBook {
  /** Declared here and enabled, by name: a tick does not parse its rule again. */
  readonly declared = new Map<string, Schedule>();
  /** Not yet registered; a store that is away at boot leaves them here. */
  readonly unregistered = new Set<Schedule>();
  /** When the queue is read next, by the store's clock; -Infinity during a turn and before the first. */
  plannedAt = -Infinity;
  /** The last page held schedules that this process leaves to others: they are due until those come. */
  leavesDue = false;
  /** Ends the subscription to the queue's signals; undefined until there is one. */
  unsubscribe: Unsubscribe | undefined;
  private stored = false;
  private readonly disabled = new Set<string>();
  /** Stored rules that cannot be fired here, as `name hash`, and until when that holds, by the store's clock. */
  private readonly unfit = new Map<string, number>();
  private readonly logged = new Set<string>();

  constructor(readonly queue: string) {}

  /** @throws InvalidValueError, InvalidPayloadError, PayloadTooLargeError */
  declare(declaration: ScheduleDeclaration, codec: Codec, payloadLimit: number): void {
    const schedule = Schedule.declared(declaration, codec, payloadLimit);
    if (declaration.disabled) {
      this.disabled.add(schedule.name);
      return;
    }
    this.declared.set(schedule.name, schedule);
    this.unregistered.add(schedule);
  }

  /** The store has schedules of this queue. */
  seen(): void {
    this.stored = true;
  }

  /** Schedules are declared here or were seen in the store: this process announces what it has. */
  get isInUse(): boolean {
    return this.stored || this.declared.size > 0;
  }

  /** How many due schedules this process leaves to others at most: so much longer must a page be. */
  get ignored(): number {
    return this.disabled.size + this.unfit.size;
  }

  isDisabled(name: string): boolean {
    return this.disabled.has(name);
  }

  /** @returns what this process may fire; `unreadable` is answered once per rule, `left` from then on */
  find(due: DueSchedule, now: number): Schedule | 'left' | 'unreadable' {
    if (this.disabled.has(due.name) || (this.unfit.get(ruleOf(due)) ?? -Infinity) > now) return 'left';
    const own = this.declared.get(due.name);
    if (own?.specHash === due.specHash) return own;
    const stored = Schedule.stored(this.queue, due);
    if (stored !== undefined) return stored;
    this.leave(due);
    return 'unreadable';
  }

  /** This rule cannot be fired here. */
  leave(rule: Pick<DueSchedule, 'name' | 'specHash'>, until = Infinity): void {
    this.unfit.set(ruleOf(rule), until);
  }

  /** @returns whether this was not logged of the schedule since {@link settle} */
  isNews(name: string, what: string): boolean {
    const size = this.logged.size;
    return this.logged.add(`${name} ${what}`).size > size;
  }

  /** The rule is the stored one again: its messages may be logged again. */
  settle(name: string): void {
    for (const logged of this.logged) if (logged.startsWith(`${name} `)) this.logged.delete(logged);
  }
}

function ruleOf({ name, specHash }: Pick<DueSchedule, 'name' | 'specHash'>): string {
  return `${name} ${specHash}`;
}
