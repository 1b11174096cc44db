/**
 * A handler that returns something to be read or called has not done its work, and nobody would read or call it: JSON makes
 * `{}` of an iterator or a stream, and nothing of a function.
 * @param label `Class.method`
 * @throws TypeError
 */
export function refuseUnfinished(value: unknown, label: string): void {
  const kind = kindOf(value);
  if (kind === undefined) return;
  throw new TypeError(
    `${label} returned ${kind}, which nothing reads: what it would have done was not done. Do the work in the handler ` +
      '(for await, await, a call) and return what comes out. For progress call job.progress(), or return an Observable of rxjs.',
  );
}

function kindOf(value: unknown): string | undefined {
  if (typeof value === 'object') {
    if (value === null || Array.isArray(value)) return undefined;
    if (Symbol.asyncIterator in value) return 'an async iterator or a stream';
    if ('next' in value && Symbol.iterator in value && typeof value.next === 'function') return 'an iterator';
    // rxjs Observables have become values by now.
    return 'subscribe' in value && typeof value.subscribe === 'function' ? 'something to subscribe to' : undefined;
  }
  if (typeof value === 'function') return 'a function';
  return typeof value === 'symbol' ? 'a symbol' : undefined;
}
