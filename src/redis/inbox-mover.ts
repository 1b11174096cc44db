import { randomBytes } from 'node:crypto';
import type { JobNumbers } from './job-numbers.js';
import type { QueueKeys } from './keys.js';
import type { Link } from './wire/link.js';
import type { Script } from './wire/script-library.js';

/** Calls on one list, one after the other, each under a number of its own. */
interface Lane {
  caller: string;
  call: number;
  last: Promise<unknown>;
}

/**
 * Moves elements of plain lists into one queue. Repeated after a lost reply under its number, a call moves nothing more:
 * without one, the next elements would be written under the ids, and over the jobs, of the first.
 */
export class InboxMover {
  private readonly lanes = new Map<string, Lane>();

  constructor(
    private readonly link: Link,
    private readonly keys: QueueKeys,
    private readonly script: Script,
    private readonly numbers: JobNumbers,
    private readonly now: () => number,
  ) {}

  /**
   * @param mend puts in order what an earlier call took out of the list before it stopped
   * @returns how many were moved
   */
  move(inbox: string, limit: number, mend: () => Promise<void>): Promise<number> {
    let lane = this.lanes.get(inbox);
    if (lane === undefined) {
      lane = { caller: randomBytes(9).toString('base64url'), call: 0, last: Promise.resolve() };
      this.lanes.set(inbox, lane);
    }
    const { caller } = lane;
    const call = String(++lane.call);
    const moved = lane.last.then(() => this.moveUnder(caller, call, inbox, limit, mend));
    lane.last = moved.catch(() => {});
    return moved;
  }

  private async moveUnder(
    caller: string,
    call: string,
    inbox: string,
    limit: number,
    mend: () => Promise<void>,
  ): Promise<number> {
    const ids = this.numbers.tryTake(limit) ?? (await this.numbers.take(limit));
    const head = '1' + this.now().toString(36);
    const keys = [...this.keys.all, inbox];
    const [, moved, isTorn] = (await this.link.run(this.script, keys, [caller, call, head, ...ids])) as number[];
    if (isTorn === 1) await mend();
    return moved;
  }
}
