import type { Cluster, Redis } from 'ioredis';
import { BrokerUnavailableError } from '../core/errors/store-errors.js';
import type { Connection, StoreCapabilities } from '../core/ports/connection.js';
import type { StoreFacts, StoreReport } from '../core/store-report.js';
import type { RedisStoreOptions } from './store-options.js';
import { BootHold } from './wire/boot-hold.js';
import { untilConnected } from './wire/connection-wait.js';
import { Connector, describeConnection, type Purpose } from './wire/connector.js';
import { DOCTOR_PARAMETERS, examineServer } from './wire/doctor.js';
import { HeartbeatThread } from './wire/heartbeat.js';
import { Link } from './wire/link.js';
import { OutageReport } from './wire/outage-report.js';
import { PrimaryWatch } from './wire/primary-watch.js';
import {
  inDatabase,
  loadScripts,
  readOnly,
  type Script,
  type ScriptLibrary,
  type ScriptName,
} from './wire/script-library.js';
import { isReplica, misfitOf, readServerFacts, refuseUnsafeServer } from './wire/server-facts.js';
import { StoreClock } from './wire/store-clock.js';
import { Subscriptions } from './wire/subscriptions.js';

/** How long a boot that waits lets a replica be before it connects again. */
const REPLICA_RETRY_MS = 1000;

/** Scripts that have calls which only read. */
const READERS = [
  'counts',
  'explain',
  'list',
  'oldest',
  'read',
  'read-bulks',
  'list-groups',
  'group-jobs',
  'read-ends',
  'read-processes',
  'read-schedules',
  'scan',
] as const satisfies readonly ScriptName[];
export type Reader = (typeof READERS)[number];

/** One process at one Redis: its connections, the scripts that it speaks, and the server's clock. */
export class ServerConnection implements Connection {
  readonly capabilities: StoreCapabilities;
  readonly scripts: ScriptLibrary;
  readonly readers: Readonly<Record<Reader, Script>>;
  readonly clock = new StoreClock();
  private readonly connector: Connector;
  private readonly hold: BootHold | undefined;
  private readonly ends: (() => void)[] = [];
  private link: Link | undefined;
  private outages: OutageReport | undefined;
  private subscriptions: Subscriptions | undefined;
  private watch: PrimaryWatch | undefined;
  /** It takes as long as opening the store does, and mostly on another core. */
  private bootedThread: HeartbeatThread | undefined;
  private found: StoreFacts | undefined;
  private closed = false;

  constructor(private readonly options: RedisStoreOptions) {
    if (options.boots) this.hold = new BootHold();
    this.connector = new Connector(options.connection, options.prefix, options.connectTimeoutMs, this.hold);
    this.scripts = inDatabase(options.scripts ?? loadScripts(), this.connector.database);
    const readers = READERS.map((name) => [name, readOnly(this.scripts[name])]);
    this.readers = Object.fromEntries(readers) as Record<Reader, Script>;
    const possible = HeartbeatThread.isPossible(options.connection);
    const heartbeat = possible && HeartbeatThread.isPermitted;
    this.capabilities = { shared: true, heartbeat, heartbeatForbidden: possible && !heartbeat, durability: true };
  }

  async open(): Promise<StoreFacts> {
    const client = this.connector.connect('commands');
    const place = describeConnection(this.options.connection);
    const outages = new OutageReport((event, text) => {
      // A connection that is ended on purpose is not lost.
      const separator = event === 'restored' ? ' ' : ': ';
      if (!this.closed) this.options.onConnection?.(event, text === '' ? place : `${place}${separator}${text}`);
    });
    this.outages = outages;
    const link = new Link(client, this.options.commandTimeoutMs, outages);
    this.link = link;
    try {
      if (this.options.works && this.capabilities.heartbeat) this.bootedThread = new HeartbeatThread();
      const info = await this.admit(link, outages);
      const [[seconds, micros], unknown] = await Promise.all([
        link.command('time', []) as Promise<string[]>,
        this.unknownScripts(link),
      ]);
      const facts = readServerFacts(info, this.connector.mode);
      refuseUnsafeServer(facts, this.options.allowEviction);
      this.found = facts;
      // Where loading is not permitted, calls still send the text.
      await Promise.allSettled(unknown.map(({ text }) => link.command('script', ['LOAD', text])));
      this.clock.learn(String(Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)));
      this.watch = new PrimaryWatch(link, () => this.subscriptions);
      this.watch.start();
      return facts;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async examine(): Promise<StoreReport> {
    const link = this.opened();
    const info = (await link.command('info', [])) as string;
    const config = await link.command('config', ['GET', ...DOCTOR_PARAMETERS]).then(
      (reply) => readPairs(reply),
      () => undefined, // CONFIG is often not permitted
    );
    return examineServer(readServerFacts(info, this.connector.mode), info, config);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.watch?.stop();
    this.subscriptions?.close();
    for (const end of this.ends) end();
    this.link?.close();
    await this.bootedThread?.stop();
  }

  hasReported(error: unknown): boolean {
    return this.outages?.covers(error) === true;
  }

  now(): number {
    return this.clock.now();
  }

  bootEnded(): void {
    this.hold?.end();
  }

  // ---------------------------------------------------------------- for the other parts of the store

  get isClosed(): boolean {
    return this.closed;
  }

  /** Where the keys are. */
  get database(): number {
    return this.connector.database;
  }

  /** It may lead to a replica. */
  get knowsReplicas(): boolean {
    return this.connector.mode !== 'standalone';
  }

  /** What the server was found to be when it was opened. */
  get facts(): StoreFacts | undefined {
    return this.found;
  }

  /** @throws BrokerUnavailableError */
  opened(): Link {
    if (this.closed)
      throw new BrokerUnavailableError('The store is closed. Make no calls after the application has closed.');
    if (this.link === undefined) throw new BrokerUnavailableError('The store is not open yet');
    return this.link;
  }

  /** A connection beside the one for commands; whoever asks for it ends it by {@link beforeClose}. */
  connect(purpose: Purpose): Redis | Cluster {
    return this.connector.connect(purpose);
  }

  /** @param end is called when the store closes, while its connection for commands still stands */
  beforeClose(end: () => void): void {
    this.ends.push(end);
  }

  /** The thread that booted with the store, once: whoever takes it stops it. */
  takeThread(): HeartbeatThread {
    const thread = this.bootedThread ?? new HeartbeatThread();
    this.bootedThread = undefined;
    return thread;
  }

  subscriber(): Subscriptions {
    this.opened();
    if (this.subscriptions === undefined) {
      const { commandTimeoutMs, connection, onConnection } = this.options;
      const place = describeConnection(connection);
      this.subscriptions = new Subscriptions(this.connector.connect('subscriber'), commandTimeoutMs, (event, reason) =>
        onConnection?.(event, reason === '' ? place : `${place}: ${reason}`),
      );
      const { watch } = this;
      watch?.stop();
      this.subscriptions.watch(() => void watch?.look());
    }
    return this.subscriptions;
  }

  /** @returns what INFO says of a server that can be worked with */
  private async admit(link: Link, outages: OutageReport): Promise<string> {
    const { connectTimeoutMs, waitForRedis, connection } = this.options;
    const place = describeConnection(connection);
    const { mode } = this.connector;
    for (;;) {
      await untilConnected(link.client, { connectTimeoutMs, waitForRedis, place });
      const info = (await link.command('info', [])) as string;
      const misfit = misfitOf(info, mode, place);
      if (misfit === undefined) {
        outages.opened();
        return info;
      }
      // A failover may be under way; what a server is beside that never changes.
      if (!waitForRedis || !isReplica(info)) throw misfit;
      outages.failed(misfit);
      await link.reconnectIn(REPLICA_RETRY_MS);
    }
  }

  /**
   * What the server has to be taught before the first call needs it: a script that is sent as text on its first use would
   * come after calls that were made behind it. Mostly nothing, because another process was there before.
   */
  private async unknownScripts(link: Link): Promise<Script[]> {
    const all = [...Object.values(this.scripts), ...Object.values(this.readers)];
    if (link.client.isCluster) return all; // the node that answers says nothing of the others
    const known = await link.command('script', ['EXISTS', ...all.map(({ sha }) => sha)]).catch(() => undefined);
    return Array.isArray(known) ? all.filter((_, index) => known[index] !== 1) : all;
  }
}

/** A map in either protocol: pairs in a row, or an object. */
function readPairs(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as Record<string, string>));
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < reply.length; index += 2) pairs.set(String(reply[index]), String(reply[index + 1]));
  return pairs;
}
