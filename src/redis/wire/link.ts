import { Command, type Cluster } from 'ioredis';
import { awakeTimeout } from './awake-timer.js';
import { BrokerRefusedError, BrokerUnavailableError } from '../../core/errors/store-errors.js';
import type { Client } from './client.js';
import { connectionTo, nodeOfKey, servesSlots } from './cluster-nodes.js';
import { Need, type OutageReport } from './outage-report.js';
import { needsMemory, type Script, type ScriptCall } from './script-library.js';
import { replyCode, verdictOf, wordsOf } from './refusals.js';
import { SentCommands } from './sent-commands.js';
import { callInScript, forgetArguments, refusalOf, ReplyLostError } from './store-errors.js';

/** A call as it is sent, as often as it takes. */
interface Call {
  name: string;
  args: readonly (string | number)[];
  writes: boolean;
  /** Of a script: also what its keys and text are named by in errors. */
  script?: Script;
  keys?: readonly string[];
}

/** A call whose first attempt failed, or had to wait for a connection. */
interface Repetition {
  attempts: number;
  lastError: unknown;
  /** Some attempt was sent, and neither a reply nor a refusal says what became of it. Only a reply ends that. */
  open: boolean;
  /** The server does not know the script: the next attempt carries its text. */
  wantsText: boolean;
  /** An outage counts this call. */
  held: boolean;
}

/** A server that forgets the text at once is broken: from then on the call waits like any other. */
const SEND_TEXT_TRIES = 3;

/**
 * One connection for commands. Every call settles within its deadline. ioredis would re-send what a caller may have
 * repeated, so calls are repeated here alone: no script does a thing twice for it, and those that answer with what they
 * did are called by `NumberedCaller`.
 */
export class Link {
  private readonly sent: SentCommands;
  private waiting: (() => void)[] = [];
  private closed = false;
  /** The connection is being replaced: its client may still call it ready. */
  private replacing = false;
  /** What kept the last call from its answer; undefined since one was answered. */
  private trouble: Error | undefined;
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
    this.sent = new SentCommands(client, (nodes) => this.distrust(nodes));
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
      if (!this.closed) outages?.closed(this.sent.size + this.waiting.length);
      this.sent.rejectAll('the connection was closed');
    });
    client.on('end', () => {
      this.sent.rejectAll('the connection has ended');
      this.release();
    });
    // Every failure reaches the callers that wait; without a listener ioredis prints each one.
    client.on('error', (error: Error) => {
      forgetArguments(error);
      this.trouble = error;
      if (!this.closed) outages?.failed(error);
    });
  }

  /** {@link SentCommands.stoodStillMs} */
  get stoodStillMs(): number {
    return this.sent.stoodStillMs;
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
    const name = script.readOnly ? 'evalsha_ro' : 'evalsha';
    const all = [script.sha, keys.length, ...keys, ...args];
    return this.untilAnswered({ name, args: all, writes: script.readOnly !== true, script, keys }, deadline);
  }

  /** A plain command that reads: repeated like a script, and nothing is open when its reply was lost. */
  command(name: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.untilAnswered({ name, args, writes: false });
  }

  /** A plain command that writes, and may be made twice. @param key what it writes to, in a cluster */
  write(name: string, args: readonly (string | number)[], key: string, deadline?: number): Promise<unknown> {
    return this.untilAnswered({ name, args, writes: true, keys: [key] }, deadline);
  }

  /** A command that is made once, now: its failure is nobody's. */
  ask(name: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.sent.send(name, args, performance.now() + this.timeoutMs);
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
    const first = this.sent.send('evalsha', [script.sha, keys.length, ...keys, ...call.args], giveUpAt, node);
    const [, reply] = await Promise.all([first, this.sent.send(name, args, giveUpAt, node)]);
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

  /** The server behind this connection takes no writes any more: calls that fail meanwhile name what it said. */
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
    this.sent.stop();
    this.client.disconnect();
    this.sent.rejectAll('the store was closed');
    this.release();
  }

  private async untilAnswered(call: Call, deadline = performance.now() + this.timeoutMs): Promise<unknown> {
    let repetition: Repetition | undefined;
    for (;;) {
      if (!this.ready) {
        repetition ??= firstRepetition();
        this.hold(repetition);
        await this.untilReady(deadline, call, repetition);
      }
      try {
        const reply = await this.attempt(call, repetition, deadline);
        if (call.writes) this.wroteAt = performance.now();
        if (this.trouble !== undefined || this.outages?.isOpen === true) this.answered(call.keys?.[0], needOf(call));
        return reply;
      } catch (error) {
        repetition ??= firstRepetition();
        await this.untilRepeated(call, error, repetition, deadline);
      }
    }
  }

  private attempt(call: Call, repetition: Repetition | undefined, deadline: number): Promise<unknown> {
    // An attempt gets half of the time: a socket that went silent is replaced and the call made again.
    const giveUpAt = Math.min(deadline, performance.now() + Math.max(this.timeoutMs / 2, 100));
    const { script, name, args } = call;
    if (script === undefined || repetition?.wantsText !== true) return this.sent.send(name, args, giveUpAt);
    return this.sent.send(script.readOnly ? 'eval_ro' : 'eval', [script.text, ...args.slice(1)], giveUpAt);
  }

  /**
   * Returns when a call that failed may be made again.
   * @throws what the call fails with, where it may not
   */
  private async untilRepeated(call: Call, error: unknown, repetition: Repetition, deadline: number): Promise<void> {
    const { writes } = call;
    const code = replyCode(error);
    const verdict = code === undefined ? 'retry' : verdictOf(code);
    repetition.attempts++;
    repetition.lastError = error;
    repetition.wantsText = verdict === 'send-text';
    if (code === undefined) {
      this.hold(repetition);
      repetition.open ||= writes && !wasNeverSent(error);
    } else if (verdict !== 'send-text') {
      const node = nodeOfKey(this.client, call.keys?.[0]);
      if (verdict !== 'refuse') this.trouble = error as Error;
      this.outages?.refused(node, error as Error, needOf(call));
      this.hold(repetition);
      if (verdict === 'refuse') throw refusalOfCall(call, code, error, repetition.open);
      if (verdict === 'reconnect') this.replace(node);
    } else if (!this.closed && repetition.attempts <= SEND_TEXT_TRIES) {
      return;
    }
    if (this.closed) throw this.gaveUp(writes, repetition.open, error, 'the store was closed');
    // Without time for an answer another attempt would only leave open what is known now.
    const waitMs = backoff(repetition.attempts - 1);
    if (deadline - performance.now() <= waitMs) throw this.gaveUp(writes, repetition.open, error);
    await pause(waitMs);
  }

  private hold(repetition: Repetition): void {
    if (repetition.held) return;
    repetition.held = true;
    this.outages?.hold();
  }

  private answered(key: string | undefined, need: Need): void {
    if (this.outages?.isOpen === true) this.outages.answered(nodeOfKey(this.client, key), need);
    if (this.outages?.isOpen !== true) this.trouble = undefined;
  }

  /** A connection that passed a deadline is never trusted again: it may be half open. */
  private distrust(nodes: ReadonlySet<string>): void {
    for (const node of nodes) {
      this.trouble ??= new Error('it did not answer in time');
      if (!this.closed) this.outages?.silent(node, 'it did not answer in time');
      this.replace(node);
    }
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

  private async untilReady(deadline: number, { writes }: Call, { open, lastError }: Repetition): Promise<void> {
    while (!this.ready) {
      if (this.closed) throw this.gaveUp(writes, open, lastError, 'the store was closed');
      const left = deadline - performance.now();
      if (left <= 0) throw this.gaveUp(writes, open, lastError);
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

function firstRepetition(): Repetition {
  return { attempts: 0, lastError: undefined, open: false, wantsText: false, held: false };
}

function needOf({ writes, script }: Call): Need {
  if (!writes) return Need.Read;
  return script !== undefined && needsMemory(script) ? Need.Memory : Need.Write;
}

function refusalOfCall({ script, keys = [] }: Call, code: string, error: unknown, open: boolean): Error {
  const refusal = refusalOf(code, error, script && callInScript(error, { script, keys }));
  if (!open) return refusal;
  return new ReplyLostError(`The reply was lost, and the repeated call refused (${code})`, { cause: refusal });
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
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
