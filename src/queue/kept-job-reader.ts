import type { StoredJob } from '../core/ports/curation.js';
import { nextTick } from '../process/real-timers.js';
import type { QueueScope } from './queue-scope.js';

/** Jobs whose records are read by one call. */
const READ_STEP = 100;

interface Wave {
  numbers: Set<string>;
  found: Promise<Map<string, StoredJob>>;
}

/** Of each queue, the read that is about to leave. */
const waves = new WeakMap<QueueScope, Wave>();

/**
 * Jobs by their numbers, read for the handles of enqueues that met them. The replies of many enqueues come together, and most name the
 * same few jobs: one read serves all that ask before it leaves. What cannot be read now is missing: it must not fail a call
 * that has stored its jobs.
 */
export function readKept(scope: QueueScope, numbers: readonly string[]): Promise<ReadonlyMap<string, StoredJob>> {
  let wave = waves.get(scope);
  if (wave === undefined) {
    const asked = new Set<string>();
    const found = new Promise<void>((resolve) => nextTick(resolve)).then(() => {
      waves.delete(scope);
      return read(scope, [...asked]);
    });
    waves.set(scope, (wave = { numbers: asked, found }));
  }
  for (const number of numbers) wave.numbers.add(number);
  return wave.found;
}

async function read(scope: QueueScope, numbers: readonly string[]): Promise<Map<string, StoredJob>> {
  const kept = new Map<string, StoredJob>();
  for (let first = 0; first < numbers.length; first += READ_STEP) {
    const found = await scope.store.curation.read(scope.queue, numbers.slice(first, first + READ_STEP)).catch(() => []);
    for (const stored of found) if (stored !== undefined) kept.set(stored.id, stored);
  }
  return kept;
}
