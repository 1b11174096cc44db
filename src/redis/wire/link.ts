import { Command, type Cluster, type Redis } from 'ioredis';
import { awakeTimeout } from './awake-timer.js';
import { Bag, type Baggable } from '../../core/bag.js';
import { BrokerRefusedError, BrokerUnavailableError } from '../../core/errors/store-errors.js';
import { connectionTo, nodeOfKey, nodeOfSlot, servesSlots } from './cluster-nodes.js';
import { Need, type OutageReport } from './outage-report.js';
import { needsMemory, type Script, type ScriptCall } from './script-library.js';
import { replyCode, verdictOf, wordsOf } from './refusals.js';
import { callInScript, forgetArguments, refusalOf, ReplyLostError } from './store-errors.js';

export type Client = Redis | Cluster;

interface Pending extends Baggable {
  reject(error: Error): void;
  /** performance.now() at which the attempt is given up. */
  giveUpAt: number;
  command: Command;
}

const REPLY = { replyEncoding: 'utf8' } as const;
const SWEEP_MS = 100;
/** A server that forgets the text at once is broken: from then on the call waits like any other. */
const SEND_TEXT_TRIES = 3;

/**
 * One connection for commands. Every call settles within its deadline: ioredis alone leaves a promise pending for ever
 * when its connection goes, and re-sends what a caller may have repeated. A call is repeated here: no script
 * does a thing twice for it, and those that answer with what they did are called by `NumberedCaller`.
 */
export class Link {
  private readonly pending = new Bag<Pending>();
  private sweeper: NodeJS.Timeout | undefined;
  private waiting: (() => void)[] = [];
  private closed = false;
  /** The connection is being replaced: its client may still call it ready. */
  private replacing = false;
  /** What kept the last call from its answer; undefined since one was answered. */
  private trouble: Error | undefined;
  /** For how long in all the loop has stood still while calls were under way: Redis could not be heard then. */
  stoodStillMs = 0;
  /** performance.now() at which a call that may write was last answered: no replica does. */
  wroteAt = -Infinity;
  /** Rises with every new connection: what was learned on an older one may be void. */
  epoch = 0;

  constructor(
    readonly client: Client,
    /** Every call settles within this many ms. */
    readonly timeoutMs: number,
    /** Hears what becomes of the calls and of the connection. */
    private readonly outages?: OutageReport,
  ) {
    const renew = () => this.epoch++;
    client.on('ready', () => {
      renew();
      this.replacing = false;
      outages?.ready();
      this.release();
    });
    // A cluster is ready once; its nodes come and go with every failover.
    client.on('+node', renew).on('-node', renew);
    client.on('refresh', () => outages?.left((node) => !servesSlots(client as Cluster, node)));
    client.on('close', () => {
      if (!this.closed) outages?.closed(this.pending.size + this.waiting.length);
      this.rejectPending('the connection was closed');
    });
    client.on('end', () => {
      this.rejectPending('the connection has ended');
      this.release();
    });
    // Every failure reaches the callers that wait; without a listener ioredis prints each one.
    client.on('error', (error: Error) => {
      forgetArguments(error);
      this.trouble = error;
      if (!this.closed) outages?.failed(error);
    });
  }

  get ready(): boolean {
    return this.client.status === 'ready' && !this.replacing;
  }

  /**
   * Runs a script; repeats it while its outcome is open and the deadline allows.
   * @param deadline performance.now() at which to give up; by default the link's time from now
   * @throws ReplyLostError when some attempt may have been executed, BrokerUnavailableError when none can have been,
   *   BrokerRefusedError when the server refused it
   */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    deadline?: number,
  ): Promise<unknown> {
    let textWanted = false;
    const attempt = (giveUpAt: number) => {
      const [verb, body] = textWanted ? ['eval', script.text] : ['evalsha', script.sha];
      textWanted = false;
      return this.send(script.readOnly ? `${verb}_ro` : verb, [body, keys.length, ...keys, ...args], giveUpAt);
    };
    const sendText = () => {
      textWanted = true;
    };
    return this.untilAnswered(attempt, script.readOnly !== true, deadline, { script, keys, sendText });
  }

  /** A plain command that reads: repeated like a script, and nothing is open when its reply was lost. */
  command(name: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.untilAnswered((giveUpAt) => this.send(name, args as (string | number)[], giveUpAt), false);
  }

  /** A command that is made once, now: its failure is nobody's. */
  ask(name: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.send(name, args as (string | number)[], performance.now() + this.timeoutMs);
  }

  /**
   * A script and, right behind it on the same socket, a command that the server may hold for `heldMs`. Made once: what the
   * second one answers is true of this very connection and what was written on it.
   */
  async pair(call: ScriptCall, [name, ...args]: [string, ...number[]], heldMs: number): Promise<unknown> {
    const giveUpAt = performance.now() + heldMs + this.timeoutMs / 2;
    const { script, keys } = call;
    // In a cluster both go to the node that has the slot, and neither follows a redirection away from the other.
    const node = this.client.isCluster ? { slot: this.slotOf(call) } : undefined;
    const first = this.send('evalsha', [script.sha, keys.length, ...keys, ...call.args], giveUpAt, node);
    const [, reply] = await Promise.all([first, this.send(name, args, giveUpAt, node)]);
    return reply;
  }

  slotOf({ script, keys, args }: ScriptCall): number {
    return new Command('evalsha', [script.sha, keys.length, ...keys, ...args] as string[]).getSlot() ?? 0;
  }

  /** Leaves the server that it reached, and tries the address again later. */
  async reconnectIn(ms: number): Promise<void> {
    await pause(ms);
    if (!this.closed) this.replace();
  }

  /** The server behind this connection takes no writes any more: what it said is told to who calls meanwhile. */
  leave(error: Error): void {
    this.trouble = error;
    this.outages?.refused('', error, Need.Write);
    this.replace();
  }

  /** For a call that waited behind others until its time was over, and was never sent. */
  neverSent(cause?: unknown): Error {
    return this.gaveUp(true, false, cause, `Redis could not be reached within ${this.timeoutMs} ms`);
  }

  close(): void {
    this.closed = true;
    this.outages?.stop();
    clearTimeout(this.sweeper);
    this.client.disconnect();
    this.rejectPending('the store was closed');
    this.release();
  }

  private async untilAnswered(
    attempt: (giveUpAt: number) => Promise<unknown>,
    writes: boolean,
    deadline = performance.now() + this.timeoutMs,
    call?: { script: Script; keys: readonly string[]; sendText(): void },
  ): Promise<unknown> {
    // Some attempt left, and neither a reply nor a refusal says what became of it. Only a reply ends that.
    let open = false;
    let held = false;
    let lastError: unknown;
    for (let number = 0; ; number++) {
      if (!this.ready) {
        if (!held) held = this.hold();
        await this.untilReady(deadline, writes, open, lastError);
      }
      try {
        // An attempt gets half of the time: a socket that went silent is replaced and the call made again.
        const reply = await attempt(Math.min(deadline, performance.now() + Math.max(this.timeoutMs / 2, 100)));
        if (writes) this.wroteAt = performance.now();
        if (this.trouble !== undefined || this.outages?.isOpen === true)
          this.answered(call?.keys[0], needOf(writes, call));
        return reply;
      } catch (error) {
        lastError = error;
        const code = replyCode(error);
        if (code === undefined) {
          if (!held) held = this.hold();
          open ||= writes && !wasNeverSent(error);
        } else {
          const verdict = verdictOf(code);
          if (verdict !== 'send-text') {
            if (verdict !== 'refuse') this.trouble = error as Error;
            this.outages?.refused(nodeOfKey(this.client, call?.keys[0]), error as Error, needOf(writes, call));
            if (!held) held = this.hold();
          }
          if (verdict === 'refuse') {
            const refusal = refusalOf(code, error, call && callInScript(error, call));
            if (!open) throw refusal;
            throw new ReplyLostError(`The reply was lost, and the repeated call refused (${code})`, { cause: refusal });
          }
          if (verdict === 'reconnect') this.replace(nodeOfKey(this.client, call?.keys[0]));
          if (verdict === 'send-text') {
            call?.sendText();
            if (!this.closed && number < SEND_TEXT_TRIES) continue;
          }
        }
        if (this.closed) throw this.gaveUp(writes, open, lastError, 'the store was closed');
        // Without time for an answer another attempt would only leave open what is known now.
        const waitMs = backoff(number);
        if (deadline - performance.now() <= waitMs) throw this.gaveUp(writes, open, lastError);
        await pause(waitMs);
      }
    }
  }

  private hold(): true {
    this.outages?.hold();
    return true;
  }

  private answered(key: string | undefined, need: Need): void {
    if (this.outages?.isOpen === true) this.outages.answered(nodeOfKey(this.client, key), need);
    if (this.outages?.isOpen !== true) this.trouble = undefined;
  }

  private send(name: string, args: (string | number)[], giveUpAt: number, node?: { slot: number }): Promise<unknown> {
    this.sweeper ??= this.startSweeper();
    return new Promise((resolve, reject) => {
      const command = new Command(name, [], REPLY);
      const entry: Pending = { slot: -1, reject, giveUpAt, command };
      this.pending.add(entry);
      // Given to the constructor they would be copied, and each looked at: a turn has a thousand.
      command.args = textsOf(args);
      ((this.client as Cluster).sendCommand(command, undefined, node) as Promise<unknown>).then(
        (reply) => {
          this.pending.delete(entry);
          strip(command);
          resolve(reply);
        },
        (error: Error) => {
          this.pending.delete(entry);
          strip(command);
          forgetArguments(error);
          reject(error);
        },
      );
    });
  }

  /** Not where a command is made: the timer would keep that command for as long as it runs. */
  private startSweeper(): NodeJS.Timeout {
    const dueAt = performance.now() + SWEEP_MS;
    return setTimeout(() => {
      const lateMs = performance.now() - dueAt;
      if (lateMs > SWEEP_MS) this.stoodStillMs += lateMs;
      // Behind the sockets: a loop that stood still finds replies there that came in time.
      setImmediate(() => this.sweep());
    }, SWEEP_MS);
  }

  private sweep(): void {
    this.sweeper = undefined;
    const now = performance.now();
    const silent = new Set<string>();
    for (const entry of this.pending) {
      if (entry.giveUpAt > now) continue;
      this.pending.delete(entry);
      silent.add(this.client.isCluster ? nodeOfSlot(this.client as Cluster, entry.command.getSlot()) : '');
      entry.reject(new ReplyLostError('Redis did not answer in time'));
    }
    // A connection that passed a deadline is never trusted again: it may be half open.
    for (const node of silent) {
      this.trouble ??= new Error('it did not answer in time');
      if (!this.closed) this.outages?.silent(node, 'it did not answer in time');
      this.replace(node);
    }
    if (this.pending.size > 0) this.sweeper = this.startSweeper();
  }

  /** @param node of a cluster: the connections to the others go on */
  private replace(node = ''): void {
    if (this.closed || !this.ready) return;
    if (this.client.isCluster) {
      // The client makes a new one for the next call of that node. A call without a key says nothing of any node.
      connectionTo(this.client as Cluster, node)?.disconnect();
      return;
    }
    this.replacing = true;
    this.client.disconnect(true);
  }

  private rejectPending(why: string): void {
    for (const entry of this.pending) {
      this.pending.delete(entry);
      entry.reject(new ReplyLostError(`The reply was lost: ${why}`));
    }
  }

  private async untilReady(deadline: number, writes: boolean, open: boolean, cause: unknown): Promise<void> {
    while (!this.ready) {
      if (this.closed) throw this.gaveUp(writes, open, cause, 'the store was closed');
      const left = deadline - performance.now();
      if (left <= 0) throw this.gaveUp(writes, open, cause);
      await new Promise<void>((resolve) => {
        const stop = awakeTimeout(left, done);
        const waiting = this.waiting;
        function done() {
          stop();
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

  private gaveUp(writes: boolean, open: boolean, given: unknown, why?: string): Error {
    const text = this.closed ? sentence(why ?? 'the store was closed') : this.reasonOf(given, why);
    const cause = given ?? this.trouble;
    if (open) return new ReplyLostError(`${text}; the call may have been executed`, { cause });
    return new BrokerUnavailableError(writes ? `${text}; nothing was stored` : text, { cause });
  }

  /** The server's own word, where it said one: to this call, or to those before it. */
  private reasonOf(given: unknown, why = `Redis did not answer within ${this.timeoutMs} ms`): string {
    const said = [given, this.trouble].find((error) => replyCode(error) !== undefined);
    if (said !== undefined) {
      const refusal = refusalOf(String(replyCode(said)), said) as BrokerRefusedError;
      return `Redis refused for ${this.timeoutMs} ms (${refusal.reply}): ${refusal.remedy.replace(/\.$/, '')}`;
    }
    return this.trouble === undefined ? why : `${why}: ${wordsOf(this.trouble)}`;
  }
}

function needOf(writes: boolean, call: { script: Script } | undefined): Need {
  if (!writes) return Need.Read;
  return call !== undefined && needsMemory(call.script) ? Need.Memory : Need.Write;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function textsOf(args: readonly (string | number)[]): string[] {
  return args.map((arg) => (typeof arg === 'string' ? arg : String(arg)));
}

const NOTHING: string[] = [];

/**
 * Takes from a command that is settled all that it names. One that the garbage collector has moved to its old generation
 * would take along what a worker sent and received from then on.
 */
function strip(command: Command): void {
  command.args = NOTHING;
  Object.assign(command, { promise: undefined, resolve: undefined, reject: undefined });
}

/** ioredis refuses such commands before a byte leaves the process; "Connection is closed" it says of sent ones, too. */
function wasNeverSent(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Stream isn't writeable");
}

function backoff(attempt: number): number {
  return Math.min(20 * 2 ** attempt, 500) * (0.5 + Math.random() / 2);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
