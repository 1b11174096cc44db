import { randomBytes } from 'node:crypto';
import { BrokerUnavailableError, CallOutcomeUnknownError } from '../core/errors.js';
import type { QueueKeys } from './keys.js';
import type { Link } from './link.js';
import type { Script } from './script-library.js';
import { ReplyLostError } from './store-errors.js';

/** Calls under way at once; more wait. Each lane has a record in the store for as long as it remembers calls. */
const LANES = 64;

/** One sequence of calls, one after the other: the store remembers the number of the last one and what it answered. */
interface Lane {
  caller: string;
  call: number;
  /** Calls that wait or are under way. */
  load: number;
  last: Promise<unknown>;
}

/**
 * Calls scripts of one queue that answer with what they did: cancelled, removed, so many purged. Repeated after a lost
 * reply under its number, a call does nothing more and is answered as the first.
 */
export class NumberedCaller {
  private readonly lanes: Lane[] = [];

  constructor(
    private readonly queue: string,
    private readonly link: Link,
    private readonly keys: QueueKeys,
    private readonly mostLanes = LANES,
  ) {}

  /**
   * Sent at once where a lane is free: what its caller sends next comes behind it.
   * @param keys without `meta`, which is the first one of each of these scripts
   * @param args without caller and number, which are the first two
   * @throws BrokerUnavailableError (nothing was done), CallOutcomeUnknownError, BrokerRefusedError
   */
  async call(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<string> {
    const lane = this.leastLoaded();
    const deadline = performance.now() + this.link.timeoutMs;
    const send = () => this.send(lane, script, keys, args, deadline);
    const answered = lane.load++ === 0 ? send() : lane.last.then(send);
    lane.last = answered.catch(() => {});
    try {
      return await answered;
    } finally {
      lane.load--;
    }
  }

  /** Who calls one after the other stays in one lane, so that a late copy of an older call is known for one. */
  private leastLoaded(): Lane {
    let best: Lane | undefined;
    for (const lane of this.lanes) {
      if (lane.load === 0) return lane;
      if (best === undefined || lane.load < best.load) best = lane;
    }
    if (best !== undefined && this.lanes.length >= this.mostLanes) return best;
    const fresh = { caller: randomBytes(9).toString('base64url'), call: 0, load: 0, last: Promise.resolve() };
    this.lanes.push(fresh);
    return fresh;
  }

  private async send(
    lane: Lane,
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    deadline: number,
  ): Promise<string> {
    if (performance.now() >= deadline) {
      throw new BrokerUnavailableError(
        `Redis could not be reached within ${this.link.timeoutMs} ms; nothing was stored`,
      );
    }
    const { caller } = lane;
    const call = ++lane.call;
    try {
      const reply = await this.link.run(script, [this.keys.meta, ...keys], [caller, call, ...args], deadline);
      return reply as string;
    } catch (error) {
      // The number is not used again: should the call still reach the server behind the next one of its lane, it does nothing.
      if (!(error instanceof ReplyLostError)) throw error;
      throw new CallOutcomeUnknownError(this.queue, script.name, script.name !== 'run-schedule', { cause: error });
    }
  }
}
