/**
 * A promise, also of another realm, or whatever else is awaited: queries of many libraries are such objects, and begin when
 * their `then` is called.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/** Of something that nobody waits for: a rejection of it must not end the process. */
export function forget(thenable: PromiseLike<unknown>): void {
  Promise.resolve(thenable).catch(() => {});
}
