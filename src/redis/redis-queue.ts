import type { Reservation, ReservedJob, WorkerTurn } from '../core/ports/worker-store.js';
import type { ServerConnection, Reader } from './connection.js';
import { Enqueuer } from './enqueuer.js';
import { InboxMover } from './inbox-mover.js';
import { JobNumbers, STORE_FORMAT, wrongFormat } from './job-numbers.js';
import { QueueKeys } from './keys.js';
import { isApart, readPayloads } from './long-payloads.js';
import { Mender } from './mender.js';
import type { RedisStoreOptions } from './store-options.js';
import {
  decodeReservation,
  encodeTurn,
  isHeard,
  mayLieApart,
  reservedOf,
  usesFeatures,
  type TurnReply,
} from './turns/turn-encoder.js';
import type { Link } from './wire/link.js';
import { NumberedCaller, type Subject } from './wire/numbered-caller.js';
import type { Script, ScriptName } from './wire/script-library.js';

type Arguments = (string | number)[];

/** One queue on this connection, and the ways to call a script on it. */
export class RedisQueue {
  readonly keys: QueueKeys;
  readonly numbers: JobNumbers;
  readonly mender: Mender;
  readonly enqueuer: Enqueuer;
  readonly inboxes: InboxMover;
  /** Somebody heard its events lately: turns say how long runs took. */
  heard = false;
  /** The last turn met a feature: the next one is no plain turn either. */
  private usesFeatures = false;
  private readonly caller: NumberedCaller;
  /** Settled once the store was seen to hold this version's format, or nothing. */
  private format: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly link: Link,
    private readonly connection: ServerConnection,
    private readonly options: RedisStoreOptions,
    /** Whose clock its replies tell. */
    private readonly time: 'of the store' | 'of another server' = 'of the store',
  ) {
    const { prefix, maxCrashes } = options;
    const { scripts } = connection;
    const keys = new QueueKeys(prefix, name, connection.database);
    this.keys = keys;
    this.numbers = new JobNumbers(link, scripts['take-ids'], keys);
    this.mender = new Mender(maxCrashes, (script, args) => this.run(script, args));
    this.enqueuer = this.createEnqueuer(link, this.numbers);
    this.inboxes = new InboxMover(link, keys, scripts['take-inbox'], this.numbers, () => connection.now());
    this.caller = new NumberedCaller(name, link, keys);
  }

  /** An enqueuer on a connection of its own. */
  enqueuerOn(link: Link): Enqueuer {
    return this.createEnqueuer(link, new JobNumbers(link, this.connection.scripts['take-ids'], this.keys));
  }

  /** Before what may be the first write: a process that only works takes no job numbers, so nothing else has looked. */
  async checkFormat(): Promise<void> {
    if (this.format !== undefined) return;
    const { meta } = this.keys;
    const checked = this.command('hget', [meta, 'format']).then((found) => {
      if (found !== null && found !== STORE_FORMAT) throw wrongFormat(meta, found as string);
    });
    await checked;
    this.format = checked;
  }

  /** By the script that plain jobs need, unless that leaves the turn to the whole one. */
  async settleAndReserve(turn: WorkerTurn): Promise<Reservation> {
    const { connection, keys, mender } = this;
    if (this.format === undefined) await this.checkFormat();
    const args = encodeTurn(turn, {
      now: connection.now(),
      maxCrashes: this.options.maxCrashes,
      // In a cluster a message reaches nodes whose receivers the script does not count: there it hands over nothing.
      handsOver: !this.link.client.isCluster,
      heard: this.heard,
    });
    if (mender.isDue) await mender.before(turn.worker);
    let reply: TurnReply | 'full' = 'full';
    try {
      const { scripts } = connection;
      if (this.mayBePlain(turn)) reply = await this.call(scripts['turn-plain'], keys.plainTurn, args);
      if (reply === 'full') reply = await this.call<TurnReply>(scripts['settle-and-reserve'], keys.all, args);
    } catch (error) {
      await mender.after(error, turn);
      throw error;
    }
    this.heard = isHeard(reply);
    this.usesFeatures = usesFeatures(reply);
    const { ids, envelopes } = reservedOf(reply);
    const known = envelopes ?? ((await this.command('hmget', [keys.jobs, ...ids])) as string[]);
    const reservation = decodeReservation(turn.worker, reply, ids, known);
    if (mayLieApart(reply)) await this.addPayloads(reservation.jobs);
    return reservation;
  }

  command(name: string, args: Arguments): Promise<unknown> {
    return this.link.command(name, args);
  }

  /** Payloads that lie apart from the records of these jobs; null where there is none. */
  payloadsOf(ids: readonly string[]): Promise<(string | null)[]> {
    return readPayloads(this.link, this.keys, ids);
  }

  /** A script whose half-done work needs no repair, or is repaired by its caller. */
  run<T>(name: ScriptName, args: Arguments): Promise<T> {
    return this.call(this.connection.scripts[name], this.keys.all, args);
  }

  /** As {@link run}, of a call that writes nothing. */
  look<T>(name: Reader, args: Arguments): Promise<T> {
    return this.call(this.connection.readers[name], this.keys.all, args);
  }

  /** As {@link run}, of a script that may stop in the middle: what it leaves is put in order. */
  write<T>(name: ScriptName, args: Arguments): Promise<T> {
    return this.mending(() => this.run(name, args));
  }

  /** As {@link write}, of a script that answers with what it did: a repeated call is answered as the first. */
  act<T extends string>(subject: Subject, name: ScriptName, args: Arguments): Promise<T> {
    return this.mending(() => this.caller.call(subject, this.connection.scripts[name], args) as Promise<T>);
  }

  /** As {@link act}, of a call that waits for no other one. */
  actAtOnce(name: ScriptName, args: Arguments): Promise<string> {
    return this.caller.callAtOnce(this.connection.scripts[name], args);
  }

  async mending<T>(call: () => Promise<T>): Promise<T> {
    if (this.mender.isDue) await this.mender.before();
    try {
      return await call();
    } catch (error) {
      await this.mender.after(error);
      throw error;
    }
  }

  /** One that is gone was deleted by hand: its job is buried as unreadable. */
  private async addPayloads(jobs: readonly ReservedJob[]): Promise<void> {
    const apart = jobs.filter(({ envelope }) => isApart(envelope));
    const payloads = await this.payloadsOf(apart.map(({ id }) => id));
    for (const [index, payload] of payloads.entries()) if (payload !== null) apart[index].payload = payload;
  }

  /** Nothing but completions, on a queue whose last turn met no feature. */
  private mayBePlain({ settlements }: WorkerTurn): boolean {
    return !this.usesFeatures && settlements.every(({ op }) => op === 'complete');
  }

  private async call<T>(script: Script, keys: readonly string[], args: Arguments): Promise<T> {
    const reply = await this.link.run(script, keys, args);
    // Most scripts answer with the time first.
    if (
      Array.isArray(reply) &&
      typeof reply[0] === 'string' &&
      reply[0].length === 13 &&
      this.time === 'of the store'
    ) {
      this.connection.clock.learn(reply[0]);
    }
    return reply as T;
  }

  private createEnqueuer(link: Link, numbers: JobNumbers): Enqueuer {
    const { connection } = this;
    const clock = { now: () => connection.now(), learn: (nowText: string) => connection.clock.learn(nowText) };
    return new Enqueuer(this.name, link, this.keys, connection.scripts, numbers, clock, (error, caller, ids) =>
      this.mender.after(error, { caller, ids }),
    );
  }
}

/** The queues that this process has used. */
export class RedisQueues {
  private readonly queues = new Map<string, RedisQueue>();

  constructor(
    private readonly connection: ServerConnection,
    private readonly options: RedisStoreOptions,
  ) {}

  get names(): Iterable<string> {
    return this.queues.keys();
  }

  /** @throws BrokerUnavailableError where the store is not open */
  of(name: string): RedisQueue {
    const link = this.connection.opened();
    let queue = this.queues.get(name);
    if (queue === undefined) this.queues.set(name, (queue = new RedisQueue(name, link, this.connection, this.options)));
    return queue;
  }
}
