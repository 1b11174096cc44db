import type { MemoryQueue } from './memory-queue.js';

/** As scripts/lib/update-grace.lua: after a gap in which no worker could renew its lease, each lease counts for a whole one again. */
export function updateGrace(queue: MemoryQueue, leaseMs: number): void {
  const { movedMs } = queue.clock;
  const longest = queue.wasQuiet ? (leaseMs * 3) / 4 : leaseMs / 2;
  const wasAway = queue.seenAt === undefined || movedMs - queue.seenAt > longest;
  if (queue.active.size > 0 && wasAway) queue.graceUntil = movedMs + leaseMs;
  queue.seenAt = movedMs;
  queue.wasQuiet = queue.active.size === 0;
}
