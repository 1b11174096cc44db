import type { DeclarationAnswer, QueueLimits } from '../limits.js';

/** What holds queues back over all processes. Code declares limits again and again; what a user sets wins until it is reset. */
export interface Limits {
  /**
   * Each deployment declares what its code says, undefined for nothing. A declaration that another one has replaced is
   * `outdated` while its successor was declared within `RULES.silenceMs`.
   */
  declare(queue: string, limits: QueueLimits | undefined): Promise<DeclarationAnswer>;
  /** From now on these hold, whatever code declares. */
  set(queue: string, limits: QueueLimits): Promise<void>;
  /** What code declares holds again. */
  reset(queue: string): Promise<void>;
  /** What holds, undefined for nothing. */
  read(queue: string): Promise<QueueLimits | undefined>;
}
