import { signal } from '@preact/signals';
import type { Overview, QueueListing, QueueSnapshot } from '../wire-models.js';
import { ApiFailure, read } from './api.js';
import { onLive } from './live.js';

const AGAIN_MS = 20_000;

/** All queues that this user may see, as of the last snapshot. */
export const overview = signal<Overview | undefined>(undefined);
export const overviewFailure = signal<ApiFailure | undefined>(undefined);

let running: Promise<void> | undefined;

/** Keeps it up to date; `readBoard` reads it at once. */
export function startBoard(): void {
  onLive((message) => {
    if (message.kind === 'hello') void readBoard();
    if (message.kind === 'snapshot') merge(message.queues, message.at);
  });
  setInterval(() => void (document.hidden || readBoard()), AGAIN_MS);
}

export function readBoard(): Promise<void> {
  running ??= readOnce().finally(() => (running = undefined));
  return running;
}

export function listingOf(queue: string | undefined): QueueListing | undefined {
  return overview.value?.queues.find((one) => one.queue === queue);
}

async function readOnce(): Promise<void> {
  try {
    overview.value = await read('overview', {});
    overviewFailure.value = undefined;
  } catch (error) {
    overviewFailure.value = error as ApiFailure;
  }
}

function merge(snapshots: readonly QueueSnapshot[], at: number): void {
  const board = overview.value;
  if (board === undefined) return;
  const changed = new Map(snapshots.map((snapshot) => [snapshot.queue, snapshot]));
  const queues = board.queues.map((listing) => {
    const snapshot = changed.get(listing.queue);
    changed.delete(listing.queue);
    return snapshot === undefined ? listing : { ...listing, ...snapshot };
  });
  overview.value = { ...board, at, queues };
  if (changed.size > 0) void readBoard();
}
