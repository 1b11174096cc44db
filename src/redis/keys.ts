/** Scripts know them by their place: a new key is the last. */
export const KEY_NAMES = [
  'meta',
  'jobs',
  'ready',
  'priority',
  'suspects',
  'scheduled',
  'inflight',
  'parked',
  'completed',
  'cancelled',
  'dead',
  'ids',
  'traits',
  'crashes',
  'cancelling',
  'notes',
  'waiters',
  'idle',
  'workers',
  'schedules',
  'specs',
  'ticks',
  'runs',
  'announced',
  'apps',
] as const;

/**
 * The fixed set of keys of one queue, all in one hash slot. Nothing is ever stored under another key, so a queue can be
 * moved, listed and deleted as a whole, and every script declares what it touches.
 */
export class QueueKeys {
  /** `{prefix:queue}:`; the queue's channels go on with it behind their {@link channelSpace}. */
  readonly base: string;

  readonly meta: string;
  readonly jobs: string;
  readonly ready: string;
  readonly priority: string;
  readonly scheduled: string;
  readonly inflight: string;
  readonly workers: string;
  readonly idle: string;
  readonly completed: string;
  readonly cancelled: string;
  readonly dead: string;
  readonly ids: string;
  readonly traits: string;
  readonly crashes: string;
  readonly cancelling: string;
  readonly waiters: string;
  readonly notes: string;
  readonly suspects: string;
  readonly parked: string;
  readonly schedules: string;
  readonly specs: string;
  readonly ticks: string;
  readonly runs: string;
  readonly announced: string;
  readonly apps: string;

  /** In the order of `scripts/lib/keys.lua`, as scripts get them. */
  readonly all: readonly string[];
  /** What `turn-plain.lua` gets. */
  readonly plainTurn: readonly string[];
  /** What `enqueue-plain.lua` gets. */
  readonly plainEnqueue: readonly string[];

  readonly #space: string;

  constructor(prefix: string, queue: string, database = 0) {
    this.#space = channelSpace(database);
    const base = `{${prefix}:${queue}}:`;
    this.base = base;
    this.meta = base + 'meta';
    this.jobs = base + 'jobs';
    this.ready = base + 'ready';
    this.priority = base + 'priority';
    this.scheduled = base + 'scheduled';
    this.inflight = base + 'inflight';
    this.workers = base + 'workers';
    this.idle = base + 'idle';
    this.completed = base + 'completed';
    this.cancelled = base + 'cancelled';
    this.dead = base + 'dead';
    this.ids = base + 'ids';
    this.traits = base + 'traits';
    this.crashes = base + 'crashes';
    this.cancelling = base + 'cancelling';
    this.waiters = base + 'waiters';
    this.notes = base + 'notes';
    this.suspects = base + 'suspects';
    this.parked = base + 'parked';
    this.schedules = base + 'schedules';
    this.specs = base + 'specs';
    this.ticks = base + 'ticks';
    this.runs = base + 'runs';
    this.announced = base + 'announced';
    this.apps = base + 'apps';
    this.all = KEY_NAMES.map((name) => this[name]);
    this.plainTurn = [this.meta, this.jobs, this.ready, this.inflight, this.workers, this.idle, this.completed];
    this.plainEnqueue = [this.meta, this.jobs, this.ready, this.idle, this.inflight, this.workers];
  }

  /** Orders of a queue to its workers: paused, resumed, cancel, parked. */
  get signalsChannel(): string {
    return `${this.#space}${this.base}signals`;
  }

  get settledChannel(): string {
    return `${this.#space}${this.base}settled`;
  }

  get eventsChannel(): string {
    return `${this.#space}${this.base}events`;
  }
}

/** A process is told on its own channel which queue has work for it. */
export function wakeChannel(prefix: string, worker: string, database = 0): string {
  return `${channelSpace(database)}${prefix}:wake:${worker}`;
}

/**
 * What the names of all channels begin with: a server has one set of channels for all its databases. No prefix begins with
 * `@`, so no name of one database is one of another.
 */
export function channelSpace(database: number): string {
  return database === 0 ? '' : `@${database}:`;
}
