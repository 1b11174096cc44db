/** How many servers have to confirm a job before its enqueue resolves, beyond the primary's own answer. */
export interface Durability {
  /** Replicas that must have it. */
  replicas: number;
  /** It must be on disk (fsync), on the primary and on each of those replicas. */
  fsync: boolean;
  /** Longest wait for the confirmations, at least 1. */
  timeoutMs: number;
}

/** `primary`: the primary's answer is enough. */
export type DurabilityLevel = 'primary' | Durability;

/** What serves all of them: jobs of one atomic call wait together. Undefined where nobody asks for more than the primary. */
export function strongestOf(levels: Iterable<DurabilityLevel | undefined>): Durability | undefined {
  let strongest: Durability | undefined;
  for (const level of levels) {
    if (level === undefined || level === 'primary') continue;
    strongest =
      strongest === undefined
        ? level
        : {
            replicas: Math.max(strongest.replicas, level.replicas),
            fsync: strongest.fsync || level.fsync,
            timeoutMs: Math.max(strongest.timeoutMs, level.timeoutMs),
          };
  }
  return strongest;
}

/** Servers that have to confirm: with `fsync` the primary counts, too. */
export function confirmationsOf({ replicas, fsync }: Durability): number {
  return replicas + (fsync ? 1 : 0);
}
