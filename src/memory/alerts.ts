import type { AlertChange, AlertLook, Alerts, StoredAlert } from '../core/ports/alerts.js';
import { RULES } from '../core/rules.js';
import type { MemoryConnection } from './connection.js';
import type { AlertBook } from './registry.js';

export class MemoryAlerts implements Alerts {
  constructor(private readonly connection: MemoryConnection) {}

  async look(app: string, process: string, rank: number, leaseMs: number): Promise<AlertLook> {
    const { alerts: books } = this.connection.registry;
    const now = this.connection.now();
    let book = books.get(app);
    if (book === undefined) books.set(app, (book = { lease: undefined, records: new Map() }));
    const { lease } = book;
    const looks = lease === undefined || lease.process === process || lease.endsAt <= now || lease.rank < rank;
    const alerts = alertsOf(book);
    if (!looks) return { now, looks, alerts };
    book.lease = { process, rank, endsAt: now + leaseMs };
    for (const [other, { lease: last }] of books) {
      if (last !== undefined && last.endsAt + RULES.alertMemoryMs < now) books.delete(other);
    }
    return { now, looks, alerts };
  }

  async change(app: string, changes: readonly AlertChange[]): Promise<boolean[]> {
    const { alerts: books } = this.connection.registry;
    const records = books.get(app)?.records ?? new Map<string, string>();
    if (!books.has(app)) books.set(app, { lease: undefined, records });
    return changes.map(({ rule, queue, seen, record }) => {
      const key = `${rule} ${queue}`;
      const found = records.get(key);
      if (found !== seen) return found === record;
      if (record === undefined) records.delete(key);
      else records.set(key, record);
      return true;
    });
  }

  async read(): Promise<(StoredAlert & { app: string })[]> {
    const { alerts: books } = this.connection.registry;
    return [...books].flatMap(([app, book]) => alertsOf(book).map((alert) => ({ app, ...alert })));
  }
}

function alertsOf({ records }: AlertBook): StoredAlert[] {
  return [...records].map(([key, record]) => {
    const [rule, queue] = key.split(' ');
    return { rule, queue, record };
  });
}
