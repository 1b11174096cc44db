import type { Cluster } from 'ioredis';
import type { EnqueueReceipt, NewJob } from '../core/ports/intake.js';
import { confirmationsOf, type Durability } from '../core/durability.js';
import { DurabilityUnconfirmedError, EnqueueOutcomeUnknownError } from '../core/errors/enqueue-errors.js';
import { BrokerUnavailableError } from '../core/errors/store-errors.js';
import { nextTick } from '../process/real-timers.js';
import type { Enqueuer } from './enqueuer.js';
import type { Link } from './wire/link.js';
import { replyCode } from './wire/refusals.js';

/** One caller's jobs, on their way to be stored and confirmed. */
interface Request {
  queue: string;
  level: Durability;
  /** performance.now() after which it is not sent any more. */
  sendBy: number;
  store(): Promise<EnqueueReceipt[]>;
  /** Stored by an earlier request: nothing says that the server of now has it. */
  isEarlier: boolean;
  resolve(receipts: EnqueueReceipt[]): void;
  reject(error: unknown): void;
}

interface Stored {
  request: Request;
  receipts: EnqueueReceipt[];
  /** The connection on which the jobs are known to be stored: what another one confirms may be of another server. */
  place: string | undefined;
}

/** What a party's confirmations came to, and what is known to have gone wrong. */
interface Confirmation {
  got: number;
  cause?: unknown;
}

type StoreOnce = () => Promise<EnqueueReceipt[]>;

/**
 * Enqueues that wait for replicas or disks, on a connection of their own, because WAIT holds up whatever comes behind it.
 * Callers are committed in groups: what comes while one group waits is stored and confirmed together as the next, so a
 * thousand enqueues wait once.
 */
export class DurableEnqueuer {
  private waiting: Request[] = [];
  private committing = false;

  constructor(
    private readonly link: Link,
    private readonly enqueuerOf: (queue: string) => Enqueuer,
    /** Asks on the link's own connection which of these jobs the server has no record of. */
    private readonly missingOf: (queue: string, ids: readonly string[], deadline: number) => Promise<Set<string>>,
  ) {}

  enqueue(queue: string, jobs: readonly NewJob[], level: Durability): Promise<EnqueueReceipt[]> {
    if (jobs.length === 0) return Promise.resolve([]);
    const sendBy = performance.now() + this.link.timeoutMs + level.timeoutMs;
    return this.submit(queue, level, sendBy, () => this.enqueuerOf(queue).enqueue(jobs));
  }

  close(): void {
    this.link.close();
  }

  private submit(
    queue: string,
    level: Durability,
    sendBy: number,
    store: StoreOnce,
    isEarlier = false,
  ): Promise<EnqueueReceipt[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ queue, level, sendBy, store, isEarlier, resolve, reject });
      if (this.committing) return;
      this.committing = true;
      nextTick(() => void this.commitAll());
    });
  }

  private async commitAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.waiting;
      this.waiting = [];
      const stored = await Promise.all(group.map((request) => this.store(request)));
      await this.confirm(stored.filter((one) => one !== undefined));
    }
    this.committing = false;
  }

  private async store(request: Request): Promise<Stored | undefined> {
    const { queue, level, sendBy } = request;
    if (performance.now() > sendBy) {
      const why = 'Redis held up the enqueues before this one for too long; nothing was stored';
      request.reject(new BrokerUnavailableError(why));
      return undefined;
    }
    try {
      const receipts = await request.store();
      return { request, receipts, place: request.isEarlier ? undefined : this.placeOf(queue) };
    } catch (error) {
      request.reject(this.withConfirmation(queue, level, error));
      return undefined;
    }
  }

  /** One WAIT for all that ask the same of one node. */
  private async confirm(stored: readonly Stored[]): Promise<void> {
    const nodes = new Map<string, Map<string, Stored[]>>();
    for (const one of stored) {
      const { queue, level } = one.request;
      const node = entryOf(nodes, this.nodeOf(queue), () => new Map<string, Stored[]>());
      entryOf(node, `${level.replicas} ${level.fsync} ${level.timeoutMs}`, () => [] as Stored[]).push(one);
    }
    const perNode = [...nodes.values()].map(async (parties) => {
      for (const party of parties.values()) await this.confirmParty(party);
    });
    await Promise.all(perNode);
  }

  private async confirmParty(party: readonly Stored[]): Promise<void> {
    const { level } = party[0].request;
    const wanted = confirmationsOf(level);
    const missing = new Set<string>();
    const { got, cause } = await this.ask(party, missing);
    for (const { request, receipts } of party) {
      if (receipts.some(({ id }) => missing.has(id)))
        request.reject(this.unconfirmed(request, receipts, wanted, 0, gone()));
      else if (got >= wanted) request.resolve(receipts);
      else request.reject(this.unconfirmed(request, receipts, wanted, got, cause));
    }
  }

  /** @param missing gets the ids of jobs that the server which confirms has no record of */
  private async ask(party: readonly Stored[], missing: Set<string>): Promise<Confirmation> {
    const { queue, level } = party[0].request;
    const deadline = performance.now() + level.timeoutMs;
    const enqueuer = this.enqueuerOf(queue);
    for (;;) {
      try {
        const place = this.placeOf(queue);
        if (!(await this.isThere(party, place, missing, deadline))) return { got: 0 };
        if (place !== this.placeOf(queue)) continue;
        const heldMs = Math.max(1, Math.round(deadline - performance.now()));
        const reply = await this.link.pair(enqueuer.emptyCall(), waitCommand(level, heldMs), heldMs);
        return { got: confirmedOf(reply, level) };
      } catch (cause) {
        if (isFinal(cause) || performance.now() >= deadline) return { got: 0, cause };
      }
      try {
        // The connection was replaced, or the server forgot the script: the link knows how to mend that.
        const { script, keys, args } = enqueuer.emptyCall();
        await this.link.run(script, keys, args, deadline);
      } catch (cause) {
        return { got: 0, cause };
      }
    }
  }

  /**
   * After a reconnect the server may be another one, or have lost its latest writes: it would confirm what it never had.
   * @returns whether it has the jobs of anybody
   */
  private async isThere(
    party: readonly Stored[],
    place: string,
    missing: Set<string>,
    deadline: number,
  ): Promise<boolean> {
    const moved = party.filter((stored) => stored.place !== place);
    const ids = [...new Set(moved.flatMap(({ receipts }) => receipts.map(({ id }) => id)))];
    if (ids.length > 0) {
      for (const id of ids) missing.delete(id);
      for (const id of await this.missingOf(party[0].request.queue, ids, deadline)) missing.add(id);
      for (const stored of moved) stored.place = place;
    }
    return party.some(({ receipts }) => !receipts.some(({ id }) => missing.has(id)));
  }

  private unconfirmed(
    { queue, level }: Request,
    receipts: EnqueueReceipt[],
    wanted: number,
    got: number,
    cause: unknown,
  ): Error {
    const ids = receipts.map(({ id }) => id);
    const retry = () => this.submit(queue, level, Infinity, () => Promise.resolve(receipts), true);
    return new DurabilityUnconfirmedError(queue, ids, wanted, got, retry, { cause });
  }

  /** A lost reply: the repeated call has to be confirmed, too. */
  private withConfirmation(queue: string, level: Durability, error: unknown): unknown {
    if (!(error instanceof EnqueueOutcomeUnknownError)) return error;
    const store = () => error.retry() as Promise<EnqueueReceipt[]>;
    const retry = () => this.submit(queue, level, Infinity, store);
    return new EnqueueOutcomeUnknownError(queue, error.ids, retry, { cause: error.cause });
  }

  /** Rises with every connection; in a cluster the node counts, too. */
  private placeOf(queue: string): string {
    return `${this.link.epoch} ${this.nodeOf(queue)}`;
  }

  /** Each node of a cluster confirms for itself. */
  private nodeOf(queue: string): string {
    const { client } = this.link;
    if (!client.isCluster) return '';
    const slot = this.link.slotOf(this.enqueuerOf(queue).emptyCall());
    return (client as Cluster).slots[slot]?.[0] ?? '';
  }
}

function gone(): Error {
  return new Error(
    'the server that answers now has no record of them: it took over or came back without them, or they have ended and are ' +
      'not kept; retry() cannot help',
  );
}

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

function waitCommand({ replicas, fsync }: Durability, heldMs: number): [string, ...number[]] {
  return fsync ? ['waitaof', 1, replicas, heldMs] : ['wait', replicas, heldMs];
}

function confirmedOf(reply: unknown, { replicas, fsync }: Durability): number {
  if (!fsync) return Math.min(Number(reply), replicas);
  const [local, remote] = reply as [number, number];
  return Math.min(local, 1) + Math.min(remote, replicas);
}

/** Answers that another attempt would only hear again: WAIT on a replica, WAITAOF without appendonly, NOPERM. */
function isFinal(error: unknown): boolean {
  const code = replyCode(error);
  return code === 'ERR' || code === 'NOPERM' || code === 'OOM';
}
