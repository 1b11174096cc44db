import { randomBytes } from 'node:crypto';
import { BrokerUnavailableError, CallOutcomeUnknownError } from '../../core/errors/store-errors.js';
import type { QueueKeys } from '../keys.js';
import type { Link } from './link.js';
import type { Script } from './script-library.js';
import { ReplyLostError } from './store-errors.js';

/** Lanes that all jobs, schedules and bulk operations of a queue share. Each has a record in the store for as long as it remembers calls. */
const SHARED_LANES = 1024;

/** Who calls these again blindly may do it to another job that has the id by then, or run a schedule twice. */
const LOOK_FIRST = new Set(['cancel', 'promote-job', 'remove', 'retry-dead', 'run-schedule']);

/**
 * What a call is about. Calls about one thing are made one after the other in one lane, so that a late copy of an older
 * one is known for one. Duties never wait behind what users call.
 */
export type Subject = 'limits' | 'paused' | readonly ['job' | 'schedule' | 'bulk' | 'purge' | 'duty', string];

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
  /** By what they are about. */
  private readonly lanes = new Map<string, Lane>();
  /** Of calls that must not wait. */
  private readonly freeLanes: Lane[] = [];

  constructor(
    private readonly queue: string,
    private readonly link: Link,
    private readonly keys: QueueKeys,
  ) {}

  /**
   * Sent at once where no other call is under way in its lane: what its caller sends next comes behind it.
   * @param args without caller and number, which are the first two
   * @throws BrokerUnavailableError (nothing was done), CallOutcomeUnknownError, BrokerRefusedError
   */
  call(subject: Subject, script: Script, args: readonly (string | number)[]): Promise<string> {
    return this.callIn(this.laneOf(subject), script, args);
  }

  /** As {@link call}, in a lane without any other call: calls that are made together come in any order. */
  callAtOnce(script: Script, args: readonly (string | number)[]): Promise<string> {
    let lane = this.freeLanes.find(({ load }) => load === 0);
    if (lane === undefined) this.freeLanes.push((lane = newLane()));
    return this.callIn(lane, script, args);
  }

  private laneOf(subject: Subject): Lane {
    const name = laneNameOf(subject);
    let lane = this.lanes.get(name);
    if (lane === undefined) this.lanes.set(name, (lane = newLane()));
    return lane;
  }

  private async callIn(lane: Lane, script: Script, args: readonly (string | number)[]): Promise<string> {
    const calledAt = performance.now();
    const send = () => this.send(lane, script, args, calledAt);
    const answered = lane.load++ === 0 ? send() : lane.last.then(send);
    lane.last = answered.catch(() => {});
    try {
      return await answered;
    } finally {
      lane.load--;
    }
  }

  private async send(
    lane: Lane,
    script: Script,
    args: readonly (string | number)[],
    calledAt: number,
  ): Promise<string> {
    const { timeoutMs } = this.link;
    const waited = performance.now() - calledAt;
    // With less time than this it would be given up on its way, and the connection with it.
    if (waited > timeoutMs * 0.9) {
      throw new BrokerUnavailableError(
        `${script.name} waited ${Math.round(waited)} ms behind other calls on queue "${this.queue}"; nothing was stored. ` +
          'Make fewer calls at once, or raise commandTimeout.',
      );
    }
    const { caller } = lane;
    const call = ++lane.call;
    try {
      const reply = await this.link.run(script, this.keys.all, [caller, call, ...args], calledAt + timeoutMs);
      return reply as string;
    } catch (error) {
      // The number is not used again: should the call still reach the server behind the next one of its lane, it does nothing.
      if (!(error instanceof ReplyLostError)) throw error;
      throw new CallOutcomeUnknownError(this.queue, script.name, !LOOK_FIRST.has(script.name), { cause: error });
    }
  }
}

function newLane(): Lane {
  return { caller: randomBytes(9).toString('base64url'), call: 0, load: 0, last: Promise.resolve() };
}

function laneNameOf(subject: Subject): string {
  if (typeof subject === 'string') return subject;
  const [kind, name] = subject;
  return kind === 'job' || kind === 'schedule' || kind === 'bulk'
    ? `${hashOf(name) % SHARED_LANES}`
    : `${kind} ${name}`;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
