import type { QueueKeys } from './keys.js';
import type { Link } from './link.js';
import type { Script } from './script-library.js';
import { IncompatibleStoreError } from '../core/errors.js';

/** Numbers of a block: two base-36 digits behind the block's own eight. */
export const BLOCK_SIZE = 1296;

/** Version of keys and envelopes; a store of another one is refused before the first write. */
export const STORE_FORMAT = '1';

const SUFFIXES = Array.from({ length: BLOCK_SIZE }, (_, index) => index.toString(36).padStart(2, '0'));

/**
 * Job numbers of one queue, taken from the store in blocks, so that a job's number is known before it is sent and a call
 * whose reply was lost can be repeated. A block is thrown away on reconnect: after a failover its numbers may have been
 * handed out again.
 */
export class JobNumbers {
  private block = '';
  private next = BLOCK_SIZE;
  private epoch = -1;
  private spare: string | undefined;
  private fetching: Promise<string> | undefined;

  constructor(
    private readonly link: Link,
    private readonly script: Script,
    private readonly keys: QueueKeys,
  ) {}

  /** `count` numbers if they are at hand, else undefined: then {@link take} fetches them. */
  tryTake(count: number): string[] | undefined {
    if (this.epoch !== this.link.epoch) {
      this.next = BLOCK_SIZE;
      this.spare = undefined;
    }
    if (this.next + count > BLOCK_SIZE) {
      if (this.spare === undefined || count > BLOCK_SIZE) return undefined;
      this.block = this.spare;
      this.spare = undefined;
      this.next = 0;
    }
    const block = this.block;
    const ids = new Array<string>(count);
    for (let index = 0; index < count; index++) ids[index] = block + SUFFIXES[this.next++];
    // The next block is on its way before this one is used up.
    if (this.spare === undefined && this.next > BLOCK_SIZE / 2) this.fetchSpare().catch(() => {});
    return ids;
  }

  async take(count: number): Promise<string[]> {
    for (;;) {
      const ids = this.tryTake(count);
      if (ids !== undefined) return ids;
      await this.fetchSpare();
    }
  }

  /** Gives back numbers that no call has carried; only the last ones taken can be. */
  giveBack(ids: readonly string[]): void {
    if (ids.length > 0 && ids[ids.length - 1] === this.block + SUFFIXES[this.next - 1] && this.next >= ids.length) this.next -= ids.length;
  }

  private fetchSpare(): Promise<string> {
    this.fetching ??= this.fetchBlock().finally(() => {
      this.fetching = undefined;
    });
    return this.fetching;
  }

  private async fetchBlock(): Promise<string> {
    for (;;) {
      const epoch = this.link.epoch;
      const { meta, jobs, inflight } = this.keys;
      const [, number, found] = (await this.link.run(this.script, [meta, jobs, inflight], [BLOCK_SIZE, STORE_FORMAT])) as string[];
      if (number === 'format') {
        throw new IncompatibleStoreError(
          `${meta} was written in format ${found}; this version reads and writes format ${STORE_FORMAT}. ` +
            'Use another prefix, or the version that wrote it.',
        );
      }
      if (epoch !== this.link.epoch) continue;
      this.epoch = epoch;
      this.spare = Number(number).toString(36);
      return this.spare;
    }
  }
}
