import type { PresentProcess } from '../core/ports/presence.js';

/** The alerts of one app: who looks, and the record of each by `rule queue`. */
export interface AlertBook {
  lease: { process: string; rank: number; endsAt: number } | undefined;
  readonly records: Map<string, string>;
}

/** What all queues of a server share: who is there, when each queue was known last, ms, and the alerts of each app. */
export class Registry {
  readonly processes = new Map<string, PresentProcess>();
  readonly queues = new Map<string, number>();
  readonly alerts = new Map<string, AlertBook>();
}
