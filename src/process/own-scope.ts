import { AsyncResource } from 'node:async_hooks';

const MANUAL = { requireManualDestroy: true };

/** Made when this file is loaded, before any request of the app. Nothing runs in it but the line that makes scopes. */
const root = new AsyncResource('TASK_QUEUE_ROOT', MANUAL);
const make = (): AsyncResource => new AsyncResource('TASK_QUEUE', MANUAL);

/**
 * A scope without anybody's context. Work of a queue is called from where something happened: in the request that enqueued,
 * behind the handler that ended before, in the callback of a connection that some request opened. Code of users that runs in a
 * scope of its own sees no `AsyncLocalStorage` of those, and what it enters, nobody else sees.
 */
export function openScope(): AsyncResource {
  return root.runInAsyncScope(make);
}

/** The same function, which runs in a scope of its own at each call. */
export function inOwnScope<A extends unknown[]>(callback: (...args: A) => void): (...args: A) => void {
  return (...args) => openScope().runInAsyncScope(callback, undefined, ...args);
}
