import type { QueueKeys } from './keys.js';
import type { Link } from './wire/link.js';
import type { Script } from './wire/script-library.js';
import { IncompatibleStoreError } from '../core/errors/store-errors.js';

/** Numbers of a block: two base-36 digits behind the block's own eight. */
export const BLOCK_SIZE = 1296;

/** Version of keys and scripts' arguments; a store of another one is refused before the first write. */
export const STORE_FORMAT = '2';

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

  /** @param deadline performance.now() at which to give up; by default that of the link */
  async take(count: number, deadline?: number): Promise<string[]> {
    if (count > BLOCK_SIZE) throw new RangeError(`One call takes at most ${BLOCK_SIZE} job numbers, not ${count}`);
    for (;;) {
      const ids = this.tryTake(count);
      if (ids !== undefined) return ids;
      await this.fetchSpare(deadline);
    }
  }

  private fetchSpare(deadline?: number): Promise<string> {
    this.fetching ??= this.fetchBlock(deadline).finally(() => {
      this.fetching = undefined;
    });
    return this.fetching;
  }

  private async fetchBlock(deadline: number | undefined): Promise<string> {
    for (;;) {
      const epoch = this.link.epoch;
      const reply = await this.link.run(this.script, this.keys.all, [BLOCK_SIZE, STORE_FORMAT], deadline);
      const [, number, found] = reply as string[];
      if (number === 'format') throw wrongFormat(this.keys.meta, found);
      if (epoch !== this.link.epoch) continue;
      if (epoch !== this.epoch) this.next = BLOCK_SIZE; // what is left of the block in use is of an older connection
      this.epoch = epoch;
      this.spare = Number(number).toString(36);
      return this.spare;
    }
  }
}

/** The highest number of a block, which was handed out as a whole. */
export function lastOfBlock(block: number): string {
  return block.toString(36) + SUFFIXES[BLOCK_SIZE - 1];
}

export function wrongFormat(meta: string, found: string): IncompatibleStoreError {
  return new IncompatibleStoreError(
    `${meta} was written in format ${found}; this version reads and writes format ${STORE_FORMAT}. ${remedyOf(found)}`,
  );
}

function remedyOf(found: string): string {
  if (found !== '1') return 'Use another prefix, or the version that wrote it.';
  return 'No release wrote it: empty the queue with the version that did, or delete its keys.';
}
