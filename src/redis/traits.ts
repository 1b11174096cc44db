/** What scripts must know of a job beside its envelope. */
interface Traits {
  priority?: number;
  userId?: string;
}

/** The text of a new job's field in `traits` (scripts/lib/traits.lua): a line for each trait that it has. */
export function encodeTraits({ priority, userId }: Traits): string {
  const level = priority ? `p${priority}` : '';
  if (userId === undefined) return level;
  return level === '' ? `u${userId}` : `${level}\nu${userId}`;
}
