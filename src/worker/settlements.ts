import type { Settlement } from '../core/ports/worker-store.js';
import type { RetentionRule } from '../core/job.js';

type Token = Settlement['token'];

/** @param id of each settlement: the store's number of the job */
export function complete(
  id: string,
  token: Token,
  result: string,
  envelope: string | undefined,
  keep: RetentionRule,
): Settlement {
  return { op: 'complete', id, token, result, envelope, keep };
}

export function retry(id: string, token: Token, delayMs: number, envelope: string): Settlement {
  return { op: 'retry', id, token, delayMs, envelope };
}

export function snooze(id: string, token: Token, delayMs: number): Settlement {
  return { op: 'snooze', id, token, delayMs, envelope: undefined };
}

export function release(id: string, token: Token): Settlement {
  return { op: 'release', id, token };
}

/** @param scope undefined: the whole queue */
export function limit(id: string, token: Token, forMs: number, scope: 'group' | undefined): Settlement {
  return { op: 'limit', id, token, forMs, ...(scope && { scope }) };
}

export function park(id: string, token: Token, name: string): Settlement {
  return { op: 'park', id, token, name };
}

export function cancel(id: string, token: Token, keep: RetentionRule): Settlement {
  return { op: 'cancel', id, token, keep };
}

export function bury(
  id: string,
  token: Token,
  detail: string,
  envelope: string | undefined,
  keep: RetentionRule,
): Settlement {
  return { op: 'bury', id, token, detail, envelope, keep };
}
