import type { DueSchedule } from '../core/broker.js';
import type { Codec } from '../core/codec.js';
import type { ScheduleDeclaration } from '../core/schedule-declaration.js';
import { Schedule } from './schedule.js';

/** The schedules of one queue as this process knows them: its own, and stored ones that others declared. */
export class ScheduleBook {
  /** Not yet registered; a store that is away at boot leaves them here. */
  readonly unregistered = new Set<Schedule>();
  private readonly disabled = new Set<string>();
  /** By name, because a tick should not read its expression anew. */
  private readonly known = new Map<string, Schedule>();
  /** Stored rules that this version cannot read, as `name hash`. */
  private readonly unreadable = new Set<string>();

  constructor(readonly queue: string) {}

  /** @throws InvalidCronError, InvalidValueError, InvalidPayloadError, PayloadTooLargeError */
  declare(declaration: ScheduleDeclaration, codec: Codec, payloadLimit: number): void {
    const schedule = Schedule.declared(declaration, codec, payloadLimit);
    if (declaration.disabled) {
      this.disabled.add(schedule.name);
      return;
    }
    this.known.set(schedule.name, schedule);
    this.unregistered.add(schedule);
  }

  /** Every schedule of this queue is disabled here: there is nothing to do. */
  get isIdle(): boolean {
    return this.known.size === 0;
  }

  /** How many due schedules this process leaves to others at most: so much longer must a page be. */
  get ignored(): number {
    return this.disabled.size + this.unreadable.size;
  }

  /** @returns what this process may fire; else why not */
  find(due: DueSchedule): Schedule | 'disabled' | 'unreadable' | 'unreadable-anew' {
    if (this.disabled.has(due.name)) return 'disabled';
    const known = this.known.get(due.name);
    if (known?.matches(due)) return known;
    const rule = `${due.name} ${due.specHash}`;
    if (this.unreadable.has(rule)) return 'unreadable';
    const stored = Schedule.stored(this.queue, due);
    if (stored === undefined) {
      this.unreadable.add(rule);
      return 'unreadable-anew';
    }
    this.known.set(due.name, stored);
    return stored;
  }
}
