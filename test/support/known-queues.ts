import type { KnownQueues } from '../../src/queue/known-queues.js';

/** An application that knows these queues and has no handlers. */
export function knownQueues(names: readonly string[], known: Partial<KnownQueues> = {}): KnownQueues {
  return {
    has: (name) => names.includes(name),
    names: () => names,
    areComplete: true,
    get: () => undefined,
    handledOptionsOf: () => undefined,
    mixedBatchOf: () => undefined,
    handledNamesOf: () => [],
    schemaOf: () => undefined,
    ...known,
  };
}
