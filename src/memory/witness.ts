import type { MemoryQueue } from './memory-queue.js';

/** As scripts/lib/witness.lua: after a gap in which nobody looked, no lease counts for a whole one. */
export function witness(queue: MemoryQueue, leaseMs: number): void {
  const { movedMs } = queue.clock;
  const longest = queue.wasQuiet ? (leaseMs * 3) / 4 : leaseMs / 2;
  const wasAway = queue.seenAt === undefined || movedMs - queue.seenAt > longest;
  if (queue.active.size > 0 && wasAway) queue.graceUntil = movedMs + leaseMs;
  queue.seenAt = movedMs;
  queue.wasQuiet = queue.active.size === 0;
}
