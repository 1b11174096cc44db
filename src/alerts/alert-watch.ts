import { alertOf, decodeAlert, encodeAlert, type AlertRecord, type QueueAlert } from '../core/alert-record.js';
import type { AlertChange } from '../core/ports/alerts.js';
import type { DutyLogger } from '../duties/duty-logger.js';
import { OutageLog } from '../duties/outage-log.js';
import { PeriodicLoop } from '../duties/periodic-loop.js';
import { EVERY_QUEUE, type AlertRule } from '../options/alert-rules.js';
import { nextRecord } from './next-record.js';
import { measure, type Finding } from './rule-gauge.js';
import { StoreFacts, type AlertedStore } from './store-facts.js';

const EVERY_MS = 10_000;
const JITTER = 0.1;
/** Two looks of the process that looks may fail. */
const LEASE_MS = 35_000;
/** For so long other processes believe that the one which made a change calls its listeners. */
const TELL_MS = 60_000;

/** Who hears of alerts in this process. */
export interface AlertAudience {
  /** Some method of this process wants to hear of this. */
  hears(rule: string, queue: string): boolean;
  /** Calls the methods; resolves when they have ended or time is up. It never rejects. @returns false: they were cut short */
  tell(alert: QueueAlert, signal: AbortSignal): Promise<boolean>;
}

export interface AlertWatchContext {
  store: AlertedStore;
  app: string;
  /** Of this process, random per start. */
  id: string;
  rules: readonly AlertRule[];
  audience: AlertAudience;
  logger: DutyLogger;
}

/** An alert as the store has it. */
interface SeenAlert {
  rule: string;
  queue: string;
  /** As stored; undefined: at rest. */
  text: string | undefined;
  record: AlertRecord | undefined;
}

/**
 * Looks every ten seconds whether rules hold, in one process of the app, and tells of changes, in the process that made them. If that
 * one dies before it did, another tells of them. All processes ask, and one looks: the newest, so that the rules of the newest
 * deployment count.
 */
export class AlertWatch {
  private readonly loop: PeriodicLoop;
  private ending = new AbortController();
  private rank: number | undefined;
  private toldNoLimit = false;

  constructor(private readonly context: AlertWatchContext) {
    const { store, logger } = context;
    this.loop = new PeriodicLoop({
      name: 'watch of alerts',
      step: () => this.look(),
      jitter: JITTER,
      outages: new OutageLog(logger, store.connection),
      inBackground: true,
    });
  }

  /** The first look waits until the processes that start together have said that they are there. */
  start(): void {
    this.ending = new AbortController();
    this.loop.start(EVERY_MS);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loop.stop();
  }

  /** One look now. */
  async runOnce(): Promise<void> {
    await this.loop.runOnce();
  }

  private async look(): Promise<number> {
    const { store, app, id, rules } = this.context;
    this.rank ??= Math.round(store.connection.now());
    const { now, looks, alerts } = await store.alerts.look(app, id, this.rank, LEASE_MS);
    const seen = new Map<string, SeenAlert>();
    for (const { rule, queue, record } of alerts)
      seen.set(keyOf(rule, queue), { rule, queue, text: record, record: decodeAlert(record) });
    const errors = looks ? await this.evaluate(rules, seen, now) : [];
    await this.tellAll(seen, now);
    // The other alerts were looked at nevertheless.
    if (errors.length > 0) throw errors[0];
    return EVERY_MS;
  }

  /** @returns errors of what could not be measured: those alerts stay as they are */
  private async evaluate(rules: readonly AlertRule[], seen: Map<string, SeenAlert>, now: number): Promise<unknown[]> {
    const facts = new StoreFacts(this.context.store, now);
    const errors: unknown[] = [];
    const changes = new Map<string, SeenAlert>();
    const visited = new Set<string>();
    const consider = (rule: string, queue: string, finding: Finding, forMs: number): void => {
      const key = keyOf(rule, queue);
      const alert = seen.get(key) ?? { rule, queue, text: undefined, record: undefined };
      if (this.isToldElsewhere(alert.record, now)) return;
      const record = nextRecord(alert.record, finding, forMs, now);
      const next = record && this.withTeller(alert, record, now);
      const text = next && encodeAlert(next);
      if (text !== alert.text) changes.set(key, { rule, queue, text, record: next });
    };
    for (const rule of rules) {
      try {
        const queues = rule.queue === EVERY_QUEUE ? await facts.queues() : [rule.queue];
        for (const queue of queues) {
          visited.add(keyOf(rule.name, queue));
          const finding = await measure(rule, queue, facts);
          if (finding === undefined) this.tellNoLimit(rule);
          consider(rule.name, queue, finding ?? AT_REST, rule.forMs);
        }
      } catch (error) {
        errors.push(error);
        for (const alert of seen.values()) if (alert.rule === rule.name) visited.add(keyOf(alert.rule, alert.queue));
      }
    }
    // Of rules that the code has no longer, and of queues that nobody knows any more.
    for (const [key, { rule, queue }] of seen) if (!visited.has(key)) consider(rule, queue, AT_REST, 0);
    await this.apply(changes, seen);
    return errors;
  }

  private async apply(changes: ReadonlyMap<string, SeenAlert>, seen: Map<string, SeenAlert>): Promise<void> {
    if (changes.size === 0) return;
    const { store, app, logger } = this.context;
    const keys = [...changes.keys()];
    const asked = keys.map((key): AlertChange => {
      const { rule, queue, text } = changes.get(key) as SeenAlert;
      return { rule, queue, seen: seen.get(key)?.text, record: text };
    });
    const done = await store.alerts.change(app, asked);
    for (const [index, key] of keys.entries()) {
      const next = changes.get(key) as SeenAlert;
      const before = seen.get(key)?.record;
      if (!done[index]) {
        seen.delete(key); // another process has changed it, and tells of that
        continue;
      }
      seen.set(key, next);
      const { rule, queue, record } = next;
      const about = `Alert "${rule}"${queue === '' ? '' : ` of queue "${queue}"`}`;
      if (record?.state === 'firing' && before?.state !== 'firing') logger.warn(`${about} fires: ${record.value}`);
      if (before?.state === 'firing' && record?.state !== 'firing') logger.log(`${about} is resolved`);
    }
  }

  /** Who makes a change that this process wants to hear of tells of it, unless another process does already. */
  private withTeller({ rule, queue }: SeenAlert, record: AlertRecord, now: number): AlertRecord {
    if (record.untold.length === 0 || !this.context.audience.hears(rule, queue)) return record;
    return { ...record, teller: this.context.id, tellBy: now + TELL_MS };
  }

  private isToldElsewhere(record: AlertRecord | undefined, now: number): boolean {
    return record?.tellBy !== undefined && record.tellBy > now && record.teller !== this.context.id;
  }

  private async tellAll(seen: ReadonlyMap<string, SeenAlert>, now: number): Promise<void> {
    const { audience } = this.context;
    const due = [...seen.values()].filter(
      ({ rule, queue, record }) =>
        record !== undefined &&
        record.untold.length > 0 &&
        !this.isToldElsewhere(record, now) &&
        audience.hears(rule, queue),
    );
    await Promise.all(due.map((alert) => this.tell(alert, now)));
  }

  private async tell({ rule, queue, text, record }: SeenAlert, now: number): Promise<void> {
    const { store, app, id, audience } = this.context;
    if (record === undefined) return;
    let mine = text;
    if (record.teller !== id || record.tellBy !== now + TELL_MS) {
      mine = encodeAlert({ ...record, teller: id, tellBy: now + TELL_MS });
      const [isMine] = await store.alerts.change(app, [{ rule, queue, seen: text, record: mine }]);
      if (!isMine) return;
    }
    const { signal } = this.ending;
    const untold = [...record.untold];
    while (untold.length > 0 && !signal.aborted && (await audience.tell(alertOf(rule, queue, untold[0]), signal)))
      untold.shift();
    const { state, since, value } = record;
    // Another process tells at its next look of what this one did not get to.
    const isOver = state === 'resolved' && untold.length === 0;
    const left = isOver ? undefined : encodeAlert({ state, since, value, untold });
    await store.alerts.change(app, [{ rule, queue, seen: mine, record: left }]);
  }

  private tellNoLimit({ name }: AlertRule): void {
    if (this.toldNoLimit) return;
    this.toldNoLimit = true;
    this.context.logger.warn(
      `Alert "${name}" never fires: the store has no limit of memory, or does not tell it. Set maxmemory in Redis, or remove the rule.`,
    );
  }
}

const AT_REST: Finding = { holds: false, value: 0 };

function keyOf(rule: string, queue: string): string {
  return `${rule} ${queue}`;
}
