import { BrokerRefusedError } from './errors/store-errors.js';

/**
 * A server or a proxy refused the request as such, mostly because it is too large: no script has begun, and a smaller request
 * may be taken. Errors that have a word of their own (OOM, NOPERM …) are about the server, and those of scripts name them.
 */
export function refusesRequest(error: unknown): error is BrokerRefusedError {
  return error instanceof BrokerRefusedError && error.reply === 'ERR' && !/script/i.test(textOf(error.cause));
}

/** The same refusal for the caller whose jobs were refused alone: how much they are, and which of them is the largest. */
export function describeRefusal(error: BrokerRefusedError, jobs: readonly { envelope: string }[]): BrokerRefusedError {
  const sizes = jobs.map(({ envelope }) => Buffer.byteLength(envelope));
  const most = Math.max(...sizes);
  const index = sizes.indexOf(most);
  const largest = jobs.length === 1 ? '' : `, the largest of ${most} bytes at index ${index}`;
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const remedy = `${error.remedy} The request carries ${jobs.length} job${jobs.length === 1 ? '' : 's'} of ${bytes} bytes${largest}.`;
  return new BrokerRefusedError(error.reply, remedy, { cause: error.cause, index });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
