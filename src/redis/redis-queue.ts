import type { ServerConnection, Reader } from './connection.js';
import { Enqueuer } from './enqueuer.js';
import { InboxMover } from './inbox-mover.js';
import { JobNumbers, STORE_FORMAT, wrongFormat } from './job-numbers.js';
import { QueueKeys } from './keys.js';
import { Mender } from './mender.js';
import type { RedisStoreOptions } from './store-options.js';
import type { Link } from './wire/link.js';
import { NumberedCaller, type Subject } from './wire/numbered-caller.js';
import type { ScriptName } from './wire/script-library.js';

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
  usesFeatures = false;
  private readonly caller: NumberedCaller;
  /** Settled once the store was seen to hold this version's format, or nothing. */
  private format: Promise<void> | undefined;

  constructor(
    readonly name: string,
    link: Link,
    private readonly connection: ServerConnection,
    { prefix, maxCrashes }: RedisStoreOptions,
  ) {
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

  get isFormatKnown(): boolean {
    return this.format !== undefined;
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

  command(name: string, args: Arguments): Promise<unknown> {
    return this.connection.opened().command(name, args);
  }

  /** A script whose half-done work needs no repair, or is repaired by its caller. */
  run<T>(name: ScriptName, args: Arguments): Promise<T> {
    return this.connection.run(this.connection.scripts[name], this.keys.all, args);
  }

  /** A script of plain jobs and their keys. @returns undefined where the whole script must be called; nothing was done then */
  async runPlain<T>(name: ScriptName, keys: readonly string[], args: Arguments): Promise<T | undefined> {
    const reply = await this.connection.run<T | 'full'>(this.connection.scripts[name], keys, args);
    return reply === 'full' ? undefined : reply;
  }

  /** As {@link run}, of a call that writes nothing. */
  look<T>(name: Reader, args: Arguments): Promise<T> {
    return this.connection.run(this.connection.readers[name], this.keys.all, args);
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

  private createEnqueuer(link: Link, numbers: JobNumbers): Enqueuer {
    const { clock, scripts } = this.connection;
    const onClock = (nowText: string) => clock.learn(nowText);
    return new Enqueuer(this.name, link, this.keys, scripts, numbers, onClock, (error, caller, ids) =>
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
