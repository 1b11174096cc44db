import type { Settlement } from '../core/broker.js';
import type { RetentionRule } from '../core/job.js';

type Of<Op extends Settlement['op']> = Settlement & { op: Op };
type Token = Settlement['token'];

/**
 * A settlement with the fields of all of them, in one order. V8 compiles what carries settlements for the shapes it has
 * met: with one for all, jobs that begin to fail do not send the worker back to the interpreter.
 */
class Shape {
  result: string | undefined = undefined;
  envelope: string | undefined = undefined;
  keep: RetentionRule | undefined = undefined;
  delayMs: number | undefined = undefined;
  detail: string | undefined = undefined;
  name: string | undefined = undefined;
  durationMs: number | undefined = undefined;

  /** @param id the store's number of the job */
  constructor(
    readonly op: Settlement['op'],
    readonly id: string,
    readonly token: Token,
  ) {}
}

export function complete(
  id: string,
  token: Token,
  result: string,
  envelope: string | undefined,
  keep: RetentionRule,
): Settlement {
  const made = new Shape('complete', id, token);
  made.result = result;
  made.envelope = envelope;
  made.keep = keep;
  return made as Of<'complete'>;
}

export function retry(id: string, token: Token, delayMs: number, envelope: string): Settlement {
  const made = new Shape('retry', id, token);
  made.delayMs = delayMs;
  made.envelope = envelope;
  return made as Of<'retry'>;
}

export function snooze(id: string, token: Token, delayMs: number): Settlement {
  const made = new Shape('snooze', id, token);
  made.delayMs = delayMs;
  return made as Of<'snooze'>;
}

export function release(id: string, token: Token): Settlement {
  return new Shape('release', id, token) as Of<'release'>;
}

export function park(id: string, token: Token, name: string): Settlement {
  const made = new Shape('park', id, token);
  made.name = name;
  return made as Of<'park'>;
}

export function cancel(id: string, token: Token, keep: RetentionRule): Settlement {
  const made = new Shape('cancel', id, token);
  made.keep = keep;
  return made as Of<'cancel'>;
}

export function bury(
  id: string,
  token: Token,
  detail: string,
  envelope: string | undefined,
  keep: RetentionRule,
): Settlement {
  const made = new Shape('bury', id, token);
  made.detail = detail;
  made.envelope = envelope;
  made.keep = keep;
  return made as Of<'bury'>;
}
