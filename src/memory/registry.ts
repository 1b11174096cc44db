import type { PresentProcess } from '../core/ports/presence.js';

/** What all queues of a server share: who is there, and when each queue was known last, ms. */
export class Registry {
  readonly processes = new Map<string, PresentProcess>();
  readonly queues = new Map<string, number>();
}
