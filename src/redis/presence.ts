import type { Presence, PresentProcess } from '../core/ports/presence.js';
import type { ServerConnection } from './connection.js';
import { StoreKeys } from './keys.js';

/** Records that one script reads: each has up to 16 KiB. */
const PAGE = 50;

type Reply = [now: string, processes: string[], queues: string[]];

export class RedisPresence implements Presence {
  private readonly keys: StoreKeys;

  constructor(
    private readonly connection: ServerConnection,
    prefix: string,
  ) {
    this.keys = new StoreKeys(prefix);
  }

  async announce(process: string, record: string, queues: readonly string[]): Promise<void> {
    await this.write([process, record, ...queues]);
  }

  async withdraw(process: string): Promise<void> {
    await this.write([process, '']);
  }

  async processes(): Promise<PresentProcess[]> {
    const found = new Map<string, PresentProcess>();
    for (let first = 0; ; first += PAGE) {
      const [, flat] = await this.read(first, PAGE);
      for (let index = 0; index < flat.length; index += 3) {
        const [id, seenAt, record] = flat.slice(index, index + 3);
        // One that comes or goes between two pages shifts the others.
        found.set(id, { id, seenAt: Number(seenAt), record });
      }
      if (flat.length < PAGE * 3) return [...found.values()];
    }
  }

  async queues(): Promise<string[]> {
    const [, , queues] = await this.read(0, 0);
    return queues;
  }

  private async write(args: string[]): Promise<void> {
    const { connection, keys } = this;
    const [now] = (await connection.opened().run(connection.scripts['announce-process'], keys.registry, args)) as [
      string,
    ];
    connection.clock.learn(now);
  }

  private async read(first: number, most: number): Promise<Reply> {
    const { connection, keys } = this;
    const script = connection.readers['read-processes'];
    const reply = (await connection.opened().run(script, keys.registry, [first, most])) as Reply;
    connection.clock.learn(reply[0]);
    return reply;
  }
}
