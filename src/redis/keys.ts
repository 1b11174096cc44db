/** Scripts know them by their place: a new key is the last. */
export const KEY_NAMES = [
  /** HASH: format, last block of numbers, fence, paused, counters, cursors, when Redis was last seen, `features`, `torn`, `bulks` that run, limits, call records. */
  'meta',
  /** HASH: number → envelope; of an ended job, behind a line that says how it ended (docs/envelope.md). */
  'jobs',
  /** LIST: numbers of ready jobs of priority 0. */
  'ready',
  /** ZSET: numbers of ready jobs of priority 1 to 9. */
  'priority',
  /** LIST: ready jobs that run alone. */
  'suspects',
  /** ZSET: number → due time. */
  'scheduled',
  /** HASH: number → `worker:fence`. */
  'inflight',
  /** ZSET: `name number`, of jobs whose name no live worker knows. */
  'parked',
  /** LIST: elements `ms bytes count` with the numbers of jobs that were settled together. */
  'completed',
  /** ZSET: number → time of the end. */
  'cancelled',
  /** ZSET: number → time of the end. */
  'dead',
  /** HASH: a user's id → number. */
  'ids',
  /** HASH: number → lines of a letter and a value: `p` priority, `u` user id, `q` unique key, `c` cost, `n` name of a parked job, `g` group, `o` ordered, `l` place in the group. */
  'traits',
  /** HASH: number → crashes. */
  'crashes',
  /** HASH: running jobs that somebody wants cancelled. */
  'cancelling',
  /** HASH: progress and log lines of jobs. */
  'notes',
  /** HASH: number → until when somebody awaits its end. */
  'waiters',
  /** SET: workers with room, which want to be woken. */
  'idle',
  /** ZSET: worker → end of its lease. */
  'workers',
  /** HASH: state and counts of each schedule. */
  'schedules',
  /** HASH: the rule of each schedule. */
  'specs',
  /** ZSET: schedule → when to look at its next tick. */
  'ticks',
  /** HASH: the last ten runs of each schedule. */
  'runs',
  /** ZSET: schedule → when code declared it last. */
  'announced',
  /** HASH: app → when it was there last, and since when without a gap. */
  'apps',
  /** HASH: job name and unique key → number of the live job that holds it. */
  'uniques',
  /** HASH: payloads that lie apart from their records, by the number of their job. */
  'payloads',
  /** HASH: series of what ended, by step, slot and job name; `names`, `deploys`. It expires when nothing has ended for a month. */
  'stats',
  /** HASH: bulk operations, what they are for and how far they came (scripts/lib/bulk.lua); `ended`. */
  'bulks',
  /** ZSET: `group TAB spot number`, of the ready jobs of groups, in the order in which each group starts them (scripts/lib/lanes.lua). */
  'grouped',
  /** ZSET: `group TAB number`, of their running jobs. */
  'flying',
  /** ZSET: `entry group` → when its next job starts, in virtual time; groups whose next job may start. */
  'turns',
  /** ZSET: group → ms at which its next job may start, or inf; groups that something holds back. */
  'held',
  /** HASH: group → where it stands in virtual time, the ordered job that it waits for, its gate, starts of its rate. */
  'lanes',
  /** HASH: group → what a user decided about it. */
  'rules',
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
  readonly uniques: string;
  readonly payloads: string;
  readonly stats: string;
  readonly bulks: string;
  readonly grouped: string;
  readonly flying: string;
  readonly turns: string;
  readonly held: string;
  readonly lanes: string;
  readonly rules: string;

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
    this.uniques = base + 'uniques';
    this.payloads = base + 'payloads';
    this.stats = base + 'stats';
    this.bulks = base + 'bulks';
    this.grouped = base + 'grouped';
    this.flying = base + 'flying';
    this.turns = base + 'turns';
    this.held = base + 'held';
    this.lanes = base + 'lanes';
    this.rules = base + 'rules';
    this.all = KEY_NAMES.map((name) => this[name]);
    this.plainTurn = [this.meta, this.jobs, this.ready, this.inflight, this.workers, this.idle, this.completed];
    this.plainEnqueue = [this.meta, this.jobs, this.ready, this.idle, this.inflight, this.workers];
  }

  /** Orders of a queue to its workers: paused, resumed, cancel, parked. */
  get signalsChannel(): string {
    return `${this.#space}${this.base}signals`;
  }

  /** Ends of jobs that somebody awaits. */
  get settledChannel(): string {
    return `${this.#space}${this.base}settled`;
  }

  /** A line per event, as `scripts/lib/notify.lua` writes them. */
  get eventsChannel(): string {
    return `${this.#space}${this.base}events`;
  }
}

/** What all queues of a prefix share, in a hash slot of its own: the slot of the queue without a name, which no queue is. */
export class StoreKeys {
  /** HASH: process → what it says of itself. */
  readonly processes: string;
  /** ZSET: process → when it was heard of last, ms. */
  readonly present: string;
  /** ZSET: queue → when a process last knew it, ms. */
  readonly queues: string;

  /** HASH: app → who looks at its alerts; `app rule queue` → the record of an alert. */
  readonly alerts: string;

  /** In the order of the scripts that read and write them. */
  readonly registry: readonly string[];

  constructor(prefix: string) {
    const base = `{${prefix}:}:`;
    this.processes = base + 'processes';
    this.present = base + 'present';
    this.queues = base + 'queues';
    this.alerts = base + 'alerts';
    this.registry = [this.processes, this.present, this.queues];
  }
}

/**
 * The channel of a process. A message is the name of a queue that has work for it; or that name, a line `fence id` and the envelope
 * of a job that is this worker's already.
 */
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
