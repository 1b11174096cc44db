import { Command, type Cluster, type Redis } from 'ioredis';
import { BrokerUnavailableError } from '../core/errors.js';
import type { Script } from './script-library.js';
import { refusalOf, replyCode, ReplyLostError, verdictOf } from './store-errors.js';

export type Client = Redis | Cluster;

interface Pending {
  reject(error: Error): void;
  /** performance.now() at which the attempt is given up. */
  giveUpAt: number;
}

const SWEEP_MS = 100;

/**
 * One connection for commands. Every call settles within its deadline: ioredis alone leaves a promise pending for ever
 * when its connection goes, and re-sends what a caller may have repeated. A call is repeated here, because every script
 * answers a repeated call as the first.
 */
export class Link {
  private readonly pending = new Set<Pending>();
  private sweeper: NodeJS.Timeout | undefined;
  private waiting: (() => void)[] = [];
  private closed = false;
  /** Rises with every new connection: what was learned on an older one may be void. */
  epoch = 0;

  constructor(
    readonly client: Client,
    /** Every call settles within this many ms. */
    private readonly timeoutMs: number,
  ) {
    client.on('ready', () => {
      this.epoch++;
      this.release();
    });
    client.on('close', () => this.rejectPending('the connection was closed'));
    client.on('end', () => {
      this.rejectPending('the connection has ended');
      this.release();
    });
    // Every failure reaches the callers that wait; without a listener ioredis prints each one.
    client.on('error', () => {});
  }

  get ready(): boolean {
    return this.client.status === 'ready';
  }

  /** Runs a script; repeats it while its outcome is open and the deadline allows. */
  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const deadline = performance.now() + this.timeoutMs;
    let sent = false;
    let lastError: unknown;
    for (let attempt = 0; ; attempt++) {
      if (!this.ready) await this.untilReady(deadline, sent, lastError);
      try {
        sent = true;
        return await this.attempt('evalsha', script.sha, keys, args, deadline);
      } catch (error) {
        lastError = error;
        const code = replyCode(error);
        const verdict = code === undefined ? 'retry' : verdictOf(code);
        if (code === undefined && !(error instanceof ReplyLostError)) sent = sent && !wasNeverSent(error);
        if (verdict === 'send-text') {
          sent = false;
          try {
            sent = true;
            return await this.attempt('eval', script.text, keys, args, deadline);
          } catch (again) {
            lastError = again;
            const inner = replyCode(again);
            if (inner !== undefined && verdictOf(inner) === 'refuse') throw refusalOf(inner, again);
          }
        } else if (verdict === 'refuse') {
          throw refusalOf(code as string, error);
        } else if (verdict === 'reconnect') {
          sent = false; // the server refused it
          this.client.disconnect(true);
        } else if (code !== undefined) {
          sent = false;
        }
        if (this.closed) throw new BrokerUnavailableError('The store was closed while the call was on its way', { cause: lastError });
        const left = deadline - performance.now();
        if (left <= 0) throw this.gaveUp(sent, lastError);
        await pause(Math.min(left, backoff(attempt)));
      }
    }
  }

  /** One plain command, not repeated. */
  command(name: string, args: readonly (string | number)[]): Promise<unknown> {
    if (!this.ready) return Promise.reject(new BrokerUnavailableError(`Not connected to Redis: ${name} was not sent`));
    return this.send(name, args as (string | number)[], performance.now() + this.timeoutMs);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.sweeper);
    this.client.disconnect();
    this.rejectPending('the store was closed');
    this.release();
  }

  private attempt(
    verb: 'eval' | 'evalsha',
    body: string,
    keys: readonly string[],
    args: readonly (string | number)[],
    deadline: number,
  ): Promise<unknown> {
    // An attempt gets half of the time: a socket that went silent is replaced and the call made again.
    const giveUpAt = Math.min(deadline, performance.now() + Math.max(this.timeoutMs / 2, 100));
    return this.send(verb, [body, keys.length, ...keys, ...args], giveUpAt);
  }

  private send(name: string, args: (string | number)[], giveUpAt: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const entry: Pending = { reject, giveUpAt };
      this.pending.add(entry);
      this.sweeper ??= setTimeout(() => this.sweep(), SWEEP_MS);
      const command = new Command(name, args, { replyEncoding: 'utf8' });
      (this.client.sendCommand(command) as Promise<unknown>).then(
        (reply) => {
          this.pending.delete(entry);
          resolve(reply);
        },
        (error: Error) => {
          this.pending.delete(entry);
          reject(error);
        },
      );
    });
  }

  private sweep(): void {
    this.sweeper = undefined;
    const now = performance.now();
    let silent = false;
    for (const entry of this.pending) {
      if (entry.giveUpAt > now) continue;
      this.pending.delete(entry);
      entry.reject(new ReplyLostError('Redis did not answer in time'));
      silent = true;
    }
    // A connection that passed a deadline is never trusted again: it may be half open.
    if (silent && !this.closed && this.ready) this.client.disconnect(true);
    if (this.pending.size > 0) this.sweeper = setTimeout(() => this.sweep(), SWEEP_MS);
  }

  private rejectPending(why: string): void {
    const lost = [...this.pending];
    this.pending.clear();
    for (const entry of lost) entry.reject(new ReplyLostError(`The reply was lost: ${why}`));
  }

  private async untilReady(deadline: number, sent: boolean, cause: unknown): Promise<void> {
    while (!this.ready) {
      if (this.closed) throw new BrokerUnavailableError('The store is closed', { cause });
      const left = deadline - performance.now();
      if (left <= 0) throw this.gaveUp(sent, cause);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, left);
        const waiting = this.waiting;
        function done() {
          clearTimeout(timer);
          const index = waiting.indexOf(done);
          if (index >= 0) waiting.splice(index, 1);
          resolve();
        }
        waiting.push(done);
      });
    }
  }

  private release(): void {
    for (const done of [...this.waiting]) done();
  }

  private gaveUp(sent: boolean, cause: unknown): Error {
    if (sent) return new ReplyLostError(`Redis did not answer within ${this.timeoutMs} ms; the call may have been executed`, { cause });
    return new BrokerUnavailableError(`Redis could not be reached within ${this.timeoutMs} ms; nothing was stored`, { cause });
  }
}

/** ioredis refuses such commands before a byte leaves the process. */
function wasNeverSent(error: unknown): boolean {
  return error instanceof Error && /isn't writeable|Connection is closed|enableOfflineQueue/.test(error.message);
}

function backoff(attempt: number): number {
  return Math.min(20 * 2 ** attempt, 500) * (0.5 + Math.random() / 2);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
