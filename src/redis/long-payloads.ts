import type { NewJob } from '../core/ports/intake.js';
import type { QueueKeys } from './keys.js';
import type { Link } from './wire/link.js';
import { ReplyLostError } from './wire/store-errors.js';

/** The payload of a longer envelope lies apart from its record, so that no script copies it. In characters. */
export const APART_LENGTH = 4 * 1024;
/** Text of one command, in characters: Redis copies as much in some 0.2 ms. */
const COMMAND_LENGTH = 512 * 1024;
/** Payloads that one command reads: their lengths are not known before. */
const READ_STEP = 8;

/** The part of an envelope that is stored as the record where the payload lies apart: its first line. */
export function headOf(envelope: string): string {
  return envelope.slice(0, envelope.indexOf('\n'));
}

/** Whether the payload belonging to this record lies apart: no envelope that is whole lacks the newline before its payload. */
export function isApart(envelope: string): boolean {
  return !envelope.includes('\n');
}

/** Reads what lies apart; null where nothing does. */
export async function readPayloads(link: Link, keys: QueueKeys, ids: readonly string[]): Promise<(string | null)[]> {
  const steps: Promise<unknown>[] = [];
  for (let first = 0; first < ids.length; first += READ_STEP) {
    steps.push(link.command('hmget', [keys.payloads, ...ids.slice(first, first + READ_STEP)]));
  }
  return ((await Promise.all(steps)) as (string | null)[][]).flat();
}

/**
 * The payloads of one call of `enqueue.lua` that lie apart. They are written just before the script, on the same connection, and
 * the script stores no job whose payload is not there. A note in `meta` names their jobs: where the call never comes, or is refused,
 * the janitor finds them by it (trim.lua).
 */
export class LongPayloads {
  /** The jobs of the call, with the first line of the envelope where the payload lies apart. */
  readonly jobs: readonly NewJob[];
  /** Whose payloads lie apart. */
  readonly ids: string[] = [];
  private readonly commands: string[][] = [];
  private isSent = false;

  private constructor(
    private readonly link: Link,
    private readonly keys: QueueKeys,
    jobs: readonly NewJob[],
    ids: readonly string[],
  ) {
    let command: string[] = [];
    let length = 0;
    this.jobs = jobs.map((job, index) => {
      const { envelope } = job;
      const newline = envelope.length > APART_LENGTH ? envelope.indexOf('\n') : -1;
      if (newline < 0) return job;
      if (this.commands.length === 0 || length > COMMAND_LENGTH) {
        this.commands.push((command = [keys.payloads]));
        length = 0;
      }
      length += envelope.length;
      command.push(ids[index], envelope.slice(newline + 1));
      this.ids.push(ids[index]);
      return { ...job, envelope: envelope.slice(0, newline) };
    });
  }

  /** @returns undefined where no payload is long */
  static of(link: Link, keys: QueueKeys, jobs: readonly NewJob[], ids: readonly string[]): LongPayloads | undefined {
    if (jobs.every(({ envelope }) => envelope.length <= APART_LENGTH)) return undefined;
    const found = new LongPayloads(link, keys, jobs, ids);
    return found.ids.length === 0 ? undefined : found;
  }

  /**
   * Writes them once, without waiting: the script that follows says whether they arrived. Never again by itself: that script may have
   * been executed, and its jobs have ended.
   * @param call caller and number of the call @param now store time, ms
   */
  send(call: readonly string[], now: number): void {
    if (this.isSent) return;
    this.isSent = true;
    for (const args of [this.noteOf(call, now), ...this.commands]) this.link.ask('hset', args).catch(() => {});
  }

  /**
   * Writes them, after the script has found that they are missing.
   * @throws BrokerUnavailableError, BrokerRefusedError: nothing of the call is stored
   */
  async store(call: readonly string[], now: number, deadline?: number): Promise<void> {
    try {
      for (const args of [this.noteOf(call, now), ...this.commands]) {
        await this.link.write('hset', args, this.keys.payloads, deadline);
      }
    } catch (error) {
      throw error instanceof ReplyLostError ? this.link.neverSent(error) : error;
    }
  }

  /** The call was refused: nobody will read them. Where this does not arrive, the note remains. */
  drop(): void {
    this.link.ask('hdel', [this.keys.payloads, ...this.ids]).catch(() => {});
  }

  private noteOf([caller, number]: readonly string[], now: number): string[] {
    return [this.keys.meta, `^${caller}`, `${number} ${Math.floor(now / 1000)} ${this.ids.join(',')}`];
  }
}
