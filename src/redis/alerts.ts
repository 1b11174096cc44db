import type { AlertChange, AlertLook, Alerts, StoredAlert } from '../core/ports/alerts.js';
import type { ServerConnection } from './connection.js';
import { StoreKeys } from './keys.js';

/** Changes that one script makes. */
const STEP = 100;

type Reply = [now: string, looks: string, ...alerts: string[]];

export class RedisAlerts implements Alerts {
  private readonly keys: readonly string[];

  constructor(
    private readonly connection: ServerConnection,
    prefix: string,
  ) {
    this.keys = [new StoreKeys(prefix).alerts];
  }

  async look(app: string, process: string, rank: number, leaseMs: number): Promise<AlertLook> {
    const { connection, keys } = this;
    const args = [app, process, rank, leaseMs];
    const reply = (await connection.opened().run(connection.scripts['look-alerts'], keys, args)) as Reply;
    const [now, looks, ...flat] = reply;
    connection.clock.learn(now);
    const alerts: StoredAlert[] = [];
    for (let index = 0; index < flat.length; index += 3) {
      const [rule, queue, record] = flat.slice(index, index + 3);
      alerts.push({ rule, queue, record });
    }
    return { now: Number(now), looks: looks === '1', alerts };
  }

  async change(app: string, changes: readonly AlertChange[]): Promise<boolean[]> {
    const { connection, keys } = this;
    const done: boolean[] = [];
    for (let first = 0; first < changes.length; first += STEP) {
      const step = changes.slice(first, first + STEP);
      const args = step.flatMap(({ rule, queue, seen = '', record = '' }) => [rule, queue, seen, record]);
      const script = connection.scripts['change-alerts'];
      const reply = (await connection.opened().run(script, keys, [app, ...args])) as string[];
      done.push(...reply.map((answer) => answer === '1'));
    }
    return done;
  }

  async read(): Promise<(StoredAlert & { app: string })[]> {
    const found = await this.connection.opened().command('hgetall', [...this.keys]);
    const entries = Array.isArray(found) ? pairsOf(found as string[]) : Object.entries(found as Record<string, string>);
    return entries.flatMap(([field, record]) => {
      const [app, rule, queue] = field.split(' ');
      return rule === undefined || queue === undefined ? [] : [{ app, rule, queue, record }];
    });
  }
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < flat.length; index += 2) pairs.push([flat[index], flat[index + 1]]);
  return pairs;
}
