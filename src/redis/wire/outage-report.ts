import {
  BrokerRefusedError,
  BrokerUnavailableError,
  CallOutcomeUnknownError,
  StoreFullError,
} from '../../core/errors/store-errors.js';
import { readRefusal, replyCode, wordsOf } from './refusals.js';

/** Words of a server that cannot serve anybody, or takes no writes. What only one call meets is its caller's alone. */
const OUTAGES = new Set(
  'READONLY LOADING MASTERDOWN CLUSTERDOWN BUSY NOREPLICAS OOM MISCONF NOAUTH WRONGPASS'.split(' '),
);
/** A server may close connections that nobody uses: a new one within this time is no outage. */
const IDLE_CLOSE_MS = 1000;
/** Of one that was used: what the next attempt to connect meets, says why it went. */
const USED_CLOSE_MS = 200;

/** What was refused as an outage begins may reach its caller when it has just ended. */
const REACHES_CALLERS_MS = 1000;

/** What a call needs of a server; one that is at maxmemory takes writes that need none. */
export enum Need {
  Read,
  Write,
  Memory,
}

export type OutageEvent = 'lost' | 'refused' | 'unreachable' | 'restored';

/**
 * Reports each outage of the store twice: when it begins, in the server's own words, and when it has ended: after how long,
 * and how many calls had waited or failed. In a cluster it lasts until each node that was ill has answered.
 */
export class OutageReport {
  /** Nodes that are ill, with what was refused there: an answer to a call that needs less says nothing. */
  private readonly ill = new Map<string, Need>();
  private begunAt = 0;
  private endedAt = -Infinity;
  private heldBack = 0;
  private connectedBefore = false;
  private down: NodeJS.Timeout | undefined;

  constructor(
    private readonly report: (event: OutageEvent, text: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get isOpen(): boolean {
    return this.ill.size > 0;
  }

  /** The boot found a server that it can work with: the boot reports what happened before. */
  opened(): void {
    this.connectedBefore = true;
    this.ready();
  }

  /** A call was not answered as it should: once a call. */
  hold(): void {
    if (this.isOpen || this.down !== undefined) this.heldBack++;
  }

  /** The server refused a call. */
  refused(node: string, error: Error, need: Need): void {
    const code = replyCode(error) ?? '';
    if (!OUTAGES.has(code)) return;
    this.begin(node, code === 'OOM' ? Need.Memory : Math.min(need, Need.Write), 'refused', textOf(error));
  }

  /** Whether a call failed of an outage that was reported: its caller adds nothing to the log. */
  covers(error: unknown): boolean {
    if (!this.isOpen && this.down === undefined && this.now() - this.endedAt > REACHES_CALLERS_MS) return false;
    if (error instanceof BrokerRefusedError) return OUTAGES.has(error.reply);
    return (
      error instanceof BrokerUnavailableError ||
      error instanceof CallOutcomeUnknownError ||
      error instanceof StoreFullError
    );
  }

  /** A node did not answer in time. */
  silent(node: string, why: string): void {
    this.begin(node, Need.Read, 'lost', why);
  }

  /** An answer also speaks for the slots that no node served: their calls come to one again. */
  answered(node: string, need: Need): void {
    for (const ill of [node, '']) {
      const refused = this.ill.get(ill);
      if (refused !== undefined && need >= refused) this.end(ill);
    }
  }

  /** The cluster has changed: of a node that serves no slot any more no answer comes. */
  left(hasLeft: (node: string) => boolean): void {
    for (const node of [...this.ill.keys()]) if (node !== '' && hasLeft(node)) this.end(node);
  }

  /** The client cannot connect, or the boot cannot work with what it found. What waiting does not mend the boot throws. */
  failed(error: Error): void {
    if (this.down !== undefined) this.lose(textOf(error));
    else if (!this.connectedBefore && !readRefusal(error)?.lasting)
      this.begin('', Need.Read, 'unreachable', textOf(error));
  }

  /** @param waiting calls that were under way */
  closed(waiting: number): void {
    if (!this.connectedBefore || this.isOpen || this.down !== undefined) return;
    this.down = setTimeout(() => this.lose(''), waiting > 0 ? USED_CLOSE_MS : IDLE_CLOSE_MS);
    this.down.unref();
  }

  ready(): void {
    this.stop();
    if (!this.connectedBefore) return;
    if (this.ill.get('') === Need.Read) this.ill.delete('');
    if (this.begunAt > 0) this.endIfWell();
    else this.heldBack = 0;
  }

  stop(): void {
    clearTimeout(this.down);
    this.down = undefined;
  }

  private lose(why: string): void {
    this.stop();
    this.begin('', Need.Read, 'lost', why);
  }

  private begin(node: string, need: Need, event: OutageEvent, text: string): void {
    const isFirst = this.ill.size === 0;
    this.ill.set(node, Math.max(this.ill.get(node) ?? Need.Read, need));
    if (!isFirst) return;
    this.begunAt = this.now();
    this.report(event, node === '' ? text : `${node}${text === '' ? '' : `: ${text}`}`);
  }

  private end(node: string): void {
    if (this.ill.delete(node)) this.endIfWell();
  }

  private endIfWell(): void {
    if (this.ill.size > 0) return;
    const seconds = ((this.now() - this.begunAt) / 1000).toFixed(1);
    const held =
      this.heldBack === 0 ? '' : `; ${this.heldBack} ${this.heldBack === 1 ? 'call was' : 'calls were'} held back`;
    this.begunAt = 0;
    this.endedAt = this.now();
    this.heldBack = 0;
    this.report('restored', `after ${seconds} s${held}`);
  }
}

/** What the server said, and what to do. */
function textOf(error: Error): string {
  const remedy = readRefusal(error)?.remedy;
  if (remedy === undefined) return wordsOf(error);
  return `${wordsOf(error)}. ${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`;
}
